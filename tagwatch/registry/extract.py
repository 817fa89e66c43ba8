"""Fetching an extract of facts from where a nightly server publishes it: one GET over https."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from yarl import URL

from tagwatch.errors import ConfigError, HostileAnswerError, UnavailableError
from tagwatch.registry.request.failure import NETWORK_ERRORS, unreachable
from tagwatch.registry.request.network import open_network
from tagwatch.registry.request.safety import origin_of

__all__ = ["fetch_extract"]


async def fetch_extract(
    address: str, environment: Mapping[str, str], *, limit: int, seconds: float
) -> bytes:
    """The bytes at `address`, at most `limit` of them, within so many seconds; no redirects.

    Raises `ConfigError` for what is no https URL, `UnavailableError`, `HostileAnswerError`.
    """
    try:
        url = URL(address)
    except ValueError:
        url = URL()
    if url.scheme != "https" or not url.host or url.user or url.password:
        raise ConfigError(
            "facts are fetched from an https URL without a login in it",
            hint="the extract is signed, and the URL may be public",
        )
    origin = origin_of(url)
    try:
        async with asyncio.timeout(seconds), open_network(environment) as network:
            session = network.session(guarded=False)
            proxy = network.proxy_for(origin)
            async with session.get(url, proxy=proxy, allow_redirects=False) as answer:
                if answer.status != 200:
                    raise UnavailableError(
                        f"{origin} answered {answer.status} for the extract of facts",
                        hint="check the URL; redirects are not followed",
                        status=answer.status,
                    )
                raw = b""
                async for part in answer.content.iter_chunked(65536):
                    raw += part
                    if len(raw) > limit:
                        raise HostileAnswerError(f"{origin} sent an extract without end")
                return raw
    except NETWORK_ERRORS as error:
        raise unreachable(
            error, host=str(origin), doing="fetching facts", seconds=seconds
        ) from error
