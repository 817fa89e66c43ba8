"""`tag@digest` where the tag, as far as is known, never served that digest.

The digest decides what is pulled; the tag beside it is what people read. A digest that the tag
served once and left is `base-stale`; one platform of the tag's image is `digest-single-platform`.

Example: `FROM redis:6.2@sha256:bbbbbbbbbbbb…`: "redis:6.2@sha256:bbbbbbbbbbbb: 6.2 was never seen
to serve this digest, which is 7.2".

Risk: people review one version and run another.
Remedy: pin the digest that the tag serves, or correct the tag.
Source: NIST SP 800-190, 4.1.5; containerd (the tag is ignored where a digest stands).
"""

from __future__ import annotations

from collections.abc import Iterator

from tagwatch.audit.rule.interface import Rule, Statement, Subject, row
from tagwatch.audit.rule.offering import offer_builds
from tagwatch.audit.rule.phrase import listed, name, served_now

__all__ = ["RULE", "check"]


def check(subject: Subject) -> Iterator[Statement]:
    """Report a pinned digest that the tag beside it never served."""
    target, evidence = subject.target, subject.evidence
    reference = target.reference
    if evidence is None or reference is None or evidence.pin is None or not reference.tag:
        return
    if evidence.pin.served_by_tag is not False or evidence.pin.platform_only:
        return
    tags = evidence.pin.tags or evidence.resolution.aliases
    now = served_now(evidence)
    yield Statement(
        message=f"{name(target)}: {reference.tag} was never seen to serve this digest"
        + (f", which is {listed(tags)}" if tags else ""),
        remedy="write the tag that belongs to the digest",
        offers=offer_builds(
            target,
            reference.tag,
            (now,) if now else (),
            text="write {}, or the tag that belongs to the digest",
        ),
        evidence={"pinned": reference.digest or "", "tags": ", ".join(tags)},
    )


RULE = Rule(
    **row("digest-tag-disagree"),
    title="digest that its tag never served",
    check=check,
)
