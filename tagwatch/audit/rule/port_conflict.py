"""Two containers that run together want the same host port at the same address.

They are of two services of a project, or of one: a service with `scale` (an error) or
`deploy.replicas` (a warning, for a swarm's routing mesh shares the port) has one host port for all
its containers, unless a range gives each its own. TCP and UDP are apart; an address meets every
interface of its family; services of different profiles need not run together.

Example: `scale: 3`, `ports: ["8080:80"]`: "a publishes 8080:80 on one host port, and scale: 3
starts 3 containers".

Risk: whichever starts second does not start.
Remedy: give one of them another host port or address; give a scaled service a range, or no host
port and a proxy before it.
Source: Compose specification, `ports`, `profiles`, `scale` and `deploy.replicas`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from tagwatch.audit.model.finding import Severity
from tagwatch.audit.rule.interface import FileSubject, Rule, RuleScope, Statement, row
from tagwatch.audit.rule.published import Published, is_everywhere, published
from tagwatch.source.target import Port

__all__ = ["RULE", "check"]


def check(subject: FileSubject) -> Iterator[Statement]:
    """Report each mapping that clashes with an earlier one of the project, or with itself."""
    taken: dict[tuple[int, str], list[Published]] = {}
    for one in published(subject):
        other = next(filter(None, (_taker(port, taken) for port in one.ports)), None)
        for port in one.ports:
            if port.host is not None:
                taken.setdefault((port.host, port.protocol), []).append(one)
        if other is not None:
            who = "" if other.service == one.service else f"{other.service} "
            yield Statement(
                message=f"{one.service} publishes {one}, and {who}already has {other}"
                + _place(other, one),
                remedy="give one of them another host port or address",
                target=one.target,
                location=one.location,
                subject=str(one),
            )
        elif _is_crowded(one.port):
            yield _crowded(one)


def _taker(port: Port, taken: dict[tuple[int, str], list[Published]]) -> Published | None:
    """Return the earlier mapping that already has the host port."""
    if port.host is None:
        return None
    others = taken.get((port.host, port.protocol), ())
    return next((other for other in others if _meet(port, other.port)), None)


def _meet(one: Port, other: Port) -> bool:
    if one.profiles and other.profiles and not set(one.profiles) & set(other.profiles):
        return False
    if one.host_ip == other.host_ip or "" in (one.host_ip, other.host_ip):
        return True
    if (":" in one.host_ip) != (":" in other.host_ip):
        return False
    return is_everywhere(one) or is_everywhere(other)


def _place(other: Published, one: Published) -> str:
    at = other.location
    if at is None:
        return ""
    here = one.location or (one.target.location if one.target is not None else at)
    return f" in line {at.line}" if at.path == here.path else f" in {at.path}:{at.line}"


def _is_crowded(port: Port) -> bool:
    """Return True where the service has more containers than the mapping has host ports."""
    return max(port.scale, port.replicas) > (_places(port) or math.inf)


def _places(port: Port) -> int | None:
    """Return how many host ports the containers may have; None: as many as they want."""
    if port.host is not None:
        return 1
    return port.among[1] - port.among[0] + 1 if port.among is not None else None


def _crowded(one: Published) -> Statement:
    port = one.port
    count = max(port.scale, port.replicas)
    places = "one host port" if port.host is not None else f"{_places(port)} host ports"
    how = f"scale: {count}" if port.scale >= count else f"deploy.replicas: {count}"
    return Statement(
        message=f"{one.service} publishes {one} on {places}, and {how} starts {count} containers",
        remedy=f"give a range of {count} host ports, or none, with a proxy before them",
        severity=None if port.scale >= count else Severity.WARNING,
        target=one.target,
        location=one.location,
        subject=str(one),
    )


RULE = Rule(
    **row("port-conflict"),
    title="host port published twice",
    scope=RuleScope.FILE,
    check=check,
)
