"""Rows of evidence: where the text of each stands, and of when it is.

The answer of a scan lists evidence in pieces, repository by repository. There the text of a row
stands, too: as a line of a piece, which costs a third of a text by itself. Mostly such a text goes
on: it is of whenever its row holds, for there is no other time in it. Else `text_at` says of when
it is. A text that no answer lists is the row's own.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import suppress
from datetime import datetime, timedelta

from tagwatch.audit.model.evidence import Evidence, until
from tagwatch.errors import LedgerError
from tagwatch.ledger.codec import decode, encode, micros
from tagwatch.ledger.piece import moved_on, pieces_in, reached

__all__ = ["as_of", "beginning_of", "goes_on", "stand_in"]

_SOME_TIME = timedelta(seconds=1)
_AT, _LAST_SEEN, _ENDED = b'},"at":', b'"last_seen":', b',"ended"'
_STAND = """
  UPDATE evidence SET body = NULL, piece_id = ?1, text_at = NULL, at = max(coalesce(at, 0), ?2)
  WHERE judged_id = ?3 AND piece_id IS NOT ?1 AND key IN (SELECT value FROM json_each(?4))"""


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
