"""The daemon: scans on schedule and on request, one at a time, and serves what they found.

Its process never scans: that is a child's work (`child.py`), which it learns the outcome of from
the exit code and the ledger. So pages, probes and webhooks are answered whatever a scan does.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from tagwatch.audit.verdict.result import AuditResult
from tagwatch.errors import NothingToReadError, TagwatchError
from tagwatch.ledger.connection import is_emptied
from tagwatch.ledger.read import Reader
from tagwatch.service.child import Ended, end_of, run_child, scan_command
from tagwatch.service.deliveries import run_deliveries
from tagwatch.service.gate import Doors
from tagwatch.service.listen import Address, listening
from tagwatch.service.metrics import Metrics
from tagwatch.service.order import Order, Orders
from tagwatch.service.parent import Handed, handed_line, memory_there
from tagwatch.service.reload import Footing, Reopen, footing_of, with_tokens_of_now
from tagwatch.service.schedule import Timetable, due_since
from tagwatch.service.signals import listen_to_signals
from tagwatch.service.status import LedgerLook, Status, look_at
from tagwatch.service.watching import Watching, watching_of
from tagwatch.service.web import application
from tagwatch.service.webhook import Heard, Named, Taken
from tagwatch.value import replace
from tagwatch.walk.site import Site, project_of

__all__ = ["Service", "serve"]

_LOOK_SECONDS = 10.0
"""How often the clock and the configuration's files are looked at."""
_SENDING_SECONDS = 6.0
"""At the end, so long an alert under way is waited for: half a sending is an unsure one."""
_FRESH_SECONDS = 5.0
"""A look into the ledger that is no older answers a probe."""
_PROBE_SECONDS = 0.7
"""Probes wait a second: a ledger that does not answer in time is told as it was last seen."""
_WATCHING_SECONDS = 300.0
"""How often the files are read for what they watch, where webhooks name other repositories."""

_LONGEST_GRACE = timedelta(days=31)
"""How far back a start looks for a scan that was missed, whatever the schedule's grace."""

logger = logging.getLogger(__name__)


async def serve(reopen: Reopen, address: Address, *, at_once: bool = False) -> None:
    """Run until SIGINT or SIGTERM. A scan under way stores what it is writing and stops.

    A scan that fails is logged and counted; the next one runs as if nothing had happened. SIGHUP
    reads the configuration again. Raises `ConfigError` where the address or the configuration
    cannot be used.
    """
    footing = footing_of(reopen, is_local=address.is_local)
    await Service(footing, reopen, is_local=address.is_local).run(address, at_once=at_once)


