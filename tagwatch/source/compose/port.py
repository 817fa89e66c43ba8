"""Published ports of a Compose service: the short syntax, ranges, the long syntax, and replicas.

The short syntax is `[[HOST_IP:]HOST:]CONTAINER[/PROTOCOL]` (docker/go-connections `nat`).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable

from tagwatch.source.compose.file import ComposeFile
from tagwatch.source.target import Location, Port, Problem
from tagwatch.source.text.interpolation import Resolved
from tagwatch.source.text.node import Mapping, Scalar, Sequence, items_of
from tagwatch.value import dataclass, replace

__all__ = ["Publication", "read_publication"]

_MAX_PORTS = 4096  # of one service: a hostile file may publish every port many times
_RANGE = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?", re.ASCII)
_COUNT = re.compile(r"\d{1,6}", re.ASCII)
_SWARM_KEYS = frozenset({"mode", "update_config", "rollback_config", "placement", "endpoint_mode"})
_SWARM_NAME = re.compile(r"(?i)(?:^|[._-])(?:stack|swarm)(?:[._-]|$)")
_Value = Callable[[Scalar], Resolved]


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What a service says of its ports, as far as it says anything (None: nothing).

    `replaces`: the ports take the place of inherited ones (`!override`, `!reset`).
    """

    ports: tuple[Port, ...] = ()
    profiles: tuple[str, ...] = ()
    replaces: bool = False
    network_mode: str | None = None
    scale: int | None = None
    replicas: int | None = None
    swarm: bool = False

    def upon(self, base: Publication) -> Publication:
        """This laid over what it extends or overrides; the same mapping twice is one."""
        known = () if self.replaces else base.ports
        ports = {_key(port): port for port in (*known, *self.ports)}
        return Publication(
            ports=tuple(ports.values()),
            profiles=tuple(dict.fromkeys((*base.profiles, *self.profiles))),
            network_mode=self.network_mode or base.network_mode,
            scale=base.scale if self.scale is None else self.scale,
            replicas=base.replicas if self.replicas is None else self.replicas,
            swarm=self.swarm or base.swarm,
        )

    def of(self, service: str) -> tuple[Port, ...]:
        """The ports as the service of that name publishes them.

        None on the host's network or another container's: there the engine drops or refuses them.
        """
        mode = self.network_mode or ""
        if mode in ("host", "none") or mode.startswith(("service:", "container:")):
            return ()
        scale, replicas = self.scale or 1, self.replicas or 1
        return tuple(
            replace(
                port,
                service=service,
                profiles=self.profiles,
                scale=scale,
                replicas=replicas,
                swarm=self.swarm,
            )
            for port in self.ports
        )


def read_publication(
    file: ComposeFile, service: Mapping
) -> tuple[Publication, tuple[Problem, ...]]:
    """The ports under `ports:`, ranges spelled out; a port that cannot be read is a problem."""
    ports: list[Port] = []
    problems: list[Problem] = []
    section = service.get("ports")
    for item in items_of(section):
        if len(ports) > _MAX_PORTS:
            break
        place = file.document.location(item)
        try:
            if isinstance(item, Mapping):
                ports += _long(item, file.value, place)
            elif isinstance(item, Scalar):
                ports += _short(_text(item, file.value), place)
        except _UnknownError as error:
            message = f"the port {error} and was not judged"
            problems.append(Problem(message=message, location=place, skipped=True))
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
                message=f"publishes more than {_MAX_PORTS} ports; the first ones are judged",
                location=file.document.location(service),
                hint="publish fewer ports",
            )
        )
    raw = service.entries.get("ports")
    is_swarm = _SWARM_NAME.search(posixpath.basename(file.path)) is not None
    is_meshed = is_swarm or _asks_for_mesh(service)
    publication = Publication(
        ports=tuple(ports[:_MAX_PORTS]),
        profiles=file.profiles(service),
        replaces=isinstance(raw, Scalar | Sequence) and raw.tag in ("!override", "!reset"),
        network_mode=file.known(service.get("network_mode")),
        scale=_count(file.known(service.get("scale"))),
        # a swarm's routing mesh shares ports among the replicas
        replicas=None if is_meshed else _count(file.known(service.get("deploy", "replicas"))),
        swarm=is_swarm,
    )
    return publication, tuple(problems)


def _asks_for_mesh(service: Mapping) -> bool:
    """True where `deploy` asks for what only a swarm gives. Compose takes it too, and passes it by:
    it is no proof that the ports are a swarm's.
    """
    deploy = service.mapping("deploy")
    return deploy is not None and bool(deploy.entries.keys() & _SWARM_KEYS)


def _count(text: str | None) -> int | None:
    return int(text) if text is not None and _COUNT.fullmatch(text) else None


def _key(port: Port) -> tuple[object, ...]:
    return port.host_ip, port.host, port.among, port.container, port.protocol


class _UnknownError(Exception):
    """A port that depends on a variable without a value: nobody can say which it is."""


def _text(node: Scalar, value: _Value) -> str:
    resolved = value(node)
    if resolved.missing:
        raise _UnknownError(f"{node.value[:60]!r} needs {', '.join(resolved.missing)}")
    if resolved.error:
        raise ValueError(resolved.error)
    return resolved.text


def _short(text: str, place: Location) -> list[Port]:
    rest, _, protocol = text.partition("/")
    rest, _, container = rest.rpartition(":")
    address, _, host = rest.rpartition(":")
    return _ports(container, host, address, protocol or "tcp", place)


def _long(node: Mapping, value: _Value, place: Location) -> list[Port]:
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
    )


def _ports(container: str, host: str, address: str, protocol: str, place: Location) -> list[Port]:
    """One port for each container port. A host range for one container port lets the engine choose.

    Raises `ValueError` for what Docker refuses.
    """
    inside = _range(container)
    outside = _range(host) if host else None
    among = None
    if outside is not None and len(outside) != len(inside):
        if len(inside) != 1:
            raise ValueError(f"the ranges {host!r} and {container!r} differ in length")
        among = (outside[0], outside[-1])
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
            among=among,
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
