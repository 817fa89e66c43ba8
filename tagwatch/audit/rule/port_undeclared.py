"""A published container port is not among those that the image EXPOSEs.

EXPOSE is documentation, so this is a note; an image that exposes nothing is not judged.

Example: `ports: ["8080:80"]`: "8080:80 is published, and redis:6.2.24 exposes 6379/tcp".

Risk: nothing listens on that port, and the mapping leads nowhere.
Remedy: publish the port that the image serves, or make sure that yours is configured.
Source: CIS Docker Benchmark 5.9.
"""

from __future__ import annotations

from collections.abc import Iterator

from tagwatch.audit.rule.interface import Rule, Statement, Subject, row
from tagwatch.audit.rule.phrase import listed, name
from tagwatch.audit.rule.published import mappings

__all__ = ["RULE", "check"]


def check(subject: Subject) -> Iterator[Statement]:
    """Report published ports that no platform's config exposes."""
    target, evidence = subject.target, subject.evidence
    known = evidence.platforms if evidence else ()
    exposed = {text for facts in known for text in _each(facts.exposed_ports)}
    if not exposed:
        return
    declared = tuple(sorted({text for facts in known for text in facts.exposed_ports}, key=_number))
    for one in mappings(target.ports, target):
        if any(f"{port.container}/{port.protocol}" not in exposed for port in one.ports):
            yield Statement(
                message=f"{one} is published, and {name(target)} exposes {listed(declared)}",
                remedy="publish the port that the image serves",
                location=one.location,
                subject=str(one),
            )


def _each(exposed: tuple[str, ...]) -> Iterator[str]:
    """Yield the ports of a config one by one, each with its protocol.

    A range gives all its ports; what is no port is left out.
    """
    for text in exposed:
        numbers, _, protocol = text.partition("/")
        first, _, last = numbers.partition("-")
        if first.isdigit() and (not last or last.isdigit()):
            end = min(int(last or first), 65_535)
            yield from (f"{port}/{protocol or 'tcp'}" for port in range(int(first), end + 1))


def _number(text: str) -> tuple[int, str]:
    """Return a sort key that puts ports in the order of their numbers."""
    digits = text.partition("/")[0].partition("-")[0]
    return (int(digits) if digits.isdigit() else 0, text)


RULE = Rule(
    **row("port-undeclared"),
    title="published port that the image does not expose",
    check=check,
)
