"""What others remember of tags: kept apart from what we saw, with the kind of its dates."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from itertools import groupby
from operator import attrgetter

from tagwatch.audit.history import Interval, Seen
from tagwatch.errors import LedgerError
from tagwatch.image.reference import Repository
from tagwatch.ledger.codec import micros
from tagwatch.ledger.intern import Interned, repository_number
from tagwatch.ledger.timeline import ordered

__all__ = ["store_history"]

_KINDS = tuple(Seen)


def store_history(
    connection: sqlite3.Connection, repository: Repository, intervals: Iterable[Interval]
) -> int:
    """Replace what was imported of these tags and kinds, in the caller's transaction; the count."""
    foreign = sorted(intervals, key=attrgetter("tag", "kind"))
    if any(interval.kind is Seen.SEEN for interval in foreign):
        raise LedgerError(
            "an imported interval claims to have been seen by this ledger",
            hint="imported dates are `pushed` or `committed`",
        )
    home = repository_number(connection, repository)
    numbers = Interned(connection, home)
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
            for n, interval in enumerate(ordered(group), start=1)
        )
    connection.executemany(
        "DELETE FROM imported WHERE repository_id = ? AND tag_id = ? AND kind = ?", told
    )
    connection.executemany("INSERT INTO imported VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    return len(rows)
