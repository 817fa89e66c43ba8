"""The tag moved to an older version than it served before, or back to an image it had left.

Example: `FROM redis:6.2`: "redis:6.2 moved on 2026-11-21 from sha256:bbbbbbbbbbbb to
sha256:aaaaaaaaaaaa, back from 6.2.24 to 6.2.22".

Risk: fixed bugs and holes are back, and nobody was told; a rollback of the publisher, a mistake
in their pipeline, or somebody else's push.
Remedy: ask the publisher; until then pin the version that you tested.
Source: TUF, "rollback attacks"; docker/roadmap issue 85.
"""

from __future__ import annotations

from collections.abc import Iterator

from tagwatch.audit.model.diff import Verdict
from tagwatch.audit.model.finding import Severity
from tagwatch.audit.rule.interface import Rule, Statement, Subject, row
from tagwatch.audit.rule.moved import RECENT, facts_of, moved, recent_change, recent_until

__all__ = ["RULE", "check"]


def check(subject: Subject) -> Iterator[Statement]:
    """Report a recent change that is `downgraded`, or goes back to a digest the tag had left."""
    evidence, change = subject.evidence, recent_change(subject)
    if evidence is None or change is None:
        return
    returned = any(
        interval.digest == change.after and interval.last_seen < change.at
        for interval in evidence.history[:-1]
    )
    if change.verdict is not Verdict.DOWNGRADED and not returned:
        return
    if change.verdict is Verdict.DOWNGRADED and change.version_before and change.version_after:
        what = f"back from {change.version_before} to {change.version_after}"
    else:
        what = "back to an image that it had left"
    yield Statement(
        message=f"{moved(subject, change)}, {what}",
        remedy="ask the publisher; until then pin the version that you tested",
        severity=None if change.verdict is Verdict.DOWNGRADED else Severity.WARNING,
        evidence=facts_of(change),
    )


RULE = Rule(
    **row("tag-downgraded"),
    title="tag went to an older version",
    options=RECENT,
    check=check,
    again=recent_until,
)
