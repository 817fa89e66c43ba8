"""One timeline of a tag from several memories: what we saw, and what others remember."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from operator import attrgetter

from tagwatch.audit.history import Interval

__all__ = ["ordered", "served_at", "timeline"]


def timeline(own: Iterable[Interval], imported: Iterable[Interval]) -> tuple[Interval, ...]:
    """All intervals by tag, oldest first, each with its kind of date.

    A better kind of date rules from its first day on: what others remember only tells of the time
    before we (or the registry) saw the tag, and an interval that reaches into it ends there. `own`
    is by tag and oldest first, `imported` the same within each kind, the best kind first.
    """
    layers: dict[str, list[Interval]] = {}
    for (tag, _), group in groupby((*own, *imported), key=attrgetter("tag", "kind")):
        later = layers.get(tag, [])
        layers[tag] = [*_before(group, later), *later]
    return tuple(interval for tag in sorted(layers) for interval in layers[tag])


def _before(group: Iterable[Interval], later: Sequence[Interval]) -> Iterable[Interval]:
    if not later:
        return group
    limit = later[0].first_seen
    return [_until(interval, limit) for interval in group if interval.first_seen < limit]


def _until(interval: Interval, limit: datetime) -> Interval:
    if interval.ended_at is not None and interval.ended_at <= limit:
        return interval
    last_seen = min(interval.last_seen, limit)
    return replace(interval, last_seen=last_seen, ended=True, ended_at=limit)


def ordered(intervals: Iterable[Interval]) -> list[Interval]:
    """Intervals of one tag and kind, oldest first and without overlap: the later one rules."""
    result: list[Interval] = []
    for interval in sorted(intervals, key=lambda item: (item.first_seen, item.last_seen)):
        if result and result[-1].first_seen == interval.first_seen:
            result.pop()
        if result:
            result[-1] = _until(result[-1], interval.first_seen)
        result.append(interval)
    return result


def served_at(intervals: Sequence[Interval], when: datetime) -> Interval | None:
    """Of one tag's intervals, oldest first, the one that held at `when`.

    Between two observations the earlier one holds: it is the last that was known.
    """
    last = next((item for item in reversed(intervals) if item.first_seen <= when), None)
    if last is None or (last.ended_at is not None and last.ended_at <= when):
        return None
    return last
