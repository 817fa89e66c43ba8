"""The release line of the product in the image has reached its end of life.

The version is the one that the tag was resolved to; the dates are facts bundled with tagwatch
(or named by `knowledge` in the configuration), and the finding says of which day they are. Paid
or extended support is not counted.

Example: `FROM redis:6.2.24`: "redis:6.2.24 is redis 6.2.24, whose line 6.2 ended on 2026-10-31, by
facts of 2026-11-01".

Risk: holes found from now on stay open.
Remedy: move to a release line that is supported.
Source: endoflife.date; NIST SP 800-190, 4.2.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from tagwatch.audit.rule.interface import Rule, Statement, Subject, row
from tagwatch.audit.rule.offering import offer_tags
from tagwatch.audit.rule.phrase import first_after, name
from tagwatch.audit.rule.release_end import known_end, release_end

__all__ = ["RULE", "check"]


def check(subject: Subject) -> Iterator[Statement]:
    """Report a version whose release line ended before today."""
    end = release_end(subject)
    if end is None or (end.ends is not None and end.ends >= subject.at.date()):
        return
    assert subject.evidence is not None
    newer = subject.evidence.resolution.newer
    over = f"ended on {end.ends.isoformat()}" if end.ends else "is over"
    yield Statement(
        message=f"{name(subject.target)} is {end.product.name} {end.version}, {end.line} "
        f"{over}{end.told}",
        remedy="move to a supported release",
        offers=offer_tags(subject.target, newer.minor, newer.major, text="move to {}"),
        evidence=end.facts,
    )


def again(subject: Subject) -> datetime | None:
    """Return when the line will be over; None where it is over already or nothing is known."""
    end = known_end(subject)
    return first_after(subject.at, end.over_at) if end else None


RULE = Rule(
    **row("version-eol"),
    title="release past its end of life",
    check=check,
    again=again,
)
