"""The digest that the tag serves is younger than the policy's time to cool down.

Its age counts from when it was first seen, or from the push date where the registry tells one:
never from `created`, which the publisher writes as they like. On the first sight of a tag
its age is not known; that is said where the policy names this rule.

Example: `FROM redis:6.2`: "redis:6.2 serves an image first seen on 2026-11-22, less than 3 days
ago".

Risk: most poisoned releases are found and taken back within days.
Remedy: wait, or go back to the digest before; exempt what must be fast (`exempt`).
Source: Renovate `minimumReleaseAge` and its issues 41955, 45236 (no dates outside Docker Hub).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from tagwatch.audit.model.finding import Severity
from tagwatch.audit.model.glob import match_image
from tagwatch.audit.model.history import Interval, Seen
from tagwatch.audit.rule.interface import Option, Rule, Statement, Subject, row
from tagwatch.audit.rule.phrase import WATCH, day, first_after, instead, later, name

__all__ = ["RULE", "check"]


def check(subject: Subject) -> Iterator[Statement]:
    """Report a tag that began to serve its present digest less than the given time ago."""
    target, evidence = subject.target, subject.evidence
    reference = target.reference
    if evidence is None or reference is None or reference.digest or target.kind == WATCH:
        return
    if any(match_image(glob, reference) for glob in subject.options["exempt"]):
        return
    wanted = _wanted(subject)
    past = _of_registry(evidence.history)
    if not past or past[-1].ended:
        return
    now, before = _arrival(past)
    if subject.at - now.first_seen >= wanted:
        return
    if now.kind is Seen.SEEN and before is None:
        if RULE.id in subject.policy.rules:
            yield Statement(
                message=f"how old {name(target)} is cannot be said yet: "
                f"it was first seen on {day(now.first_seen)}",
                remedy=f"it is known after {wanted.days} days",
                severity=Severity.NOTE,
                unknown=True,
            )
        return
    kind = "pushed" if now.kind is Seen.PUSHED else "first seen"
    yield Statement(
        message=f"{name(target)} serves an image {kind} on {day(now.first_seen)}, "
        f"less than {wanted.days} days ago",
        remedy=f"wait, or write {instead(target, reference.effective_tag, before.digest)}"
        if before
        else "wait",
        evidence={"since": now.first_seen.isoformat().replace("+00:00", "Z"), "clock": kind},
    )


def again(subject: Subject) -> datetime | None:
    """Return when the present digest has been there for long enough."""
    past = _of_registry(subject.evidence.history) if subject.evidence else ()
    if not past:
        return None
    now, _ = _arrival(past)
    return first_after(subject.at, later(now.first_seen, span=_wanted(subject)))


def _wanted(subject: Subject) -> timedelta:
    """Return how long an image must have been there."""
    return timedelta(days=subject.options["days"]) or subject.policy.defaults.cooldown


def _of_registry(history: tuple[Interval, ...]) -> tuple[Interval, ...]:
    """Return the intervals that a registry served.

    A publisher's commits tell what was built, and name no digest of a registry.
    """
    return tuple(one for one in history if one.kind is not Seen.COMMITTED)


def _arrival(past: tuple[Interval, ...]) -> tuple[Interval, Interval | None]:
    """Return the interval in which the present digest came, and that of the digest before it."""
    now = past[-1]
    for one in reversed(past[:-1]):
        if one.digest != now.digest:
            return now, one
        now = one
    return now, None


RULE = Rule(
    **row("cooldown"),
    title="image younger than the policy allows",
    options={
        "days": Option(default=0, about="how many days; 0 takes defaults.cooldown"),
        "exempt": Option(default=(), about="images that may be new"),
    },
    check=check,
    again=again,
)
