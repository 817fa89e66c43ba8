"""The judgement of a move: which verdict a tag's step from one image to another gets, and why.

Kept apart from the value (`audit.model.history`), so that reading a stored verdict loads none of
this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import assert_never

from tagwatch.audit.base.build import repository_of
from tagwatch.audit.base.index import BaseIndex
from tagwatch.audit.change.rebuild import BuildComparison, RebuildOutcome, compare_builds
from tagwatch.audit.diff.comparison import (
    ImageComparison,
    PlatformComparison,
    compare_images,
    platform_name,
)
from tagwatch.audit.diff.image_diff import diff_of
from tagwatch.audit.diff.layers import LayerComparison
from tagwatch.audit.model.diff import Verdict
from tagwatch.audit.model.history import Change
from tagwatch.audit.reading.excerpt import cut
from tagwatch.audit.reading.image import UNKNOWN_PLATFORM, Image, PlatformImage
from tagwatch.audit.reading.mask import mask_text
from tagwatch.audit.reading.stated_version import full_version, is_older, stated_version
from tagwatch.audit.reading.version_evidence import names_another
from tagwatch.image.image_config import ImageConfig
from tagwatch.image.order import is_step_back
from tagwatch.image.platform import Platform
from tagwatch.value import dataclass, field, replace

__all__ = ["ChangeContext", "explain_change"]

# from harmless to grave: of several platforms, the gravest verdict is the change's
_GRAVITY = (
    Verdict.IDENTICAL,
    Verdict.METADATA_ONLY,
    Verdict.ATTESTATION_ONLY,
    Verdict.RECOMPRESSED,
    Verdict.PLATFORMS_CHANGED,
    Verdict.REBUILT,
    Verdict.UNKNOWN,
    Verdict.UPGRADED,
    Verdict.DOWNGRADED,
    Verdict.REPLACED,
)


_ALARMING = frozenset({Verdict.UNKNOWN, Verdict.DOWNGRADED, Verdict.REPLACED})
_SOURCE_LABELS = ("org.opencontainers.image.version", "org.opencontainers.image.revision")
_SHOWN = 40
"""How many characters of a label a reason shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeContext:
    """Everything that a verdict may rest on beside the two images."""

    bases: BaseIndex = field(default_factory=BaseIndex)
    """Known builds of approved bases."""
    immutable: bool = False
    """True where the policy says that the tag must not move."""
    audited: tuple[Platform, ...] | None = None
    """The platforms that were to be read (None: all): another that was not read is no gap."""
    compared: tuple[Platform, ...] | None = None
    """The platforms that are judged where they were read (None: all)."""
    alone: bool = False
    """True where a platform that moved while another did not is judged, read or not."""
    platform: Platform | None = None
    """The platform that comes first in the diff, where both images have it; None: linux/amd64."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judgement:
    verdict: Verdict
    reason: str


def explain_change(
    before: Image,
    after: Image,
    *,
    tag: str,
    at: datetime,
    context: ChangeContext | None = None,
) -> Change:
    """Explain why `tag` went from one image to the other, with the whole diff.

    Of several platforms, the gravest verdict is the change's. Never raises: what was not read
    makes the verdict `unknown`, and `reason` says what was missing.
    """
    context = context or ChangeContext()
    images = compare_images(before, after, platform=context.platform)
    judged = {
        platform_name(pair.platform): _judge_platform(pair, images, context)
        for pair in images.platforms
        if not pair.is_same and not _is_passed_over(pair, images, context)
    }
    images = _led_by_gravest(images, judged)
    whole = _judge_whole(images, judged)
    primary = images.primary
    versions = _versions(primary, images) if primary else (before.version, after.version)
    return Change(
        tag=tag,
        before=before.digest,
        after=after.digest,
        at=at,
        verdict=whole.verdict,
        reason=whole.reason,
        platforms=tuple(name for name, one in judged.items() if one.verdict is whole.verdict),
        version_before=versions[0],
        version_after=versions[1],
        diff=diff_of(images, {name: judgement.verdict for name, judgement in judged.items()}),
    )


def _led_by_gravest(images: ImageComparison, judged: Mapping[str, _Judgement]) -> ImageComparison:
    """Return the images with the gravest of the platforms that were compared in front."""

    def gravity(pair: PlatformComparison) -> int:
        found = judged.get(platform_name(pair.platform))
        return -1 if found is None or pair.config is None else _GRAVITY.index(found.verdict)

    return images.led_by(max(images.platforms, key=gravity)) if judged else images


def _judge_whole(images: ImageComparison, judged: Mapping[str, _Judgement]) -> _Judgement:
    if images.old.digest == images.new.digest:
        return _Judgement(verdict=Verdict.IDENTICAL, reason="both are one digest")
    problem = images.old.problem or images.new.problem or _no_platform(images)
    if problem:
        return _Judgement(verdict=Verdict.UNKNOWN, reason=problem)
    candidates = list(judged.items())
    if images.added or images.dropped:
        reason = _platforms_text(images, judged)
        candidates.append(("", _Judgement(verdict=Verdict.PLATFORMS_CHANGED, reason=reason)))
    if not candidates:
        return _judge_index(images)
    name, worst = max(candidates, key=lambda item: _GRAVITY.index(item[1].verdict))
    if len(images.platforms) > 1 and name:
        alike = sum(judgement.verdict is worst.verdict for judgement in judged.values())
        others = f" and {alike - 1} more" if alike > 1 else ""
        how = _how_alone(name, images) if worst.verdict in _ALARMING else ""
        return replace(worst, reason=f"{name}{others}{how}: {worst.reason}")
    return worst


def _how_alone(name: str, images: ImageComparison) -> str:
    """Return `, which moved while linux/amd64 did not`; "" where every platform moved."""
    if name not in images.alone:
        return ""
    stayed = [platform_name(pair.platform) for pair in images.platforms if pair.is_same]
    more = f" and {len(stayed) - 1} more" if stayed[1:] else ""
    return f", which moved while {stayed[0]}{more} did not"


def _judge_index(images: ImageComparison) -> _Judgement:
    """Judge a move of the index alone: no audited platform moved."""
    moved = [platform_name(pair.platform) for pair in images.platforms if not pair.is_same]
    if moved:
        reason = f"only platforms that are not audited moved: {', '.join(moved)}"
        return _Judgement(verdict=Verdict.PLATFORMS_CHANGED, reason=reason)
    attested = [
        frozenset(entry.digest for entry in (image.index.attestations if image.index else ()))
        for image in (images.old, images.new)
    ]
    if attested[0] != attested[1]:
        reason = "every platform serves the same image; only attestations changed"
        return _Judgement(verdict=Verdict.ATTESTATION_ONLY, reason=reason)
    reason = "every platform serves the same image; only the index around them changed"
    return _Judgement(verdict=Verdict.METADATA_ONLY, reason=reason)


def _judge_platform(
    pair: PlatformComparison, images: ImageComparison, context: ChangeContext
) -> _Judgement:
    """Judge the move of one platform.

    Gaps come first. Then the cheap answers: one config, a moved version, equal layers and settings.
    Only what is left needs the builds compared.
    """
    old, new = pair.old, pair.new
    if old.manifest is None or new.manifest is None or pair.layers is None:
        return _Judgement(verdict=Verdict.UNKNOWN, reason=old.problem or new.problem)
    if not (old.manifest.is_image and new.manifest.is_image):
        return _Judgement(verdict=Verdict.UNKNOWN, reason=old.problem or new.problem)
    if gap := _layer_gap(old, "old") or _layer_gap(new, "new"):
        return _Judgement(verdict=Verdict.UNKNOWN, reason=gap)
    if old.manifest.config.digest == new.manifest.config.digest:
        return _judge_stored(pair.layers)
    if old.config is None or new.config is None or pair.config is None:
        return _Judgement(verdict=Verdict.UNKNOWN, reason=old.problem or new.problem)
    versions = _versions(pair, images)
    if moved := _judge_versions(*versions):
        return moved
    if not pair.layers.differs and not pair.config.changed:
        history = pair.steps is not None and pair.steps.differs
        labels = sorted(pair.config.changed_labels)
        return _judge_stored(pair.layers, labels=labels, history=history)
    if pair.layers.moved and not (pair.layers.added or pair.layers.removed):
        return _Judgement(verdict=Verdict.UNKNOWN, reason="the same layers lie in another order")
    builds = compare_builds(old.config, new.config, context.bases)
    judgement = _judge_builds(
        builds,
        versions,
        _source(old.config, new.config, images.new.reference),
        immutable=context.immutable,
    )
    if pair.is_os_shifted:
        shift = f"; the system went from {' to '.join(pair.os_releases)}"
        return replace(judgement, reason=judgement.reason + shift)
    return judgement


def _layer_gap(part: PlatformImage, side: str) -> str:
    """Return what keeps an image's layers from being compared, or ""."""
    stored = part.manifest.layers if part.manifest else ()
    if not part.config or not stored or len(stored) == len(part.config.diff_ids):
        return ""
    return (
        f"the {side} image's manifest lists {len(stored)} layers, "
        f"its config {len(part.config.diff_ids)}"
    )


