"""Signs of tampering, and of an accident, that a verdict alone does not show.

Each is a fact that an honest rebuild may have, too: rules make warnings of them, not errors.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from datetime import datetime, timedelta
from itertools import pairwise

from tagwatch.audit.base.index import BaseIndex
from tagwatch.audit.base.rank import Rank
from tagwatch.audit.diff.comparison import PlatformComparison
from tagwatch.audit.diff.layers import Layer, LayerComparison
from tagwatch.audit.model.base_build import BaseBuild
from tagwatch.audit.model.diff import Verdict
from tagwatch.audit.model.history import Interval, is_move
from tagwatch.audit.reading.cut_text import cut
from tagwatch.audit.reading.mask import mask_text
from tagwatch.audit.reading.size_text import size_text
from tagwatch.audit.reading.steps import normalized_step, tells_what_was_done
from tagwatch.image.image_config import ImageConfig
from tagwatch.image.tag import Kind, parse_tag
from tagwatch.value import dataclass

__all__ = ["Habit", "habit_of", "lost_base", "size_jump", "swapped_content"]

_FULL = 3
"""So many numbers make the version in a tag a full one."""
_STEADY_AFTER = timedelta(days=30)
"""How long a repository must be known before it says something that none of its versions moved."""
_REBUILDS = 2
"""So many rebuilds of full versions are a habit."""
_JUMP_BYTES = 5_000_000
_JUMP = 4 / 3
"""A jump of the size is so many bytes at least, and so much in proportion."""
_SHOWN = 90
_MOST_STEPS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Habit:
    """How a repository treated its full-version tags before a move."""

    steady_days: int = 0
    """For how many days the moved tag is known, where none of them moved in all that is known.

    0 where one did, where the tag is no full version, or is known too short.
    """
    rebuilds: bool = False
    """True where it was seen to rebuild its versions."""


def habit_of(intervals: Mapping[str, tuple[Interval, ...]], tag: str, at: datetime) -> Habit:
    """Return what the past of a repository, by tag, says of its full versions before `at`."""
    verdicts = [
        now.verdict
        for name, past in intervals.items()
        if len(past) > 1 and _is_full_version(name)
        for before, now in pairwise(past)
        if is_move(before, now) and now.first_seen < at
    ]
    past = intervals.get(tag, ())
    known = at - past[0].first_seen if past else timedelta()
    is_steady = not verdicts and known >= _STEADY_AFTER and _is_full_version(tag)
    return Habit(
        steady_days=known.days if is_steady else 0,
        rebuilds=sum(verdict == Verdict.REBUILT for verdict in verdicts) >= _REBUILDS,
    )


def _is_full_version(name: str) -> bool:
    tag = parse_tag(name)
    return tag.kind is Kind.VERSION and len(tag.release) >= _FULL


def swapped_content(layers: LayerComparison) -> str:
    """Return the steps that brought other files under the same words, or "".

    `COPY` and `ADD` take what they are given, and so do builders that write no steps: another layer
    of theirs is other content. What a `RUN` makes differs in each build.
    """
    gone = {normalized_step(layer.created_by) for layer in layers.removed}
    swapped = [_shown(layer) for layer in layers.added if _is_swapped(layer, gone)]
    more = len(swapped) - _MOST_STEPS
    others = [f"{more} more"] if more > 0 else []
    return ", ".join([*dict.fromkeys(swapped[:_MOST_STEPS]), *others])


def _is_swapped(layer: Layer, gone: Container[str]) -> bool:
    text = layer.created_by
    takes_files = text.startswith(("COPY ", "ADD ")) or not tells_what_was_done(text)
    return bool(text) and takes_files and normalized_step(text) in gone


def _shown(layer: Layer) -> str:
    return repr(cut(mask_text(layer.created_by), _SHOWN))


def size_jump(pair: PlatformComparison) -> str:
    """Return `it grew from 29.1 MB to 60.0 MB` where the stored size jumped, else ""."""
    if pair.old.manifest is None or pair.new.manifest is None:
        return ""
    old, new = pair.old.manifest.size, pair.new.manifest.size
    low, high = sorted((old, new))
    if not low or high - low < _JUMP_BYTES or high < low * _JUMP:
        return ""
    verb = "grew" if new > old else "shrank"
    return f"it {verb} from {size_text(old)} to {size_text(new)}"


def lost_base(old: ImageConfig, new: ImageConfig, bases: BaseIndex, rank: Rank) -> str:
    """Return the approved base that the old image stood on, where the new one stands on none.

    "" where it stands on one, or the old one did not. Bases below the base count, too.
    """
    before = [one for one in bases.below(old.platform, old.diff_ids) if _approved(one, rank)]
    after = [one for one in bases.below(new.platform, new.diff_ids) if _approved(one, rank)]
    if not before or after:
        return ""
    build = before[0]
    return f"{build.reference} = {build.version}" if build.version else build.reference


def _approved(build: BaseBuild, rank: Rank) -> bool:
    return rank(build.reference) is not None
