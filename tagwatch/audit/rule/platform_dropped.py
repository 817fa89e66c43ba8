"""The tag was pushed again for fewer platforms than before.

Publishers that push one platform after another look so for some hours; the rule waits.

Example: `FROM redis:6.2.24`: "redis:6.2.24 moved on 2026-11-21 from sha256:bbbbbbbbbbbb to
sha256:aaaaaaaaaaaa and no longer offers linux/amd64".

Risk: nodes of that platform fail to pull, or go on with what they have, for ever.
Remedy: go back to the digest that had the platform, and tell the publisher.
Source: midnight-indexer issue 1384 (`latest` became arm64 only); official-images, staged pushes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from tagwatch.audit.rule.interface import Option, Rule, Statement, Subject, row
from tagwatch.audit.rule.moved import RECENT, facts_of, moved, recent_change, recent_until
from tagwatch.audit.rule.offering import offer_way_back
from tagwatch.audit.rule.phrase import first_after, later

__all__ = ["RULE", "check"]


def check(subject: Subject) -> Iterator[Statement]:
    """Report a recent change, older than the time of grace, that took platforms away."""
    evidence, change = subject.evidence, recent_change(subject)
    if evidence is None or change is None or change.diff is None:
        return
    gone = [one for one in change.diff.dropped if not one.startswith("unknown")]
    if evidence.platforms_offered:
        gone = [one for one in gone if one not in evidence.platforms_offered]
    if not gone or subject.at - change.at < _grace(subject):
        return
    yield Statement(
        message=f"{moved(subject, change)} and no longer offers {', '.join(gone)}",
        remedy="ask the publisher for those platforms",
        offers=offer_way_back(
            subject.target, change, evidence, "write {} for as long as you need those platforms"
        ),
        evidence={**facts_of(change), "platforms": ", ".join(gone)},
    )


def _grace(subject: Subject) -> timedelta:
    return timedelta(hours=subject.options["grace_hours"])


def again(subject: Subject) -> datetime | None:
    """Return when the time of grace ends; after that, when the change is no longer recent."""
    change = recent_change(subject)
    due = later(change.at, span=_grace(subject)) if change else None
    return first_after(subject.at, due, recent_until(subject))


RULE = Rule(
    **row("platform-dropped"),
    title="fewer platforms under the same tag",
    options={**RECENT, "grace_hours": Option(default=24, about="hours a staged push may take")},
    check=check,
    again=again,
)
