"""The connections of one run: sessions, proxies and TLS. Made in the shell, passed down."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp
from yarl import URL

from tagwatch.errors import ConfigError
from tagwatch.proxy import proxies_of, proxy_for
from tagwatch.registry.safety import GuardedResolver, Origin
from tagwatch.registry.settings import RegistrySettings

__all__ = ["Network", "open_network", "tls_context"]

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
        proxies: Mapping[str, str],
    ) -> None:
        self._named = named
        self._guarded = guarded
        self._proxies = proxies
        self._proxy_of: dict[Origin, URL | None] = {}

    def session(self, *, guarded: bool) -> aiohttp.ClientSession:
        """The session for a host; `guarded` connects to public addresses only."""
        return self._guarded if guarded else self._named

    def proxy_for(self, origin: Origin) -> URL | None:
        """The proxy that `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` name for `origin`."""
        if origin not in self._proxy_of:
            found = proxy_for(origin.scheme, origin.host, origin.port, self._proxies)
            self._proxy_of[origin] = URL(found) if found else None
        return self._proxy_of[origin]


def tls_context(settings: RegistrySettings) -> ssl.SSLContext | bool:
    """What aiohttp takes as `ssl`: True verifies by the system's authorities.

    Raises `ConfigError` for a certificate file that cannot be used.
    """
    if not settings.ca_file and not settings.client_certificate and not settings.insecure:
        return True
    path = settings.ca_file
    try:
        context = ssl.create_default_context(cafile=path)
        if settings.insecure and not path:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        path = settings.client_certificate
        if path:
            context.load_cert_chain(path)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{path}: the certificate file cannot be used: {type(error).__name__}",
            hint="ca_file and client_certificate (certificate and key) are PEM files",
        ) from error
    return context


@asynccontextmanager
async def open_network(environment: Mapping[str, str]) -> AsyncIterator[Network]:
    """Open the run's sessions; `environment` names the proxies. No `.netrc` is read."""
    proxies = proxies_of(environment)
    exempt = frozenset(
        (url.host or "", url.port or 0)
        for url in (URL(proxies[scheme]) for scheme in ("http", "https") if proxies[scheme])
    )
    async with (
        _session(aiohttp.TCPConnector(limit=0, keepalive_timeout=60)) as named,
        _session(
            aiohttp.TCPConnector(limit=0, keepalive_timeout=60, resolver=GuardedResolver(exempt))
        ) as guarded,
    ):
        yield Network(named=named, guarded=guarded, proxies=proxies)


def _session(connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=_HEADERS,
        auto_decompress=False,
        trust_env=False,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
    )
