"""A port that an image should not have: 22 (ssh), or a number that is no port.

Ports below 1024 inside the container are fine since Docker 20.10; with `options.privileged` they
are noted, for engines and host networks where they still need root.

Example: `EXPOSE 80000/tcp`: "EXPOSE 80000/tcp: ports go from 1 to 65535".

Risk: ssh in a container is a second way in that nobody watches; a number out of range is a typo,
and the port meant is not there.
Remedy: leave ssh out (`docker exec` does its work), or ignore the finding where ssh is the service
itself, as in a git or sftp server; correct the number.
Source: CIS Docker Benchmark 5.7; Trivy DS-0004; hadolint DL3011.
"""

from __future__ import annotations

from collections.abc import Iterator

from tagwatch.audit.model.finding import Severity
from tagwatch.audit.rule.interface import FileSubject, Option, Rule, RuleScope, Statement, row
from tagwatch.source.target import Instruction

__all__ = ["RULE", "check"]

_SSH = 22
_LAST = 65_535
_FIRST_FREE = 1024


def check(subject: FileSubject) -> Iterator[Statement]:
    """Report ssh and numbers that are no port, in EXPOSE instructions and published ports."""
    for one in subject.instructions:
        if one.name == "EXPOSE" and not one.missing:
            yield from _exposed(one, privileged=subject.options["privileged"])
    if not subject.ports and not any(target.ports for target in subject.targets):
        return
    from tagwatch.audit.rule.published import published  # what a Dockerfile exposes is not

    for found in published(subject):
        if found.port.protocol == "tcp" and any(port.container == _SSH for port in found.ports):
            yield Statement(
                message=f"{found.service} publishes ssh ({found})",
                remedy="use docker exec, and leave ssh out; ignore this where ssh is the service "
                "itself (git, sftp)",
                target=found.target,
                location=found.location,
                subject=str(found),
            )


def _exposed(one: Instruction, *, privileged: bool) -> Iterator[Statement]:
    for text in one.arguments:
        numbers, _, protocol = text.partition("/")
        parts = numbers.split("-")
        if not all(part.isascii() and part.isdigit() for part in parts):
            continue  # the Dockerfile's own tool refuses it
        ports = [int(part) for part in parts]
        severity = None
        if any(not 0 < port <= _LAST for port in ports):
            message, remedy = f"EXPOSE {text}: ports go from 1 to {_LAST}", "correct the number"
        elif ports[0] <= _SSH <= ports[-1] and protocol in ("", "tcp"):
            message = f"EXPOSE {text}: ssh in a container"
            remedy = "use docker exec instead; ignore this where ssh is the service itself"
        elif privileged and ports[0] < _FIRST_FREE:
            message, remedy = f"EXPOSE {text}: a privileged port", "serve a port from 1024 up"
            severity = Severity.NOTE
        else:
            continue
        yield Statement(
            message=message, remedy=remedy, severity=severity, location=one.location, subject=text
        )


RULE = Rule(
    **row("port-suspicious"),
    title="ssh, or a number that is no port",
    scope=RuleScope.FILE,
    options={"privileged": Option(default=False, about="also note EXPOSE below 1024")},
    check=check,
)
