"""Known builds of bases, found by chain_id: which of them are below an image's layers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import takewhile
from typing import TypeVar

from tagwatch.audit.model.base_build import BaseBuild
from tagwatch.image.digest import EMPTY_LAYER_DIFF_IDS, Digest
from tagwatch.image.image_config import HistoryEntry, ImageConfig, chain_ids
from tagwatch.image.platform import Platform
from tagwatch.value import dataclass, field, replace

__all__ = ["BaseIndex", "base_steps", "common_layers", "index_builds", "is_history_prefix", "solid"]

_Runs = tuple[str, str, str]
_Key = tuple[_Runs, Digest]
_Group = TypeVar("_Group")
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseIndex:
    """Known builds of bases, for look-ups. `index_builds` makes it."""

    by_chain: Mapping[_Key, tuple[BaseBuild, ...]] = field(default_factory=dict)
    """By platform and the chain_id of all layers, in the order given."""
    by_platform: Mapping[_Runs, tuple[BaseBuild, ...]] = field(default_factory=dict)
    """In the order given."""
    by_reference: Mapping[str, tuple[BaseBuild, ...]] = field(default_factory=dict)
    """By canonical name with the tag, oldest first."""

    def below(self, platform: Platform, diff_ids: Sequence[Digest]) -> tuple[BaseBuild, ...]:
        """Return builds whose layers are the image's bottom layers, or all; deepest first."""
        hits: list[BaseBuild] = []
        for chain_id in reversed(chain_ids(diff_ids)):
            hits += self.by_chain.get((_runs(platform), chain_id), ())
        return tuple(hits)

    def on(self, platform: Platform) -> tuple[BaseBuild, ...]:
        """Return every build for one platform, in the order given."""
        return self.by_platform.get(_runs(platform), ())

    def base_of(self, config: ImageConfig) -> BaseBuild | None:
        """Return the deepest build that the image adds to, never the image itself; or None."""
        hits = self.below(config.platform, config.diff_ids)
        above = [build for build in hits if _is_below(build, config)]
        depth = max((len(build.diff_ids) for build in above), default=0)
        deepest = [build for build in above if len(build.diff_ids) == depth]
        # a base that only adds settings to another has the same layers, but a longer history
        fitting = [build for build in deepest if is_history_prefix(build.history, config.history)]
        return max(fitting or deepest, key=lambda build: len(build.history), default=None)

    def of(self, reference: str, platform: Platform) -> tuple[BaseBuild, ...]:
        """Return every build of one reference for one platform, oldest first."""
        found = self.by_reference.get(reference, ())
        return tuple(build for build in found if _runs(build.platform) == _runs(platform))


def index_builds(builds: Iterable[BaseBuild]) -> BaseIndex:
    """Return an index of `builds`. Those of one manifest under one name are joined.

    A build of nothing but empty layers is left out: it would be below unrelated images.
    """
    joined: dict[tuple[str, Platform, Digest], BaseBuild] = {}
    for build in builds:
        key = (build.reference, build.platform, build.manifest)
        joined[key] = _join(joined[key], build) if key in joined else build
    solid_builds = [build for build in joined.values() if solid(build.diff_ids)]
    by_age = sorted(solid_builds, key=_age)
    return BaseIndex(
        by_chain=_grouped(solid_builds, lambda b: (_runs(b.platform), chain_ids(b.diff_ids)[-1])),
        by_platform=_grouped(solid_builds, lambda build: _runs(build.platform)),
        by_reference=_grouped(by_age, lambda build: build.reference),
    )


def solid(diff_ids: Iterable[Digest]) -> int:
    """Return how many layers hold anything: unrelated images share the empty ones."""
    return sum(diff_id not in EMPTY_LAYER_DIFF_IDS for diff_id in diff_ids)


def common_layers(one: Sequence[Digest], other: Sequence[Digest]) -> int:
    """Return how many bottom layers two images share."""
    count = 0
    for first, second in zip(one, other, strict=False):
        if first != second:
            break
        count += 1
    return count


def base_steps(config: ImageConfig, build: BaseBuild) -> int:
    """Return how many history entries of the image are its base's.

    Where a tool rewrote the history's dates or words, those up to the base's last layer count, and
    the settings after it that are still the same.
    """
    if build.history and is_history_prefix(build.history, config.history):
        return len(build.history)
    end = _end_of_layers(config.history, len(build.diff_ids))
    own = build.history[_end_of_layers(build.history, len(build.diff_ids)) :]
    settings = zip(own, config.history[end:] if end else (), strict=False)
    return end + sum(1 for _ in takewhile(_is_one_step, settings))


def _end_of_layers(history: Sequence[HistoryEntry], layers: int) -> int:
    """Return how many entries it takes to make so many layers; 0 where the history has fewer."""
    for number, entry in enumerate(history if layers else ()):
        layers -= not entry.empty_layer
        if not layers:
            return number + 1
    return 0


def _is_one_step(pair: tuple[HistoryEntry, HistoryEntry]) -> bool:
    """Return True where both entries are the same setting, which makes no layer."""
    from tagwatch.audit.reading.steps import step_text  # its patterns take 9 ms to compile

    one, other = pair
    return other.empty_layer and step_text(one) == step_text(other)


def is_history_prefix(base: Sequence[HistoryEntry], image: Sequence[HistoryEntry]) -> bool:
    """Return True where the image's history begins with all of the base's, dates included."""
    return len(base) <= len(image) and all(
        (one.created_by, _second(one), one.empty_layer)
        == (other.created_by, _second(other), other.empty_layer)
        for one, other in zip(base, image, strict=False)
    )


def _second(entry: HistoryEntry) -> datetime | None:
    """Return when the step was made, to the second: local engines cut what is finer."""
    return entry.created_at.replace(microsecond=0) if entry.created_at else None


def _is_below(build: BaseBuild, config: ImageConfig) -> bool:
    """Return True where the image adds something to the build: layers, or settings at least."""
    if len(build.diff_ids) < len(config.diff_ids):
        return True
    history = build.history
    return 0 < len(history) < len(config.history) and is_history_prefix(history, config.history)


def _runs(platform: Platform) -> _Runs:
    """Return what an image and its base must agree in.

    `os.version` is left out: where images of two Windows builds share layers, that counts.
    """
    return platform.os, platform.architecture, platform.variant or ""


def _grouped(
    builds: Iterable[BaseBuild], key: Callable[[BaseBuild], _Group]
) -> dict[_Group, tuple[BaseBuild, ...]]:
    groups: dict[_Group, list[BaseBuild]] = {}
    for build in builds:
        groups.setdefault(key(build), []).append(build)
    return {name: tuple(members) for name, members in groups.items()}


def _join(one: BaseBuild, other: BaseBuild) -> BaseBuild:
    """Return as one build what a tag served as one manifest under several index digests."""
    newer = max(one, other, key=_age)
    seen = [at for build in (one, other) for at in (build.first_seen, build.last_seen) if at]
    return replace(
        newer,
        version=newer.version or one.version or other.version,
        first_seen=min(seen, default=None),
        last_seen=max(seen, default=None),
        ended=one.ended and other.ended,
    )


def _age(build: BaseBuild) -> tuple[datetime, datetime]:
    """Return when a build was served, to sort by: one without dates is older than any with."""
    return build.first_seen or _NEVER, build.last_seen or _NEVER
