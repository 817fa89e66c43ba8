"""The ports that a file publishes, with what they belong to: shared by the rules about ports."""

from __future__ import annotations

from collections.abc import Iterator

from tagwatch.audit.rule.interface import FileSubject
from tagwatch.audit.rule.phrase import name
from tagwatch.source.target import Port, Target
from tagwatch.value import dataclass

__all__ = ["Published", "is_everywhere", "mapping", "published"]

_EVERYWHERE = frozenset({"", "0.0.0.0", "::", "*"})  # noqa: S104 - what is looked for, not bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A published port, of a service with an image or (target None) of one that is only built."""

    port: Port
    target: Target | None

    @property
    def service(self) -> str:
        """The service's or container's name, where it has one."""
        if self.target is None:
            return "a service built here"
        return self.target.group or name(self.target)


def published(subject: FileSubject) -> Iterator[Published]:
    """Every published port of the file, in its order."""
    for target in subject.targets:
        for port in target.ports:
            yield Published(port=port, target=target)
    for port in subject.ports:
        yield Published(port=port, target=None)


def mapping(port: Port, host_ip: str | None = None) -> str:
    """The port as Compose writes it: `127.0.0.1:8080:80`, `53:53/udp`, `127.0.0.1::80` on any
    host port; with `host_ip`, on that address.
    """
    ip = port.host_ip if host_ip is None else host_ip
    address = f"[{ip}]" if ":" in ip else ip
    outside = "" if port.host is None else str(port.host)
    text = f"{outside}:{port.container}" if outside or address else str(port.container)
    text = f"{address}:{text}" if address else text
    return text if port.protocol == "tcp" else f"{text}/{port.protocol}"


def is_everywhere(port: Port) -> bool:
    """True where the port is published on every interface of its address family."""
    return port.host_ip in _EVERYWHERE
