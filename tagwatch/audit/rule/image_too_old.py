"""The image was built long ago, by its publisher's word.

Off unless the policy gives it a severity. What a builder writes for the sake of reproducible
bytes (1970, 1980) is no date, and nothing is said of it.

Example: `FROM redis:6.2`: "redis:6.2 was built on 2026-01-27, 300 days ago".

Risk: the packages inside are as old, and a year of mended holes is missing.
Remedy: use a newer build, or build it again.
Source: Kyverno, policy "block-stale-images"; Sigstore policy-controller, maximum image age.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from tagwatch.audit.rule.interface import Option, Rule, Statement, Subject, row
from tagwatch.audit.rule.phrase import day, days, later, name

__all__ = ["RULE", "built_at", "check"]

_FIRST_IMAGES = datetime(2013, 3, 1, tzinfo=UTC)
"""Docker was published in that month: what is dated before was not built then."""


def check(subject: Subject) -> Iterator[Statement]:
    """Report an image whose newest audited platform was built more than `days` days ago."""
    built = built_at(subject)
    if built is None:
        return
    age = days(built, subject.at)
    if age > subject.options["days"]:
        yield Statement(
            message=f"{name(subject.target)} was built on {day(built)}, {age} days ago",
            remedy="use a newer build, or build it again",
            evidence={"created_at": built.isoformat().replace("+00:00", "Z")},
        )


def again(subject: Subject) -> datetime | None:
    """Return when the image gets too old; after that the next day, as the message gives its age."""
    built = built_at(subject)
    if built is None:
        return None
    return later(built, max(days(built, subject.at), subject.options["days"]) + 1)


def built_at(subject: Subject) -> datetime | None:
    """Return when the newest audited platform was built; None where no date can be true."""
    platforms = subject.evidence.platforms if subject.evidence else ()
    built = max((one.created_at for one in platforms if one.created_at), default=None)
    return None if built is None or built < _FIRST_IMAGES else built


RULE = Rule(
    **row("image-too-old"),
    title="image built long ago",
    options={"days": Option(default=180, about="how old an image may be")},
    check=check,
    again=again,
)
