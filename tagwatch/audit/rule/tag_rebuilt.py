"""A tag that names one full version was rebuilt: same build steps and configuration, other bytes.

That is what official images do when their base moves. It is told so that nobody mistakes it for
`tag-replaced`, nor the older bytes for the newer; not where the newer ones are pinned already.

Example: `FROM redis:6.2.24`: "redis:6.2.24 moved on 2026-11-21 from sha256:bbbbbbbbbbbb to
sha256:aaaaaaaaaaaa: a rebuild of the same version".

Risk: none of itself; a machine that pulled before runs the older base.
Remedy: pull again where security fixes of the base matter; pin the digest where bytes matter.
Source: docker-library/official-images README, "Library definition files".
"""

from __future__ import annotations

from collections.abc import Iterator

from tagwatch.audit.model.diff import Verdict
from tagwatch.audit.rule.interface import Rule, Statement, Subject, row
from tagwatch.audit.rule.moved import RECENT, facts_of, moved, recent_change, recent_until
from tagwatch.audit.rule.phrase import served_now

__all__ = ["RULE", "check"]


def check(subject: Subject) -> Iterator[Statement]:
    """Report a recent change with the verdict `rebuilt` of a tag that names its own version."""
    target, evidence, change = subject.target, subject.evidence, recent_change(subject)
    if evidence is None or target.reference is None or change is None:
        return
    own = target.reference.effective_tag
    if change.verdict is not Verdict.REBUILT or evidence.resolution.name != own:
        return
    if change.signs or subject.policy.is_immutable(target.reference):
        return  # tag-replaced speaks
    pinned = target.reference.digest
    if pinned is not None and pinned in (change.after, served_now(evidence)):
        return  # the newer bytes are pinned already
    yield Statement(
        message=f"{moved(subject, change)}: a rebuild of the same version"
        + (f" ({change.reason})" if change.reason else ""),
        remedy="pull again to get the newer base",
        evidence=facts_of(change),
    )


RULE = Rule(
    **row("tag-rebuilt"),
    title="version rebuilt on a newer base",
    options=RECENT,
    check=check,
    again=recent_until,
)
