"""A tag that names one full version was pushed again with other build steps or configuration.

A routine rebuild (same steps, newer base) is `tag-rebuilt`, not this. Where what moved cannot be
compared, a note says so: unknown is not harmless. A platform that moved while another of its index
did not, and that cannot be compared or explained, is a warning whatever the tag: that is how
tampering looks. So are other files by the same `COPY` on the same base, a history that is no longer
told, and the first move of a full version in a repository that never moved one in 30 days or more.
Of a base that the policy calls immutable, any other digest is reported.

Example: `FROM redis:6.2.24`: "redis:6.2.24 moved on 2026-11-21 from sha256:bbbbbbbbbbbb to
sha256:aaaaaaaaaaaa and is another image: 2 steps differ".

Risk: the publisher changed a release in place, or somebody else holds their key.
Remedy: compare the two digests (`tagwatch diff`), pin the one you trust, ask the publisher.
Source: docker/roadmap issues 85 and 743; distribution-library-image issue 195.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tagwatch.audit.model.diff import Verdict
from tagwatch.audit.model.finding import Severity
from tagwatch.audit.rule.interface import Rule, Statement, Subject, row
from tagwatch.audit.rule.moved import (
    RECENT,
    decided_alone,
    facts_of,
    lone_gaps,
    moved,
    recent_change,
    recent_until,
)
from tagwatch.audit.rule.offering import offer_way_back

__all__ = ["RULE", "check"]

_SAME_IMAGE = frozenset({Verdict.IDENTICAL, Verdict.RECOMPRESSED, Verdict.ATTESTATION_ONLY})


def check(subject: Subject) -> Iterator[Statement]:
    """Report a change of the last `days` days that replaced the image of a version."""
    target, evidence, change = subject.target, subject.evidence, recent_change(subject)
    reference = target.reference
    if evidence is None or reference is None or change is None:
        return
    is_version = evidence.resolution.name == reference.effective_tag != "latest"
    is_immutable = subject.policy.is_immutable(reference)
    message, severity = moved(subject, change), None
    lone = lone_gaps(change)
    if change.verdict is Verdict.REPLACED:
        message += f" and is another image: {change.reason or 'steps or config differ'}"
        severity = None if is_version or is_immutable else Severity.WARNING
    elif lone:
        message += f": {_lone(lone)}"
        severity = Severity.WARNING
    elif change.verdict is Verdict.UNKNOWN and (
        is_version or is_immutable or decided_alone(change)
    ):
        message += ", and why is not known" + (f": {change.reason}" if change.reason else "")
        is_odd = decided_alone(change) or bool(change.signs)
        severity = Severity.WARNING if is_odd else Severity.NOTE
    elif change.verdict is Verdict.REBUILT and change.signs and not is_immutable:
        message += f" and may be another image: {change.reason}"
        severity = Severity.WARNING
    elif is_immutable and change.verdict not in _SAME_IMAGE:
        message += f" ({change.verdict.value}), and the policy calls it immutable"
    else:
        return
    yield Statement(
        message=message,
        remedy="compare the two with tagwatch diff",
        offers=offer_way_back(
            target, change, evidence, "compare the two with tagwatch diff; to go back, write {}"
        ),
        severity=severity,
        evidence=facts_of(change),
        unknown=change.verdict is Verdict.UNKNOWN or bool(lone),
    )


def _lone(gaps: Mapping[str, str]) -> str:
    """Return what is said of platforms that moved alone and could not be compared."""
    (first, why), *others = gaps.items()
    more = f" and {len(others)} more" if others else ""
    return (
        f"{first}{more} moved while another platform did not, and could not be compared ({why}); "
        "moving alone is how tampering looks"
    )


RULE = Rule(
    **row("tag-replaced"),
    title="version pushed again with other content",
    options=RECENT,
    check=check,
    again=recent_until,
)
