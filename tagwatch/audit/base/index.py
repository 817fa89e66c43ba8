"""Builds of known bases, found by chain_id: which of them an image's layers stand on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import takewhile
from typing import TypeVar

from tagwatch.audit.model.base_build import BaseBuild
from tagwatch.audit.reading.steps import step_text
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
    """Builds by platform and chain_id, in the order given. Made by `index_builds`."""

    by_chain: Mapping[_Key, tuple[BaseBuild, ...]] = field(default_factory=dict)
    by_platform: Mapping[_Runs, tuple[BaseBuild, ...]] = field(default_factory=dict)
    by_reference: Mapping[str, tuple[BaseBuild, ...]] = field(default_factory=dict)

    def below(self, platform: Platform, diff_ids: Sequence[Digest]) -> tuple[BaseBuild, ...]:
        """Every build whose layers are the image's bottom layers, or all of them; deepest first."""
        hits: list[BaseBuild] = []
        for chain_id in reversed(chain_ids(diff_ids)):
            hits += self.by_chain.get((_runs(platform), chain_id), ())
        return tuple(hits)

    def on(self, platform: Platform) -> tuple[BaseBuild, ...]:
        """Every build for one platform."""
        return self.by_platform.get(_runs(platform), ())

    def base_of(self, config: ImageConfig) -> BaseBuild | None:
        """The deepest build that the image adds to: never the image itself."""
        hits = self.below(config.platform, config.diff_ids)
        above = [build for build in hits if _is_below(build, config)]
        depth = max((len(build.diff_ids) for build in above), default=0)
        deepest = [build for build in above if len(build.diff_ids) == depth]
        fitting = [build for build in deepest if is_history_prefix(build.history, config.history)]
        return max(fitting or deepest, key=lambda build: len(build.history), default=None)

    def of(self, reference: str, platform: Platform) -> tuple[BaseBuild, ...]:
        """Every build of one reference for one platform, oldest first."""
        found = self.by_reference.get(reference, ())
        return tuple(build for build in found if _runs(build.platform) == _runs(platform))


def index_builds(builds: Iterable[BaseBuild]) -> BaseIndex:
    """Index builds for many look-ups. Builds that served one manifest under one name are joined.

    A build of nothing but empty layers is left out: it would be below every image.
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
    """How many layers hold anything: empty ones are shared by unrelated images."""
    return sum(diff_id not in EMPTY_LAYER_DIFF_IDS for diff_id in diff_ids)


def common_layers(one: Sequence[Digest], other: Sequence[Digest]) -> int:
    """How many bottom layers two images share."""
    count = 0
    for first, second in zip(one, other, strict=False):
        if first != second:
            break
        count += 1
    return count


def base_steps(config: ImageConfig, build: BaseBuild) -> int:
    """How many history entries of the image are its base's.

    Where dates or words were rewritten, those up to its last layer, and the settings after it.
    """
    if build.history and is_history_prefix(build.history, config.history):
        return len(build.history)
    end = _end_of_layers(config.history, len(build.diff_ids))
    own = build.history[_end_of_layers(build.history, len(build.diff_ids)) :]
    settings = zip(own, config.history[end:] if end else (), strict=False)
    return end + sum(1 for _ in takewhile(_is_one_step, settings))


def _end_of_layers(history: Sequence[HistoryEntry], layers: int) -> int:
    """How many entries there are up to the one that made so many layers; 0 where none did."""
    for number, entry in enumerate(history if layers else ()):
        layers -= not entry.empty_layer
        if not layers:
            return number + 1
    return 0


def _is_one_step(pair: tuple[HistoryEntry, HistoryEntry]) -> bool:
    one, other = pair
    return other.empty_layer and step_text(one) == step_text(other)


def is_history_prefix(base: Sequence[HistoryEntry], image: Sequence[HistoryEntry]) -> bool:
    """True where the image's history begins with the whole of the base's, dates included."""
    return len(base) <= len(image) and all(
        (one.created_by, _second(one), one.empty_layer)
        == (other.created_by, _second(other), other.empty_layer)
        for one, other in zip(base, image, strict=False)
    )


def _second(entry: HistoryEntry) -> datetime | None:
    """When the step was made, to the second: a local engine tells no more."""
    return entry.created_at.replace(microsecond=0) if entry.created_at else None


def _is_below(build: BaseBuild, config: ImageConfig) -> bool:
    if len(build.diff_ids) < len(config.diff_ids):
        return True
    history = build.history
    return 0 < len(history) < len(config.history) and is_history_prefix(history, config.history)


def _runs(platform: Platform) -> _Runs:
    """What must agree: Windows' own builds share layers where they do, whatever `os.version`."""
    return platform.os, platform.architecture, platform.variant or ""


def _grouped(
    builds: Iterable[BaseBuild], key: Callable[[BaseBuild], _Group]
) -> dict[_Group, tuple[BaseBuild, ...]]:
    groups: dict[_Group, list[BaseBuild]] = {}
    for build in builds:
        groups.setdefault(key(build), []).append(build)
    return {name: tuple(members) for name, members in groups.items()}


def _join(one: BaseBuild, other: BaseBuild) -> BaseBuild:
    """One manifest that a tag served under several index digests: one build."""
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
    """When it was served; a build without dates is older than any that was seen."""
    return build.first_seen or _NEVER, build.last_seen or _NEVER
