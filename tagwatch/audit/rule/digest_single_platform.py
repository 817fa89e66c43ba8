"""The pinned digest is one platform's image of a tag that is built for several.

Not said where the policy asks for one platform only.

Example: `FROM redis:6.2@sha256:bbbbbbbbbbbb…`: "redis:6.2@sha256:bbbbbbbbbbbb: the digest is one
platform's, and the tag has several".

Risk: the file works on the machine where the digest was copied, and fails on the others.
Remedy: pin the digest of the index, which all platforms share.
Source: Docker documentation, "Multi-platform builds"; OCI image-spec, image-index.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from tagwatch.audit.rule.interface import Rule, Statement, Subject, row
from tagwatch.audit.rule.offering import offer_builds
from tagwatch.audit.rule.phrase import name, served_now

__all__ = ["RULE", "check"]


def check(subject: Subject) -> Iterator[Statement]:
    """Report a pin of one platform's manifest, where the tag serves an index."""
    target, evidence = subject.target, subject.evidence
    reference = target.reference
    if evidence is None or reference is None or evidence.pin is None:
        return
    if not evidence.pin.platform_only or len(subject.policy.defaults.platforms) == 1:
        return
    now, tagged = served_now(evidence), "the tag" if reference.tag else "what a tag serves"
    yield Statement(
        message=f"{name(target)}: the digest is one platform's, and {tagged} has several",
        remedy="pin the digest of the index",
        offers=offer_builds(
            target,
            reference.tag,
            (now,) if now else (),
            writes=reference.tag is not None,
        ),
        evidence={"pinned": reference.digest or ""},
    )


RULE = Rule(
    **row("digest-single-platform"),
    title="pin of one platform only",
    fixable=True,
    check=check,
)
