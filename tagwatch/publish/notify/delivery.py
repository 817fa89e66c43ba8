"""One POST to one configured address: no redirect, no endless answer, no address in any message."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tagwatch.errors import NotifyError
from tagwatch.proxy import proxies_of, proxy_for
from tagwatch.publish.notify.interface import Delivery, Outcome

if TYPE_CHECKING:
    import aiohttp

__all__ = ["Post", "attempt", "check_address", "delivery_of"]

Post = Callable[["aiohttp.ClientSession"], Awaitable[tuple[int, str | None]]]

_BODY_LIMIT = 64 * 1024
_LONGEST_WAIT_SECONDS = 86_400.0
_BLAME_ADDRESS = frozenset({401, 403, 404, 405, 410})
"""Slack: `invalid_token`, `no_service`, `channel_is_archived` and their like."""


def check_address(url: str, *, channel: str, allow_http: bool = False) -> None:
    """Raise `NotifyError` unless `url` is https, or http to this machine or where allowed."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        raise NotifyError(
            f"{channel}: the configured address is not a URL", hint="write https://…"
        ) from None
    if not host or parts.scheme not in ("https", "http"):
        raise NotifyError(
            f"{channel}: the configured address is not an https URL",
            hint="set the whole address, beginning with https://",
        )
    if parts.scheme == "http" and not (allow_http or _is_loopback(host)):
        raise NotifyError(
            f"{channel}: the configured address is plain http: anybody on the way could read it",
            hint="use https, or allow plain http for this channel",
        )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def attempt(channel: str, url: str, timeout_seconds: float, post: Post) -> Delivery:
    """One call of `post` with a guarded session, and what came of it.

    `post` sends to `url` and gives the HTTP status and the `Retry-After` header. The way is that
    of `HTTPS_PROXY` and `NO_PROXY`. Raises `ConfigError` for a proxy that is no URL, else only
    cancellation.
    """
    import aiohttp

    proxy = _proxy(url)
    try:
        async with _guarded_session(timeout_seconds, proxy) as session:
            status, retry_after = await post(session)
    except _RedirectError as error:
        return Delivery(
            outcome=Outcome.REJECTED,
            status=error.status,
            message=f"{channel}: the address redirects elsewhere; redirects are not followed",
            address=True,
        )
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        # no connection: nothing can have been taken
        through = " through the proxy of HTTPS_PROXY or HTTP_PROXY" if proxy else ""
        return Delivery(
            outcome=Outcome.RETRY,
            message=f"{channel}: no connection{through} ({type(error).__name__})",
        )
    except aiohttp.ClientHttpProxyError as error:
        # the way was refused before anything was sent
        return Delivery(
            outcome=Outcome.RETRY,
            status=error.status,
            message=f"{channel}: the proxy of HTTPS_PROXY answered HTTP {error.status}",
        )
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        return Delivery(
            outcome=Outcome.UNSURE,
            message=f"{channel}: no answer after the message was sent ({type(error).__name__})",
        )
    return delivery_of(channel, status, retry_after)


def delivery_of(channel: str, status: int, retry_after: str | None = None) -> Delivery:
    """Return what an HTTP status means for an alert (RFC 9110; Slack "Handling errors").

    A 5xx may come from a proxy behind which the message was taken; only one that says when to come
    back has surely not taken it.
    """
    said = f"{channel}: answered HTTP {status}"
    if 200 <= status < 300:
        return Delivery(outcome=Outcome.SENT, status=status)
    if status in (408, 425, 429) or (status >= 500 and retry_after):
        return Delivery(
            outcome=Outcome.RETRY,
            status=status,
            retry_after_seconds=_seconds(retry_after),
            message=said,
        )
    if status >= 500:
        return Delivery(
            outcome=Outcome.UNSURE, status=status, message=f"{said}: it may have been taken"
        )
    if status in _BLAME_ADDRESS:
        return Delivery(
            outcome=Outcome.REJECTED,
            status=status,
            message=f"{said}: the address is not accepted",
            address=True,
        )
    return Delivery(
        outcome=Outcome.REJECTED, status=status, message=f"{said}: the message is not accepted"
    )


def _seconds(text: str | None) -> float | None:
    """`Retry-After` in seconds, from a number or a date; at most a day, None where unreadable."""
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            at = parsedate_to_datetime(text)
        except ValueError:
            return None
        seconds = (at.astimezone(UTC) - datetime.now(UTC)).total_seconds()
    return min(max(seconds, 0.0), _LONGEST_WAIT_SECONDS) if seconds == seconds else None


def _proxy(url: str) -> str | None:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return proxy_for(parts.scheme, parts.hostname or "", port, proxies_of(os.environ))


@asynccontextmanager
async def _guarded_session(
    timeout_seconds: float, proxy: str | None
) -> AsyncIterator[aiohttp.ClientSession]:
    """A session that follows no redirect and reads at most 64 KiB of an answer."""
    import aiohttp

    class CappedResponse(aiohttp.ClientResponse):
        async def text(self, encoding: str | None = None, errors: str = "replace") -> str:
            raw = bytearray()
            async for piece in self.content.iter_chunked(4096):
                raw += piece
                if len(raw) >= _BODY_LIMIT:
                    self.close()
                    break
            return bytes(raw[:_BODY_LIMIT]).decode(encoding or "utf-8", errors)

    async def refuse_redirects(
        request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        response = await handler(request)
        if 300 <= response.status < 400:
            response.close()
            raise _RedirectError(response.status)
        return response

    timeout = aiohttp.ClientTimeout(
        total=timeout_seconds, connect=timeout_seconds / 2, sock_connect=timeout_seconds / 2
    )
    async with aiohttp.ClientSession(
        timeout=timeout,
        trust_env=False,  # or ~/.netrc would be sent along
        proxy=proxy,
        response_class=CappedResponse,
        middlewares=(refuse_redirects,),
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:
        yield session


class _RedirectError(Exception):
    """The address answered with a redirect; following it could carry the alert anywhere."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status
