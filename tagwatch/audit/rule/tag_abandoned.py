"""The tag used to move and has rested for long, while other tags of its line moved on.

A full version that was superseded is meant to rest, and is not reported.

Example: `FROM redis:6.2`: "redis:6.2 has not moved for 200 days, while its line has".

Risk: whoever follows the tag believes to be up to date, and is not.
Remedy: follow a tag that still moves; the finding names the nearest newer one.
Source: NIST SP 800-190, 4.2.2; docker-library/official-images README (tags leave the file).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from tagwatch.audit.rule.interface import Rule, Statement, Subject, row
from tagwatch.audit.rule.offering import nearest, offer_tags
from tagwatch.audit.rule.phrase import days, facts, later, name
from tagwatch.audit.version.lifecycle import Lifecycle

__all__ = ["RULE", "check"]


def check(subject: Subject) -> Iterator[Statement]:
    """Report a tag with the lifecycle `abandoned`, and its rest up to the last reading."""
    target, evidence = subject.target, subject.evidence
    if evidence is None or target.selector is not None or not evidence.history:
        return
    if evidence.lifecycle != Lifecycle.ABANDONED:
        return
    rested = days(evidence.history[-1].first_seen, evidence.at or subject.at)
    newer = evidence.resolution.newer
    yield Statement(
        message=f"{name(target)} has not moved for {rested} days, while its line has",
        remedy="follow a tag that still moves",
        offers=offer_tags(target, *nearest(newer), text="follow {}", writes=True),
        evidence={**facts(evidence), "rested_days": str(rested)},
    )


def again(subject: Subject) -> datetime | None:
    """Return when the rest is a day longer; None where the last reading fixes its length."""
    evidence = subject.evidence
    if evidence is None or evidence.at is not None or not evidence.history:
        return None
    since = evidence.history[-1].first_seen
    return later(since, days(since, subject.at) + 1)


RULE = Rule(
    **row("tag-abandoned"),
    title="tag that stopped moving",
    fixable=True,
    check=check,
    again=again,
)
