"""What others remember of tags: kept apart from what we saw, with the kind of its dates."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from itertools import groupby
from operator import attrgetter

from tagwatch.audit.model.history import Interval, Seen
from tagwatch.errors import LedgerError
from tagwatch.image.reference import Repository
from tagwatch.ledger.codec import micros
from tagwatch.ledger.sight import Interned, repository_number
from tagwatch.ledger.timeline import imported_of, woven

__all__ = ["store_history"]

_KINDS = tuple(Seen)
_KNOWN = """
  SELECT i.kind, t.name, d.bytes, i.first_seen, i.last_seen, i.ended, i.version, i.verdict
  FROM tag t
  CROSS JOIN imported i ON i.repository_id = t.repository_id AND i.tag_id = t.id
  CROSS JOIN digest d ON d.repository_id = i.repository_id AND d.id = i.digest_id
  WHERE t.repository_id = ? ORDER BY t.name, i.kind, i.n"""
"""Tags are found by name and what is imported by its tag: the other way round, each is sought
among all."""


def store_history(
    connection: sqlite3.Connection, repository: Repository, intervals: Iterable[Interval]
) -> int:
    """Remember what was imported of these tags and kinds, in the caller's transaction; the count.

    It rules over the time that it tells of; what was imported of other times stays.
    """
    foreign = sorted(intervals, key=attrgetter("tag", "kind"))
    if any(interval.kind is Seen.SEEN for interval in foreign):
        raise LedgerError(
            "an imported interval claims to have been seen by this ledger",
            hint="imported dates are `pushed` or `committed`",
        )
    home = repository_number(connection, repository)
    numbers = Interned(connection, home)
    known = _known(connection, home)
    told: list[tuple[int, int, int]] = []
    rows: list[tuple[object, ...]] = []
    for (tag, kind), group in groupby(foreign, key=attrgetter("tag", "kind")):
        told.append((home, numbers.tag(tag), _KINDS.index(kind)))
        rows += (
            (
                *(*told[-1], n),
                numbers.digest(interval.digest),
                *(micros(interval.first_seen), micros(interval.last_seen), int(interval.ended)),
                *(interval.version, interval.verdict),
            )
            for n, interval in enumerate(woven(known.get((tag, kind), ()), group), start=1)
        )
    connection.executemany(
        "DELETE FROM imported WHERE repository_id = ? AND tag_id = ? AND kind = ?", told
    )
    connection.executemany("INSERT INTO imported VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    return len(rows)


def _known(
    connection: sqlite3.Connection, home: int
) -> Mapping[tuple[str, Seen], tuple[Interval, ...]]:
    found = map(imported_of, connection.execute(_KNOWN, (home,)))
    return {key: tuple(group) for key, group in groupby(found, key=attrgetter("tag", "kind"))}
