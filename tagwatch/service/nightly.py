"""One nightly run, whole: scan, write the reports, send the alerts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from tagwatch.api import WAIT_SECONDS, ScanResult, scan_async
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.image.snapshot import RepositorySnapshot
from tagwatch.ledger.lock import waited_for
from tagwatch.ledger.write import Ledger
from tagwatch.publish.files import Written
from tagwatch.value import dataclass
from tagwatch.walk.deliver import Sent, deliver, undelivered, write_run
from tagwatch.walk.site import Site, project_of

__all__ = ["Night", "keep", "scan_and_publish"]

_FREE_PART = 0.25
"""Shrinking writes the whole file anew: not for less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """What a nightly run did. `missed`: alerts of earlier runs, see `deliver.undelivered`."""

    scanned: ScanResult
    written: Written
    sent: tuple[Sent, ...]
    missed: tuple[str, ...] = ()

    @property
    def result(self) -> AuditResult:
        """What it found."""
        return self.scanned.result


async def scan_and_publish(
    site: Site,
    *,
    send: bool,
    repositories: Iterable[str] | None = None,
    wait_seconds: float = WAIT_SECONDS,
    stop: asyncio.Event | None = None,
    progress: Callable[[RepositorySnapshot], None] | None = None,
    tell: Callable[[str], None] | None = None,
) -> Night:
    """Scan, write, send, in this order: what was found is stored before anybody is told.

    Then the ledger drops what is older than its retention.
    """
    scanned = await scan_async(
        site,
        repositories=repositories,
        wait_seconds=wait_seconds,
        stop=stop,
        progress=progress,
        tell=tell,
    )
    missed = undelivered(site)
    written = write_run(scanned.result, scanned.news, site, missed)
    sent = await deliver(site) if send else ()
    await asyncio.to_thread(keep, site)
    return Night(scanned=scanned, written=written, sent=sent, missed=missed)


def keep(site: Site) -> None:
    """Drop what is older than the configured retention, if any. Raises `LedgerError`."""
    retention = site.settings.retention
    if retention.history is None and retention.runs is None:
        return
    project = project_of(site)
    with Ledger.open(site.database) as ledger:
        with waited_for(
            site.database,
            project,
            wait_seconds=WAIT_SECONDS,
            holder=lambda: ledger.holder(project),
        ):
            ledger.forget(site.at, history=retention.history, runs=retention.runs)
        if retention.compact and ledger.free_part() >= _FREE_PART:
            ledger.compact()
