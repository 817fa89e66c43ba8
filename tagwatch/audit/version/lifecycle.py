"""How a tag has behaved over time, and how it stands now, read off intervals alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise, takewhile

from tagwatch.audit.model.diff import Verdict
from tagwatch.audit.model.history import Interval, Seen
from tagwatch.image.tag import Kind, is_step_back, parse_tag

__all__ = ["ABANDONED_AFTER", "RECENTLY", "Lifecycle", "classify"]

ABANDONED_AFTER = timedelta(days=90)
"""A tag that used to move is abandoned when it rests this long while its line goes on."""
RECENTLY = timedelta(days=30)
"""A return or a step back is news for this long; a tag rests this long before it is frozen."""

_MOVED_ON = frozenset({Verdict.UPGRADED, Verdict.DOWNGRADED})
_SAME_VERSION = frozenset(
    {
        Verdict.RECOMPRESSED, Verdict.METADATA_ONLY, Verdict.ATTESTATION_ONLY,
        Verdict.PLATFORMS_CHANGED, Verdict.REBUILT, Verdict.REPLACED,
    }
)  # fmt: skip


class Lifecycle(StrEnum):
    """What a tag's past says of it, most urgent first."""

    UNSUPPORTED = "unsupported"
    """Its publisher no longer builds it."""
    WENT_BACK = "went-back"
    """It serves an image again, or a version below, that it had left."""
    RETURNED = "returned"
    """It was gone and is there again."""
    ABANDONED = "abandoned"
    """It used to move and rests while its line goes on."""
    FLOATING = "floating"
    """It has moved to another version."""
    REPUSHED = "repushed"
    """It has served other digests of one version."""
    FROZEN = "frozen"
    """It has served one digest for as long as it is known."""


def classify(
    past: Sequence[Interval],
    line: Iterable[Interval] = (),
    *,
    at: datetime,
    supported: bool | None = None,
) -> Lifecycle | None:
    """What the intervals of one tag say of it at `at`; None where they say nothing (yet).

    `past`: its intervals, oldest first; `line`: the last ones of the other tags of its line, what
    began last first; `supported`: what is known from elsewhere of whether it is still built.
    """
    committed = [interval for interval in past if interval.kind is Seen.COMMITTED]
    if supported is False or (supported is None and committed and committed[-1].ended):
        return Lifecycle.UNSUPPORTED
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
    *_, before, now = past
    if before.digest != now.digest:
        left = any(interval.digest == now.digest for interval in past[:-2])
        if left or is_step_back(before.version, now.version):
            return Lifecycle.WENT_BACK
    if before.ended_at is not None and before.ended_at < now.first_seen:
        return Lifecycle.RETURNED
    return None


def _behaviour(past: Sequence[Interval], at: datetime) -> Lifecycle | None:
    """Floating or repushed where the steps say so, frozen where there were none for a while."""
    steps = [(before, now) for before, now in pairwise(past) if before.digest != now.digest]
    if not steps:
        return Lifecycle.FROZEN if at - past[0].first_seen >= RECENTLY else None
    if any(_moved_on(before, now) for before, now in steps):
        return Lifecycle.FLOATING
    if all(_same_version(before, now) for before, now in steps):
        return Lifecycle.REPUSHED
    # a word without a number promises no version: that it moved is all there is to know
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
    """True where the line has moved on since, and both that and the tag's rest are long enough.

    An older series that is still mended is not where the line goes.
    """
    since = now.first_seen + ABANDONED_AFTER
    moved = takewhile(lambda interval: interval.first_seen >= since, line)
    return at >= since and any(
        not is_step_back(now.version, interval.version) for interval in moved
    )
