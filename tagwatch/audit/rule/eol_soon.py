"""The release line of the product in the image ends within the next `days` days.

Example: `FROM redis:7.2.1`: "redis:7.2.1 is redis 7.2.1, whose line 7.2 ends on 2026-12-31, in 38
days, by facts of 2026-11-01".

Risk: an upgrade under time pressure.
Remedy: plan the move to a newer release line.
Source: endoflife.date.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from tagwatch.audit.rule.interface import Option, Rule, Statement, Subject, row
from tagwatch.audit.rule.offering import offer_tags
from tagwatch.audit.rule.phrase import midnight, name
from tagwatch.audit.rule.release_end import release_end

__all__ = ["RULE", "check"]


def check(subject: Subject) -> Iterator[Statement]:
    """Report a version whose release line ends soon, today included."""
    end = release_end(subject)
    if end is None or end.ends is None:
        return
    left = (end.ends - subject.at.date()).days
    if not 0 <= left <= subject.options["days"]:
        return
    assert subject.evidence is not None
    newer = subject.evidence.resolution.newer
    yield Statement(
        message=f"{name(subject.target)} is {end.product.name} {end.version}, {end.line} "
        f"ends on {end.ends.isoformat()}, in {left} days{end.told}",
        remedy="plan a newer release",
        offers=offer_tags(subject.target, newer.minor, newer.major, text="move to {}"),
        evidence=end.facts,
    )


def again(subject: Subject) -> datetime | None:
    """Return when the end comes near; after that the next midnight, as the message counts days."""
    end = release_end(subject)
    if end is None or end.ends is None or (left := (end.ends - subject.at.date()).days) < 0:
        return None
    return midnight(end.ends, -min(left - 1, subject.options["days"]))


RULE = Rule(
    **row("eol-soon"),
    title="release near its end of life",
    options={"days": Option(default=90, about="how many days ahead")},
    check=check,
    again=again,
)
