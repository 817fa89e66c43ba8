"""The digest that the tag serves, or that is pinned, is younger than the time to cool down.

Its age counts from when it was first seen, or from the push date where the registry tells one:
never from `created`, which the publisher writes as they like. On the first sight of a tag
its age is not known; that is said where the policy names this rule. No fix writes such an image.

Example: `FROM redis:6.2`: "redis:6.2 serves an image first seen on 2026-11-22, less than 3 days
ago".

Risk: most poisoned releases are found and taken back within days.
Remedy: wait, or go back to the newest digest that is old enough; `exempt` what must be fast.
Source: Renovate `minimumReleaseAge` and its issues 41955, 45236 (no dates outside Docker Hub).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from tagwatch.audit.model.evidence import Evidence
from tagwatch.audit.model.finding import Severity
from tagwatch.audit.model.glob import match_image
from tagwatch.audit.model.history import Interval, Seen
from tagwatch.audit.rule.interface import Option, Rule, Statement, Subject, row
from tagwatch.audit.rule.offering import BEHIND, offer_builds
from tagwatch.audit.rule.phrase import WATCH, day, first_after, later, name

__all__ = ["RULE", "check"]


def check(subject: Subject) -> Iterator[Statement]:
    """Report an image that its tag serves, or that is pinned, for less than the given time."""
    target, evidence = subject.target, subject.evidence
    reference = target.reference
    if evidence is None or reference is None or target.kind == WATCH:
        return
    if any(match_image(glob, reference) for glob in subject.options["exempt"]):
        return
    wanted = _wanted(subject)
    past = _past(subject)
    if not past:
        return
    now, before = _arrival(past, pinned=reference.digest is not None)
    if subject.at - now.first_seen >= wanted:
        return
    if now.kind is Seen.SEEN and before is None and not _is_new(now, evidence, subject):
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
    serves = "is" if reference.digest else "serves"
    tag = reference.effective_tag or now.tag
    yield Statement(
        message=f"{name(target)} {serves} an image {kind} on {day(now.first_seen)}, "
        f"less than {wanted.days} days ago",
        remedy="wait",
        offers=offer_builds(
            target,
            tag,
            _old_enough(past, now, subject.at - wanted),
            text="wait, or write {}",
            despite=BEHIND,
        ),
        evidence={"since": now.first_seen.isoformat().replace("+00:00", "Z"), "clock": kind},
    )


def again(subject: Subject) -> datetime | None:
    """Return when the present digest has been there for long enough."""
    past = _past(subject)
    reference = subject.target.reference
    if not past or reference is None:
        return None
    now, _ = _arrival(past, pinned=reference.digest is not None)
    return first_after(subject.at, later(now.first_seen, span=_wanted(subject)))


def _past(subject: Subject) -> tuple[Interval, ...]:
    """Return the intervals that a registry served, up to the one whose age counts.

    That is the last one of a pinned digest, whatever the tag did later, and the present one of a
    tag. Empty where there is none. A publisher's commits tell what was built, and name no digest of
    a registry.
    """
    evidence, reference = subject.evidence, subject.target.reference
    if evidence is None or reference is None:
        return ()
    past = tuple(one for one in evidence.history if one.kind is not Seen.COMMITTED)
    if reference.digest is None:
        return () if past and past[-1].ended else past
    ends = [place for place, one in enumerate(past, 1) if one.digest == reference.digest]
    return past[: ends[-1]] if ends else ()


def _is_new(now: Interval, evidence: Evidence, subject: Subject) -> bool:
    """Return True for what is a candidate and has to show its age, which nobody knows.

    That is a tag that came after its repository was known, and a build that its tag left: what
    stands may be an old tag that nobody asked for, and is not warned of for that.
    """
    if subject.in_place_of is None or now.digest == subject.in_place_of:
        return False
    if evidence.history[-1].digest != now.digest:
        return True
    return evidence.known_since is not None and evidence.known_since < now.first_seen


def _old_enough(past: tuple[Interval, ...], now: Interval, since: datetime) -> Iterator[str]:
    """Yield the digests before the present one that were there at `since`, the newest first."""
    for place in range(len(past) - 1, -1, -1):
        digest = past[place].digest
        first = next(one for one in past if one.digest == digest)
        if digest != now.digest and first.first_seen <= since:
            yield digest


def _wanted(subject: Subject) -> timedelta:
    """Return how long an image must have been there."""
    return timedelta(days=subject.options["days"]) or subject.policy.defaults.cooldown


def _arrival(past: tuple[Interval, ...], *, pinned: bool) -> tuple[Interval, Interval | None]:
    """Return the interval in which the last digest came, and that of the digest before it.

    A digest that came back is as old as its return, but a pinned one as its first arrival.
    """
    now = past[-1]
    for one in reversed(past[:-1]):
        if one.digest == now.digest:
            now = one
        elif not pinned:
            return now, one
    if pinned:
        first = past.index(now)
        return now, past[first - 1] if first else None
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
