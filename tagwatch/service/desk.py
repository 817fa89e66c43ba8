"""Where the API's questions are answered: in threads of their own, few at a time."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aiohttp import web

from tagwatch.errors import LedgerError, NotFoundError, TagwatchError
from tagwatch.publish.json_text import dump
from tagwatch.publish.machine import SCHEMA_VERSION
from tagwatch.service.question import Asked, answer_to
from tagwatch.walk.site import Site

__all__ = ["Desk"]

_AT_A_TIME = 2
_MOST_WAITING = 16
_SECONDS = 20.0
"""How long somebody waits for an answer."""
_RETRY_SECONDS = 5

logger = logging.getLogger(__name__)


class Desk:
    """Answers questions off the event loop: a long one holds up no probe and no webhook."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_AT_A_TIME, thread_name_prefix="question")
        self._waiting = 0

    async def answer(self, request: web.Request, site: Site) -> web.Response:
        """Return the answer, or an error, both as JSON."""
        pairs = tuple((str(name), str(value)) for name, value in request.query.items())
        asked = Asked(name=request.match_info["question"], pairs=pairs)
        if self._waiting >= _MOST_WAITING:
            return _busy()
        self._waiting += 1
        working = asyncio.get_running_loop().run_in_executor(self._threads, _answered, asked, site)
        working.add_done_callback(self._done)
        try:
            async with asyncio.timeout(_SECONDS):
                status, text = await asyncio.shield(working)
        except TimeoutError:
            return _busy()
        return _json(status, text)

    def close(self) -> None:
        """Begin no other answer."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _done(self, working: asyncio.Future[tuple[int, str]]) -> None:
        self._waiting -= 1
        if not working.cancelled():
            working.exception()  # told to who waited, if somebody did


def _answered(asked: Asked, site: Site) -> tuple[int, str]:
    """Return the status and the text of an answer."""
    try:
        return 200, dump(answer_to(asked, site))
    except TagwatchError as error:
        status = 404 if isinstance(error, NotFoundError) else 400
        if isinstance(error, LedgerError):
            logger.error("%s (%s)", error.message, error.hint)  # noqa: TRY400  # the message says it all
            status = 503
        return status, _error(error.message, error.hint)


def _busy() -> web.Response:
    said = _error("too much is asked at a time", f"ask again in {_RETRY_SECONDS} seconds")
    response = _json(503, said)
    response.headers["Retry-After"] = str(_RETRY_SECONDS)
    return response


def _error(message: str, hint: str) -> str:
    document: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "error": {"message": message, "hint": hint},
    }
    return dump(document)


def _json(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=text, content_type="application/json")
