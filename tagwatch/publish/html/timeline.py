"""Swimlanes of tags: one lane a tag, one segment a digest, on one axis of days."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from tagwatch.audit.model.history import Interval
from tagwatch.image.digest import short_digest
from tagwatch.publish.wording import date_text, one_line
from tagwatch.value import dataclass

__all__ = ["Lane", "Segment", "Tick", "Timeline", "timeline_of"]

_LABELS = 180
_AXIS = 690
_NOW = 90  # right of the axis: what is served now always has room for its name
_WIDTH = _LABELS + _AXIS + _NOW
_TOP = 8
_LANE = 30
_BAR = 18
_LONGEST = timedelta(days=365)
_SHORTEST = timedelta(days=7)
_LETTER = 6.7
_LABEL = 30
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_ALARMS = {"replaced": "!", "downgraded": "↓", "unknown": "?"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One digest's time under a tag. `sign` marks how it came: `!` replaced, `↓` went back, `?`."""

    x: float
    width: float
    label: str
    title: str
    kind: str
    sign: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One tag. `cut`: it is older than the axis. `gone_x`: where it ended for good, or None."""

    y: int
    label: str
    whole: str
    """The whole label where that is too long; else nothing."""
    anchor: str
    segments: tuple[Segment, ...]
    cut: bool
    gone_x: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A line of the axis, at the first of a month or a day."""

    x: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Geometry in user units; `description` tells it in a sentence."""

    width: int
    height: int
    now: int
    axis: int
    labels: int
    bar: int
    lanes: tuple[Lane, ...]
    ticks: tuple[Tick, ...]
    description: str


def timeline_of(
    tags: Iterable[tuple[str, str, Sequence[Interval]]], at: datetime
) -> Timeline | None:
    """Lanes for (label, anchor, intervals), the axis ending at `at`; None without an interval.

    The axis spans what is remembered, at least a week and at most a year.
    """
    known = [(label, anchor, intervals) for label, anchor, intervals in tags if intervals]
    if not known:
        return None
    oldest = min(interval.first_seen for _, _, intervals in known for interval in intervals)
    start = max(min(oldest, at - _SHORTEST), at - _LONGEST)
    scale = _Scale(start=start, end=at)
    lanes = tuple(
        Lane(
            y=_TOP + row * _LANE,
            label=_shortened(label),
            whole=one_line(label) if len(one_line(label)) > _LABEL else "",
            anchor=anchor,
            segments=tuple(_segments(intervals, scale)),
            cut=intervals[0].first_seen < start,
            gone_x=scale.x(intervals[-1].last_seen) if intervals[-1].ended else None,
        )
        for row, (label, anchor, intervals) in enumerate(known)
    )
    return Timeline(
        width=_WIDTH,
        now=_LABELS + _AXIS,
        height=_TOP + len(lanes) * _LANE + 24,
        axis=_TOP + len(lanes) * _LANE,
        labels=_LABELS,
        bar=_BAR,
        lanes=lanes,
        ticks=tuple(_ticks(scale)),
        description=_description(known, start, at),
    )


def _shortened(label: str) -> str:
    """Return a label that fits its lane: cut in the middle, for tags differ at their end.

    >>> _shortened("ibm-semeru-runtimes:open-26.0.1-jre-noble")
    'ibm-semeru-run…6.0.1-jre-noble'
    """
    text = one_line(label)
    return text if len(text) <= _LABEL else f"{text[: _LABEL // 2 - 1]}…{text[-_LABEL // 2 :]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scale:
    start: datetime
    end: datetime

    def x(self, at: datetime) -> float:
        part = (at - self.start) / (self.end - self.start)
        return round(_LABELS + _AXIS * min(max(part, 0.0), 1.0), 1)


def _segments(intervals: Sequence[Interval], scale: _Scale) -> Iterable[Segment]:
    for index, interval in enumerate(intervals):
        following = intervals[index + 1].first_seen if index + 1 < len(intervals) else None
        until = following or (interval.last_seen if interval.ended else scale.end)
        if until < scale.start:
            continue
        x = scale.x(interval.first_seen)
        end = scale.x(until) if interval.ended or following else float(_WIDTH)
        width = max(round(end - x, 1), 3.0)
        name = interval.version or interval.digest.partition(":")[2][:8]
        label = one_line(name, 40)
        sign = _ALARMS.get(interval.verdict or "", "")
        yield Segment(
            x=x,
            width=width,
            label=label if len(label) * _LETTER + (20 if sign else 10) <= width else "",
            title=_title(interval),
            kind="now" if not interval.ended else "even" if index % 2 else "odd",
            sign=sign,
        )


def _title(interval: Interval) -> str:
    how = f", {interval.verdict}" if interval.verdict else ""
    end = "" if interval.ended else " and still"
    return (
        f"{interval.version or 'no version named'} ({short_digest(interval.digest)}): "
        f"{date_text(interval.first_seen)} to {date_text(interval.last_seen)}{end}{how}"
    )


def _ticks(scale: _Scale) -> Iterable[Tick]:
    """Firsts of months; where fewer than two fall on the axis, every seventh day, or every one."""
    months: list[datetime] = []
    year, month = scale.start.year, scale.start.month
    while True:
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        first = datetime(year, month, 1, tzinfo=scale.start.tzinfo)
        if first > scale.end:
            break
        months.append(first)
    if len(months) >= 2:
        step = 1 if len(months) <= 7 else 2
        for at in months[::step]:
            year_too = at.month == 1 or at is months[0]
            name = _MONTHS[at.month - 1]
            yield Tick(x=scale.x(at), label=f"{name} {at.year}" if year_too else name)
        return
    days = (scale.end - scale.start).days
    apart = timedelta(days=7 if days > 14 else 2 if days > 7 else 1)
    at = scale.start
    while at <= scale.end - apart / 2:
        yield Tick(x=scale.x(at), label=f"{at.day} {_MONTHS[at.month - 1]}")
        at += apart


def _description(
    known: Sequence[tuple[str, str, Sequence[Interval]]], start: datetime, at: datetime
) -> str:
    intervals = sum(len(intervals) for _, _, intervals in known)
    return (
        f"{len(known)} tags and {intervals} digests from {date_text(start)} to {date_text(at)}; "
        "the same facts stand in the tables of each image."
    )
