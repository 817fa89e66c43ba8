"""The ports that a file publishes and what publishes them, as the rules about ports share them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tagwatch.audit.rule.interface import FileSubject
from tagwatch.audit.rule.phrase import name
from tagwatch.source.target import Location, Port, Target
from tagwatch.value import dataclass

__all__ = ["Published", "is_everywhere", "mapping", "mappings", "published"]

_EVERYWHERE = frozenset({"", "0.0.0.0", "::", "*"})  # noqa: S104 - what is looked for, not bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One mapping as it is written: a port or a range of ports."""

    ports: tuple[Port, ...]
    """The ports of the mapping, ascending; never empty."""
    target: Target | None
    """None for a service that names no image because it is only built."""

    @property
    def port(self) -> Port:
        """The first port."""
        return self.ports[0]

    @property
    def location(self) -> Location | None:
        """The place of the mapping in the file; None where it is not known."""
        return self.port.location

    @property
    def service(self) -> str:
        """The name of the service or container; without one, the image, or words for it."""
        if self.port.service:
            return self.port.service
        if self.target is None:
            return "a service built here"
        return self.target.group or name(self.target)

    def __str__(self) -> str:
        return mapping(self.ports)


def published(subject: FileSubject) -> Iterator[Published]:
    """Yield every published mapping of the file: those of targets in order, then all others."""
    for target in subject.targets:
        yield from mappings(target.ports, target)
    yield from mappings(subject.ports, None)


def mappings(ports: Iterable[Port], target: Target | None) -> Iterator[Published]:
    """Yield the mappings that `ports` were written as: a range of ports is one mapping."""
    together: list[Port] = []
    for port in ports:
        if together and not _continues(together[-1], port):
            yield Published(ports=tuple(together), target=target)
            together = []
        together.append(port)
    if together:
        yield Published(ports=tuple(together), target=target)


def _continues(one: Port, other: Port) -> bool:
    """Return True where `other` is the next port of the range that `one` was written in."""
    return (
        one.location is not None
        and (one.location, one.service, one.protocol, one.host_ip)
        == (other.location, other.service, other.protocol, other.host_ip)
        and other.container == one.container + 1
        and (other.host is None if one.host is None else other.host == one.host + 1)
    )


def mapping(ports: tuple[Port, ...], host_ip: str | None = None) -> str:
    """Return the ports as Compose writes them, on the address `host_ip` where it is given.

    `127.0.0.1:8080:80`, `53:53/udp`, `3000-3010:3000-3010`, or `127.0.0.1::80` on any host port.
    """
    first, last = ports[0], ports[-1]
    ip = first.host_ip if host_ip is None else host_ip
    address = f"[{ip}]" if ":" in ip else ip
    inside = _range(first.container, last.container)
    outside = "" if first.among is None else _range(*first.among)
    if first.host is not None and last.host is not None:
        outside = _range(first.host, last.host)
    text = f"{outside}:{inside}" if outside or address else inside
    text = f"{address}:{text}" if address else text
    return text if first.protocol == "tcp" else f"{text}/{first.protocol}"


def _range(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"


def is_everywhere(port: Port) -> bool:
    """Return True where the port is published on every interface of its address family."""
    return port.host_ip in _EVERYWHERE
