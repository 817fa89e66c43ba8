"""Two services of one file want the same host port at the same address.

TCP and UDP are apart; an address meets every interface of its family; services of different
profiles need not run together, and are not reported.

Risk: whichever starts second does not start.
Remedy: give one of them another host port or address.
Source: Compose specification, `ports` and `profiles`.
"""

from __future__ import annotations

from collections.abc import Iterator

from tagwatch.audit.finding import Severity
from tagwatch.audit.rule.interface import FileSubject, Need, Rule, Scope, Statement
from tagwatch.audit.rule.published import Published, is_everywhere, mapping, published
from tagwatch.source.target import Port

__all__ = ["RULE", "check"]


def check(subject: FileSubject) -> Iterator[Statement]:
    """Each port that an earlier one of the file already takes."""
    taken: dict[tuple[int, str], list[Published]] = {}
    for one in published(subject):
        if one.port.host is None:
            continue
        same = taken.setdefault((one.port.host, one.port.protocol), [])
        other = next((o for o in same if _meet(one.port, o.port) and not _is_same(one, o)), None)
        same.append(one)
        if other is not None:
            at = other.port.location
            line = f" in line {at.line}" if at else ""
            yield Statement(
                message=f"{one.service} publishes {mapping(one.port)}, "
                f"and {other.service} already has {mapping(other.port)}{line}",
                remedy="give one of them another host port or address",
                target=one.target,
                location=one.port.location,
                subject=mapping(one.port),
            )


def _is_same(one: Published, other: Published) -> bool:
    """True for one mapping seen twice, through two names of the same image."""
    return one.port.location is not None and one.port == other.port


def _meet(one: Port, other: Port) -> bool:
    if one.profiles and other.profiles and not set(one.profiles) & set(other.profiles):
        return False
    if one.host_ip == other.host_ip or "" in (one.host_ip, other.host_ip):
        return True
    if (":" in one.host_ip) != (":" in other.host_ip):
        return False
    return is_everywhere(one) or is_everywhere(other)


RULE = Rule(
    id="port-conflict",
    title="host port published twice",
    severity=Severity.ERROR,
    needs=frozenset({Need.TEXT}),
    scope=Scope.FILE,
    check=check,
)
