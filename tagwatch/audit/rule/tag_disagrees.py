"""A tag names one full version, and the image behind it states another.

Counted is what the image states of itself: the variable named like the repository, a version label
beside its own name or source, or a label that agreed with the tag until the tag moved.

Example: `FROM redis:6.2.24`: "redis:6.2.24 states another version than its tag: 6.2.22 (env
REDIS_VERSION)".

Risk: people review one version and run another; a wrong tag, or somebody else's push.
Remedy: ask the publisher; until then use the tag of the version that you mean.
Source: distribution-library-image issue 195; OCI image-spec, annotations.md
`org.opencontainers.image.version`.
"""

from __future__ import annotations

from collections.abc import Iterator

from tagwatch.audit.rule.interface import Rule, Statement, Subject, row
from tagwatch.audit.rule.phrase import facts, name

__all__ = ["RULE", "check"]


def check(subject: Subject) -> Iterator[Statement]:
    """Report a full-version tag whose image states another version; a digest is no tag's matter."""
    target, evidence = subject.target, subject.evidence
    reference = target.reference
    if evidence is None or reference is None or reference.digest or target.selector is not None:
        return
    stated: dict[str, list[str]] = {}
    for one in evidence.platforms:
        if one.other_version:
            stated.setdefault(one.other_version, []).append(str(one.platform))
    if not stated:
        return
    is_alike = len(stated) == 1 and len(evidence.platforms) == sum(map(len, stated.values()))
    told = (
        version if is_alike else f"{version} on {', '.join(platforms)}"
        for version, platforms in stated.items()
    )
    yield Statement(
        message=f"{name(target)} states another version than its tag: {'; '.join(told)}",
        remedy="ask the publisher; until then use the tag of the version that you mean",
        evidence=facts(evidence),
    )


RULE = Rule(
    **row("tag-disagrees"),
    title="image of another version than its tag",
    check=check,
)
