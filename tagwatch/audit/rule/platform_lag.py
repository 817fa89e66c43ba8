"""The platforms of one tag carry different versions.

Official images build each architecture by itself, so that one may lag for some hours.

Example: `FROM redis:6.2`: "redis:6.2 is not one version on every platform: 6.2.22 on linux/s390x;
6.2.24 on linux/amd64".

Risk: the same file runs 3.12.4 on your laptop and 3.12.3 in production.
Remedy: wait for the publisher, or pin the full version that all platforms have.
Source: docker-library/official-images README, "Architectures other than amd64?".
"""

from __future__ import annotations

from collections.abc import Iterator

from tagwatch.audit.rule.interface import Rule, Statement, Subject, row
from tagwatch.audit.rule.phrase import name

__all__ = ["RULE", "check"]


def check(subject: Subject) -> Iterator[Statement]:
    """Report an image whose platforms have different known versions."""
    evidence = subject.evidence
    if evidence is None:
        return
    versions: dict[str, list[str]] = {}
    for facts in evidence.platforms:
        if facts.version is not None and facts.platform.os != "windows":
            versions.setdefault(facts.version, []).append(str(facts.platform))
    if len(versions) < 2:
        return
    told = "; ".join(f"{version} on {', '.join(on)}" for version, on in sorted(versions.items()))
    yield Statement(
        message=f"{name(subject.target)} is not one version on every platform: {told}",
        remedy="wait for the publisher, or pin the version that all platforms have",
        evidence={version: ", ".join(on) for version, on in versions.items()},
    )


RULE = Rule(
    **row("platform-lag"),
    title="platforms of one tag at different versions",
    check=check,
)
