"""The publisher no longer builds this tag: it stays in the registry and gets no more fixes.

Known from the publisher's own list where history was imported from it; not guessed from age.

Example: `FROM redis:6.2.24`: "redis:6.2.24 is no longer built by its publisher, since 2026-11-19".

Risk: the image never gets a security fix again, while pulling it goes on to work.
Remedy: move to a tag that is still built; the finding names the nearest newer one, or a line that
lives on where this one is over.
Source: docker-library/official-images README, "Library definition files"; Docker Scout policy
"Supported tags".
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from tagwatch.audit.model.history import Seen
from tagwatch.audit.rule.interface import Rule, Statement, Subject, row
from tagwatch.audit.rule.offering import nearest, offer_tags
from tagwatch.audit.rule.phrase import day, facts, name
from tagwatch.audit.rule.remedy import over_again, remedy_where_over
from tagwatch.audit.version.lifecycle import Lifecycle

__all__ = ["RULE", "check"]


def check(subject: Subject) -> Iterator[Statement]:
    """Report a tag that its publisher is known not to build any more."""
    target, evidence = subject.target, subject.evidence
    if evidence is None or target.selector is not None:
        return
    resolution = evidence.resolution
    if resolution.supported is not False and evidence.lifecycle != Lifecycle.UNSUPPORTED:
        return
    offers = offer_tags(target, *nearest(resolution.newer), text="move to {}", writes=True)
    move = None if offers else remedy_where_over(subject)
    dropped = [one for one in evidence.history if one.kind is Seen.COMMITTED][-1:]
    last = next((one for one in dropped or evidence.history[-1:] if one.ended), None)
    since = f", since {day(last.ended_at or last.last_seen)}" if last else ""
    yield Statement(
        message=f"{name(target)} is no longer built by its publisher{since}",
        remedy=move.text if move else "move to a tag that is built",
        offers=move.offers if move else offers,
        evidence=facts(evidence),
    )


def again(subject: Subject) -> datetime | None:
    """Return when the line ends, or where it is over, when another is to be offered."""
    return over_again(subject)


RULE = Rule(
    **row("tag-unsupported"),
    title="tag that is no longer built",
    fixable=True,
    check=check,
    again=again,
)