class Service:
    """The service on its footing; it is what the pages are answered from (`web.Answering`)."""

    def __init__(self, footing: Footing, reopen: Reopen, *, is_local: bool = True) -> None:
        self._footing = footing
        self._reopen = reopen
        self._is_local = is_local
        self.metrics = Metrics()
        self.status = Status(datetime.now(UTC))
        self._orders = Orders()
        self._asked = asyncio.Event()
        self._stop = asyncio.Event()
        self._reload = asyncio.Event()
        self._timetable = Timetable(self._due)
        self._looked = -_FRESH_SECONDS
        self._looking: asyncio.Task[None] | None = None
        self._watching: tuple[Footing, float, Watching] | None = None
        self._scanning_all = False
        self._not_understood: set[str] = set()

    # What it does

    async def run(self, address: Address, *, at_once: bool) -> None:
        """See `serve`."""
        listen_to_signals(self._interrupt, self._reload.set)
        self._timetable.follow(self._footing.schedule)
        async with listening(application(self), address) as where, self._timetable.running():
            logger.info("listening on %s", where)
            await self._begin(at_once=at_once)
            looking = asyncio.create_task(
                self._often(_LOOK_SECONDS, self._look_around, self._reload)
            )
            sending = asyncio.create_task(run_deliveries(lambda: self._footing.site, self._stop))
            try:
                await self._keep_scanning()
            finally:
                looking.cancel()
                await asyncio.wait((sending,), timeout=_SENDING_SECONDS)
                sending.cancel()
                await asyncio.wait((looking, sending), timeout=1)

    async def _begin(self, *, at_once: bool) -> None:
        """Take over from an earlier process: its last result, and what it could not finish."""
        await self._look()
        look = self.status.ledger or LedgerLook()
        now = datetime.now(UTC)
        ended = next((run.finished_at for run in look.scans if run.finished_at), None)
        self.status.success_at = ended
        await self._show_last(self.metrics.remember)
        if look.unended is not None:
            self._failed(
                f"the scan of {look.unended.at:%Y-%m-%dT%H:%M:%SZ} has no end: it was killed, "
                "perhaps with its container for lack of memory, or another process is at it",
                None,
            )
        schedule = self._footing.schedule
        missed = due_since(schedule, now - min(schedule.misfire_grace, _LONGEST_GRACE), now)
        if at_once or (missed is not None and look.scans and look.scans[0].at < missed):
            self._ask_for_all()

    async def _keep_scanning(self) -> None:
        clock = asyncio.get_running_loop().time
        stopped = asyncio.ensure_future(self._stop.wait())
        try:
            while not self._stop.is_set():
                self._asked.clear()
                order = self._orders.take(clock())
                if order is not None:
                    await self._follow(order)
                    continue
                ready = self._orders.ready_at()
                wait = max(ready - clock(), 0.01) if ready is not None else None
                asked = asyncio.ensure_future(self._asked.wait())
                await asyncio.wait(
                    (stopped, asked), timeout=wait, return_when=asyncio.FIRST_COMPLETED
                )
                asked.cancel()
        finally:
            stopped.cancel()

    async def _follow(self, order: Order) -> None:
        """Scan what is ordered, as far as it is watched. What it raises is told and counted."""
        try:
            names: tuple[str, ...] = ()
            if order.named:
                names = await self._watched(order.named)
                if not names:
                    return
            self._scanning_all = not names
            await self._scan(names)
        except TagwatchError as error:
            self._failed(f"{error.message} ({error.hint})", None, whole=not order.named)
        except Exception:
            logger.exception("the scan failed for a reason that nobody foresaw: this is a bug")
            self._failed("an internal error; see the log", None, whole=not order.named)
        finally:
            self._scanning_all = False
            self._orders.rest(order.named, asyncio.get_running_loop().time())

    async def _watched(self, named: Sequence[Named]) -> tuple[str, ...]:
        """Return the names of the watched repositories among these."""
        now = asyncio.get_running_loop().time()
        footing = self._footing
        if self._watching is None or self._watching[0] is not footing or self._watching[1] < now:
            watching = await asyncio.to_thread(watching_of, footing.site)
            self._watching = (footing, now + _WATCHING_SECONDS, watching)
        watching = self._watching[2]
        found = {one: watching.those((one,)) for one in named}
        unknown = sum(1 for those in found.values() if not those)
        if unknown:
            self.metrics.unwatched(unknown)
            logger.debug("%d repositories that nothing watches were named", unknown)
        return tuple(sorted({one.name for those in found.values() for one in those}))

    async def _scan(self, names: Sequence[str]) -> None:
        footing, run = self._footing, secrets.token_hex(4)
        log = logging.LoggerAdapter(logger, {"run": run})
        what = ", ".join(names) or "everything"
        log.info("scanning %s", what if len(what) < 200 else f"{len(names)} repositories")
        await self._look()
        before = (self.status.ledger or LedgerLook()).newest
        self.status.begin(what, datetime.now(UTC), whole=not names)
        try:
            ended = await run_child(
                scan_command(names),
                handed_line(_handed(footing)),
                footing.site.environment,
                lambda line: _relay(log, line),
                self._stop,
            )
        except OSError as error:  # no process, no memory, no interpreter
            ended = Ended(code=-1, seconds=0, error=f"it could not be started: {error}")
        self._watching = None if not names else self._watching
        if names and ended.code == NothingToReadError.exit_code:
            self._watching, self.status.running = None, ""
            log.info("nothing names them any more: nothing was scanned")
            return
        await self._settle(ended, before, log, whole=not names)

    async def _settle(
        self, ended: Ended, before: int, log: logging.LoggerAdapter[logging.Logger], *, whole: bool
    ) -> None:
        """Count and tell how a scan ended: well only where the ledger says so, too."""
        await self._look()
        look = self.status.ledger or LedgerLook()
        if ended.stopped:
            self.status.end(datetime.now(UTC), ended.seconds, "it was stopped", whole=whole)
            log.info("the scan was stopped; what it had read is stored")
        elif ended.finished and look.newest > before:
            self.status.end(datetime.now(UTC), ended.seconds, whole=whole)
            scanned = partial(self.metrics.scanned, fresh=not self.status.failed_whole)
            result = await self._show_last(scanned)
            if result is not None:
                log.info("scanned: %s", _told(result))
        else:
            why = end_of(ended)
            if ended.finished:
                why = "it ended well, but its run has no end in the ledger"
            self._failed(why, ended.seconds, log, whole=whole)

    def _failed(
        self,
        why: str,
        seconds: float | None,
        log: logging.LoggerAdapter[logging.Logger] | logging.Logger = logger,
        *,
        whole: bool = True,
    ) -> None:
        self.status.end(datetime.now(UTC), seconds, why, whole=whole)
        self.metrics.failed()
        log.error("the scan failed: %s", why)

    async def _show_last(self, show: Callable[[AuditResult], None]) -> AuditResult | None:
        """Show the ledger's last result; None where there is none."""
        site = self._footing.site
        try:
            result = await asyncio.to_thread(_last_result, site.database, project_of(site))
        except TagwatchError as error:
            self.status.ledger_error = error.message
            return None
        if result is not None:
            show(result)
            self.status.take(result)
        return result

    # What it does beside

    async def _often(
        self, seconds: float, work: Callable[[], Awaitable[None]], early: asyncio.Event
    ) -> None:
        """Do something every so many seconds, and once `early` is set; what it raises is told."""
        while not self._stop.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await early.wait()
            if self._stop.is_set():
                return
            try:
                await work()
            except TagwatchError as error:
                logger.error("%s (%s)", error.message, error.hint)  # noqa: TRY400  # the message says it all
            except Exception:
                logger.exception("this is a bug")

    async def _look_around(self) -> None:
        """Look at the clock, and read the configuration again where it changed or somebody asks."""
        self._timetable.look()
        asked = self._reload.is_set()
        self._reload.clear()
        try:
            footing = await asyncio.to_thread(footing_of, self._reopen, is_local=self._is_local)
        except TagwatchError as error:
            said = f"{error.message} ({error.hint})" if error.hint else error.message
            if said != self.status.refused or asked:
                logger.error("the configuration cannot be used, the old one stays: %s", said)  # noqa: TRY400
            self.status.refused = said
            self._footing = await asyncio.to_thread(with_tokens_of_now, self._footing)
            return
        if asked or self.status.refused or self._footing.is_changed(footing):
            if footing.schedule != self._footing.schedule:
                self._timetable.follow(footing.schedule)
            self._footing = footing
            self.status.refused, self.status.configured_at = "", datetime.now(UTC)
            logger.info("the configuration was read again")

    async def _look(self) -> None:
        """Look into the ledger."""
        try:
            site = self._footing.site
            self.status.ledger = await asyncio.to_thread(look_at, site.database, project_of(site))
            self.status.ledger_error = ""
        except (TagwatchError, OSError) as error:
            self.status.ledger_error = str(error)
        self._looked = asyncio.get_running_loop().time()

    async def _look_soon(self) -> None:
        """Look into the ledger where the last look is old; wait for that no longer than a probe."""
        if asyncio.get_running_loop().time() - self._looked < _FRESH_SECONDS:
            return
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        await asyncio.wait((self._looking,), timeout=_PROBE_SECONDS)

    def _due(self) -> None:
        """The schedule says that it is time. Of two scans of everything one is left out."""
        if not self._scanning_all:
            self._ask_for_all()

    def _ask_for_all(self) -> None:
        self._orders.ask_for_all()
        self._asked.set()

    def _interrupt(self) -> None:
        self.status.stopping = True
        self._stop.set()

    # What it answers; see `web.Answering`

    @property
    def reports(self) -> Path:
        """See `Answering.reports`."""
        return self._footing.site.settings.reports.directory

    @property
    def site(self) -> Site:
        """See `Answering.site`."""
        return replace(self._footing.site, at=datetime.now(UTC))

    @property
    def doors(self) -> Doors:
        """See `Answering.doors`."""
        return self._footing.doors

    async def health(self) -> dict[str, Any]:
        """See `Answering.health`."""
        await self._look_soon()
        return self.status.health(
            datetime.now(UTC), self._footing.schedule, self._timetable.next_at
        )

    async def ready(self) -> dict[str, Any]:
        """See `Answering.ready`."""
        await self._look_soon()
        return self.status.ready()

    async def figures(self) -> bytes:
        """See `Answering.figures`."""
        await self._look_soon()
        self.metrics.show_service(self.status, self._timetable.next_at)
        return self.metrics.text()

    def hear(self, name: str, token: str, headers: Mapping[str, str], raw: bytes) -> Taken:
        """See `Answering.hear`."""
        taken = self._footing.webhooks.take(name, token, headers, raw)
        self.metrics.heard(taken.webhook, taken.heard.value)
        if taken.heard is Heard.ASKED:
            self._ask_for_all()
        elif taken.named:
            self._orders.ask_for(taken.named, asyncio.get_running_loop().time())
            self._asked.set()
        if taken.heard is Heard.UNKNOWN:
            again = taken.webhook in self._not_understood
            self._not_understood.add(taken.webhook)
            level = logging.DEBUG if again else logging.WARNING
            logger.log(level, "a delivery to the webhook %r could not be read", taken.webhook)
        return taken


def _handed(footing: Footing) -> Handed:
    settings = footing.site.settings
    return Handed(
        path=str(Path(settings.path or "").absolute()),
        plain=footing.plain,
        memory=settings.serve.memory or memory_there(),
    )


def _last_result(database: Path, project: str) -> AuditResult | None:
    if not database.is_file() or is_emptied(database):
        return None
    with Reader.open(database) as ledger:
        # targets and evidence, left out, are most of it
        return ledger.last_result(project=project, whole=False)


def _told(result: AuditResult) -> str:
    parts = [f"{len(result.findings)} findings", f"{len(result.changes)} changes"]
    return ", ".join(parts if result.complete else [*parts, "incomplete"])


def _relay(log: logging.LoggerAdapter[logging.Logger], line: str) -> None:
    """Log a line of a child's standard error, as what it says it is."""
    text = line.removeprefix("tagwatch: ")
    for word, level in (("error: ", logging.ERROR), ("warning: ", logging.WARNING)):
        if text.startswith(word):
            log.log(level, "%s", text.removeprefix(word))
            return
    log.info("%s", text)