def _judge_stored(
    layers: LayerComparison, labels: Sequence[str] = (), *, history: bool = False
) -> _Judgement:
    """Judge images with equal layers and settings by how they are stored, and by their labels."""
    if layers.recompressed:
        count = len(layers.recompressed)
        reason = f"{count} of {len(layers.shared)} layers are stored otherwise, with equal content"
        return _Judgement(verdict=Verdict.RECOMPRESSED, reason=reason)
    if not layers.is_stored_known and not labels:
        reason = "the same layers and settings; one side does not tell how it stores its layers"
        return _Judgement(verdict=Verdict.IDENTICAL, reason=reason)
    plain = "the history" if history else "dates, annotations or media types"
    one = len(labels) == 1
    named = f"the label {labels[0]}" if one else f"labels {', '.join(labels[:5])}"
    verb = "differs" if one or (history and not labels) else "differ"
    reason = f"the same layers; only {named if labels else plain} {verb}"
    return _Judgement(verdict=Verdict.METADATA_ONLY, reason=reason)


def _judge_versions(old: str | None, new: str | None) -> _Judgement | None:
    """Return the judgement where the version moved; None where it is the same or not known."""
    if old is None or new is None or old == new:
        return None
    text = f"version {old} to {new}"
    if is_older(old, new):
        return _Judgement(verdict=Verdict.UPGRADED, reason=text)
    if is_older(new, old) and is_step_back(old, new):
        return _Judgement(verdict=Verdict.DOWNGRADED, reason=text)
    reason = f"{text}: which of them is newer cannot be told"
    return _Judgement(verdict=Verdict.UNKNOWN, reason=reason)


