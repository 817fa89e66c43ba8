"""One nightly run, whole: scan, send the alerts, write the reports."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterable
from datetime import timedelta

from tagwatch.api import WAIT_SECONDS, ScanResult, scan_async
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.config.load import read_secret
from tagwatch.errors import ConfigError, TagwatchError
from tagwatch.image.snapshot import RepositorySnapshot
from tagwatch.ledger.lock import waited_for
from tagwatch.ledger.read import Reader
from tagwatch.ledger.write import Ledger
from tagwatch.publish.files import Written
from tagwatch.publish.notify.healthcheck import Ping, ping
from tagwatch.publish.wording import verdict_sentence
from tagwatch.value import dataclass
from tagwatch.walk.deliver import undelivered, write_run
from tagwatch.walk.sending import Sent, SystemClock, deliver, receivers_of
from tagwatch.walk.site import Site, project_of

__all__ = ["Night", "keep", "scan_and_publish"]

_FREE_PART = 0.25
"""Shrinking writes the whole file anew: not for less."""
_PATIENCE = timedelta(seconds=60)
"""For so long a scan tries to send; the rest waits in the outbox."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """What a nightly run did. `missed`: alerts that it did not try to send; see `undelivered`."""

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
    """Scan, send, write, in this order: what was found is stored before anybody is told.

    Then the ledger drops what is older than its retention. Alerts go out though reports cannot be
    written, and the other way round; the first error is raised at the end. Reports come second, so
    that they tell what was not delivered, and the site of all projects third, if it is asked for.
    `tell` is called with what is odd and keeps nothing from working: a healthcheck that was not
    taken.
    """
    heart = _Heartbeat(site, tell)
    await heart.beat(Ping.START)
    try:
        scanned = await scan_async(
            site,
            repositories=repositories,
            wait_seconds=wait_seconds,
            stop=stop,
            progress=progress,
            tell=tell,
        )
        night = await _tell(scanned, site, send=send, stop=stop or asyncio.Event())
    except Exception as error:
        said = error.message if isinstance(error, TagwatchError) else type(error).__name__
        await heart.beat(Ping.FAILURE, said)
        raise
    if stop is None or not stop.is_set():  # a run that was broken off is neither
        await heart.beat(Ping.SUCCESS, verdict_sentence(night.result))
    return night


async def _tell(scanned: ScanResult, site: Site, *, send: bool, stop: asyncio.Event) -> Night:
    """Send the alerts of a scan, and write its reports."""
    errors: list[Exception] = []
    sent: tuple[Sent, ...] = ()
    if send:
        try:
            sent = await deliver(
                site.database, receivers_of(site), SystemClock(), stop, patience=_PATIENCE
            )
        except TagwatchError as error:
            errors.append(error)
    try:
        # in a thread: who listens meanwhile is not kept waiting
        written = await asyncio.to_thread(
            write_run, scanned.result, scanned.news, site, undelivered(site)
        )
    except TagwatchError as error:
        errors.append(error)
    if site.settings.reports.projects is not None:
        from tagwatch.walk.neighbour import write_neighbours

        try:
            await asyncio.to_thread(write_neighbours, site.settings.reports.projects, site)
        except TagwatchError as error:
            errors.append(error)
    await asyncio.to_thread(keep, site)
    if errors:
        raise errors[0]
    tried = frozenset(one.message_id for one in sent)
    missed = undelivered(site, without=tried)
    return Night(scanned=scanned, written=written, sent=sent, missed=missed)


class _Heartbeat:
    """The pings of one run, where any are configured."""

    def __init__(self, site: Site, tell: Callable[[str], None] | None) -> None:
        self._settings = site.settings.healthcheck
        self._environment = site.environment
        self._tell = tell
        self._run = str(uuid.uuid4())
        self._told = ""

    async def beat(self, what: Ping, text: str = "") -> None:
        """Ping; a problem is told and keeps nothing from working."""
        settings = self._settings
        if settings is None:
            return
        try:
            url = settings.url or read_secret(settings.env, settings.file, self._environment)
        except ConfigError as error:
            problem = error.message
        else:
            problem = await ping(url, what, self._run, text)
        if problem and problem != self._told and self._tell is not None:
            self._tell(f"the healthcheck was not pinged: {problem}")
        self._told = problem


def keep(site: Site) -> None:
    """Drop what is older than the configured retention, if any. Raises `LedgerError`."""
    retention = site.settings.retention
    project = project_of(site)
    if retention.history is None and not _has_old_runs(site):
        return
    with Ledger.open(site.database, site.origins) as ledger:
        with waited_for(
            site.database,
            project,
            wait_seconds=WAIT_SECONDS,
            holder=lambda: ledger.holder(project),
        ):
            ledger.forget(site.at, history=retention.history, runs=retention.runs)
        if retention.compact and ledger.free_part() >= _FREE_PART:
            ledger.compact()


def _has_old_runs(site: Site) -> bool:
    """Return True where the oldest run has outlived its time by a fiftieth of it.

    Dropping reads all evidence: not every night for one run.
    """
    age = site.settings.retention.runs
    if age is None:
        return False
    with Reader.open(site.database, site.origins) as ledger:
        oldest = ledger.oldest_run()
    return oldest is not None and oldest < site.at - age - age / 50
