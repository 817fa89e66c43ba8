"""Which proxy a connection takes: `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, either case.

This machine itself is never reached through one, whatever `NO_PROXY` says.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # no typeshed

from tagwatch.errors import ConfigError

__all__ = ["proxies_of", "proxy_for"]

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def proxies_of(environment: Mapping[str, str]) -> dict[str, str]:
    """The proxies by scheme (`http`, `https`; empty: none), and under `no` who is reached without.

    Raises `ConfigError` for one that is no URL of an HTTP proxy.
    """

    def read(name: str) -> str:
        return environment.get(name) or environment.get(name.upper()) or ""

    return {
        "http": _checked(read("http_proxy")),
        "https": _checked(read("https_proxy")),
        "no": read("no_proxy"),
    }


def proxy_for(scheme: str, host: str, port: int, proxies: Mapping[str, str]) -> str | None:
    """The URL of the proxy for a server, login included; None where it is reached directly."""
    proxy = proxies.get(scheme)
    if not proxy or host in _LOOPBACK or host.startswith("127."):
        return None
    return None if proxy_bypass_environment(f"{host}:{port}", dict(proxies)) else proxy


def _checked(text: str) -> str:
    if not text:
        return ""
    whole = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(whole)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        usable = False
    if not usable:
        raise ConfigError(
            "HTTP_PROXY or HTTPS_PROXY is not the URL of an HTTP proxy",
            hint="write http://host:port; SOCKS proxies are not supported",
        )
    return whole
