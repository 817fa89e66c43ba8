"""The release line of a product in the image ends within the next `days` days.

Example: `FROM redis:7.2.1`: "redis:7.2.1 is redis 7.2.1, whose line 7.2 ends on 2026-12-31, in 38
days, by facts of 2026-11-01".

Risk: an upgrade under time pressure.
Remedy: plan the move to a newer release line; the finding names the nearest that lives on, and the
newest with long-term support.
Source: endoflife.date.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from tagwatch.audit.rule.interface import Option, Rule, Statement, Subject, row
from tagwatch.audit.rule.phrase import first_after, midnight
from tagwatch.audit.rule.release_end import release_ends

__all__ = ["RULE", "check"]


def check(subject: Subject) -> Iterator[Statement]:
    """Report each version whose release line ends soon, today included."""
    reference = subject.target.reference
    if reference and subject.knowledge.retirement_of(reference.repository, reference.tag):
        return  # `image-retired` says that the repository itself has ended
    for end in release_ends(subject):
        if end.ends is None:
            continue
        left = (end.ends - subject.at.date()).days
        if not 0 <= left <= subject.options["days"]:
            continue
        # here: a check must start fast, and few lines are over
        from tagwatch.audit.rule.remedy import remedy_of

        remedy = remedy_of(subject, end)
        yield Statement(
            message=f"{end.begin(subject)}, {end.line} ends on {end.ends.isoformat()}, "
            f"{_in_days(left)}{end.told}",
            remedy=remedy.text,
            offers=remedy.offers,
            subject="" if end.is_main else end.product.name,
            evidence={**end.facts, **remedy.facts},
        )


def _in_days(left: int) -> str:
    return "today" if not left else "tomorrow" if left == 1 else f"in {left} days"


def again(subject: Subject) -> datetime | None:
    """Return when an end comes near; after that the next midnight, as the message counts days."""
    moments = [
        midnight(end.ends, -min(left - 1, subject.options["days"]))
        for end in release_ends(subject)
        if end.ends is not None and (left := (end.ends - subject.at.date()).days) >= 0
    ]
    return first_after(subject.at, *moments)


RULE = Rule(
    **row("eol-soon"),
    title="release near its end of life",
    judges_text=True,
    options={"days": Option(default=90, about="how many days ahead")},
    check=check,
    again=again,
)
