"""The judgement of a move: which verdict a tag's step from one image to another gets, and why.

Kept apart from the value (`audit.model.history`), so that reading a stored verdict loads none of
this.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from tagwatch.audit.change.judgement import (
    ChangeContext,
    Judgement,
    judge_platform,
    versions_of,
)
from tagwatch.audit.diff.comparison import (
    ImageComparison,
    PlatformComparison,
    compare_images,
    platform_name,
)
from tagwatch.audit.diff.image_diff import diff_of
from tagwatch.audit.model.diff import Verdict
from tagwatch.audit.model.history import Change, Sign
from tagwatch.audit.reading.image import UNKNOWN_PLATFORM, Image
from tagwatch.value import replace

__all__ = ["explain_change"]

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


_FIRST = frozenset({Verdict.REBUILT, Verdict.REPLACED, Verdict.UNKNOWN})
"""What is told of the first full version that a repository moves."""
_ALARMING = frozenset({Verdict.UNKNOWN, Verdict.DOWNGRADED, Verdict.REPLACED})


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
        platform_name(pair.platform): judge_platform(pair, images, context)
        for pair in images.platforms
        if not pair.is_same and not _is_passed_over(pair, images, context)
    }
    images = _led_by_gravest(images, judged)
    whole = _judge_whole(images, judged)
    primary = images.primary
    versions = versions_of(primary, images) if primary else (before.version, after.version)
    if whole.verdict in _FIRST and context.habit.steady_days:
        whole = _first_move(whole, context.habit.steady_days)
    lost = next(((name, one.lost_base) for name, one in judged.items() if one.lost_base), ("", ""))
    signs = whole.signs.union(*(one.signs for one in judged.values()))
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
        signs=tuple(sorted(signs)),
        lost_base=lost[1],
        lost_on=lost[0],
    )


def _first_move(whole: Judgement, days: int) -> Judgement:
    """Return the judgement of a full version that is the first of its repository to move."""
    reason = f"{whole.reason}; its repository never moved a full version in the {days} days "
    reason += "that it is known"
    return replace(whole, reason=reason, signs=whole.signs | {Sign.FIRST_MOVE})


def _led_by_gravest(images: ImageComparison, judged: Mapping[str, Judgement]) -> ImageComparison:
    """Return the images with the gravest of the platforms that were compared in front."""

    def gravity(pair: PlatformComparison) -> tuple[int, bool]:
        found = judged.get(platform_name(pair.platform))
        return (-1, False) if found is None or pair.config is None else _gravity(found)

    return images.led_by(max(images.platforms, key=gravity)) if judged else images


def _judge_whole(images: ImageComparison, judged: Mapping[str, Judgement]) -> Judgement:
    if images.old.digest == images.new.digest:
        return Judgement(verdict=Verdict.IDENTICAL, reason="both are one digest")
    problem = images.old.problem or images.new.problem or _no_platform(images)
    if problem:
        return Judgement(verdict=Verdict.UNKNOWN, reason=problem)
    candidates = list(judged.items())
    if images.added or images.dropped:
        reason = _platforms_text(images, judged)
        candidates.append(("", Judgement(verdict=Verdict.PLATFORMS_CHANGED, reason=reason)))
    if not candidates:
        return _judge_index(images)
    name, worst = max(candidates, key=lambda item: _gravity(item[1]))
    if len(images.platforms) > 1 and name:
        alike = sum(_gravity(judgement) == _gravity(worst) for judgement in judged.values())
        others = f" and {alike - 1} more" if alike > 1 else ""
        how = _how_alone(name, images) if worst.verdict in _ALARMING or worst.signs else ""
        return replace(worst, reason=f"{name}{others}{how}: {worst.reason}")
    return worst


def _gravity(judgement: Judgement) -> tuple[int, bool]:
    """Return how grave a judgement is; of one verdict, signs make it graver."""
    return _GRAVITY.index(judgement.verdict), bool(judgement.signs)


def _how_alone(name: str, images: ImageComparison) -> str:
    """Return `, which moved while linux/amd64 did not`; "" where every platform moved."""
    if name not in images.alone:
        return ""
    stayed = [platform_name(pair.platform) for pair in images.platforms if pair.is_same]
    more = f" and {len(stayed) - 1} more" if stayed[1:] else ""
    return f", which moved while {stayed[0]}{more} did not"


def _judge_index(images: ImageComparison) -> Judgement:
    """Judge a move of the index alone: no audited platform moved."""
    moved = [platform_name(pair.platform) for pair in images.platforms if not pair.is_same]
    if moved:
        reason = f"only platforms that are not audited moved: {', '.join(moved)}"
        return Judgement(verdict=Verdict.PLATFORMS_CHANGED, reason=reason)
    attested = [
        frozenset(entry.digest for entry in (image.index.attestations if image.index else ()))
        for image in (images.old, images.new)
    ]
    if attested[0] != attested[1]:
        reason = "every platform serves the same image; only attestations changed"
        return Judgement(verdict=Verdict.ATTESTATION_ONLY, reason=reason)
    reason = "every platform serves the same image; only the index around them changed"
    return Judgement(verdict=Verdict.METADATA_ONLY, reason=reason)


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


def _platforms_text(images: ImageComparison, judged: Mapping[str, Judgement]) -> str:
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
