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
from datetime import timedelta

from tagwatch.audit.model.finding import Severity
from tagwatch.audit.rule.interface import Need, Option, Rule, Statement, Subject
from tagwatch.audit.rule.moved import RECENT, facts_of, moved, recent_change

__all__ = ["RULE", "check"]


def check(subject: Subject) -> Iterator[Statement]:
    """A recent change, older than the time of grace, that took platforms away."""
    change = recent_change(subject)
    if change is None or change.diff is None:
        return
    gone = [one for one in change.diff.dropped if not one.startswith("unknown")]
    evidence = subject.evidence
    if evidence is not None and evidence.platforms_offered:
        gone = [one for one in gone if one not in evidence.platforms_offered]
    if not gone or subject.at - change.at < timedelta(hours=subject.options["grace_hours"]):
        return
    yield Statement(
        message=f"{moved(subject, change)} and no longer offers {', '.join(gone)}",
        remedy=f"those platforms still have {change.before}",
        evidence={**facts_of(change), "platforms": ", ".join(gone)},
    )


RULE = Rule(
    id="platform-dropped",
    title="fewer platforms under the same tag",
    severity=Severity.ERROR,
    needs=frozenset({Need.HISTORY, Need.DOCUMENTS}),
    options={**RECENT, "grace_hours": Option(default=24, about="hours a staged push may take")},
    check=check,
)
