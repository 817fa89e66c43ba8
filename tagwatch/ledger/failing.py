"""Repositories that scans cannot read: since when, and for how many nights."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from datetime import datetime

from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Failing
from tagwatch.ledger.codec import micros, moment

__all__ = ["count_nights"]

_HERE = "FROM failing WHERE project = ? AND origin IN (origin_of(host), '?')"
_ENDED = f"DELETE {_HERE} AND host = ? AND path = ?"
_COUNTED = """
  INSERT INTO failing (project, host, path, origin, code, since, last_at, nights)
  VALUES (?1, ?2, ?3, origin_of(?2), ?4, ?5, ?6, ?7)"""

_Rows = dict[Repository, tuple[datetime, datetime, int]]


def count_nights(
    connection: sqlite3.Connection,
    transaction: Callable[[], AbstractContextManager[sqlite3.Connection]],
    at: datetime,
    failing: Mapping[Repository, str],
    read: Collection[Repository],
    project: str = "",
) -> Mapping[Repository, Failing]:
    """Count this scan's day for each repository that fails; end the count of what it read.

    `failing`: by repository, the code of its failure. Two scans of one day count once. Of what is
    in neither, nobody asked: its count stands still. Nothing is written where nothing changes.
    """
    rows: _Rows = {
        Repository(registry=host, path=path): (moment(since), moment(last_at), nights)
        for host, path, since, last_at, nights in connection.execute(
            f"SELECT host, path, since, last_at, nights {_HERE}",
            (project,),
        )
    }
    ended = [one for one in rows if one in read and one not in failing]
    found, counted = {}, []
    for repository, code in failing.items():
        since, last_at, nights = rows.get(repository, (at, at, 0))
        if not nights or at.date() > last_at.date():
            nights += 1
            times = (micros(since), micros(at), nights)
            counted.append((project, repository.registry, repository.path, code, *times))
        found[repository] = Failing(since=since, nights=nights)
    if ended or counted:
        with transaction() as writing:
            over = [(project, one.registry, one.path) for one in ended]
            writing.executemany(_ENDED, [*over, *(one[:3] for one in counted)])
            writing.executemany(_COUNTED, counted)
    return found
