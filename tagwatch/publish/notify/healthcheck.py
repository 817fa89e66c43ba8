"""Pings around a scan, as healthchecks.io has them, so that somebody notices when none comes.

`URL/start` when it begins, `URL` when it ended well, `URL/fail` when it failed; `rid` is the same
for start and end (healthchecks.io "Pinging API"). A ping that fails never fails the scan.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from tagwatch.errors import ConfigError, NotifyError
from tagwatch.publish.notify.delivery import attempt, check_address
from tagwatch.publish.notify.interface import Outcome

if TYPE_CHECKING:
    import aiohttp

__all__ = ["Ping", "ping"]

_TRIES = 2
_TIMEOUT_SECONDS = 5.0
_BODY_LIMIT = 10_000


class Ping(StrEnum):
    """What a ping says; the value is what the path of the address ends with."""

    START = "/start"
    SUCCESS = ""
    FAILURE = "/fail"


async def ping(url: str, what: Ping, run: str, text: str = "") -> str:
    """Send a ping with `text`; why it was not taken, empty where it was. Takes 10 s at most.

    `run` names the run. The address may be a secret and is in no answer.
    """
    try:
        check_address(url, channel="healthcheck", allow_http=True)
        where = _address(url, what, run)
    except NotifyError as error:
        return error.message

    async def post(session: aiohttp.ClientSession) -> tuple[int, str | None]:
        async with session.post(where, data=text.encode()[:_BODY_LIMIT]) as answer:
            return answer.status, None

    for _ in range(_TRIES):
        try:
            delivery = await attempt("healthcheck", where, _TIMEOUT_SECONDS, post)
        except ConfigError as error:
            return error.message
        if delivery.outcome in (Outcome.SENT, Outcome.REJECTED):
            break
    return "" if delivery.outcome is Outcome.SENT else delivery.message


def _address(url: str, what: Ping, run: str) -> str:
    parts = urlsplit(url)
    query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), ("rid", run)])
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") + what.value, query=query))
