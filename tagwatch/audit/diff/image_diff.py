"""The diff of a comparison: secrets are masked and long texts cut before anything gets them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tagwatch.audit.diff.comparison import ImageComparison, PlatformComparison, platform_name
from tagwatch.audit.diff.config import ConfigComparison
from tagwatch.audit.diff.layers import Layer, LayerComparison, LayerPair
from tagwatch.audit.model.diff import (
    ConfigDiff,
    Gap,
    ImageDiff,
    LayerDiff,
    LayerEntry,
    MapDiff,
    PlatformDiff,
    Recompressed,
    SetDiff,
    Side,
    SizeDiff,
    StatedVersion,
    StepDiff,
    Verdict,
)
from tagwatch.audit.reading.cut_text import apart, cut, paired
from tagwatch.audit.reading.image import Image, PlatformImage
from tagwatch.audit.reading.mask import mask_text, mask_value, mask_words
from tagwatch.audit.reading.stated_version import stated_version
from tagwatch.audit.reading.steps import StepComparison
from tagwatch.image.image_config import ImageConfig
from tagwatch.image.manifest import Manifest

__all__ = ["diff_of"]

# no real build has more; what is left out is still counted
_MAX_STEPS = 500
_MAX_STEP_CHARACTERS = 1_000


def diff_of(comparison: ImageComparison, verdicts: Mapping[str, Verdict]) -> ImageDiff:
    """Return the diff of a comparison, masked and cut.

    The primary platform comes first, then the others that moved. `verdicts`: platform name →
    verdict; the primary's is not used (see `PlatformDiff.verdict`).
    """
    primary = comparison.primary
    others = [pair for pair in comparison.platforms[1:] if not pair.is_same]
    return ImageDiff(
        old=_side(comparison.old, primary.old if primary else None),
        new=_side(comparison.new, primary.new if primary else None),
        platforms=(
            *((_platform(primary),) if primary else ()),
            *(_platform(pair, verdicts.get(platform_name(pair.platform))) for pair in others),
        ),
        added=tuple(platform_name(platform) for platform in comparison.added),
        dropped=tuple(platform_name(platform) for platform in comparison.dropped),
        common=len(comparison.platforms),
        alone=comparison.alone,
        lagging=comparison.lagging,
        not_compared=tuple(_not_compared(comparison)),
    )


def _platform(pair: PlatformComparison, verdict: Verdict | None = None) -> PlatformDiff:
    return PlatformDiff(
        platform=platform_name(pair.platform),
        verdict=verdict,
        layers=_layers(pair.layers) if pair.layers else LayerDiff(),
        size=_size(pair),
        config=_config(pair.config) if pair.config else None,
        steps=_steps(pair.steps) if pair.steps else StepDiff(),
        os_release=pair.os_releases,
        attestations=(_kinds(pair.old), _kinds(pair.new)),
        packages=pair.packages,
    )


def _side(image: Image, part: PlatformImage | None) -> Side:
    version = None
    if image.version is not None:
        version = StatedVersion(value=image.version, source=image.version_from or "alias")
    elif part is not None:
        version = stated_version(part, image.reference)
    first, last = (at.date().isoformat() for at in image.seen) if image.seen else ("", "")
    return Side(
        reference=image.reference,
        index=image.digest if image.index is not None else None,
        manifest=part.digest if part else None,
        platform=platform_name(part.platform) if part else None,
        version=version,
        seen=(first, last) if image.seen else None,
    )


def _layers(layers: LayerComparison) -> LayerDiff:
    return LayerDiff(
        shared=tuple(_entry(pair.new) for pair in layers.shared),
        moved=tuple(_entry(pair.new, pair.old.position) for pair in layers.moved),
        removed=tuple(_entry(layer) for layer in layers.removed),
        added=tuple(_entry(layer) for layer in layers.added),
        recompressed=tuple(_recompressed(pair) for pair in layers.recompressed),
    )


def _entry(layer: Layer, old_position: int | None = None) -> LayerEntry:
    return LayerEntry(
        position=layer.position,
        old_position=old_position,
        diff_id=layer.diff_id,
        digest=layer.digest,
        size=layer.size,
        created_by=cut(mask_text(layer.created_by), _MAX_STEP_CHARACTERS),
    )


def _recompressed(pair: LayerPair) -> Recompressed:
    return Recompressed(
        diff_id=pair.new.diff_id,
        digests=(pair.old.digest or "", pair.new.digest or ""),
        types=(_short_type(pair.old.media_type), _short_type(pair.new.media_type)),
    )


def _short_type(media_type: str) -> str:
    """Return the short form of any media type for layers: `tar+gzip`."""
    short = "tar" + media_type.rpartition(".tar")[2]
    return short.replace(".", "+") if ".tar" in media_type else media_type


def _size(pair: PlatformComparison) -> SizeDiff | None:
    old, new = _sized(pair.old), _sized(pair.new)
    if old is None or new is None:
        return None
    return SizeDiff(old=old.size, new=new.size, config_delta=new.config.size - old.config.size)


def _sized(part: PlatformImage) -> Manifest | None:
    """Return the manifest where it gives the size of each layer: a local engine's gives none."""
    diff_ids = part.config.diff_ids if part.config else ()
    return None if part.manifest and diff_ids and not part.manifest.layers else part.manifest


