"""Lists of lines, stored in pieces, and each piece once: what was there the night before is there.

Where a piece ends, its last line alone says. So a line more or less makes one piece new, and leaves
those after it as they are. The numbers of a list's pieces are a list again, stored in the same way.

A line may say when the run was that it is of, in the places that `codec.redated` knows. There a
mark stands instead: what was read in each of two nights, and is the same, is the same line. Whoever
reads a list says of which run it is. Rows of evidence have their text there, too: see `evidence`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from hashlib import blake2b
from itertools import islice, repeat
from typing import NamedTuple
from zlib import crc32

from tagwatch.errors import LedgerError
from tagwatch.ledger.codec import (
    IN_PIECE,
    compress,
    compress_alike,
    encode,
    expand,
    redated,
    unpacked,
)
from tagwatch.value import dataclass

__all__ = [
    "Stretch",
    "hash_of",
    "hash_of_others",
    "is_readable",
    "lines_in",
    "moved_on",
    "pieces_in",
    "reached",
    "store_each",
    "store_lines",
    "store_stretches",
    "sweep",
]

_BYTES = 8 * 1024
"""About how many bytes of lines a piece holds, before it is compressed: twice that took a quarter
less, and whoever looks for one line read twice as much."""
_MOST = 4 * _BYTES
_CHILDREN = 32
"""About how many numbers of others a piece holds: to change one costs as much as a line."""
_MOST_CHILDREN = 16 * _CHILDREN
_DAMAGED = "a part of an answer is damaged"
_AT_ONCE = 50
_BYTES_AT_ONCE = 256 * 1024
"""How many pieces are looked up in one statement, and how much is held of them meanwhile."""
_FIND = "SELECT hash, id, body FROM piece WHERE hash IN"
_RENEW = "UPDATE piece SET body = ?2 WHERE id = ?1"
_BODIES = "SELECT depth, body FROM piece WHERE id IN (SELECT value FROM json_each(?))"
_HELD = "SELECT id, hash, depth FROM piece WHERE id IN"
_LISTS = """
  SELECT piece_id FROM part
  UNION SELECT piece_id FROM evidence WHERE piece_id IS NOT NULL
  UNION SELECT t.value FROM judged j, json_tree(j.lists) t WHERE t.type = 'integer'"""
_PUT = "INSERT INTO piece (hash, depth, body) VALUES (?, ?, ?) RETURNING id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A part of a list that is stored by itself: the images of one repository.

    `number`: that of the list that it was stored as before; then its lines are not made.
    """

    lines: Callable[[], Iterable[bytes]]
    number: int | None = None


class _Node(NamedTuple):
    """A piece that is stored."""

    number: int
    hash: bytes
    depth: int


def store_lines(connection: sqlite3.Connection, lines: Iterable[bytes], at: datetime) -> int | None:
    """Store the lines of the run `at`, in the caller's transaction; return the number of the list.

    None for no lines. What is stored already costs no write.
    """
    return store_stretches(connection, (Stretch(lines=lambda: lines),), at)[0]


def store_stretches(
    connection: sqlite3.Connection, stretches: Iterable[Stretch], at: datetime
) -> tuple[int | None, tuple[int | None, ...]]:
    """Store a list in stretches as `store_lines` does; return its number and that of each."""
    found: list[_Node | None] = []
    rest = iter(stretches)
    while batch := list(islice(rest, _AT_ONCE)):
        known = _known(connection, [one.number for one in batch if one.number is not None])
        found += (
            known.get(one.number or 0) or _stored_lines(connection, one.lines(), at)
            for one in batch
        )
    root = _root(connection, [one for one in found if one is not None])
    return root and root.number, tuple(one and one.number for one in found)


def _known(connection: sqlite3.Connection, numbers: Sequence[int]) -> dict[int, _Node]:
    sql = f"{_HELD} ({', '.join('?' * len(numbers))})"
    rows = connection.execute(sql, numbers) if numbers else ()
    return {number: _Node(number, known, depth) for number, known, depth in rows}


def _stored_lines(
    connection: sqlite3.Connection, lines: Iterable[bytes], at: datetime
) -> _Node | None:
    stamp = encode(at)
    contents = _pieces((redated(line, stamp, IN_PIECE) for line in lines), _BYTES)
    made = ((hash_of(0, content), content) for content in contents)
    return _root(connection, _stored(connection, made, 0))


def store_each(
    connection: sqlite3.Connection, lines: Iterable[bytes], at: datetime
) -> Iterator[int]:
    """Store lines as a list would; yield for each line the number of the piece that holds it."""
    stamp = encode(at)
    contents = tuple(_pieces((redated(line, stamp, IN_PIECE) for line in lines), _BYTES))
    nodes = _stored(connection, ((hash_of(0, one), one) for one in contents), 0)
    for content, node in zip(contents, nodes, strict=True):
        yield from repeat(node.number, 1 + content.count(b"\n"))


def _root(connection: sqlite3.Connection, nodes: Sequence[_Node]) -> _Node | None:
    """Return the one piece from which all of these are reached; None where there are none."""
    while len(nodes) > 1:
        depth = 1 + max(one.depth for one in nodes)
        nodes = _stored(connection, map(partial(_parent, depth), _families(nodes)), depth)
    return nodes[0] if nodes else None


