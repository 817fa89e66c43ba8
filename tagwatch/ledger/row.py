"""Rows of the ledger as values."""

from __future__ import annotations

from datetime import datetime

from tagwatch.audit.model.history import Interval, Seen
from tagwatch.ledger.codec import digest_of_bytes, moment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tagwatch.ledger.record import Run

__all__ = ["imported_of", "interval_of", "moment_or_none", "run_of"]

_KINDS = tuple(Seen)


def interval_of(row: Any) -> Interval:
    """An interval of our own; its last sight is made up by the query while it is open."""
    tag, digest, first_seen, last_seen, ended_at, version, verdict = row
    return Interval(
        tag=tag,
        digest=digest_of_bytes(digest),
        first_seen=moment(first_seen),
        last_seen=moment(last_seen),
        ended=ended_at is not None,
        ended_at=moment_or_none(ended_at),
        version=version,
        verdict=verdict,
    )


def imported_of(row: Any) -> Interval:
    """An interval that others told of."""
    kind, tag, digest, first_seen, last_seen, ended, version, verdict = row
    return Interval(
        tag=tag,
        digest=digest_of_bytes(digest),
        first_seen=moment(first_seen),
        last_seen=moment(last_seen),
        ended=bool(ended),
        ended_at=moment(last_seen) if ended else None,
        version=version,
        verdict=verdict,
        kind=_KINDS[kind],
    )


def moment_or_none(value: int | None) -> datetime | None:
    """The time of a column that may be null."""
    return None if value is None else moment(value)


def run_of(row: Any) -> Run:
    """A run without its answer."""
    from tagwatch.ledger.record import Run

    number, kind, at, finished_at, complete, *counts = row
    return Run(
        id=number,
        kind=kind,
        at=moment(at),
        finished_at=moment_or_none(finished_at),
        complete=None if complete is None else bool(complete),
        errors=counts[0],
        warnings=counts[1],
        notes=counts[2],
        not_checked=counts[3],
        moved=counts[4],
    )