def _config(configs: ConfigComparison) -> ConfigDiff:
    old, new = configs.old, configs.new
    return ConfigDiff(
        user=(mask_text(old.user), mask_text(new.user)),
        entrypoint=(mask_words(old.entrypoint or ()), mask_words(new.entrypoint or ())),
        cmd=(mask_words(old.cmd or ()), mask_words(new.cmd or ())),
        working_dir=(old.working_dir, new.working_dir),
        stop_signal=(old.stop_signal, new.stop_signal),
        env=_masked(configs.env),
        exposed_ports=_set(old.exposed_ports, new.exposed_ports),
        volumes=_set(old.volumes, new.volumes),
        labels=_masked(configs.labels),
        healthcheck=(_healthcheck(old), _healthcheck(new)),
        created=(_created(old), _created(new)),
        os=new.platform.os,
        os_version=(old.platform.os_version or "", new.platform.os_version or ""),
    )


def _masked(maps: MapDiff) -> MapDiff:
    return MapDiff(
        added={key: mask_value(key, text) for key, text in maps.added.items()},
        removed={key: mask_value(key, text) for key, text in maps.removed.items()},
        changed={
            key: (mask_value(key, old), mask_value(key, new))
            for key, (old, new) in maps.changed.items()
        },
    )


def _set(old: frozenset[str], new: frozenset[str]) -> SetDiff:
    return SetDiff(added=tuple(sorted(new - old)), removed=tuple(sorted(old - new)))


def _healthcheck(config: ImageConfig) -> str:
    return " ".join(mask_words(config.healthcheck or ()))


def _created(config: ImageConfig) -> str:
    return config.created_at.strftime("%Y-%m-%dT%H:%M:%SZ") if config.created_at else ""


def _steps(steps: StepComparison) -> StepDiff:
    """Return the steps that differ; of a long one that changed, only the part that did."""
    removed = [mask_text(text) for text in steps.removed[:_MAX_STEPS]]
    added = [mask_text(text) for text in steps.added[:_MAX_STEPS]]
    shown = {text: cut(text, _MAX_STEP_CHARACTERS) for text in (*removed, *added)}
    for old, new in paired(removed, added):
        if old is not None and new is not None:
            shown[old], shown[new] = apart(old, new, _MAX_STEP_CHARACTERS)
    return StepDiff(
        same=steps.same,
        removed=tuple(shown[text] for text in removed),
        added=tuple(shown[text] for text in added),
        removed_in_all=len(steps.removed),
        added_in_all=len(steps.added),
    )


def _kinds(image: PlatformImage) -> tuple[str, ...]:
    return tuple(sorted({attestation.kind for attestation in image.attestations}))


def _not_compared(comparison: ImageComparison) -> Iterator[Gap]:
    for side, image in (("old", comparison.old), ("new", comparison.new)):
        if image.problem:
            yield Gap(what=f"{side} image", why=image.problem)
    for pair in comparison.platforms:
        primary = pair is comparison.primary
        name = "" if primary else f" of {platform_name(pair.platform)}"
        # of a platform that did not move nothing had to be read, except of the primary
        for gap in pair.not_compared if primary or not pair.is_same else ():
            yield gap if name in gap.what else Gap(what=gap.what + name, why=gap.why)
