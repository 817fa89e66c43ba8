"""The release line of a product in the image has reached its end of life.

The version is the one that the tag was resolved to, or else the one that stands in the text: an
image need not be read for it. So a runtime counts that the tag names (`elixir:1.18-otp-25`), and
copies on mirrors count as what they are copies of. The dates are facts bundled with tagwatch (or
named by `knowledge` in the configuration), and the finding says of which day they are. Paid or
extended support is not counted. What is only guessed from a name is a note.

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

from tagwatch.audit.model.finding import Severity
from tagwatch.audit.rule.interface import Rule, Statement, Subject, row
from tagwatch.audit.rule.release_end import ReleaseEnd, release_ends

__all__ = ["RULE", "check"]


def check(subject: Subject) -> Iterator[Statement]:
    """Report each version whose release line ended before today."""
    reference = subject.target.reference
    if reference is not None and _is_placeholder(reference.tag or ""):
        return
    for end in release_ends(subject):
        if not end.is_past(subject.at.date()) or _is_told_better(end, subject):
            continue
        # here: a check must start fast, and few lines are over
        from tagwatch.audit.rule.remedy import remedy_of

        remedy = remedy_of(subject, end)
        over = f"ended on {end.ends.isoformat()}" if end.ends else "is over"
        yield Statement(
            message=f"{end.begin(subject)}, {end.line} {over}{end.told}",
            remedy=remedy.text,
            offers=remedy.offers,
            severity=None if end.sure else Severity.NOTE,
            subject="" if end.is_main else end.product.name,
            evidence={**end.facts, **remedy.facts},
        )


def _is_placeholder(tag: str) -> bool:
    """Return True for `0.0` and its like, which a template has where a release writes a version."""
    numbers = tag.removeprefix("v").partition("-")[0].split(".")
    return len(numbers) > 1 and set(numbers) == {"0"}


def _is_told_better(end: ReleaseEnd, subject: Subject) -> bool:
    """Return True for a guess about an image of which `image-retired` knows what to use instead."""
    reference = subject.target.reference
    return (
        not end.sure
        and reference is not None
        and subject.knowledge.retirement_of(reference.repository, reference.tag) is not None
    )


def again(subject: Subject) -> datetime | None:
    """Return when the next line will be over, or where one is, when another is to be offered."""
    from tagwatch.audit.rule.remedy import over_again

    return over_again(subject)


RULE = Rule(
    **row("version-eol"),
    title="release past its end of life",
    judges_text=True,
    check=check,
    again=again,
)
