"""The release line of the product in the image has reached its end of life.

The version is the one that the tag was resolved to; the dates are facts bundled with tagwatch
(or named by `knowledge` in the configuration), and the finding says of which day they are. Paid
or extended support is not counted.

Example: `FROM redis:6.2.24`: "redis:6.2.24 is redis 6.2.24, whose line 6.2 ended on 2026-10-31, by
facts of 2026-11-01".

Risk: holes found from now on stay open.
Remedy: move to a release line that is supported; the finding names the nearest that lives on, and
the newest with long-term support.
Source: endoflife.date; NIST SP 800-190, 4.2.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from tagwatch.audit.rule.interface import Rule, Statement, Subject, row
from tagwatch.audit.rule.phrase import name
from tagwatch.audit.rule.release_end import release_end

__all__ = ["RULE", "check"]


def check(subject: Subject) -> Iterator[Statement]:
    """Report a version whose release line ended before today."""
    end = release_end(subject)
    if end is None or (end.ends is not None and end.ends >= subject.at.date()):
        return
    # here: a check must start fast, and few lines are over
    from tagwatch.audit.rule.remedy import remedy_of

    remedy = remedy_of(subject, end)
    over = f"ended on {end.ends.isoformat()}" if end.ends else "is over"
    yield Statement(
        message=f"{name(subject.target)} is {end.product.name} {end.version}, {end.line} "
        f"{over}{end.told}",
        remedy=remedy.text,
        evidence={**end.facts, **remedy.facts},
    )


def again(subject: Subject) -> datetime | None:
    """Return when the line will be over, or where it is, when another is to be offered."""
    from tagwatch.audit.rule.remedy import over_again

    return over_again(subject)


RULE = Rule(
    **row("version-eol"),
    title="release past its end of life",
    check=check,
    again=again,
)
