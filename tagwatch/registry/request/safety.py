"""Where a request may go, and which addresses a server may send us to.

A registry chooses URLs for its client: the token server (`realm`), the next page (`Link`), the
storage (`Location`). None of them may take a credential to a host that the operator did not name,
reach this machine or its network, or fall back to plain HTTP (CVE-2026-48978, CVE-2026-33540,
CVE-2020-15157, CVE-2026-49349 and the like).
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from typing import NamedTuple

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from tagwatch.errors import ConfigError, HostileAnswerError
from tagwatch.value import dataclass

__all__ = [
    "Boundary",
    "GuardedResolver",
    "Origin",
    "Passage",
    "is_public_address",
    "origin_of",
    "parse_origins",
]

# What the last 32 bits of an address are an IPv4 address in: NAT64, SIIT, IPv4-compatible.
_OF_IPV4 = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "::ffff:0:0:0/96", "::/96")))
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")  # all that IANA has given out
# Python's own word on these depends on its version (RFC 9637, RFC 6890, "Protocol Assignments").
_NOT_GLOBAL = tuple(map(ipaddress.IPv6Network, ("3fff::/20", "2001:db8::/32", "2001::/32")))
_PROTOCOL_ASSIGNMENTS = ipaddress.IPv4Network("192.0.0.0/24")
_PORTS = {"http": 80, "https": 443}


class Origin(NamedTuple):
    """Scheme, host in lower case and port: what credentials and trust are bound to."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS.get(self.scheme) else f"{host}:{self.port}"


def origin_of(url: URL) -> Origin:
    """The origin of an absolute URL; scheme and host are empty where it has none."""
    return Origin(url.scheme, (url.host or "").rstrip("."), url.port or 0)


def parse_origins(texts: Iterable[str], *, insecure: bool) -> frozenset[Origin]:
    """Origins of `[scheme://]host[:port]`; without a scheme https, and http where `insecure`.

    Raises `ConfigError` for text that names no host.
    """
    origins: set[Origin] = set()
    for text in texts:
        schemes = ("https", "http") if insecure else ("https",)
        whole = (text,) if "://" in text else tuple(f"{scheme}://{text}" for scheme in schemes)
        try:
            found = {origin_of(URL(candidate)) for candidate in whole}
        except ValueError:
            found = set()
        if not found or any(not o.host or o.scheme not in _PORTS for o in found):
            raise ConfigError(
                f"not a host: {text[:160]!r}", hint="write host, host:port or https://host:port"
            )
        origins |= found
    return frozenset(origins)


def is_public_address(address: str) -> bool:
    """True where `address` is a global unicast address, also behind IPv6 transition forms.

    False for other spellings (`127.1`): only the canonical one is understood.

    >>> is_public_address("8.8.8.8"), is_public_address("::ffff:169.254.169.254")
    (True, False)
    """
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if inner is None and any(ip in network for network in _OF_IPV4):
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public_address(str(inner))
        if ip not in _GLOBAL_UNICAST or any(ip in network for network in _NOT_GLOBAL):
            return False
    return ip.is_global and not ip.is_multicast and ip not in _PROTOCOL_ASSIGNMENTS


class Passage(NamedTuple):
    """What is allowed at a URL: `guarded` means that its address must be public."""

    guarded: bool
    credentials: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundary:
    """The one decision where a request of one registry may go.

    `home`: origins the operator or the built-in table named for it. `token_servers`: also named,
    may receive its credentials. `redirects`: named, may be reached, get no credentials.
    """

    home: frozenset[Origin]
    token_servers: frozenset[Origin] = frozenset()
    redirects: frozenset[Origin] = frozenset()

    def permit(self, url: URL) -> Passage:
        """What a request to `url` may do. Raises `HostileAnswerError` where it may not be made."""
        origin = origin_of(url)
        if origin in self.home or origin in self.token_servers:
            return _TRUSTED
        if origin in self.redirects:
            return _NAMED
        if origin.scheme != "https" or not origin.host:
            raise HostileAnswerError(
                f"the registry sends its client to {str(origin)!r}, and not by https",
                hint="plain HTTP is allowed only to a host that the configuration names with it",
            )
        if _bypasses_resolver(origin.host) and not is_public_address(origin.host):
            raise HostileAnswerError(
                f"the registry sends its client to {str(origin)!r}, which is no public address",
                hint=f"where that is meant, add {str(origin)!r} to the registry's redirect_hosts "
                "(storage) or token_hosts (token server)",
            )
        return _FOREIGN


_TRUSTED = Passage(guarded=False, credentials=True)
_NAMED = Passage(guarded=False, credentials=False)
_FOREIGN = Passage(guarded=True, credentials=False)


class PrivateAddressError(OSError):
    """A guarded name resolved to an address that is not public."""


class GuardedResolver(AbstractResolver):
    """Resolves names to public addresses only, so that the checked address is the one used.

    Answers are checked where the connection takes them from: a name that changes its address
    between check and use (DNS rebinding) gains nothing. `exempt`: hosts of proxies.
    """

    def __init__(self, exempt: frozenset[tuple[str, int]] = frozenset()) -> None:
        self._resolver = ThreadedResolver()
        self._exempt = exempt

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """See `AbstractResolver.resolve`. Raises `PrivateAddressError`."""
        results = await self._resolver.resolve(host, port, family)
        if (host, port) not in self._exempt:
            for result in results:
                if not is_public_address(result["host"]):
                    raise PrivateAddressError(f"{host!r} is at a private address")
        return results

    async def close(self) -> None:
        """See `AbstractResolver.close`."""
        await self._resolver.close()


def _bypasses_resolver(host: str) -> bool:
    """True for what aiohttp takes for an address and never shows to a resolver.

    That is wider than the addresses there are: `2130706433` and `127.1` connect to this machine.
    """
    return ":" in host or host.replace(".", "").isdigit()
