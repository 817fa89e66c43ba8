"""The digest that the tag serves, or that is pinned, is younger than the time to cool down.

Its age counts from when it was first seen, or from the push date where the registry tells one:
never from `created`, which the publisher writes as they like. A tag is new, and as old as its name,
if it was not there when its repository was first listed whole. At the first sight of any other tag
the age of its image is not known; that is said where the policy names this rule. No fix writes an
image that is too young.

Of a tag that moves by design (`python:3.12`, `latest`) it is a note: who follows one takes each
build on its first day. It is a warning there, too, where the policy says `cooldown`.

Example: `FROM redis:6.2`: "redis:6.2 serves an image first seen on 2026-11-22, less than 3 days
ago: old enough from 2026-11-25 02:00 UTC".

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
from tagwatch.audit.rule.offering import BEHIND, known_gone, offer_builds
from tagwatch.audit.rule.phrase import ENOUGH, WATCH, day, first_after, later, name
from tagwatch.value import dataclass

__all__ = ["RULE", "Arrival", "arrival_of", "check", "wanted_of"]

_LISTED, _PUSHED, _SEEN = "first listed", "pushed", "first seen"
"""The clocks that an age counts by."""


def check(subject: Subject) -> Iterator[Statement]:
    """Report an image that its tag serves, or that is pinned, for less than the given time."""
    target = subject.target
    reference = target.reference
    if reference is None or target.kind == WATCH:
        return
    if any(match_image(glob, reference) for glob in subject.options["exempt"]):
        return
    wanted, found = wanted_of(subject), arrival_of(subject)
    if found is None or subject.at - found.since >= wanted:
        return
    if not found.is_known:
        if RULE.id in subject.policy.rules:
            yield Statement(
                message=f"how old {name(target)} is cannot be said yet: "
                f"it was first seen on {day(found.since)}{_why_unknown(subject.evidence)}",
                remedy=f"it is known after {_words(wanted)}",
                severity=Severity.NOTE,
                unknown=True,
            )
        return
    serves = "is" if reference.digest else "serves"
    said = {
        _LISTED: f"is {'of ' if reference.digest else ''}a new tag, first listed",
        _PUSHED: f"{serves} an image pushed",
        _SEEN: f"{serves} an image first seen",
    }[found.clock]
    enough = later(found.since, span=wanted)
    gone = known_gone(subject.evidence) if subject.evidence is not None else ()
    yield Statement(
        message=f"{name(target)} {said} on {day(found.since)}, less than {_words(wanted)} ago"
        + (f": {ENOUGH} {enough:%Y-%m-%d %H:%M} UTC" if enough else ""),
        remedy="wait",
        severity=Severity.NOTE if _is_followed(subject) else None,
        offers=offer_builds(
            target,
            reference.effective_tag or (found.interval.tag if found.interval else None),
            (
                one
                for one, since in _earlier(found)
                if since <= subject.at - wanted and one not in gone
            ),
            text="wait, or write {}",
            despite=BEHIND,
        ),
        evidence={"since": found.since.isoformat().replace("+00:00", "Z"), "clock": found.clock},
    )


def _is_followed(subject: Subject) -> bool:
    """Return True for a tag that moves by design and stands in a file, where no policy asks.

    Whoever follows such a tag takes each build of it on its first day: that is news every week.
    """
    reference, evidence = subject.target.reference, subject.evidence
    if reference is None or reference.digest or evidence is None:
        return False
    policy = subject.policy
    is_asked = RULE.id in policy.rules or policy.defaults.asks_cooldown
    if subject.in_place_of is not None or is_asked:
        return False
    tag, resolution = reference.effective_tag, evidence.resolution
    is_alias = resolution.tag not in (None, tag) and tag in resolution.aliases
    return tag == "latest" or is_alias or evidence.lifecycle == "floating"


def again(subject: Subject) -> datetime | None:
    """Return when the present digest, or one to go back to, has been there for long enough."""
    found, wanted = arrival_of(subject), wanted_of(subject)
    if found is None or subject.at - found.since >= wanted:
        return None
    arrivals = (found.since, *(since for _, since in _earlier(found)))
    return first_after(subject.at, *(later(since, span=wanted) for since in arrivals))


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """When what is judged came."""

    since: datetime
    clock: str
    """What `since` is the time of."""
    is_known: bool
    """False where it may have been there before, as far as anybody knows."""
    interval: Interval | None = None
    """The interval in which it came; None where only its tag's name is known."""
    past: tuple[Interval, ...] = ()
    """Up to that one."""


def arrival_of(subject: Subject) -> Arrival | None:
    """Return when the image came that a reference pulls; None where nothing tells."""
    evidence, reference = subject.evidence, subject.target.reference
    if evidence is None or reference is None:
        return None
    past = _past(subject)
    if not past:
        listed = evidence.new_tags.get(reference.effective_tag or "")
        if listed is None or evidence.history or reference.digest is not None:
            return None
        return Arrival(since=listed, clock=_LISTED, is_known=True)
    now, before = _served_since(past, pinned=reference.digest is not None)
    named = reference.effective_tag if subject.target.selector is None else None
    listed = evidence.new_tags.get(named or now.tag)
    if now.kind is Seen.SEEN and before is None and listed is not None:
        since = min(listed, now.first_seen)
        return Arrival(since=since, clock=_LISTED, is_known=True, interval=now, past=past)
    is_pushed = now.kind is Seen.PUSHED
    return Arrival(
        since=now.first_seen,
        clock=_PUSHED if is_pushed else _SEEN,
        is_known=is_pushed or before is not None or _was_left(now, evidence, subject),
        interval=now,
        past=past,
    )


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


def _was_left(now: Interval, evidence: Evidence, subject: Subject) -> bool:
    """Return True for a candidate that its tag left: it has to show its age, which nobody knows.

    What stands may be an old image that nobody asked for, and is not warned of for that.
    """
    if subject.in_place_of is None or now.digest == subject.in_place_of:
        return False
    return evidence.history[-1].digest != now.digest


def _why_unknown(evidence: Evidence | None) -> str:
    """Return what is known of the time before the first sight."""
    if evidence is None or evidence.known_since is None:
        return ", and nobody had listed its repository whole before"
    return f", and its tag was there when all were listed first, on {day(evidence.known_since)}"


def _earlier(found: Arrival) -> Iterator[tuple[str, datetime]]:
    """Yield the other digests that were served, with when each first was, the newest first."""
    first: dict[str, datetime] = {}
    for one in found.past:
        first.setdefault(one.digest, one.first_seen)
    for one in reversed(found.past):
        if found.interval is not None and one.digest != found.interval.digest:
            yield one.digest, first[one.digest]


def wanted_of(subject: Subject) -> timedelta:
    """Return how long an image must have been there."""
    return timedelta(days=subject.options["days"]) or subject.policy.defaults.cooldown


def _words(span: timedelta) -> str:
    """Return a span in days, or in hours where it is no whole number of days."""
    days, rest = divmod(span, timedelta(days=1))
    if not rest:
        return "1 day" if days == 1 else f"{days} days"
    return f"{span / timedelta(hours=1):g} hours"


def _served_since(past: tuple[Interval, ...], *, pinned: bool) -> tuple[Interval, Interval | None]:
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
