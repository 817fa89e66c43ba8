"""The signals of a service: stop in good order, then at once; read the configuration again."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable

__all__ = ["listen_to_signals"]

_LAST_SECONDS = 19.0
"""So long after the first signal the process ends, whatever hangs."""

logger = logging.getLogger(__name__)


def listen_to_signals(stop: Callable[[], None], reload: Callable[[], None]) -> None:
    """Call `stop` at the first SIGINT or SIGTERM, and `reload` at each SIGHUP, in this loop.

    The second one kills, and so does the clock where something does not end. On Windows Ctrl-C and
    Ctrl-Break stop, and nothing reloads.
    """
    loop = asyncio.get_running_loop()

    def interrupt(number: int) -> None:
        stop()
        last = threading.Timer(_LAST_SECONDS, _end_now)
        last.daemon = True
        last.start()
        if sys.platform == "win32":
            signal.signal(number, signal.SIG_DFL)
        else:
            loop.remove_signal_handler(number)
        logger.info("stopping: what is under way is stored first")

    if sys.platform == "win32":
        for number in (signal.SIGINT, signal.SIGBREAK):
            signal.signal(number, lambda number, _: loop.call_soon_threadsafe(interrupt, number))
        return
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt, number)
    loop.add_signal_handler(signal.SIGHUP, reload)


def _end_now() -> None:
    logger.error("something did not end in time after the signal to stop; it is left behind")
    os._exit(1)
