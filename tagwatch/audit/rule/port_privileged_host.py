"""A host port below 1024 is published: one that only system services used to have.

The container's own port is another matter: since Docker 20.10 any user may bind it inside.

Example: `ports: ["127.0.0.1:22:2222"]`: "git publishes 127.0.0.1:22:2222: host port 22 is one that
system services have".

Risk: the container takes the place of a system service (ssh, DNS, mail) of its host.
Remedy: publish a port from 1024 up; or name it in `allow_ports`.
Source: CIS Docker Benchmark 5.8; moby pull request 41030.
"""

from __future__ import annotations

from collections.abc import Iterator

from tagwatch.audit.rule.interface import FileSubject, Option, Rule, RuleScope, Statement, row
from tagwatch.audit.rule.published import published

__all__ = ["RULE", "check"]

_FIRST_FREE = 1024


def check(subject: FileSubject) -> Iterator[Statement]:
    """Report published host ports below 1024, except those that are allowed."""
    allowed = subject.options["allow_ports"]
    for one in published(subject):
        hosts = [port.host for port in one.ports if port.host is not None]
        host = next((h for h in hosts if 0 < h < _FIRST_FREE and h not in allowed), None)
        if host is None:
            continue
        yield Statement(
            message=f"{one.service} publishes {one}: "
            f"host port {host} is one that system services have",
            remedy=f"publish a port from 1024 up, or name {host} in this rule's allow_ports",
            target=one.target,
            location=one.location,
            subject=str(one),
        )


RULE = Rule(
    **row("port-privileged-host"),
    title="privileged host port",
    scope=RuleScope.FILE,
    options={"allow_ports": Option(default=(80, 443), about="host ports that may be", item=int)},
    check=check,
)
