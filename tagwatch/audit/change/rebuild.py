"""Whether two images come from one build: their steps above the base, and their configs, compared.

Layers are not compared: a real rebuild runs every step again, and each step makes a new layer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum

from tagwatch.audit.base.index import BaseIndex, base_steps, common_layers, solid
from tagwatch.audit.model.base_build import BaseBuild
from tagwatch.audit.model.diff import ROOT_USERS
from tagwatch.audit.reading.cut_text import apart, cut, paired
from tagwatch.audit.reading.mask import mask_text, mask_words
from tagwatch.audit.reading.raised import IsOwn, raised_versions
from tagwatch.audit.reading.steps import (
    StepComparison,
    base_boundary,
    compare_steps,
    has_like_root,
    normalized_step,
    root_boundary,
    step_text,
    tells_what_was_done,
)
from tagwatch.image.image_config import HistoryEntry, ImageConfig
from tagwatch.value import dataclass, replace

__all__ = ["BuildComparison", "RebuildOutcome", "compare_builds"]

_SHOWN = 90
"""How many characters of a step or command a reason shows."""
_MOST_NAMES = 5
"""How many names of variables and settings a reason gives."""
_NAME = re.compile(r"([A-Za-z_]\w*)[= ]")
_RUN_SETTINGS = (
    "working_dir",
    "stop_signal",
    "healthcheck",
    "shell",
    "exposed_ports",
    "volumes",
    "onbuild",
)
"""What decides how a container runs, beside its entrypoint, cmd, user and environment."""


class RebuildOutcome(StrEnum):
    """The outcome of a comparison of two builds."""

    SAME = "same"
    DIFFERENT = "different"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildComparison:
    """The answer of a comparison of two builds."""

    outcome: RebuildOutcome
    reason: str
    """The rest of a sentence, secrets masked."""
    base_stands: bool = False
    """True where both are built on the same base layers."""
    history_lost: bool = False
    """True where the old image tells how it was made, and the new one does not."""


def _nothing_is(_variable: str, _value: str) -> bool:
    return False


def compare_builds(
    old: ImageConfig, new: ImageConfig, bases: BaseIndex, is_own: IsOwn = _nothing_is
) -> BuildComparison:
    """Compare build steps above the base, entrypoint, cmd and user of two images.

    Without a known base on both sides the boundary is the first layer that is not shared. Steps
    that differ below a presumed boundary only make the answer unclear. `is_own`: which variables
    give the version of the image itself; that another version rose makes no other build.
    """
    changed = _changed_config(old, new)
    if changed:
        made = _made_otherwise(old, new, bases)
        return BuildComparison(outcome=RebuildOutcome.DIFFERENT, reason=changed + made)
    gap = _gap(old, "old") or _gap(new, "new")
    if gap:
        return BuildComparison(
            outcome=RebuildOutcome.UNCLEAR, reason=gap, history_lost=not _gap(old, "old")
        )
    shared = common_layers(old.diff_ids, new.diff_ids)
    old_base, new_base = bases.base_of(old), bases.base_of(new)
    whole = _compared(
        old.history[_layer_boundary(old.history, shared) :],
        new.history[_layer_boundary(new.history, shared) :],
        is_own,
    )
    stands = _stands(old, old_base, new_base, shared)
    if changed := _unexplained(old, new):
        told = old.diff_ids == new.diff_ids or _tells_environment(old)
        reason = f"{changed} changed, and no build step says so"
        return BuildComparison(
            outcome=RebuildOutcome.DIFFERENT if told else RebuildOutcome.UNCLEAR,
            reason=(reason if told else f"{reason}, perhaps in the base only")
            + _made_otherwise(old, new, bases),
            base_stands=stands,
        )
    if old_base is not None and new_base is not None:
        above = _compared(
            old.history[base_steps(old, old_base) :],
            new.history[base_steps(new, new_base) :],
            is_own,
        )
        return _answer(above, _bases_text(old_base, new_base), base_stands=stands)
    text = f"{_unknown_text(old_base, new_base)}, and {_shared_text(shared)}"
    if not whole.differs:
        return _answer(whole, text, base_stands=stands)
    rootless = _compared(
        old.history[root_boundary(old.history) :], new.history[root_boundary(new.history) :], is_own
    )
    if has_like_root(old.history, new.history) and not rootless.differs:
        same = replace(rootless, same=whole.same, renewed=())
        return _answer(same, text, base_stands=stands)
    above = _compared(
        old.history[base_steps(old, old_base) if old_base else base_boundary(old.history) :],
        new.history[base_steps(new, new_base) if new_base else base_boundary(new.history) :],
        is_own,
    )
    if not above.differs:
        return BuildComparison(
            outcome=RebuildOutcome.UNCLEAR,
            reason=f"{_steps_text(whole)}, perhaps in the base only; {text}",
        )
    return _answer(whole, text, base_stands=stands)


def _compared(
    old: Sequence[HistoryEntry], new: Sequence[HistoryEntry], is_own: IsOwn
) -> StepComparison:
    """Compare steps; where only pins of packages and versions of tools rose, none differs."""
    steps = compare_steps(old, new)
    if not steps.differs or not len(steps.pairs) == len(steps.removed) == len(steps.added):
        return steps
    raised = raised_versions(steps.pairs, is_own)
    if raised is None:
        return steps
    return StepComparison(same=steps.same, raised=raised)


def _answer(steps: StepComparison, text: str, *, base_stands: bool) -> BuildComparison:
    if steps.differs:
        return BuildComparison(
            outcome=RebuildOutcome.DIFFERENT,
            reason=f"{_steps_text(steps)}; {text}",
            base_stands=base_stands,
        )
    same = f"the same build steps{_aside(steps)}, entrypoint, cmd and user{_rose(steps)}"
    return BuildComparison(
        outcome=RebuildOutcome.SAME,
        reason=f"{same}; {text}",
        base_stands=base_stands,
    )


def _changed_config(old: ImageConfig, new: ImageConfig) -> str:
    """Return how entrypoint, cmd and user changed, or ""."""
    pairs = (("entrypoint", old.entrypoint, new.entrypoint), ("cmd", old.cmd, new.cmd))
    parts = [
        f"{name} ({_words(before)} to {_words(after)})"
        for name, before, after in pairs
        if (before or ()) != (after or ())
    ]
    if _user(old) != _user(new):
        parts.append(f"user ({_user(old)} to {_user(new)})")
    return f"{' and '.join(parts)} changed" if parts else ""


def _made_otherwise(old: ImageConfig, new: ImageConfig, bases: BaseIndex) -> str:
    """Return how the steps that make layers differ, to add to a config that changed, or ""."""
    if _gap(old, "old") or _gap(new, "new"):
        return ""
    old_base, new_base = bases.base_of(old), bases.base_of(new)
    if old_base is not None and new_base is not None:
        starts = (base_steps(old, old_base), base_steps(new, new_base))
    elif has_like_root(old.history, new.history):
        starts = (root_boundary(old.history), root_boundary(new.history))
    else:
        starts = (0, 0)
    steps = compare_steps(
        *(
            [entry for entry in config.history[start:] if not entry.empty_layer]
            for config, start in zip((old, new), starts, strict=True)
        )
    )
    return f", and {_steps_text(steps)}" if steps.differs else ""


def _unexplained(old: ImageConfig, new: ImageConfig) -> str:
    """Return the settings that changed and that no step explains, or "", masked.

    Then somebody edited the config itself.
    """
    pairs = [
        (field.replace("_", " "), getattr(old, field), getattr(new, field))
        for field in _RUN_SETTINGS
    ]
    settings = [name for name, before, after in pairs if before != after]
    changed = [
        name
        for name in sorted({*old.env, *new.env})
        if _setting(name, old.env) != _setting(name, new.env)
    ]
    if not settings and not changed:
        return ""
    if compare_steps(old.history, new.history).differs:
        settings = []  # a step may well have set them
        told = _told_names((*old.history, *new.history))
        changed = [name for name in changed if name not in told]
    names = [*(f"env {name}" for name in changed), *settings]
    return ", ".join(mask_text(name) for name in names[:_MOST_NAMES])


def _tells_environment(config: ImageConfig) -> bool:
    """Return True where the history tells every variable, the base's included.

    Builders set PATH without a step. Jib, ko and Bazel write no settings into the history.
    """
    return config.env.keys() <= _told_names(config.history) | {"PATH"}


def _told_names(history: Iterable[HistoryEntry]) -> frozenset[str]:
    """Return every word of the steps that may be the name of a variable that they set."""
    return frozenset(name for entry in history for name in _NAME.findall(step_text(entry)))


def _setting(name: str, env: Mapping[str, str]) -> str | None:
    """Return a variable as a normalised step: a new date or checksum in it is no change."""
    return normalized_step(f"ENV {name}={env[name]}") if name in env else None


def _words(words: Sequence[str] | None) -> str:
    return cut(" ".join(mask_words(words or ())), _SHOWN) or "none"


def _user(config: ImageConfig) -> str:
    return "root" if config.user in ROOT_USERS else mask_text(config.user)


def _gap(config: ImageConfig, side: str) -> str:
    """Return why the history of an image cannot say what was done, or ""."""
    if not config.history:
        return f"the {side} image has no history"
    layers = config.layer_history
    if layers is None:
        return f"history and layers of the {side} image disagree (squashed?)"
    if any(not entry.created_by.strip() for entry in layers):
        return f"the history of the {side} image does not say how a layer was made (squashed?)"
    texts = [step_text(entry) for entry in layers]
    if texts and not any(map(tells_what_was_done, texts)):
        name = cut(mask_text(texts[-1]), _SHOWN)
        return f"the history of the {side} image only names what built it ({name!r})"
    return ""


def _layer_boundary(history: Sequence[HistoryEntry], layers: int) -> int:
    """Return how many entries make the first `layers` layers; all where the history has fewer."""
    if not layers:
        return 0
    for number, entry in enumerate(history):
        layers -= not entry.empty_layer
        if not layers:
            return number + 1
    return len(history)


def _stands(
    old: ImageConfig, old_base: BaseBuild | None, new_base: BaseBuild | None, shared: int
) -> bool:
    """Return True where both images are built on the same base layers.

    Without a known base, any bottom layer that they share and that is not empty counts as one.
    """
    if old_base is not None and new_base is not None:
        return old_base.diff_ids == new_base.diff_ids
    known = old_base or new_base
    if known is not None:
        return shared >= len(known.diff_ids)
    return solid(old.diff_ids[:shared]) > 0


def _unknown_text(old: BaseBuild | None, new: BaseBuild | None) -> str:
    """Return why the boundary between base and image is only presumed."""
    if old is not None or new is not None:
        return f"what the {'new' if new is None else 'old'} image stands on is not known"
    return "its base is not known"


def _shared_text(shared: int) -> str:
    if not shared:
        return "no layer is the same"
    layers = "layer is" if shared == 1 else f"{shared} layers are"
    return f"the bottom {layers} the same"


def _bases_text(old: BaseBuild, new: BaseBuild) -> str:
    if old.manifest == new.manifest:
        return f"both on the same build of {old.reference}"
    if old.reference == new.reference:
        named = old.version is not None and new.version is not None
        went = f" ({old.version} to {new.version})" if named and old.version != new.version else ""
        return f"on another build of {old.reference}{went}"
    return f"base went from {old.reference} to {new.reference}"


def _aside(steps: StepComparison) -> str:
    """Return what has another value but counts as the same, in brackets, or ""."""
    names = [mask_text(name) for name in steps.renewed if name]
    if len(names) < len(steps.renewed):
        names.append("checksums")
    more = len(names) - _MOST_NAMES
    others = [f"{more} more"] if more > 0 else []
    return f" ({', '.join([*names[:_MOST_NAMES], *others])} aside)" if names else ""


def _rose(steps: StepComparison) -> str:
    """Return the pins and tools whose versions rose, as a part of a sentence, or ""."""
    if not steps.raised:
        return ""
    more = len(steps.raised) - _MOST_NAMES
    others = [f"{more} more"] if more > 0 else []
    shown = (cut(mask_text(text), _SHOWN) for text in steps.raised[:_MOST_NAMES])
    return f", with {', '.join([*shown, *others])}"


def _steps_text(steps: StepComparison) -> str:
    if steps.is_reordered:
        return f"the build steps stand in another order: {_shown(steps.added[0])} moved"
    count = max(len(steps.added), len(steps.removed))
    pairs = [pair for pair in paired(steps.removed, steps.added) if pair[0] != pair[1]]
    old, new = min(pairs, key=_is_setting)
    # what went and what came may be one step, changed too much to be paired: both are shown
    if old is None or new is None:
        old = old or next((before for before, after in pairs if after is None), None)
        new = new or next((after for before, after in pairs if before is None), None)
    differ = "step differs" if count == 1 else "steps differ"
    return f"{count} build {differ}: {', '.join(_told(old, new))}"


def _is_setting(pair: tuple[str | None, str | None]) -> bool:
    """Return True where no step of the pair makes a layer: the others are shown first."""
    return not any(text and text.startswith(("RUN", "COPY", "ADD")) for text in pair)


def _told(old: str | None, new: str | None) -> Iterator[str]:
    """Yield the step that went and the one that came, masked, cut, and marked `-` and `+`."""
    masked = [None if text is None else mask_text(text) for text in (old, new)]
    before, after = masked
    if before is not None and after is not None:
        before, after = apart(before, after, _SHOWN)
    for sign, text in (("-", before), ("+", after)):
        if text is not None:
            yield f"{sign}{cut(text, _SHOWN)!r}"


def _shown(text: str) -> str:
    return repr(cut(mask_text(text), _SHOWN))
