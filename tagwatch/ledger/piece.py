"""Lists of lines, stored in pieces, and each piece once: what was there the night before is there.

Where a piece ends, its last line alone says. So a line more or less makes one piece new, and leaves
those after it as they are. The numbers of a list's pieces are a list again, stored in the same way.

A line may say when the run was that it is of, in the places that `_DATED` names. There a mark
stands instead: what was read in each of two nights, and is the same, is the same line. Whoever
reads a list says of which run it is.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from datetime import datetime
from hashlib import blake2b
from itertools import islice
from zlib import crc32

from tagwatch.errors import LedgerError
from tagwatch.ledger.codec import compress, compress_alike, encode, expand

__all__ = ["hash_of", "lines_in", "reached", "store_lines", "sweep"]

_BYTES = 4096
"""About how many bytes of lines a piece holds, before it is compressed."""
_MOST = 16 * _BYTES
_NUMBERS = 512
"""The same for pieces that hold the numbers of others: to change one costs as much as a line."""
_DATED = (b'},"at":', b'"last_seen":', b'"read_at":')
"""What stands before the time of the run: until then evidence and its tag and bases are known."""
_MARK = b"\0"  # no JSON holds it
_DAMAGED = "a part of an answer is damaged"
_AT_ONCE = 100
"""How many pieces are looked up in one statement: some hundred kilobytes."""
_FIND = "SELECT hash, id FROM piece WHERE hash IN"
_PUT = "INSERT INTO piece (hash, depth, body) VALUES (?, ?, ?) RETURNING id"


def store_lines(connection: sqlite3.Connection, lines: Iterable[bytes], at: datetime) -> int | None:
    """Store the lines of the run `at`, in the caller's transaction; return the number of the list.

    None for no lines. What is stored already costs no write.
    """
    stamp = encode(at)
    undated = (_exchanged(line, stamp, _MARK) for line in lines)
    numbers, depth = _stored(connection, _pieces(undated, _BYTES), 0), 0
    while len(numbers) > 1:
        depth += 1
        texts = (str(number).encode() for number in numbers)
        numbers = _stored(connection, _pieces(texts, _NUMBERS), depth)
    return numbers[0] if numbers else None


def lines_in(connection: sqlite3.Connection, number: int, at: datetime) -> Iterator[bytes]:
    """Yield the lines of a list, as the run `at` stored them: they are never all in memory.

    Raises `LedgerError`, perhaps only after the lines before the damage.
    """
    stamp = encode(at)
    for _, depth, content in _read(connection, number):
        if not depth:
            for line in content.split(b"\n"):
                yield _exchanged(line, _MARK, stamp)


def reached(connection: sqlite3.Connection, numbers: Iterable[int]) -> frozenset[int]:
    """Return the numbers of the pieces that these lists consist of, with their own.

    What cannot be read leads nowhere.
    """
    found: set[int] = set()
    waiting = list(numbers)
    while waiting:
        number = waiting.pop()
        if number in found:
            continue
        found.add(number)
        row = connection.execute(
            "SELECT depth, body FROM piece WHERE id = ? AND depth > 0", (number,)
        ).fetchone()
        try:
            waiting += map(int, expand(row[1]).split(b"\n")) if row is not None else ()
        except (LedgerError, ValueError):
            continue
    return frozenset(found)


def sweep(connection: sqlite3.Connection) -> None:
    """Drop the lists of runs without an answer, and the pieces that no list consists of."""
    connection.execute(
        "DELETE FROM part WHERE run_id NOT IN (SELECT id FROM run WHERE result IS NOT NULL)"
    )
    kept = reached(connection, (one for (one,) in connection.execute("SELECT piece_id FROM part")))
    stored = connection.execute("SELECT id FROM piece").fetchall()
    connection.executemany(
        "DELETE FROM piece WHERE id = ?", [row for row in stored if row[0] not in kept]
    )


def hash_of(depth: int, content: bytes) -> bytes:
    """Return what a piece is known by."""
    return blake2b(content, digest_size=16, salt=depth.to_bytes(2, "big")).digest()


def _exchanged(line: bytes, old: bytes, new: bytes) -> bytes:
    for place in _DATED:
        line = line.replace(place + old, place + new)
    return line


def _pieces(lines: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Yield lines in stretches of about `size` bytes that end where the last line says."""
    held: list[bytes] = []
    length = 0
    for line in lines:
        held.append(line)
        length += len(line)
        if crc32(line) % size < len(line) or length > _MOST:
            yield b"\n".join(held)
            held, length = [], 0
    if held:
        yield b"\n".join(held)


def _stored(connection: sqlite3.Connection, contents: Iterable[bytes], depth: int) -> list[int]:
    """Return the numbers of these pieces; those that are not there yet are stored."""
    numbers = []
    pack = compress if depth else compress_alike
    rest = iter(contents)
    while batch := [(hash_of(depth, content), content) for content in islice(rest, _AT_ONCE)]:
        there = f"{_FIND} ({', '.join('?' * len(batch))})"
        found = dict(connection.execute(there, [known for known, _ in batch]).fetchall())
        for known, content in batch:
            if known not in found:
                put = connection.execute(_PUT, (known, depth, pack(content)))
                found[known] = put.fetchone()[0]
            numbers.append(int(found[known]))
    return numbers


def _read(connection: sqlite3.Connection, number: int) -> Iterator[tuple[int, int, bytes]]:
    """Yield number, depth and content of a piece and of those below it, in their order."""
    row = connection.execute("SELECT depth, body FROM piece WHERE id = ?", (number,)).fetchone()
    if row is None:
        raise LedgerError(_DAMAGED)
    depth, content = row[0], expand(row[1])
    yield number, depth, content
    if depth:
        for one in content.split(b"\n"):
            try:
                below = int(one)
            except ValueError as error:
                raise LedgerError(_DAMAGED) from error
            yield from _read(connection, below)
