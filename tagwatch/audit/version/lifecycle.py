"""The lifecycle of a tag: how it behaved over time and does now, judged by intervals alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise, takewhile

from tagwatch.audit.model.diff import Verdict
from tagwatch.audit.model.history import Interval, Seen

__all__ = ["ABANDONED_AFTER", "RECENTLY", "Lifecycle", "classify"]

ABANDONED_AFTER = timedelta(days=90)
"""A tag that used to move is abandoned when it has rested this long while its line moved on."""
RECENTLY = timedelta(days=30)
"""How long a return or a step back is news, and how long a tag must rest to be frozen."""

_MOVED_ON = frozenset({Verdict.UPGRADED, Verdict.DOWNGRADED})
_SAME_VERSION = frozenset(
    {
        Verdict.RECOMPRESSED, Verdict.METADATA_ONLY, Verdict.ATTESTATION_ONLY,
        Verdict.PLATFORMS_CHANGED, Verdict.REBUILT, Verdict.REPLACED,
    }
)  # fmt: skip


class Lifecycle(StrEnum):
    """The behaviour that the past of a tag shows, the most urgent first."""

    UNSUPPORTED = "unsupported"
    """Its publisher no longer builds it."""
    WENT_BACK = "went-back"
    """It serves an image that it had left, or a lower version than before."""
    RETURNED = "returned"
    """It was gone and is there again."""
    ABANDONED = "abandoned"
    """It used to move, but rests while its line moves on."""
    FLOATING = "floating"
    """It has moved to another version."""
    REPUSHED = "repushed"
    """It has served several digests of one version."""
    FROZEN = "frozen"
    """It has served one digest ever since it was first seen."""


def classify(
    past: Sequence[Interval],
    line: Iterable[Interval] = (),
    *,
    at: datetime,
    supported: bool | None = None,
) -> Lifecycle | None:
    """Return what the intervals of one tag show at `at`, or None where they show nothing yet.

    `past` are its intervals, oldest first. `line` are the last intervals of the other tags of its
    line, the one that began last first. `supported` says whether the publisher still builds the
    tag, as far as that is known from elsewhere.
    """
    committed = [interval for interval in past if interval.kind is Seen.COMMITTED]
    if supported is False or (supported is None and committed and committed[-1].ended):
        return Lifecycle.UNSUPPORTED
    # what registries served counts; commits are used only where nothing else is known
    known = [interval for interval in past if interval.kind is not Seen.COMMITTED] or committed
    if not known or known[-1].ended:
        return None
    news = _news(known, at)
    if news is not None:
        return news
    behaviour = _behaviour(known, at)
    if behaviour is Lifecycle.FLOATING and _rests(known[-1], line, at):
        return Lifecycle.ABANDONED
    return behaviour


def _news(past: Sequence[Interval], at: datetime) -> Lifecycle | None:
    if len(past) < 2 or at - past[-1].first_seen > RECENTLY:
        return None
    from tagwatch.image.order import is_step_back  # to order versions is slow to load

    *_, before, now = past
    if before.digest != now.digest:
        left = any(interval.digest == now.digest for interval in past[:-2])
        if left or is_step_back(before.version, now.version):
            return Lifecycle.WENT_BACK
    if before.ended_at is not None and before.ended_at < now.first_seen:
        return Lifecycle.RETURNED
    return None


def _behaviour(past: Sequence[Interval], at: datetime) -> Lifecycle | None:
    """Return floating or repushed where the moves show it, frozen after a while without moves."""
    steps = [(before, now) for before, now in pairwise(past) if before.digest != now.digest]
    if not steps:
        return Lifecycle.FROZEN if at - past[0].first_seen >= RECENTLY else None
    if any(_moved_on(before, now) for before, now in steps):
        return Lifecycle.FLOATING
    if all(_same_version(before, now) for before, now in steps):
        return Lifecycle.REPUSHED
    from tagwatch.image.tag import Kind, parse_tag

    # A word without a number promises no version, so each move of it counts as floating.
    return Lifecycle.FLOATING if parse_tag(past[-1].tag).kind is Kind.WORD else None


def _moved_on(before: Interval, now: Interval) -> bool:
    if before.version is not None and now.version is not None:
        return before.version != now.version
    return now.verdict in _MOVED_ON


def _same_version(before: Interval, now: Interval) -> bool:
    if before.version is not None and now.version is not None:
        return before.version == now.version
    return now.verdict in _SAME_VERSION


def _rests(now: Interval, line: Iterable[Interval], at: datetime) -> bool:
    """Return True where the tag has rested for `ABANDONED_AFTER` and its line moved on after that.

    A tag of the line that took a lower version does not count: it only mends an older series.
    """
    from tagwatch.image.order import is_step_back

    since = now.first_seen + ABANDONED_AFTER
    # `line` begins with the latest, so the first interval before `since` ends the search
    moved = takewhile(lambda interval: interval.first_seen >= since, line)
    return at >= since and any(
        not is_step_back(now.version, interval.version) for interval in moved
    )
