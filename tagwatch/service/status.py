"""How the service stands: what it did, what is due, and whether somebody must look after it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tagwatch.audit.verdict.result import AuditResult
from tagwatch.config.settings import Schedule
from tagwatch.ledger.connection import is_emptied
from tagwatch.ledger.read import Reader
from tagwatch.ledger.record import Run
from tagwatch.service.schedule import next_due
from tagwatch.value import dataclass, field

__all__ = ["LedgerLook", "Status", "look_at"]

_RUNS = 200
_LATE = timedelta(minutes=5)
"""A scan that is due begins at once: one that has not so long after that never will."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerLook:
    """What the ledger says of itself. `scans`: the newest first; `size`: of its files, in bytes."""

    scans: tuple[Run, ...] = ()
    messages: Mapping[str, int] = field(default_factory=dict)
    size: int = 0

    @property
    def newest(self) -> int:
        """The number of the newest scan that came to its end; 0 where there is none."""
        return next((run.id for run in self.scans if run.finished_at is not None), 0)

    @property
    def unended(self) -> Run | None:
        """The newest scan, where it has no end: it goes on, or was killed."""
        first = next(iter(self.scans), None)
        return first if first is not None and first.finished_at is None else None


def look_at(database: Path, project: str) -> LedgerLook:
    """Return what the ledger says of itself; nothing where it is not there yet.

    Raises `LedgerError`.
    """
    if not database.is_file() or is_emptied(database):
        return LedgerLook()
    with Reader.open(database) as ledger:
        runs, messages = ledger.runs(_RUNS, project=project), ledger.count_messages(project)
    files = (database.with_name(database.name + suffix) for suffix in ("", "-wal"))
    return LedgerLook(
        scans=tuple(run for run in runs if run.kind == "scan"),
        messages={state.value: number for state, number in messages.items() if number},
        size=sum(file.stat().st_size for file in files if file.is_file()),
    )


class Status:
    """What is known of the service; `health` and `ready` judge it. Times come in as arguments."""

    def __init__(self, started_at: datetime) -> None:
        self.started_at = started_at
        self.configured_at = started_at
        self.refused = ""
        """Why the configuration on the disk is not the one in use."""
        self._whole_at = started_at
        self.stopping = False
        self.running = ""
        """What is being scanned."""
        self.begun_at: datetime | None = None
        self.success_at: datetime | None = None
        """When a scan of everything last ended well."""
        self.failure_at: datetime | None = None
        self.failure = ""
        """Why the last scan failed; empty where it did not. See `end`."""
        self.failed_whole = False
        """True where that was a scan of everything."""
        self.seconds: float | None = None
        """How long the last scan took."""
        self.incomplete = ""
        self.blind = False
        """True where the last scan could read nothing of what it was to read."""
        self.ledger: LedgerLook | None = None
        self.ledger_error = ""

    def begin(self, what: str, at: datetime, *, whole: bool) -> None:
        """A scan begins."""
        self.running, self.begun_at = what, at
        if whole:
            self._whole_at = at

    def end(self, at: datetime, seconds: float | None, failure: str = "", *, whole: bool) -> None:
        """A scan ended: well, or with a `failure`.

        That of a scan of everything stays until another one ends well: scans of single repositories
        say nothing of the rest.
        """
        self.running = ""
        self.seconds = seconds if seconds is not None else self.seconds
        if failure:
            self.failure, self.failure_at = failure, at
            self.failed_whole = self.failed_whole or whole
        elif whole or not self.failed_whole:
            self.failure, self.failed_whole = "", False
        if whole and not failure:
            self.success_at = at

    def take(self, result: AuditResult) -> None:
        """Take what a result says of how much could be read."""
        hosts = sorted({failure.repository.host for failure in result.failures})
        coverage = result.coverage
        self.blind = bool(hosts) and coverage.targets > coverage.unresolved and not coverage.read
        self.incomplete = "" if result.complete else ", ".join(hosts[:5]) or "a file"

    def health(self, at: datetime, schedule: Schedule, next_at: datetime | None) -> dict[str, Any]:
        """Return the state in a word (`ok`, `degraded`, `failing`), its reasons, and ages."""
        reasons = list(self._failing(at, schedule))
        doubts = list(self._degraded())
        ledger = self.ledger or LedgerLook()
        said: dict[str, Any] = {
            "status": "failing" if reasons else "degraded" if doubts else "ok",
            "reasons": [*reasons, *doubts],
            "started": _moment(self.started_at, at),
            "configuration": _moment(self.configured_at, at),
            "last_success": _moment(self.success_at, at),
            "last_failure": _moment(self.failure_at, at),
            "last_scan_seconds": round(self.seconds, 1) if self.seconds is not None else None,
            "running": _moment(self.begun_at, at) if self.running else None,
            "next_scan": {"at": _text(next_at)} if next_at else None,
            "outbox": dict(ledger.messages),
            "ledger_bytes": ledger.size,
        }
        return said

    def ready(self) -> dict[str, Any]:
        """Return whether reports, figures and webhooks can be answered, and why not."""
        reasons = []
        if self.stopping:
            reasons.append("it is stopping")
        if self.ledger_error:
            reasons.append(self.ledger_error)
        elif self.ledger is None:
            reasons.append("it is starting: the ledger has not been opened yet")
        return {"status": "not ready" if reasons else "ok", "reasons": reasons}

    def _failing(self, at: datetime, schedule: Schedule) -> Iterator[str]:
        if self.failure and self.failure_at is not None:
            yield f"the last scan failed at {_text(self.failure_at)}: {self.failure}"
        if self.ledger_error:
            yield self.ledger_error
        due = next_due(schedule, max(self._whole_at, self.started_at))
        if not self.running and at > due + schedule.jitter + _LATE:
            yield f"a scan was due at {_text(due)} and has not begun"
        if self.blind:
            yield f"the last scan could read nothing ({self.incomplete})"

    def _degraded(self) -> Iterator[str]:
        if self.incomplete and not self.blind:
            yield f"the last scan is incomplete ({self.incomplete})"
        if self.refused:
            yield f"the configuration was changed and cannot be used: {self.refused}"


def _moment(moment: datetime | None, at: datetime) -> dict[str, Any] | None:
    if moment is None:
        return None
    return {"at": _text(moment), "age_seconds": round((at - moment).total_seconds())}


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
