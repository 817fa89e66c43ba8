"""The image stood on an approved base until its tag moved, and stands on none that is known now.

The build steps may all be the same: then somebody put other layers below them. An image of the
base that was never seen (built and replaced between two scans) looks alike; a label or annotation
with its digest lets a scan read it. An image that came to another version is not meant.

Example: `image: ghcr.io/shop/api:1.4`: "ghcr.io/shop/api:1.4 moved on 2026-11-21 from
sha256:bbbbbbbbbbbb to sha256:aaaaaaaaaaaa and lost its approved base: it stood on
docker.io/library/python:3.12-slim = 3.12.4 until then, by the same build steps".

Risk: an operating system that nobody vetted, below an application that everybody knows.
Remedy: ask who built it; rebuild it on an approved base.
Source: SLSA, "Threats", (E) build from modified base; NIST SP 800-190, 4.1.2.
"""

from __future__ import annotations

from collections.abc import Iterator

from tagwatch.audit.model.diff import Verdict
from tagwatch.audit.model.evidence import Evidence
from tagwatch.audit.model.history import Change
from tagwatch.audit.model.policy import Policy
from tagwatch.audit.rule.approval import approval
from tagwatch.audit.rule.interface import Rule, Statement, Subject, row
from tagwatch.audit.rule.moved import RECENT, facts_of, moved, recent_change, recent_until
from tagwatch.audit.rule.offering import offer_way_back
from tagwatch.audit.rule.stage import is_judged

__all__ = ["RULE", "check"]


def check(subject: Subject) -> Iterator[Statement]:
    """Report an image whose recent move took it from an approved base."""
    target, evidence, change = subject.target, subject.evidence, recent_change(subject)
    reference, policy = target.reference, subject.policy
    if evidence is None or reference is None or change is None or not change.lost_base:
        return
    if not is_judged(subject) or policy.base_named(reference) is not None:
        return
    if _is_found(change, evidence, policy):
        return  # its base was read meanwhile
    is_one_of_many = len(evidence.platforms_offered) > 1 and bool(change.lost_on)
    how = ", by the same build steps" if change.verdict is Verdict.REBUILT else ""
    yield Statement(
        message=f"{moved(subject, change)} and lost its approved base: it stood on "
        f"{change.lost_base} until then{how}" + (f" ({change.lost_on})" if is_one_of_many else ""),
        remedy="ask who built it",
        offers=offer_way_back(target, change, evidence, "ask who built it; to go back, write {}"),
        evidence={**facts_of(change), "base": change.lost_base},
    )


def _is_found(change: Change, evidence: Evidence, policy: Policy) -> bool:
    """Return True where the platform that lost its base stands on an approved one, as is known now.

    Of a platform that nobody audits no base is looked for.
    """
    return any(
        match.platform == change.lost_on and approval(match, policy) is True
        for match in evidence.bases
    )


RULE = Rule(
    **row("base-lost"),
    title="image that lost its approved base",
    options=RECENT,
    check=check,
    again=recent_until,
)
