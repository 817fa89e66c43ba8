"""What a tag, a repository or a digest was, from the ledger alone."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, time
from itertools import pairwise, starmap

from tagwatch.audit.model.history import Interval, is_move
from tagwatch.audit.version.lifecycle import ABANDONED_AFTER, Lifecycle, classify
from tagwatch.errors import UsageError
from tagwatch.image.digest import is_digest, parse_digest
from tagwatch.image.reference import Reference, Repository
from tagwatch.ledger.timeline import served_at
from tagwatch.value import replace
from tagwatch.walk.facts_kept import is_expired, place_shown
from tagwatch.walk.site import Site, configured_place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tagwatch.ledger.read import Reader
    from tagwatch.walk.bundle import KnownPast

__all__ = ["facts_of", "lifecycle_asked", "moment_of", "newest", "of_moves", "past_of"]
__all__ += ["with_reasons"]


def facts_of(repository: Repository, past: KnownPast, site: Site) -> tuple[str, ...]:
    """Return the names of the facts that tell of a repository's past, and which of them expired."""
    told = past.ledger.told_from(repository) if past.ledger is not None else ()
    shown = [place_shown(place, site) for place in told]
    return tuple(f"{one} (expired)" if is_expired(one, site) else one for one in shown)


def past_of(
    text: str, ledger: Reader | KnownPast, at: datetime | None
) -> Iterable[tuple[Repository, tuple[Interval, ...]]]:
    """Yield each repository asked about, with the intervals that answer.

    `at`: only what held at that moment. Raises `InvalidReferenceError` and `LedgerError`.
    """
    if is_digest(text):
        homes: dict[Repository, list[Interval]] = {}
        for repository, interval in ledger.tags_of_digest(parse_digest(text)):
            homes.setdefault(repository, []).append(interval)
        for repository, intervals in sorted(homes.items()):
            yield repository, tuple(_those_at(intervals, at))
        return
    reference = Reference.parse(text).identity
    repository = reference.repository
    if reference.digest is not None:
        pairs = ledger.tags_of_digest(reference.digest, repository)
        own = [one for _, one in pairs if reference.tag in (None, one.tag)]
        yield repository, tuple(_those_at(own, at))
    elif reference.tag is not None and at is not None:
        held = ledger.at(repository, reference.tag, at)
        yield repository, (held,) if held else ()
    elif at is None:
        yield repository, ledger.intervals(repository, reference.tag)
    else:
        past: dict[str, list[Interval]] = {}
        for interval in ledger.intervals(repository):
            past.setdefault(interval.tag, []).append(interval)
        moments = (served_at(intervals, at) for intervals in past.values())
        yield repository, tuple(one for one in moments if one is not None)


def _those_at(intervals: Iterable[Interval], at: datetime | None) -> Iterable[Interval]:
    """Yield the intervals that held at a moment; all of them where none is asked for."""
    for interval in intervals:
        begun = at is None or interval.first_seen <= at
        over = at is not None and interval.ended and (interval.ended_at or interval.last_seen) <= at
        if begun and not over:
            yield interval


def of_moves(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """Return the intervals of tags that went to another digest."""
    by_tag: dict[str, list[Interval]] = {}
    for interval in intervals:
        by_tag.setdefault(interval.tag, []).append(interval)
    return tuple(
        interval
        for past in by_tag.values()
        if any(starmap(is_move, pairwise(past)))
        for interval in past
    )


def newest(intervals: Iterable[Interval], limit: int) -> tuple[Interval, ...]:
    """Return the intervals that began last, at most `limit`, oldest first."""
    ordered = sorted(intervals, key=lambda interval: (interval.first_seen, interval.tag))
    return tuple(ordered[max(len(ordered) - limit, 0) :])


def with_reasons(
    found: Iterable[tuple[Repository, tuple[Interval, ...]]], ledger: Reader | KnownPast
) -> Iterable[tuple[Repository, tuple[Interval, ...]]]:
    """Yield the same intervals, each with the reason of its verdict. Raises `LedgerError`."""
    for repository, intervals in found:
        moved = {interval.tag for interval in intervals if interval.verdict is not None}
        only = next(iter(moved)) if len(moved) == 1 else None
        reasons = ledger.reasons(repository, only) if moved else {}
        yield (
            repository,
            tuple(
                replace(interval, reason=reasons.get((interval.tag, interval.first_seen)))
                for interval in intervals
            ),
        )


def lifecycle_asked(text: str, past: KnownPast, site: Site) -> Lifecycle | None:
    """Return how the tag has behaved, where one tag alone is asked for and a ledger saw it.

    Facts tell of few tags of a line, so of a tag that only they know they tell this, too.
    """
    ledger = past.ledger
    if ledger is None:
        return None
    reference = None if is_digest(text) else Reference.parse(text).identity
    if ledger is None or reference is None or reference.tag is None or reference.digest is not None:
        return None
    if not ledger.has_seen(reference.repository, reference.tag):
        known = ledger.evidence((reference.canonical,), configured=configured_place(site))
        said = known[reference.canonical].lifecycle if known else None
        if said is not None:
            return Lifecycle(said)
    return _lifecycle_of(ledger, reference.repository, reference.tag)


def _lifecycle_of(ledger: Reader, repository: Repository, tag: str) -> Lifecycle | None:
    """Return the lifecycle of `tag` as of when it was last read; None where its past shows none.

    The rest of its line is read only where it decides: for a tag that has not moved for long.
    """
    past = ledger.intervals(repository, tag)
    if not past:
        return None
    at = past[-1].last_seen
    found = classify(past, at=at)
    if found is not Lifecycle.FLOATING or at - past[-1].first_seen < ABANDONED_AFTER:
        return found
    from tagwatch.walk.recall import recall_repository

    memory = recall_repository(ledger, repository, None, at)
    return classify(past, memory.line_beside(tag), at=at)


def moment_of(text: str, now: datetime) -> datetime:
    """Return the end of that day or second in UTC, or that moment. Raises `UsageError`.

    Answers give whole seconds: asked for the one at which an interval begins, it is the answer.
    """
    try:
        moment = datetime.fromisoformat(text)
        if len(text) <= len("2026-03-01"):
            moment = datetime.combine(moment.date(), time.max)
        elif not moment.microsecond:
            moment = moment.replace(microsecond=999_999)
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"not a date: {text!r}", hint="write 2026-03-01") from error
    if moment.date() > now.date():
        raise UsageError(
            f"{text!r} has not come yet", hint="`tagwatch resolve` tells what a tag is today"
        )
    return moment
