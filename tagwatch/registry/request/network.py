"""The connections of one run: sessions and proxies. Made in the shell, passed down."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp
from yarl import URL

from tagwatch.proxy import proxies_of, proxy_for
from tagwatch.registry.request.safety import GuardedResolver, Origin, PrivateAddressError

__all__ = ["Network", "open_network"]

_HEADERS = {"User-Agent": "tagwatch", "Accept-Encoding": "identity"}


class Network:
    """Two sessions: one for hosts that the operator named, one for hosts that a server chose.

    They share no connection, so that a connection made for the one is never used by the other.
    """

    def __init__(
        self,
        *,
        named: aiohttp.ClientSession,
        guarded: aiohttp.ClientSession,
        resolver: GuardedResolver,
        proxies: Mapping[str, str],
    ) -> None:
        self._resolver = resolver
        self._named = named
        self._guarded = guarded
        self._proxies = proxies
        self._proxy_of: dict[Origin, URL | None] = {}

    def session(self, *, guarded: bool) -> aiohttp.ClientSession:
        """The session for a host; `guarded` connects to public addresses only."""
        return self._guarded if guarded else self._named

    async def guard(self, origin: Origin) -> None:
        """See that a name that a proxy will be asked for is at no private address, seen from here.

        What only the proxy can resolve is left to it. Raises `PrivateAddressError`.
        """
        try:
            await self._resolver.resolve(origin.host, origin.port)
        except PrivateAddressError:
            raise
        except OSError:
            return

    def proxy_for(self, origin: Origin) -> URL | None:
        """The proxy that `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` name for `origin`."""
        if origin not in self._proxy_of:
            found = proxy_for(origin.scheme, origin.host, origin.port, self._proxies)
            self._proxy_of[origin] = URL(found) if found else None
        return self._proxy_of[origin]


@asynccontextmanager
async def open_network(environment: Mapping[str, str]) -> AsyncIterator[Network]:
    """Open the run's sessions; `environment` names the proxies. No `.netrc` is read."""
    proxies = proxies_of(environment)
    exempt = frozenset(
        (url.host or "", url.port or 0)
        for url in (URL(proxies[scheme]) for scheme in ("http", "https") if proxies[scheme])
    )
    resolver, own = GuardedResolver(exempt), GuardedResolver(exempt, private=True)
    async with (
        _session(aiohttp.TCPConnector(limit=0, keepalive_timeout=60, resolver=own)) as named,
        _session(aiohttp.TCPConnector(limit=0, keepalive_timeout=60, resolver=resolver)) as guarded,
    ):
        yield Network(named=named, guarded=guarded, resolver=resolver, proxies=proxies)


def _session(connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=_HEADERS,
        auto_decompress=False,
        trust_env=False,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
    )
