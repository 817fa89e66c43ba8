"""The image does not offer a platform that the policy, or the file itself, asks for.

An `arm/v7` machine runs what was built for `arm/v6`; `arm64/v8` is `arm64`; attestations are no
platform.

Example: `FROM redis:6.2.24`: "redis:6.2.24 does not offer linux/arm64: it offers linux/amd64,
linux/arm/v7".

Risk: builds and pulls on that platform fail, or run slowly in emulation without notice.
Remedy: use a tag that has the platform; or take it out of `defaults.platforms`.
Source: OCI image-spec, image-index.md; containerd's platform matching.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tagwatch.audit.rule.interface import Rule, Statement, Subject, row
from tagwatch.audit.rule.phrase import name
from tagwatch.errors import UsageError
from tagwatch.image.platform import Platform

__all__ = ["RULE", "check"]

_ARM_VARIANTS = ("v5", "v6", "v7")


def check(subject: Subject) -> Iterator[Statement]:
    """Report an image that does not offer every required platform."""
    target, evidence = subject.target, subject.evidence
    if evidence is None or not evidence.platforms_offered:
        return
    offered = [platform for text in evidence.platforms_offered for platform in _parsed(text)]
    own = list(_parsed(target.platform)) if target.platform else []
    missing = [p for p in own or subject.policy.defaults.platforms if not _is_served(p, offered)]
    if missing:
        names = ", ".join(str(platform) for platform in missing)
        yield Statement(
            message=f"{name(target)} does not offer {names}: "
            f"it offers {', '.join(evidence.platforms_offered)}",
            remedy="use a tag that offers it",
            evidence={"missing": names},
        )


def _parsed(text: str) -> Iterator[Platform]:
    try:
        yield Platform.parse(text)
    except UsageError:
        return  # a platform nobody can ask for


def _is_served(wanted: Platform, offered: Iterable[Platform]) -> bool:
    return any(one.serves(wanted) or _runs_on(one, wanted) for one in offered)


def _runs_on(image: Platform, machine: Platform) -> bool:
    """Return True where a 32-bit ARM machine runs an image of its own or an earlier variant."""
    if (image.os, image.architecture, machine.architecture) != (machine.os, "arm", "arm"):
        return False
    known = [p.variant for p in (image, machine) if p.variant in _ARM_VARIANTS]
    return len(known) == 2 and str(image.variant) <= str(machine.variant)


RULE = Rule(
    **row("platform-missing"),
    title="required platform not offered",
    check=check,
)
