"""Who gets past the door: the names that the service answers to, the login, and what it says."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Awaitable, Callable, Collection

from aiohttp import web

from tagwatch.publish.html.template import script
from tagwatch.service.login import Tokens
from tagwatch.value import dataclass

__all__ = ["HEADERS", "Doors", "dress", "gate", "refusal"]

HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; script-src 'sha256-{script().hash}'; "
    "style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
    "Server": "tagwatch",
}
"""What stands on every answer, that to a request which is none included."""

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_LOGIN = 'Basic realm="tagwatch", charset="UTF-8"'
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """What a request must show. `hosts`: the names beside loopback's that the service answers to.

    `tokens`: None where no login is asked for.
    """

    hosts: frozenset[str] = frozenset()
    tokens: Tokens | None = None


def refusal(request: web.Request, doors: Doors) -> web.HTTPException | None:
    """Return why this request gets no answer; None where it gets one.

    A page of a stranger may point its own name at this service (DNS rebinding): a browser then
    takes our answers for that page's. So the name is looked at first, login or not.
    """
    if not _is_ours(request, doors.hosts):
        return web.HTTPMisdirectedRequest(
            text="the service does not answer to this name: add it to `serve: {hosts: […]}`\n"
        )
    if doors.tokens is None or _logged_in(request, doors.tokens):
        return None
    return web.HTTPUnauthorized(
        headers={"WWW-Authenticate": _LOGIN},
        text="log in with a token: as bearer token, or as the password of a browser's login\n",
    )


def gate(
    doors: Callable[[], Doors], open_to_all: Collection[object], *, client_max_size: int
) -> web.Application:
    """Return an application in which every handler but these is behind the doors."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.match_info.handler not in open_to_all:
            refused = refusal(request, doors())
            if refused is not None:
                raise refused
        try:
            return await handler(request)
        except (web.HTTPException, ConnectionError):
            raise
        except Exception:
            if request.transport is None:  # gone in the middle of its body: nobody waits
                raise ConnectionResetError from None
            logger.exception("no answer could be given for a reason that nobody foresaw: a bug")
            raise web.HTTPInternalServerError(text="an internal error; see the log\n") from None

    app = web.Application(middlewares=(guard,), client_max_size=client_max_size)
    app.on_response_prepare.append(_dressed)
    return app


def dress(response: web.StreamResponse) -> None:
    """Put the headers on that every answer has."""
    response.headers.update(HEADERS)


async def _dressed(_request: web.Request, response: web.StreamResponse) -> None:
    dress(response)


def _logged_in(request: web.Request, tokens: Tokens) -> bool:
    sent = request.headers.getall("Authorization", [])
    return len(sent) == 1 and bool(tokens.name_of(sent[0]))


def _is_ours(request: web.Request, hosts: frozenset[str]) -> bool:
    """Return True where the request names loopback, the address that it came to, or a name of ours.

    Nobody's page gets at an address by another name, so that the one on which the connection
    arrived is as good as loopback: probes and Prometheus ask for it.
    """
    named = request.headers.getall("Host", [])
    if len(named) != 1:
        return False
    host = _without_port(named[0]).lower().removesuffix(".")
    return host in _LOOPBACK or host in hosts or host == _arrived_at(request)


def _without_port(text: str) -> str:
    if text.startswith("["):
        host, closed, rest = text[1:].partition("]")
        return host if closed and (not rest or rest[1:].isdigit()) else ""
    host, colon, port = text.partition(":")
    return host if not colon or port.isdigit() else ""


def _arrived_at(request: web.Request) -> str:
    address = request.get_extra_info("sockname")
    if not isinstance(address, tuple):
        return ""  # a socket of the file system
    found = ipaddress.ip_address(str(address[0]).partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None)
    return str(mapped or found)
