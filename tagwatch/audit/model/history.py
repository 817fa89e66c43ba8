"""A tag's past: intervals during which it served one digest, and the changes between them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from tagwatch.audit.model.diff import ImageDiff, Verdict
from tagwatch.image.digest import Digest
from tagwatch.value import dataclass

__all__ = [
    "Change",
    "Interval",
    "Seen",
    "is_move",
    "seen_serving",
]


class Seen(StrEnum):
    """Whose clock a date is from, best first."""

    SEEN = "seen"
    """We saw it."""
    PUSHED = "pushed"
    """The registry said when it was pushed."""
    COMMITTED = "committed"
    """A commit in the publisher's repository named it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """`tag` served `digest` from `first_seen` to `last_seen`. `ended`: it serves it no more.

    `verdict` says how the tag came to this digest (a `diff.Verdict`; None for the first).
    `version`: the concrete version it stood for, where it could be named at the time.
    `ended_at`: when its end was noticed, by the next digest or by a listing without the tag;
    between `last_seen` and `ended_at` nobody looked. Where a commit tells of it (COMMITTED),
    `digest` is not a registry's but `build:` and a name of what was built.
    """

    tag: str
    digest: Digest
    first_seen: datetime
    last_seen: datetime
    ended: bool = False
    version: str | None = None
    verdict: str | None = None
    kind: Seen = Seen.SEEN
    ended_at: datetime | None = None


def is_move(before: Interval, now: Interval) -> bool:
    """True where the tag went to another digest: from what was committed to what was seen, nobody
    can tell.
    """
    comparable = (before.kind is Seen.COMMITTED) is (now.kind is Seen.COMMITTED)
    return comparable and before.digest != now.digest


def seen_serving(intervals: Iterable[Interval], digest: Digest) -> tuple[datetime, datetime] | None:
    """When a tag was first and last seen to serve `digest`, by our own clock; None: never."""
    seen = [one for one in intervals if one.digest == digest and one.kind is Seen.SEEN]
    return (seen[0].first_seen, seen[-1].last_seen) if seen else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A tag's step from one digest to another. `reason` explains the verdict in one sentence."""

    tag: str
    before: Digest
    after: Digest
    at: datetime
    verdict: Verdict
    reason: str = ""
    version_before: str | None = None
    version_after: str | None = None
    diff: ImageDiff | None = None
    """None: nobody told it."""
