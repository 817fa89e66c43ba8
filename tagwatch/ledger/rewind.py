"""What a ledger holds of a time that has not come: it is set to now, and told.

What was seen at a later time is never replaced by what is seen now. After one night with a wrong
clock, a tag that moves would be passed over in silence until that time has come: so no run begins
with such a ledger (`connection.refuse_a_clock_behind`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime

from tagwatch.audit.model.history import Change
from tagwatch.errors import LedgerError
from tagwatch.ledger.codec import compress, decode, encode, expand, micros, moment
from tagwatch.value import replace

__all__ = ["rewind"]

_SEEN = {
    "run": ("at", "finished_at"),
    "repository": ("full_at", "covered_at", "swept_at", "seen_at", "whole_since"),
    "tag": ("seen_at", "listed_at", "first_listed"),
    "interval": ("first_seen", "last_seen", "ended_at"),
    "base_build": ("first_seen", "last_seen"),
    "event": ("at",),
    "outbox": ("at", "claimed_at", "settled_at"),
}
"""When we saw or did something, by table. What others told of their own past stays."""
_WORDS = {
    "run": "runs",
    "repository": "repositories",
    "tag": "tags",
    "interval": "intervals",
    "base_build": "base builds",
    "event": "events",
    "outbox": "messages",
    "evidence": "evidence",
}


def rewind(connection: sqlite3.Connection, at: datetime) -> Iterator[str]:
    """Set what lies after `at` to `at`, in the caller's transaction; yield what that was.

    Evidence is kept until then, and made again by the next scan.
    """
    now = micros(at)
    # When a message is to be tried again lies ahead by right.
    connection.execute("UPDATE outbox SET next_at = ?1 WHERE at > ?1 AND next_at > ?1", (now,))
    _rewind_changes(connection, at)  # found by the dates of their intervals
    for table, columns in _SEEN.items():
        is_late = " OR ".join(f"{column} > ?1" for column in columns)
        (latest,) = connection.execute(
            f"SELECT max(max({', '.join(f'coalesce({one}, 0)' for one in columns)}, 0)) "  # noqa: S608  # our own names
            f"FROM main.{table} WHERE {is_late}",
            (now,),
        ).fetchone()
        changed = connection.execute(
            f"UPDATE main.{table} SET {', '.join(f'{one} = min({one}, ?1)' for one in columns)} "  # noqa: S608  # our own names
            f"WHERE {is_late}",
            (now,),
        ).rowcount
        if changed:
            yield _told(table, changed, latest)
    latest, late = connection.execute(
        "SELECT max(at), count(*) FROM evidence_now WHERE at > ?", (now,)
    ).fetchone()
    connection.execute(
        "UPDATE evidence SET at = ?1, made_from = NULL, judged_id = NULL "
        "WHERE rowid IN (SELECT id FROM evidence_now WHERE at > ?1)",
        (now,),
    )
    connection.execute("DELETE FROM judged WHERE at > ?", (now,))
    connection.execute("DELETE FROM cache WHERE at > ?", (now,))
    if late:
        yield _told("evidence", late, latest)


def _rewind_changes(connection: sqlite3.Connection, at: datetime) -> None:
    """Set the time of moves that were explained; of a damaged one it stays unknown."""
    late = connection.execute(
        "SELECT repository_id, tag_id, n, change FROM move JOIN main.interval "
        "USING (repository_id, tag_id, n) WHERE change IS NOT NULL AND first_seen > ?",
        (micros(at),),
    ).fetchall()
    for *row, body in late:
        with suppress(LedgerError):
            change = replace(decode(Change, expand(body)), at=at)
            connection.execute(
                "UPDATE main.move SET change = ? WHERE repository_id = ? AND tag_id = ? AND n = ?",
                (compress(encode(change)), *row),
            )


def _told(table: str, count: int, latest: int) -> str:
    return f"{_WORDS[table]}: {count:,}, the latest of {moment(latest):%Y-%m-%d %H:%M} UTC"
