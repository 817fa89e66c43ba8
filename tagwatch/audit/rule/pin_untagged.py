"""No tag serves the pinned digest any more: the registry may collect it at any time.

Example: `FROM redis:6.2@sha256:bbbbbbbbbbbb…`: "redis:6.2@sha256:bbbbbbbbbbbb: no tag serves this
digest any more, so it may be collected".

Risk: the pin dies one day without notice; that is `pin-unresolvable` then.
Remedy: renew the pin while the old digest still works.
Source: tunaOS issue 1806; cozystack issue 3305; distribution garbage collection.
"""

from __future__ import annotations

from collections.abc import Iterator

from tagwatch.audit.rule.interface import Rule, Statement, Subject, row
from tagwatch.audit.rule.offering import builds, offer_builds
from tagwatch.audit.rule.phrase import name

__all__ = ["RULE", "check"]


def check(subject: Subject) -> Iterator[Statement]:
    """Report a pinned digest that exists, but that no tag serves, itself or within an index."""
    target, evidence = subject.target, subject.evidence
    reference = target.reference
    found = evidence.pin if evidence else None
    if evidence is None or reference is None or found is None:
        return
    if found.tags != () or found.exists is False or found.platform_only:
        return
    yield Statement(
        message=f"{name(target)}: no tag serves this digest any more, so it may be collected",
        remedy="renew the pin",
        offers=offer_builds(
            target,
            reference.tag,
            builds(evidence, after=reference.digest),
            text="renew it: {}",
            writes=reference.tag is not None,
        ),
        evidence={"pinned": reference.digest or ""},
    )


RULE = Rule(
    **row("pin-untagged"),
    title="pinned digest without a tag",
    fixable=True,
    check=check,
)
