"""Rows of evidence: what each is of, and where its text stands.

The answer of a scan lists evidence in pieces, repository by repository. There the text of a row
stands, too: as a line of a piece, which costs a third of a text by itself. Mostly such a text goes
on: it is of whenever its row holds, for there is no other time in it. Else `text_at` says of when
it is. A text that no answer lists is the row's own.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import groupby

from tagwatch.audit.model.evidence import Evidence, until
from tagwatch.errors import LedgerError
from tagwatch.ledger.codec import compress_alike, decode, encode, micros
from tagwatch.ledger.connection import is_own
from tagwatch.ledger.piece import moved_on, pieces_in, reached, store_each

__all__ = ["as_of", "beginning_of", "drop_place", "goes_on", "put_evidence", "stand_in"]

_FEW = 4
"""So few lines make no piece: the next look at one of them would leave it behind."""
_MANY = 200
"""A repository may have twenty thousand tags; so many of them are stored at once."""
_SOME_TIME = timedelta(seconds=1)
_AT, _LAST_SEEN, _ENDED = b'},"at":', b'"last_seen":', b',"ended"'
_PUT = """
  INSERT INTO evidence (key, source_id, at, body, piece_id, text_at, made_from)
  VALUES (?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (key, source_id) DO UPDATE
    SET at = excluded.at, body = excluded.body, piece_id = excluded.piece_id,
      text_at = excluded.text_at, made_from = excluded.made_from, judged_id = NULL
  WHERE coalesce(excluded.at, 0) >= coalesce((SELECT n.at FROM evidence_now n
    WHERE n.key = excluded.key AND n.source_id = excluded.source_id), 0)"""
_COUNT = "SELECT count(*) FROM evidence WHERE key >= ? AND key < ? AND source_id = ?"
_STAND = """
  UPDATE evidence SET body = NULL, piece_id = ?1, text_at = NULL, at = max(coalesce(at, 0), ?2)
  WHERE judged_id = ?3 AND piece_id IS NOT ?1 AND key IN (SELECT value FROM json_each(?4))"""


def put_evidence(
    connection: sqlite3.Connection,
    source: str,
    evidence: Iterable[Evidence],
    made_from: Mapping[str, bytes],
) -> None:
    """Store evidence, in the caller's transaction; newer replaces older, never the other way round.

    `made_from`: by key, a hash of everything that the evidence was made of.
    """
    connection.execute("INSERT OR IGNORE INTO source (name) VALUES (?)", (source,))
    (number,) = connection.execute("SELECT id FROM source WHERE name = ?", (source,)).fetchone()
    ordered = sorted(evidence, key=lambda one: (beginning_of(one.key), one.key))
    for start, group in groupby(ordered, key=lambda one: (beginning_of(one.key), one.at)):
        some = tuple(group)
        texts = [encode(one) for one in some]
        pieces = _pieces(connection, (*start, number), texts) if is_own(source) else ()
        stored = _in_pieces(texts, pieces, start[1]) if pieces else map(_by_itself, texts)
        connection.executemany(
            _PUT,
            (
                (one.key, number, _micros(one.at), *text, made_from.get(one.key))
                for one, text in zip(some, stored, strict=True)
            ),
        )


def _pieces(
    connection: sqlite3.Connection, of: tuple[str, datetime | None, int], texts: Sequence[bytes]
) -> Sequence[int]:
    """Store texts in pieces, as the answer of a scan does; return the number of each one's.

    Empty where they stand better by themselves: a few of many are stored again with the others.
    `of`: what their keys begin with, their time and the number of their source.
    """
    start, at, source = of
    if at is None or not start or len(texts) < _FEW:
        return ()
    if len(texts) < _MANY:
        names = (start, start[:-1] + chr(ord(start[-1]) + 1), source)
        (stored,) = connection.execute(_COUNT, names).fetchone()
        if len(texts) * 2 <= stored:
            return ()
    return tuple(store_each(connection, texts, at))


def _in_pieces(
    texts: Iterable[bytes], pieces: Iterable[int], at: datetime | None
) -> Iterator[tuple[None, int, int | None]]:
    """Yield the columns of texts that stand in pieces."""
    assert at is not None
    for text, piece in zip(texts, pieces, strict=True):
        yield None, piece, None if goes_on(text, at) else micros(at)


def _by_itself(text: bytes) -> tuple[bytes, None, None]:
    """Return the columns of a text that stands in no piece."""
    return compress_alike(text), None, None


def _micros(at: datetime | None) -> int | None:
    return None if at is None else micros(at)


def drop_place(connection: sqlite3.Connection, source: str) -> None:
    """Drop all evidence of this source, in the caller's transaction."""
    connection.execute(
        "DELETE FROM evidence WHERE source_id = (SELECT id FROM source WHERE name = ?)", (source,)
    )


def stand_in(connection: sqlite3.Connection, judged: int, number: int, at: datetime) -> None:
    """Let the evidence of a repository stand in the list that an answer of `at` holds of it.

    What was stored before stays where that list cannot be read.
    """
    of_it = "SELECT DISTINCT piece_id FROM evidence WHERE judged_id = ?"
    stands = {one for (one,) in connection.execute(of_it, (judged,))}
    if stands <= reached(connection, [number]):
        return
    with suppress(LedgerError):
        for piece, lines in pieces_in(connection, number):
            keys = json.dumps([_key_of(line) for line in lines])
            connection.execute(_STAND, (piece, micros(at), judged, keys))


def _key_of(line: bytes) -> str:
    """Return the key of encoded evidence. Raises `LedgerError` where it is none."""
    try:
        return str(json.JSONDecoder().raw_decode(line.decode(), len('{"key":'))[0])
    except ValueError as error:
        raise LedgerError("a line of evidence has no key") from error


def beginning_of(key: str) -> str:
    """Return what all keys of tags of one repository begin with, and no other key does.

    >>> beginning_of("docker.io/library/redis:7"), beginning_of("r.example:5000/redis:7")
    ('docker.io/library/redis:', 'r.example:5000/redis:')
    """
    return key[: key.find(":", key.rfind("/") + 1) + 1]


def goes_on(line: bytes, at: datetime) -> bool:
    """Return True where encoded evidence of the run `at` goes on with the list that it is in."""
    later = at + _SOME_TIME
    return moved_on(line, at, later) == as_of(line, later)


def as_of(line: bytes, at: datetime) -> bytes:
    """Return encoded evidence as of `at`: what `until` does, mostly without decoding it."""
    head, found, rest = line.partition(_AT)
    before = rest[: rest.find(b'"', 1) + 1]
    known, stamp = _LAST_SEEN + before, encode(at)
    if not found or not before or known + _ENDED in rest:
        return encode(until(decode(Evidence, line), at))
    tail = rest[len(before) :].replace(known, _LAST_SEEN + stamp)
    return b"".join((head, found, stamp, tail))
