"""The judgement of one platform's move: a verdict, its reason, and the signs beside it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import assert_never

from tagwatch.audit.base.build import parse_or_none, repository_of
from tagwatch.audit.base.index import BaseIndex
from tagwatch.audit.base.rank import Rank
from tagwatch.audit.change.rebuild import BuildComparison, RebuildOutcome, compare_builds
from tagwatch.audit.change.sign import Habit, lost_base, size_jump, swapped_content
from tagwatch.audit.diff.comparison import (
    ImageComparison,
    PlatformComparison,
    platform_name,
)
from tagwatch.audit.diff.layers import LayerComparison
from tagwatch.audit.model.diff import Verdict
from tagwatch.audit.model.history import Sign
from tagwatch.audit.reading.cut_text import cut
from tagwatch.audit.reading.image import PlatformImage
from tagwatch.audit.reading.mask import mask_text
from tagwatch.audit.reading.stated_version import full_version, is_older, stated_version
from tagwatch.audit.reading.version_evidence import (
    is_own_version,
    names_another,
    other_version,
    version_evidence,
)
from tagwatch.image.image_config import ImageConfig
from tagwatch.image.order import is_step_back
from tagwatch.image.platform import Platform
from tagwatch.image.reference import Reference
from tagwatch.value import dataclass, field, replace

__all__ = ["ChangeContext", "Judgement", "judge_platform", "versions_of"]

_SOURCE_LABELS = ("org.opencontainers.image.version", "org.opencontainers.image.revision")
_SHOWN = 40
"""How many characters of a label a reason shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeContext:
    """Everything that a verdict may rest on beside the two images."""

    bases: BaseIndex = field(default_factory=BaseIndex)
    """Known builds of approved bases."""
    rank: Rank | None = None
    """The approved bases among them; None: nobody says which are."""
    immutable: bool = False
    """True where the policy says that the tag must not move."""
    habit: Habit = field(default_factory=Habit)
    """How the repository treated its full versions until now."""
    audited: tuple[Platform, ...] | None = None
    """The platforms that were to be read (None: all): another that was not read is no gap."""
    compared: tuple[Platform, ...] | None = None
    """The platforms that are judged where they were read (None: all)."""
    alone: bool = False
    """True where a platform that moved while another did not is judged, read or not."""
    platform: Platform | None = None
    """The platform that comes first in the diff, where both images have it; None: linux/amd64."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    verdict: Verdict
    reason: str
    signs: frozenset[Sign] = frozenset()
    lost_base: str = ""


def judge_platform(
    pair: PlatformComparison, images: ImageComparison, context: ChangeContext
) -> Judgement:
    """Judge the move of one platform.

    Gaps come first. Then the cheap answers: one config, a moved version, equal layers and settings.
    Only what is left needs the builds compared.
    """
    old, new = pair.old, pair.new
    if old.manifest is None or new.manifest is None or pair.layers is None:
        return Judgement(verdict=Verdict.UNKNOWN, reason=old.problem or new.problem)
    if not (old.manifest.is_image and new.manifest.is_image):
        return Judgement(verdict=Verdict.UNKNOWN, reason=old.problem or new.problem)
    if gap := _layer_gap(old, "old") or _layer_gap(new, "new"):
        return Judgement(verdict=Verdict.UNKNOWN, reason=gap)
    if old.manifest.config.digest == new.manifest.config.digest:
        return _judge_stored(pair.layers)
    if old.config is None or new.config is None or pair.config is None:
        return Judgement(verdict=Verdict.UNKNOWN, reason=old.problem or new.problem)
    versions = versions_of(pair, images)
    if moved := _judge_versions(*versions):
        return _told_size(moved, pair)
    if not pair.layers.differs and not pair.config.changed:
        history = pair.steps is not None and pair.steps.differs
        labels = sorted(pair.config.changed_labels)
        return _judge_stored(pair.layers, labels=labels, history=history)
    judgement = _judge_content(old.config, new.config, pair.layers, versions, images, context)
    if pair.is_os_shifted:
        shift = f"; the system went from {' to '.join(pair.os_releases)}"
        judgement = replace(judgement, reason=judgement.reason + shift)
    if context.rank is not None:
        lost = lost_base(old.config, new.config, context.bases, context.rank)
        judgement = replace(judgement, lost_base=lost)
    return _told_size(judgement, pair)


def _told_size(judgement: Judgement, pair: PlatformComparison) -> Judgement:
    """Return the judgement with a jump of the size named."""
    jump = size_jump(pair)
    return replace(judgement, reason=f"{judgement.reason}; {jump}") if jump else judgement


def _judge_content(
    old: ImageConfig,
    new: ImageConfig,
    layers: LayerComparison,
    versions: tuple[str | None, str | None],
    images: ImageComparison,
    context: ChangeContext,
) -> Judgement:
    """Judge two images of one version, or of none, by how they were built."""
    if layers.moved and not (layers.added or layers.removed):
        named = None not in versions
        reason = "the same layers lie in another order"
        verdict = Verdict.REPLACED if named else Verdict.UNKNOWN
        return Judgement(
            verdict=verdict,
            reason=f"still version {versions[1]}, but {reason}" if named else reason,
        )
    reference = images.new.reference
    parsed = parse_or_none(reference)
    path = parsed.repository.path if parsed else ""
    builds = compare_builds(old, new, context.bases, partial(is_own_version, path, versions[0]))
    judgement = _judge_builds(builds, versions, _source(old, new, reference), context)
    if None in versions:
        return judgement
    if parsed and (told := _disagreement(old, new, parsed)):
        return Judgement(
            verdict=Verdict.REPLACED,
            reason=f"{told}; {judgement.reason}",
            signs=frozenset({Sign.VERSION_DISAGREES}),
        )
    if builds.history_lost:
        return replace(judgement, signs=judgement.signs | {Sign.HISTORY_LOST})
    swapped = swapped_content(layers) if _may_be_swapped(judgement, builds, context) else ""
    if not swapped:
        return judgement
    reason = f"{judgement.reason}; other files by the same step: {swapped}"
    return replace(judgement, reason=reason, signs=judgement.signs | {Sign.CONTENT_SWAPPED})


def _disagreement(old: ImageConfig, new: ImageConfig, reference: Reference) -> str:
    """Return what the image now states that its tag and the image before do not, or ""."""
    path, tag = reference.repository.path, reference.tag
    stated = other_version(new, path, tag, inherited=True)
    before = version_evidence(old, path, tag)
    if stated is None or before is None or before.detail != stated.detail:
        return ""
    return f"{stated.detail} says {stated.version}, and said {before.version} as the tag does"


def _may_be_swapped(judgement: Judgement, builds: BuildComparison, context: ChangeContext) -> bool:
    """Return True for a rebuild on the same base by somebody who is not known to rebuild."""
    is_rebuild = judgement.verdict is Verdict.REBUILT and builds.base_stands
    return is_rebuild and not context.habit.rebuilds


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
) -> Judgement:
    """Judge images with equal layers and settings by how they are stored, and by their labels."""
    if layers.recompressed:
        count = len(layers.recompressed)
        reason = f"{count} of {len(layers.shared)} layers are stored otherwise, with equal content"
        return Judgement(verdict=Verdict.RECOMPRESSED, reason=reason)
    if not layers.is_stored_known and not labels:
        reason = "the same layers and settings; one side does not tell how it stores its layers"
        return Judgement(verdict=Verdict.IDENTICAL, reason=reason)
    plain = "the history" if history else "dates, annotations or media types"
    one = len(labels) == 1
    named = f"the label {labels[0]}" if one else f"labels {', '.join(labels[:5])}"
    verb = "differs" if one or (history and not labels) else "differ"
    reason = f"the same layers; only {named if labels else plain} {verb}"
    return Judgement(verdict=Verdict.METADATA_ONLY, reason=reason)


def _judge_versions(old: str | None, new: str | None) -> Judgement | None:
    """Return the judgement where the version moved; None where it is the same or not known."""
    if old is None or new is None or old == new:
        return None
    text = f"version {old} to {new}"
    if is_older(old, new):
        return Judgement(verdict=Verdict.UPGRADED, reason=text)
    if is_older(new, old) and is_step_back(old, new):
        return Judgement(verdict=Verdict.DOWNGRADED, reason=text)
    reason = f"{text}: which of them is newer cannot be told"
    return Judgement(verdict=Verdict.UNKNOWN, reason=reason)


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
    context: ChangeContext,
) -> Judgement:
    """Return what a comparison of two builds means for a tag whose version did not move."""
    named = None not in versions
    steady = context.habit.steady_days > 0
    immutable = context.immutable or steady
    still = f"still version {versions[1]}, " if named else ""
    unnamed = "" if named else "; no version is named"
    match builds.outcome:
        case RebuildOutcome.SAME if immutable and builds.base_stands:
            reason = f"{still}layers changed while the base stands"
            reason += ", and the tag is immutable" if context.immutable else ""
            return Judgement(verdict=Verdict.REPLACED, reason=reason)
        case RebuildOutcome.SAME if source and not named:
            reason = f"{builds.reason}{source}{unnamed}, so it may be a new one"
            return Judgement(verdict=Verdict.UNKNOWN, reason=reason)
        case RebuildOutcome.SAME:
            reason = f"{still}{builds.reason}{source}{unnamed}"
            return Judgement(verdict=Verdict.REBUILT, reason=reason)
        case RebuildOutcome.DIFFERENT if named or immutable:
            but = "but " if still else ""
            return Judgement(verdict=Verdict.REPLACED, reason=f"{still}{but}{builds.reason}")
        case RebuildOutcome.DIFFERENT:
            reason = (
                f"{builds.reason}{unnamed}, so a new version and a replacement cannot be told apart"
            )
            return Judgement(verdict=Verdict.UNKNOWN, reason=reason)
        case RebuildOutcome.UNCLEAR:
            but = "but " if still else ""
            return Judgement(verdict=Verdict.UNKNOWN, reason=f"{still}{but}{builds.reason}")
        case _:
            assert_never(builds.outcome)


def versions_of(
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
