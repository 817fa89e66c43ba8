"""One timeline of a tag from several memories: what we saw, and what others remember."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from operator import attrgetter

from tagwatch.audit.model.history import Interval, Seen
from tagwatch.errors import LedgerFailedError
from tagwatch.ledger.codec import digest_of_bytes, moment, moment_or_none
from tagwatch.value import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tagwatch.ledger.record import Run

__all__ = [
    "imported_of",
    "interval_of",
    "joined",
    "ordered",
    "preceded",
    "run_of",
    "served_at",
    "timeline",
    "woven",
]


def timeline(own: Iterable[Interval], imported: Iterable[Interval]) -> tuple[Interval, ...]:
    """All intervals by tag, oldest first, each with its kind of date.

    A better kind of date rules from its first day on: what others remember only tells of the time
    before we (or the registry) saw the tag. Their last interval before that day keeps `ended` as
    they know it today, so that it still says whether they have dropped the tag. `own` is by tag
    and oldest first, `imported` the same within each kind, the best kind first.
    """
    layers: dict[str, list[Interval]] = {}
    for (tag, _), group in groupby((*own, *imported), key=attrgetter("tag", "kind")):
        later = layers.get(tag, [])
        layers[tag] = [*_before(list(group), later), *later]
    return tuple(interval for tag in sorted(layers) for interval in layers[tag])


def preceded(before: Sequence[Interval], known: Sequence[Interval]) -> tuple[Interval, ...]:
    """What `known` tells, and `before` of the time before the first of its intervals of a tag.

    Where a tag still served what was seen of it first, that is one interval.
    """
    layers = {tag: list(past) for tag, past in groupby(known, key=attrgetter("tag"))}
    for tag, group in groupby(before, key=attrgetter("tag")):
        later = layers.get(tag, [])
        earlier = _before(list(group), later)
        if later and earlier and _goes_on(earlier[-1], later[0]):
            first = earlier.pop()
            later[0] = replace(later[0], first_seen=first.first_seen, verdict=first.verdict)
        layers[tag] = [*earlier, *later]
    return tuple(interval for tag in sorted(layers) for interval in layers[tag])


def _goes_on(one: Interval, other: Interval) -> bool:
    return (one.digest, one.kind) == (other.digest, other.kind) and not one.ended


def _before(layer: list[Interval], later: Sequence[Interval]) -> list[Interval]:
    if not later:
        return layer
    limit = later[0].first_seen
    kept = [interval for interval in layer if interval.first_seen < limit]
    if kept and (kept[-1].ended_at is None or kept[-1].ended_at > limit):
        today, last_seen = layer[-1], min(kept[-1].last_seen, limit)
        kept[-1] = replace(
            kept[-1], last_seen=last_seen, ended=today.ended, ended_at=today.ended_at
        )
    return kept


def ordered(intervals: Iterable[Interval]) -> list[Interval]:
    """Intervals of one tag and kind, oldest first and without overlap: the later one rules."""
    result: list[Interval] = []
    for interval in sorted(intervals, key=lambda item: (item.first_seen, item.last_seen)):
        if result and result[-1].first_seen == interval.first_seen:
            result.pop()
        if result and (not result[-1].ended or result[-1].last_seen > interval.first_seen):
            last_seen = min(result[-1].last_seen, interval.first_seen)
            result[-1] = replace(result[-1], last_seen=last_seen, ended=True)
        result.append(interval)
    return result


def woven(old: Sequence[Interval], new: Iterable[Interval]) -> list[Interval]:
    """`new` of one tag and kind, and what `old` tells of the time before and after it.

    Who tells again rules over the time that they tell of; a registry that knows the last push
    alone, or a checkout without its past, takes nothing away.
    """
    told = ordered(new)
    if not old or not told:
        return [*old, *told]
    begin, end = told[0].first_seen, max(interval.last_seen for interval in told)
    before = [interval for interval in old if interval.first_seen < begin]
    after = [one for one in old if one.first_seen >= end and one.first_seen > begin]
    spanning = next((one for one in old if one not in after and one.last_seen > end), None)
    if spanning is not None and spanning.digest == told[-1].digest:
        told[-1] = replace(told[-1], last_seen=spanning.last_seen, ended=spanning.ended)
    if before and before[-1].digest == told[0].digest and _lasts(before[-1], begin):
        first = before.pop()
        told[0] = replace(told[0], first_seen=first.first_seen, verdict=first.verdict)
    return ordered([*before, *told, *after])


def joined(known: Iterable[Interval], told: Iterable[Interval]) -> tuple[Interval, ...]:
    """Return what a ledger that holds `known` would hold once `told` was imported into it.

    Both are whole timelines; those `told` have dates of commits.
    """
    layers: dict[Seen, list[Interval]] = {kind: [] for kind in Seen}
    for interval in known:
        layers[interval.kind].append(interval)
    committed: dict[str, tuple[list[Interval], list[Interval]]] = {}
    for memory, intervals in enumerate((layers[Seen.COMMITTED], told)):
        for interval in intervals:
            committed.setdefault(interval.tag, ([], []))[memory].append(interval)
    both = (
        replace(one, ended_at=one.last_seen if one.ended else None)
        for tag in sorted(committed)
        for one in woven(*committed[tag])
    )
    return timeline(layers[Seen.SEEN], (*layers[Seen.PUSHED], *both))


def _lasts(interval: Interval, until: datetime) -> bool:
    return not interval.ended or interval.last_seen >= until


def served_at(intervals: Sequence[Interval], when: datetime) -> Interval | None:
    """Of one tag's intervals, oldest first, the one that held at `when`.

    Between two observations the earlier one holds: it is the last that was known.
    """
    last = next((item for item in reversed(intervals) if item.first_seen <= when), None)
    if last is None or (last.ended_at is not None and last.ended_at <= when):
        return None
    return last


_KINDS = tuple(Seen)


def interval_of(row: Any) -> Interval:
    """An interval of our own; its last sight is made up by the query while it is open."""
    tag, digest, first_seen, last_seen, ended_at, version, verdict = row
    return Interval(
        tag=tag,
        digest=digest_of_bytes(digest),
        first_seen=moment(first_seen),
        last_seen=moment(last_seen),
        ended=ended_at is not None,
        ended_at=moment_or_none(ended_at),
        version=version,
        verdict=verdict,
    )


def imported_of(row: Any) -> Interval:
    """An interval that others told of. Raises `LedgerError` where its kind is none."""
    kind, tag, digest, first_seen, last_seen, ended, version, verdict = row
    if not 0 <= kind < len(_KINDS):
        raise LedgerFailedError(f"a stored date of {tag!r} is damaged", hint="restore a backup")
    return Interval(
        tag=tag,
        digest=digest_of_bytes(digest),
        first_seen=moment(first_seen),
        last_seen=moment(last_seen),
        ended=bool(ended),
        ended_at=moment(last_seen) if ended else None,
        version=version,
        verdict=verdict,
        kind=_KINDS[kind],
    )


def run_of(row: Any) -> Run:
    """A run without its answer."""
    from tagwatch.ledger.record import Run

    number, kind, at, finished_at, complete, *counts = row
    return Run(
        id=number,
        kind=kind,
        at=moment(at),
        finished_at=moment_or_none(finished_at),
        complete=None if complete is None else bool(complete),
        errors=counts[0],
        warnings=counts[1],
        notes=counts[2],
        not_checked=counts[3],
        moved=counts[4],
        project=counts[5],
    )
