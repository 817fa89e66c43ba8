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
from functools import lru_cache
from typing import NamedTuple

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from tagwatch.errors import ConfigError, HostileAnswerError, UnavailableError
from tagwatch.value import dataclass

__all__ = [
    "Boundary",
    "GuardedResolver",
    "Origin",
    "Passage",
    "is_link_local",
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
# Where clouds (EC2 by IPv6, Alibaba) tell a machine its own secrets, beside link-local addresses.
_METADATA = frozenset(map(ipaddress.ip_address, ("fd00:ec2::254", "100.100.100.200")))
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
    # A scan has a URL a tag, and few places: what a URL tells of its own it works out each time.
    return _origin(url.scheme, url.raw_authority)


@lru_cache(maxsize=256)
def _origin(scheme: str, authority: str) -> Origin:
    url = URL.build(scheme=scheme, authority=authority, encoded=True)
    return Origin(scheme, (url.host or "").rstrip("."), url.port or 0)


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


@lru_cache(maxsize=1024)  # it is asked before every request
def is_link_local(address: str) -> bool:
    """True for an address of this very cable, where clouds keep the machine's own secrets.

    In any spelling that a connection takes, also behind IPv6 transition forms.

    >>> is_link_local("169.254.169.254"), is_link_local("2852039166"), is_link_local("127.0.0.1")
    (True, True, False)
    """
    ip: ipaddress.IPv4Address | ipaddress.IPv6Address
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        try:
            ip = ipaddress.IPv4Address(socket.inet_aton(address))
        except OSError:
            return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if inner is None and any(ip in network for network in _OF_IPV4):
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            ip = inner
    return ip.is_link_local or ip in _METADATA


class Passage(NamedTuple):
    """What is allowed at a URL: `guarded` means that its address must be public."""

    guarded: bool
    credentials: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundary:
    """The one decision where a request of one registry may go.

    `home`: origins the operator or the built-in table named for it. `token_servers`: also named,
    may receive its credentials. `redirects`: named, may be reached, get no credentials.
    `public_only`: `home` was named by a tree that nobody trusts, and is asked at public addresses.
    Link-local addresses are never asked, whoever names them.
    """

    home: frozenset[Origin]
    public_only: bool = False
    token_servers: frozenset[Origin] = frozenset()
    redirects: frozenset[Origin] = frozenset()

    def permit(self, url: URL) -> Passage:
        """What a request to `url` may do.

        Raises `HostileAnswerError` where a server leads to where it may not be made, and
        `UnavailableError` where nobody may.
        """
        origin = origin_of(url)
        named = self.home | self.token_servers | self.redirects
        if origin in named and is_link_local(origin.host):
            raise UnavailableError(
                f"{str(origin)!r} is a link-local address, and is never asked",
                hint="machines keep their own secrets there; no registry is",
            )
        if origin in self.home or origin in self.token_servers:
            if not self.public_only or origin not in self.home:
                return _TRUSTED
            if _bypasses_resolver(origin.host) and not is_public_address(origin.host):
                raise UnavailableError(
                    f"{str(origin)!r} is no public address, and the tree is untrusted",
                    hint="name the host under `registries` in your own configuration",
                )
            return _PUBLIC
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
_PUBLIC = Passage(guarded=True, credentials=True)
_NAMED = Passage(guarded=False, credentials=False)
_FOREIGN = Passage(guarded=True, credentials=False)


class PrivateAddressError(OSError):
    """A name resolved to an address that it must not have. `kind`: private or link-local."""

    def __init__(self, name: str, kind: str) -> None:
        super().__init__(f"{name!r} is at a {kind} address")
        self.name = name
        self.kind = kind


class GuardedResolver(AbstractResolver):
    """Resolves names to allowed addresses only, so that the checked address is the one used.

    Answers are checked where the connection takes them from: a name that changes its address
    between check and use (DNS rebinding) gains nothing. `exempt`: hosts of proxies. `private`:
    private addresses are allowed, only link-local ones are not.
    """

    def __init__(
        self, exempt: frozenset[tuple[str, int]] = frozenset(), *, private: bool = False
    ) -> None:
        self._resolver = ThreadedResolver()
        self._exempt = exempt
        self._private = private

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """See `AbstractResolver.resolve`. Raises `PrivateAddressError`."""
        results = await self._resolver.resolve(host, port, family)
        if (host, port) not in self._exempt:
            for result in results:
                address = result["host"]
                if is_link_local(address):
                    raise PrivateAddressError(host, "link-local")
                if not self._private and not is_public_address(address):
                    raise PrivateAddressError(host, "private")
        return results

    async def close(self) -> None:
        """See `AbstractResolver.close`."""
        await self._resolver.close()


def _bypasses_resolver(host: str) -> bool:
    """True for what aiohttp takes for an address and never shows to a resolver.

    That is wider than the addresses there are: `2130706433` and `127.1` connect to this machine.
    """
    return ":" in host or host.replace(".", "").isdigit()
