"""A host port below 1024 is published: one that only system services used to have.

The container's own port is another matter: since Docker 20.10 any user may bind it inside.

Risk: the container takes the place of a system service (ssh, DNS, mail) of its host.
Remedy: publish a port from 1024 up; or name it in `allow_ports`.
Source: CIS Docker Benchmark 5.8; moby pull request 41030.
"""

from __future__ import annotations

from collections.abc import Iterator

from tagwatch.audit.finding import Severity
from tagwatch.audit.rule.interface import FileSubject, Need, Option, Rule, Scope, Statement
from tagwatch.audit.rule.published import mapping, published

__all__ = ["RULE", "check"]

_FIRST_FREE = 1024


def check(subject: FileSubject) -> Iterator[Statement]:
    """Published host ports below 1024, save those that are allowed."""
    for one in published(subject):
        host = one.port.host
        if host is None or not 0 < host < _FIRST_FREE or host in subject.options["allow_ports"]:
            continue
        yield Statement(
            message=f"{one.service} publishes {mapping(one.port)}: "
            f"host port {host} is a system service's",
            remedy="publish a port from 1024 up, or allow this one in the policy",
            target=one.target,
            location=one.port.location,
            subject=mapping(one.port),
        )


RULE = Rule(
    id="port-privileged-host",
    title="privileged host port",
    severity=Severity.NOTE,
    needs=frozenset({Need.TEXT}),
    scope=Scope.FILE,
    options={"allow_ports": Option(default=(80, 443), about="host ports that may be", item=int)},
    check=check,
)
