"""The daemon's loop that sends what waits in the outbox, whatever its scans do meanwhile."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from tagwatch.errors import TagwatchError
from tagwatch.walk.sending import Clock, SystemClock, deliver, receivers_of
from tagwatch.walk.site import Site

__all__ = ["run_deliveries"]

_PAUSE_SECONDS = 30.0

logger = logging.getLogger(__name__)


async def run_deliveries(
    site: Callable[[], Site],
    stop: asyncio.Event,
    *,
    clock: Clock | None = None,
    pause_seconds: float = _PAUSE_SECONDS,
) -> None:
    """Send what is due, again and again, until `stop` is set.

    `site` gives the one whose receivers count now: its configuration may be read anew. A ledger
    that cannot be written, or does not exist yet, is tried again.
    """
    clock = clock or SystemClock()
    said = ""
    while not stop.is_set():
        here = site()
        try:
            if here.database.is_file():
                for sent in await deliver(here.database, receivers_of(here), clock, stop):
                    what = f": {sent.delivery.message}" if sent.delivery.message else ""
                    logger.info("alert to %s: %s%s", sent.receiver, sent.state.value, what)
            said = ""
        except TagwatchError as error:
            if error.message != said:  # once, not every half minute
                logger.error("no alert could be sent: %s (%s)", error.message, error.hint)  # noqa: TRY400  # the message says it all
            said = error.message
        except Exception:
            logger.exception("no alert could be sent for a reason that nobody foresaw: a bug")
        await clock.sleep(pause_seconds, stop)