def _source(old: ImageConfig, new: ImageConfig, reference: str) -> str:
    """Return what the labels say of another source under the same build steps, or "".

    Labels that the image inherited tell the source of its base, and are left out.
    """
    if names_another(new.labels, repository_of(reference)):
        return ""
    for label in _SOURCE_LABELS:
        before, after = old.labels.get(label, ""), new.labels.get(label, "")
        if before and after and before != after:
            texts = (cut(mask_text(text), _SHOWN) for text in (before, after))
            return f"; label {label} went from {' to '.join(texts)}"
    return ""


def _judge_builds(
    builds: BuildComparison,
    versions: tuple[str | None, str | None],
    source: str,
    *,
    immutable: bool,
) -> _Judgement:
    """Return what a comparison of two builds means for a tag whose version did not move."""
    named = None not in versions
    still = f"still version {versions[1]}, " if named else ""
    unnamed = "" if named else "; no version is named"
    match builds.outcome:
        case RebuildOutcome.SAME if immutable and builds.base_stands:
            reason = f"{still}layers changed while the base stands, and the tag is immutable"
            return _Judgement(verdict=Verdict.REPLACED, reason=reason)
        case RebuildOutcome.SAME if source and not named:
            reason = f"{builds.reason}{source}{unnamed}, so it may be a new one"
            return _Judgement(verdict=Verdict.UNKNOWN, reason=reason)
        case RebuildOutcome.SAME:
            reason = f"{still}{builds.reason}{source}{unnamed}"
            return _Judgement(verdict=Verdict.REBUILT, reason=reason)
        case RebuildOutcome.DIFFERENT if named or immutable:
            but = "but " if still else ""
            return _Judgement(verdict=Verdict.REPLACED, reason=f"{still}{but}{builds.reason}")
        case RebuildOutcome.DIFFERENT:
            reason = (
                f"{builds.reason}{unnamed}, so a new version and a replacement cannot be told apart"
            )
            return _Judgement(verdict=Verdict.UNKNOWN, reason=reason)
        case RebuildOutcome.UNCLEAR:
            but = "but " if still else ""
            return _Judgement(verdict=Verdict.UNKNOWN, reason=f"{still}{but}{builds.reason}")
        case _:
            assert_never(builds.outcome)


