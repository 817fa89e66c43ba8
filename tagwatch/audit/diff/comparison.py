"""Two images side by side, platform by platform, from manifests, configs and attestations alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from tagwatch.audit.diff.config import ConfigComparison, compare_configs
from tagwatch.audit.diff.layers import LayerComparison, compare_layers, layers_of
from tagwatch.audit.model.diff import Gap, Lagging, PackageDiff, StatedVersion
from tagwatch.audit.reading.image import UNKNOWN_PLATFORM, Image, PlatformImage
from tagwatch.audit.reading.packages import compare_packages, distribution_of
from tagwatch.audit.reading.stated_version import is_older, stated_version
from tagwatch.audit.reading.steps import StepComparison, compare_steps, os_release
from tagwatch.image.image_config import ImageConfig
from tagwatch.image.platform import LINUX_AMD64, Platform
from tagwatch.value import dataclass, replace

__all__ = [
    "ImageComparison",
    "PlatformComparison",
    "compare_images",
    "moved_alone",
    "pairs_of",
    "platform_name",
]

Pair = tuple[PlatformImage, PlatformImage]
"""One platform that two images have, in both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformComparison:
    """One platform that both images have. What could not be compared is None.

    A platform with the same manifest digest on both sides compares as equal, even where nothing of
    it was read.
    """

    platform: Platform
    old: PlatformImage
    new: PlatformImage
    layers: LayerComparison | None = None
    config: ConfigComparison | None = None
    steps: StepComparison | None = None
    packages: PackageDiff | None = None
    not_compared: tuple[Gap, ...] = ()
    """What could not be compared, and why."""

    @property
    def is_same(self) -> bool:
        """True where both serve one manifest."""
        return self.old.digest == self.new.digest

    @property
    def os_releases(self) -> tuple[str, str]:
        """The operating system's release on both sides (`debian bookworm`); "" where not known.

        Both from one kind of evidence: a config says `bookworm` where an SBOM says `12`.
        """
        old, new = (os_release(part.config) if part.config else "" for part in (self.old, self.new))
        if old and new:
            return old, new
        attested = [distribution_of(part.attestations) for part in (self.old, self.new)]
        if all(attested):
            return attested[0].replace("-", " "), attested[1].replace("-", " ")
        return old, new

    @property
    def is_os_shifted(self) -> bool:
        """True where both releases are known and differ."""
        old, new = self.os_releases
        return bool(old and new and old != new)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageComparison:
    """Two images side by side."""

    old: Image
    new: Image
    platforms: tuple[PlatformComparison, ...] = ()
    """Those that both images have, the one asked for (else linux/amd64) first."""
    added: tuple[Platform, ...] = ()
    dropped: tuple[Platform, ...] = ()
    lagging: tuple[Lagging, ...] = ()
    """Platforms of the new image that are behind its others."""
    alone: tuple[str, ...] = ()
    """The names of platforms that moved while another of the index did not."""

    @property
    def primary(self) -> PlatformComparison | None:
        """The platform that stands for the whole image; None where the images share no platform."""
        return self.platforms[0] if self.platforms else None

    def led_by(self, leader: PlatformComparison) -> ImageComparison:
        """Return the same with `leader` as the platform that stands for the whole image."""
        others = (one for one in self.platforms if one is not leader)
        return replace(self, platforms=(leader, *others))


def compare_images(old: Image, new: Image, *, platform: Platform | None = None) -> ImageComparison:
    """Compare two images. `platform`: the one that comes first, where both have it."""
    pairs, dropped, added = _pair(old.platforms, new.platforms)
    pairs.sort(key=lambda pair: _rank(pair[1].platform, platform or LINUX_AMD64))
    platforms = tuple(_compare_platform(before, after) for before, after in pairs)
    return ImageComparison(
        old=old,
        new=new,
        platforms=platforms,
        added=tuple(image.platform for image in added),
        dropped=tuple(image.platform for image in dropped),
        lagging=tuple(_lagging(platforms, new)),
        alone=tuple(platform_name(after.platform) for _, after in moved_alone(pairs)),
    )


def pairs_of(old: Image, new: Image) -> tuple[Pair, ...]:
    """Return the platforms that both images have, without comparing them."""
    return tuple(_pair(old.platforms, new.platforms)[0])


def moved_alone(pairs: Iterable[Pair]) -> tuple[Pair, ...]:
    """Return the pairs that moved, where another pair of the same two images did not.

    That is how tampering with one platform looks. Attestations are no platforms, and what has no
    partner was added or dropped.
    """
    known = [pair for pair in pairs if UNKNOWN_PLATFORM not in (pair[0].platform, pair[1].platform)]
    moved = tuple(pair for pair in known if pair[0].digest != pair[1].digest)
    return moved if len(moved) < len(known) else ()


