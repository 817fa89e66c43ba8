"""The image is for another operating system than the hosts that the policy names run.

`defaults.host_os: any` turns it off for mixed fleets. Docker Desktop on Windows runs Linux images,
so that the machine at hand says nothing: only the policy does.

Example: `FROM redis:6.2.24`: "redis:6.2.24 is for windows only, and the hosts run linux".

Risk: the container never starts: an image shares the kernel of its host.
Remedy: use the image built for your hosts' system.
Source: OCI image-spec, config.md `os`; Microsoft, "Windows container version compatibility".
"""

from __future__ import annotations

from collections.abc import Iterator

from tagwatch.audit.rule.interface import Rule, Statement, Subject, row
from tagwatch.audit.rule.phrase import name

__all__ = ["RULE", "check"]


_UNKNOWN = "unknown"


def check(subject: Subject) -> Iterator[Statement]:
    """Report an image that has no platform of the hosts' operating system."""
    target, evidence = subject.target, subject.evidence
    host = subject.policy.defaults.host_os
    if evidence is None or host == "any" or not evidence.platforms_offered:
        return
    systems = sorted({text.partition("/")[0] for text in evidence.platforms_offered})
    if host in systems or _UNKNOWN in systems:  # whose config could not be read may be for any
        return
    yield Statement(
        message=f"{name(target)} is for {' and '.join(systems)} only, and the hosts run {host}",
        remedy=f"use an image for {host}, or set defaults.host_os in the policy",
        evidence={"os": ", ".join(systems)},
    )


RULE = Rule(
    **row("os-mismatch"),
    title="image of another operating system",
    check=check,
)
