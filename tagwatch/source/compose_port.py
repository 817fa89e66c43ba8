"""Published ports of a Compose service: the short syntax, ranges, and the long syntax.

The short syntax is `[[HOST_IP:]HOST:]CONTAINER[/PROTOCOL]` (docker/go-connections `nat`).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from tagwatch.source.interpolation import Resolved
from tagwatch.source.node import Document, Mapping, Scalar, items_of
from tagwatch.source.target import Location, Port, Problem

__all__ = ["read_ports"]

_MAX_PORTS = 4096  # of one service: a hostile file may publish every port many times
_RANGE = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?", re.ASCII)
_Value = Callable[[Scalar], Resolved]


def read_ports(
    document: Document, service: Mapping, value: _Value, profiles: tuple[str, ...]
) -> tuple[tuple[Port, ...], tuple[Problem, ...]]:
    """The ports under `ports:`, ranges spelled out; a port that cannot be read is a problem.

    `value` substitutes variables.
    """
    ports: list[Port] = []
    problems: list[Problem] = []
    for item in items_of(service.get("ports")):
        place = document.location(item)
        try:
            if isinstance(item, Mapping):
                ports += _long(item, value, place, profiles)
            elif isinstance(item, Scalar):
                ports += _short(_text(item, value), place, profiles)
        except ValueError as error:
            problems.append(
                Problem(
                    message=f"not a port: {error}",
                    location=place,
                    hint="write [[HOST_IP:]HOST:]CONTAINER[/PROTOCOL]",
                )
            )
    if len(ports) > _MAX_PORTS:
        problems.append(
            Problem(
                message=f"publishes {len(ports)} ports; only the first {_MAX_PORTS} are judged",
                location=document.location(service),
                hint="publish fewer ports",
            )
        )
    return tuple(ports[:_MAX_PORTS]), tuple(problems)


def _text(node: Scalar, value: _Value) -> str:
    resolved = value(node)
    if resolved.missing:
        raise ValueError(f"{node.value[:60]!r} needs {', '.join(resolved.missing)}")
    if resolved.error:
        raise ValueError(resolved.error)
    return resolved.text


def _short(text: str, place: Location, profiles: tuple[str, ...]) -> list[Port]:
    rest, _, protocol = text.partition("/")
    rest, _, container = rest.rpartition(":")
    address, _, host = rest.rpartition(":")
    return _ports(container, host, address, protocol or "tcp", place, profiles)


def _long(node: Mapping, value: _Value, place: Location, profiles: tuple[str, ...]) -> list[Port]:
    texts = {
        key: _text(scalar, value)
        for key in ("target", "published", "host_ip", "protocol")
        if (scalar := node.scalar(key)) is not None
    }
    return _ports(
        texts.get("target", ""),
        texts.get("published", ""),
        texts.get("host_ip", ""),
        texts.get("protocol") or "tcp",
        place,
        profiles,
    )


def _ports(
    container: str,
    host: str,
    address: str,
    protocol: str,
    place: Location,
    profiles: tuple[str, ...],
) -> list[Port]:
    """One port for each container port. A host range for one container port lets the engine choose.

    Raises `ValueError` for what Docker refuses.
    """
    inside = _range(container)
    outside = _range(host) if host else None
    if outside is not None and len(outside) != len(inside):
        if len(inside) != 1:
            raise ValueError(f"the ranges {host!r} and {container!r} differ in length")
        outside = None
    if protocol.lower() not in ("tcp", "udp", "sctp"):
        raise ValueError(f"{protocol[:20]!r} is no protocol")
    return [
        Port(
            container=port,
            host=outside[at] if outside is not None else None,
            host_ip=address.removeprefix("[").removesuffix("]"),
            protocol=protocol.lower(),
            location=place,
            profiles=profiles,
        )
        for at, port in enumerate(inside)
    ]


def _range(text: str) -> range:
    match = _RANGE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:60]!r}")
    first, last = int(match[1]), int(match[2] or match[1])
    if not first <= last <= 65535:
        raise ValueError(f"{text!r} is not within 0-65535")
    return range(first, last + 1)
