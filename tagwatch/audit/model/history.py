"""The past of a tag: intervals in which it served one digest, and the changes between them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from tagwatch.image.digest import Digest
from tagwatch.value import dataclass, late

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tagwatch.audit.model.diff import ImageDiff, Verdict

__all__ = [
    "GONE",
    "UNRECORDED",
    "Change",
    "Interval",
    "Seen",
    "Sign",
    "is_move",
    "seen_serving",
]

_DIFF = "tagwatch.audit.model.diff"
__getattr__ = late(__name__, {"ImageDiff": _DIFF, "Verdict": _DIFF})

UNRECORDED = "?"
"""The origin of what an older program stored: it did not record who said it."""
Texts = tuple[str, ...]  # a name saves time at start-up: see `audit.model.diff`


class Sign(StrEnum):
    """A sign that a move is no ordinary one, whatever its verdict."""

    CONTENT_SWAPPED = "content-swapped"
    """The same steps brought other files, on the same base and under the same version."""
    FIRST_MOVE = "first-move"
    """A full-version tag moved, and its repository never moved one before."""
    VERSION_DISAGREES = "version-disagrees"
    """The image states another version than its tag, as the one before did not."""
    HISTORY_LOST = "history-lost"
    """The image before told how it was made; this one, of the same version, does not."""


class Seen(StrEnum):
    """The source of a date, the best first."""

    SEEN = "seen"
    """We saw it ourselves."""
    PUSHED = "pushed"
    """The registry states when it was pushed."""
    COMMITTED = "committed"
    """A commit in the publisher's repository names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """The time in which a tag served one digest, from `first_seen` to `last_seen`."""

    tag: str
    digest: Digest
    """Where `kind` is COMMITTED no registry's digest, but `build:` and a name of what was built."""
    first_seen: datetime
    last_seen: datetime
    ended: bool = False
    """True where the tag no longer serves the digest."""
    version: str | None = None
    """The concrete version that the tag stood for, where it could be named at the time."""
    verdict: str | None = None
    """How the tag came to this digest, a `diff.Verdict`; None for the first interval."""
    kind: Seen = Seen.SEEN
    ended_at: datetime | None = None
    """When the end was noticed, by the next digest or by a listing without the tag.

    Nobody looked between `last_seen` and `ended_at`.
    """
    reason: str | None = None
    """The reason of `verdict`; None where there is none, and where nobody asked for it."""


def is_move(before: Interval, now: Interval) -> bool:
    """Return True where the tag went to another digest.

    An interval from a commit and one from a registry cannot be compared: that is no move.
    """
    comparable = (before.kind is Seen.COMMITTED) is (now.kind is Seen.COMMITTED)
    return comparable and before.digest != now.digest


def seen_serving(intervals: Iterable[Interval], digest: Digest) -> tuple[datetime, datetime] | None:
    """Return when we first and last saw a tag serve `digest`, or None where we never did."""
    seen = [one for one in intervals if one.digest == digest and one.kind is Seen.SEEN]
    return (seen[0].first_seen, seen[-1].last_seen) if seen else None


GONE = "the manifest is gone from its registry"
"""The reason of a change whose image before could not be read, because it is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A tag's move from one digest to another, with its verdict."""

    tag: str
    before: Digest
    after: Digest
    at: datetime
    verdict: Verdict
    reason: str = ""
    """The reason of the verdict, in one sentence."""
    version_before: str | None = None
    version_after: str | None = None
    diff: ImageDiff | None = None
    """None where the two images were not compared."""
    platforms: tuple[str, ...] = ()
    """The platforms whose own verdict is that of the change: those that decided it."""
    signs: Texts = ()
    """The `Sign`s of any platform, sorted."""
    lost_base: str = ""
    """The approved base that the image before stood on, where the one after stands on none."""
    lost_on: str = ""
    """The platform that lost it; the first where several did."""
