"""The daemon: scans on schedule and on request, one at a time, and serves what they found."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from datetime import UTC, datetime

from tagwatch.errors import TagwatchError
from tagwatch.ledger.connection import is_emptied
from tagwatch.ledger.read import Reader
from tagwatch.service.metrics import Metrics
from tagwatch.service.nightly import Night, scan_and_publish
from tagwatch.service.schedule import run_on_trigger, trigger_of
from tagwatch.service.web import application, listening
from tagwatch.value import replace
from tagwatch.walk.site import Site, project_of

__all__ = ["serve"]

_WEBHOOK_TOKEN = "TAGWATCH_WEBHOOK_TOKEN"  # noqa: S105  # a variable's name

logger = logging.getLogger(__name__)


async def serve(site: Site, host: str, port: int, *, at_once: bool = False) -> None:
    """Run until SIGINT or SIGTERM. A scan under way finishes what it is writing and stops.

    A scan that fails is logged and counted; the next one runs as if nothing had happened. Raises
    `ConfigError` where the address or the schedule cannot be used.
    """
    schedule = site.settings.schedule
    assert schedule is not None
    trigger = trigger_of(schedule)
    stop, rescan, metrics = asyncio.Event(), asyncio.Event(), Metrics()
    _stop_on_signals(stop)
    _show_last(site, metrics)

    async def scan() -> None:
        now = replace(site, at=datetime.now(UTC))
        try:
            done = await scan_and_publish(now, send=True, stop=stop, tell=logger.warning)
        except TagwatchError as error:
            metrics.failed()
            logger.error("the scan failed: %s (%s)", error.message, error.hint)  # noqa: TRY400  # the message says it all
        except Exception:
            metrics.failed()
            logger.exception("the scan failed for a reason that nobody foresaw: this is a bug")
        else:
            metrics.scanned(done.result)
            logger.info("scanned: %s", _told(done))

    token = site.environment.get(_WEBHOOK_TOKEN, "")
    app = application(site.settings.reports.directory, metrics, rescan, token=token)
    async with listening(app, host, port) as chosen:
        logger.info("listening on http://%s:%d/", host, chosen)
        if at_once:
            rescan.set()
        await run_on_trigger(trigger, schedule.misfire_grace, scan, rescan, stop)


def _told(night: Night) -> str:
    result = night.result
    parts = [f"{len(result.findings)} findings", f"{len(result.changes)} changes"]
    parts += [f"alert to {sent.channel}: {sent.delivery.outcome.value}" for sent in night.sent]
    return ", ".join(parts if result.complete else [*parts, "incomplete"])


def _stop_on_signals(stop: asyncio.Event) -> None:
    if sys.platform == "win32":
        return
    loop = asyncio.get_running_loop()

    def interrupt(number: signal.Signals) -> None:
        logger.info("stopping: what is under way is stored first")
        stop.set()
        loop.remove_signal_handler(number)  # the second one kills

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt, number)


def _show_last(site: Site, metrics: Metrics) -> None:
    if site.database.is_file() and not is_emptied(site.database):
        with Reader.open(site.database) as ledger:
            result = ledger.last_result(project=project_of(site))
        if result is not None:
            metrics.remember(result)