def platform_name(platform: Platform) -> str:
    """Return `os/architecture[/variant]`, with the operating system's build where it names one."""
    return f"{platform} {platform.os_version}" if platform.os_version else str(platform)


def _pair(
    old: Sequence[PlatformImage], new: Sequence[PlatformImage]
) -> tuple[list[Pair], list[PlatformImage], list[PlatformImage]]:
    """Return the pairs of both sides, the old without a partner, and the new without one.

    Windows images come once a build (`os.version` 10.0.20348.…). Equal builds are paired first;
    then, where a platform has one image left on either side, those two.
    """
    pairs: list[Pair] = []
    left, right = list(old), list(new)
    for with_build in (True, False):
        here, there = _grouped(left, with_build=with_build), _grouped(right, with_build=with_build)
        for key, rivals in here.items():
            after = there.get(key, [])
            if with_build or len(rivals) == len(after) == 1:
                pairs += zip(rivals, after, strict=False)
        paired = {id(image) for pair in pairs for image in pair}
        left = [image for image in left if id(image) not in paired]
        right = [image for image in right if id(image) not in paired]
    # a lone manifest whose config was not read does not tell its platform
    if len(left) == len(right) == 1 and UNKNOWN_PLATFORM in (left[0].platform, right[0].platform):
        pairs, left, right = [*pairs, (left[0], right[0])], [], []
    return pairs, left, right


def _grouped(
    images: Sequence[PlatformImage], *, with_build: bool
) -> dict[tuple[str, str, str, str], list[PlatformImage]]:
    groups: defaultdict[tuple[str, str, str, str], list[PlatformImage]] = defaultdict(list)
    for image in images:
        groups[_platform_key(image.platform, with_build=with_build)].append(image)
    return groups


def _platform_key(platform: Platform, *, with_build: bool) -> tuple[str, str, str, str]:
    """Return what both sides of a pair must agree in; of `os.version` the first three numbers."""
    build = ".".join((platform.os_version or "").split(".")[:3]) if with_build else ""
    return platform.os, platform.architecture, platform.variant or "", build


def _rank(platform: Platform, wanted: Platform) -> tuple[bool, str]:
    return not platform.serves(wanted), platform_name(platform)


def _compare_platform(old: PlatformImage, new: PlatformImage) -> PlatformComparison:
    platform = old.platform if new.platform == UNKNOWN_PLATFORM else new.platform
    unread = tuple(
        Gap(what=f"layers and config of {platform_name(platform)}", why=f"{side}: {image.problem}")
        for side, image in (("old", old), ("new", new))
        if image.problem
    )
    known = old.manifest is not None and new.manifest is not None
    config = steps = None
    if old.config is not None and new.config is not None:
        config = compare_configs(old.config, new.config)
        steps = compare_steps(old.config.history, new.config.history)
        unread += tuple(_history_gaps(old.config, new.config))
    packages = compare_packages(old.attestations, new.attestations)
    if isinstance(packages, str):
        unread += (Gap(what="packages", why=packages),)
    return PlatformComparison(
        platform=platform,
        old=old,
        new=new,
        layers=compare_layers(layers_of(old), layers_of(new)) if known else None,
        config=config,
        steps=steps,
        packages=None if isinstance(packages, str) else packages,
        not_compared=unread,
    )


def _history_gaps(old: ImageConfig, new: ImageConfig) -> Iterator[Gap]:
    for side, config in (("old", old), ("new", new)):
        if not config.history:
            yield Gap(what="build steps", why=f"{side}: the config has no history")
        elif config.layer_history is None:
            why = f"{side}: history and layers disagree (squashed?)"
            yield Gap(what="build step of each layer", why=why)


def _lagging(platforms: Sequence[PlatformComparison], new: Image) -> Iterator[Lagging]:
    """Yield platforms of the new image behind its newest version, or left where others moved."""
    stated: dict[Platform, StatedVersion] = {}
    for image in new.platforms:
        if found := stated_version(image, new.reference):
            stated[image.platform] = found
    versions = {found.value for found in stated.values()}
    newest = [v for v in versions if not any(is_older(v, other) for other in versions)]
    moved = any(not pair.is_same and _version_moved(pair, new.reference) for pair in platforms)
    same = {pair.platform for pair in platforms if pair.is_same}
    for image in new.platforms:
        own = stated.get(image.platform)
        if own is not None and newest and is_older(own.value, newest[0]):
            yield Lagging(platform=platform_name(image.platform), version=own.value)
        elif own is None and moved and image.platform in same:
            yield Lagging(platform=platform_name(image.platform))


def _version_moved(pair: PlatformComparison, reference: str) -> bool:
    old, new = stated_version(pair.old, reference), stated_version(pair.new, reference)
    return old is not None and new is not None and is_older(old.value, new.value)
