"""The reference has no digest, so what it names can be changed by whoever may push the tag.

Off unless the policy turns it on: a pin that no bot renews misses security fixes.

Example: `FROM redis:6.2.24`: "redis:6.2.24 is not pinned to a digest: it is 6.2.24 today
(sha256:aaaaaaaaaaaa)".

Risk: a tag can be pushed again with other content, by its publisher or by a thief of their key.
Remedy: pin `tag@digest`; the finding gives the digest of the index, so every platform still works.
Source: hadolint issues 773 and 1227; Docker Scout "Recommended fixes"; NIST SP 800-190, 4.1.5.
"""

from __future__ import annotations

from collections.abc import Iterator

from tagwatch.audit.rule.interface import Rule, Statement, Subject, row
from tagwatch.audit.rule.offering import builds, offer_builds
from tagwatch.audit.rule.phrase import WATCH, facts, name, now, now_again

__all__ = ["RULE", "check"]


def check(subject: Subject) -> Iterator[Statement]:
    """Report a reference without a digest."""
    target, evidence = subject.target, subject.evidence
    reference = target.reference
    if reference is None or reference.digest or target.kind == WATCH:
        return
    digest = evidence.resolution.digest if evidence else None
    concrete = evidence.resolution.tag if evidence else None
    means = now(subject)
    yield Statement(
        message=f"{name(target)} is not pinned to a digest" + (f": it is {means}" if means else ""),
        remedy="pin a digest",
        offers=offer_builds(
            target,
            reference.effective_tag,
            (digest, *builds(evidence)) if evidence and digest else (),
            concrete=concrete,
            writes=True,
        ),
        evidence=facts(evidence),
    )


RULE = Rule(
    **row("digest-unpinned"),
    title="no digest pin",
    fixable=True,
    check=check,
    again=now_again,
)