def _parent(depth: int, nodes: Sequence[_Node]) -> tuple[bytes, bytes]:
    """Return what a piece is known by from which all of these are reached, and its content."""
    known = hash_of(depth, b"".join(one.hash for one in nodes))
    return known, b"\n".join(str(one.number).encode() for one in nodes)


def _families(nodes: Iterable[_Node]) -> Iterator[list[_Node]]:
    """Yield nodes in stretches of about `_CHILDREN` that end where the last one says."""
    held: list[_Node] = []
    for node in nodes:
        held.append(node)
        if crc32(node.hash) % _CHILDREN == 0 or len(held) > _MOST_CHILDREN:
            yield held
            held = []
    if held:
        yield held


def lines_in(connection: sqlite3.Connection, number: int, at: datetime) -> Iterator[bytes]:
    """Yield the lines of a list, as the run `at` stored them: they are never all in memory.

    Raises `LedgerError`, perhaps only after the lines before the damage.
    """
    stamp = encode(at)
    for _, lines in pieces_in(connection, number):
        for line in lines:
            yield redated(line, IN_PIECE, stamp)


def pieces_in(connection: sqlite3.Connection, number: int) -> Iterator[tuple[int, list[bytes]]]:
    """Yield the numbers of the pieces of a list, with their lines as they stand there.

    Raises `LedgerError` as `lines_in` does.
    """
    for one, depth, content in _read(connection, number):
        if not depth:
            yield one, content.split(b"\n")


def is_readable(connection: sqlite3.Connection, number: int) -> bool:
    """Return True where each piece of a list is there and can be read: few questions, however long.

    What it says is not looked at.
    """
    waiting = {number}
    while waiting:
        numbers, found = waiting, 0
        waiting = set()
        try:
            for depth, body in connection.execute(_BODIES, (json.dumps(sorted(numbers)),)):
                found += 1
                content = unpacked(body)
                waiting.update(map(int, content.split(b"\n")) if depth else ())
        except (LedgerError, ValueError):
            return False
        if found != len(numbers):
            return False
    return True


def moved_on(line: bytes, at: datetime, later: datetime) -> bytes:
    """Return a line of the run `at` as one who reads it as of `later` gets it."""
    return redated(redated(line, encode(at), IN_PIECE), IN_PIECE, encode(later))


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
    """Drop the lists of runs without an answer, and the pieces that no list consists of.

    The lists that the next answers may hold stay, too: see `judged.note_lists`.
    """
    connection.execute(
        "DELETE FROM part WHERE run_id NOT IN (SELECT id FROM run WHERE result IS NOT NULL)"
    )
    kept = reached(connection, (number for (number,) in connection.execute(_LISTS).fetchall()))
    stored = connection.execute("SELECT id FROM piece").fetchall()
    connection.executemany(
        "DELETE FROM piece WHERE id = ?", [row for row in stored if row[0] not in kept]
    )


def hash_of(depth: int, content: bytes) -> bytes:
    """Return what a piece is known by. `content`: of others, what each of these is known by.

    So two lists that are known by the same are the same, in whichever ledger.
    """
    return blake2b(content, digest_size=16, salt=depth.to_bytes(2, "big")).digest()


def hash_of_others(connection: sqlite3.Connection, depth: int, content: bytes) -> bytes | None:
    """Return what a piece is known by that holds the numbers of others; None where one is lost."""
    numbers = [int(one) for one in content.split(b"\n")]
    known = _known(connection, numbers)
    if not known.keys() >= set(numbers):
        return None
    return hash_of(depth, b"".join(known[one].hash for one in numbers))


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


def _batches(contents: Iterable[tuple[bytes, bytes]]) -> Iterator[list[tuple[bytes, bytes]]]:
    """Yield pieces, as many together as are looked up at once."""
    batch: list[tuple[bytes, bytes]] = []
    held = 0
    for one in contents:
        batch.append(one)
        held += len(one[1])
        if len(batch) == _AT_ONCE or held >= _BYTES_AT_ONCE:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def _stored(
    connection: sqlite3.Connection, contents: Iterable[tuple[bytes, bytes]], depth: int
) -> list[_Node]:
    """Return these pieces, each with what it is known by; those not there yet are stored."""
    nodes: list[_Node] = []
    pack = compress if depth else compress_alike
    for batch in _batches(contents):
        there = f"{_FIND} ({', '.join('?' * len(batch))})"
        rows = connection.execute(there, [known for known, _ in batch])
        found = {known: (number, body) for known, number, body in rows.fetchall()}
        for known, content in batch:
            if known not in found:
                body = pack(content)
                put = connection.execute(_PUT, (known, depth, body))
                found[known] = (put.fetchone()[0], body)
            number, body = found[known]
            # it is damaged, or one of the others was lost and has another number now
            if not _is(body, content):
                connection.execute(_RENEW, (number, pack(content)))
            nodes.append(_Node(int(number), known, depth))
    return nodes


def _is(body: bytes, content: bytes) -> bool:
    try:
        return expand(body) == content
    except LedgerError:
        return False


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