def _versions(
    pair: PlatformComparison | None, images: ImageComparison
) -> tuple[str | None, str | None]:
    """Return both versions from one kind of evidence: two kinds may word one version differently.

    What the caller knows; else what the images state; else the tags that are full versions.
    """
    if pair is not None and (caught_up := _caught_up(pair, images)):
        return caught_up
    if images.old.version is not None and images.new.version is not None:
        return images.old.version, images.new.version
    old = stated_version(pair.old, images.old.reference) if pair else None
    new = stated_version(pair.new, images.new.reference) if pair else None
    if old is not None and new is not None and old.source == new.source:
        return old.value, new.value
    return full_version(images.old.reference), full_version(images.new.reference)


def _caught_up(pair: PlatformComparison, images: ImageComparison) -> tuple[str, str] | None:
    """Return the versions of a platform that came to the version that the index has already.

    Publishers build their platforms one after the other: what is known of the whole index is then
    the version that this platform did not have yet. None where it is no such step.
    """
    if platform_name(pair.platform) not in images.alone:
        return None
    old = stated_version(pair.old, images.old.reference)
    new = stated_version(pair.new, images.new.reference)
    if old is None or new is None or old.source != new.source or not is_older(old.value, new.value):
        return None
    return (old.value, new.value) if new.value == images.new.version else None


def _is_passed_over(
    pair: PlatformComparison, images: ImageComparison, context: ChangeContext
) -> bool:
    """Return True for a platform that nobody audits and that therefore was not read."""
    if context.audited is None or any(map(pair.platform.serves, context.audited)):
        return False
    if pair.platform == UNKNOWN_PLATFORM:  # a lone manifest: a chart, or its config was not read
        return False
    if context.alone and platform_name(pair.platform) in images.alone:
        return False
    if context.compared is not None and not any(map(pair.platform.serves, context.compared)):
        return True
    return bool(pair.old.problem or pair.new.problem)


def _no_platform(images: ImageComparison) -> str:
    """Return the problem where not even the platform of one side is known, or ""."""
    if images.platforms:
        return ""
    parts = (*images.old.platforms, *images.new.platforms)
    return next((part.problem for part in parts if part.platform == UNKNOWN_PLATFORM), "")


def _platforms_text(images: ImageComparison, judged: Mapping[str, _Judgement]) -> str:
    """Return which platforms were added and dropped, and what became of the others."""
    parts = [
        f"{', '.join(platform_name(platform) for platform in platforms)} {word}"
        for word, platforms in (("added", images.added), ("dropped", images.dropped))
        if platforms
    ]
    if not images.platforms:
        return f"{' and '.join(parts)}; no platform is in both"
    moved = [platform_name(pair.platform) for pair in images.platforms if not pair.is_same]
    others = [
        f"{name} is {judged[name].verdict.value}" if name in judged else f"{name} moved, unread"
        for name in moved
    ]
    rest = ", ".join(others) or "the other platforms serve the same"
    return f"{' and '.join(parts)}; {rest}"
