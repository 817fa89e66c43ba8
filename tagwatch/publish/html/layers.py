"""The layer stack of a change: before and after side by side, heights by the logarithm of size."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tagwatch.audit.model.diff import ImageDiff, LayerEntry
from tagwatch.publish.wording import one_line, size_text
from tagwatch.value import dataclass

__all__ = ["Box", "LayerRow", "Stack", "stack_of"]

_WIDTH = 960
_COLUMN = 150
_BEFORE = 20
_AFTER = 260
_GAP = 3
_MOST = 40
_SIGNS = {
    "shared": "=",
    "moved": "\N{UP DOWN ARROW}",
    "removed": "\N{MINUS SIGN}",
    "added": "+",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """One layer: `kind` is shared, moved, removed or added; `sign` says the same without color."""

    x: int
    y: float
    height: float
    kind: str
    sign: str
    label: str
    step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRow:
    """The same as a row of a table."""

    kind: str
    size: str
    step: str
    diff_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """Geometry in user units, base at the bottom. `base_y`, `base_height`: the bracket, or None."""

    width: int
    height: float
    column: int
    before: int
    after: int
    boxes: tuple[Box, ...]
    rows: tuple[LayerRow, ...]
    base_y: float | None
    base_height: float
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layer:
    index: int
    old_index: int
    kind: str
    size: int | None
    step: str
    diff_id: str


def stack_of(diff: ImageDiff | None, *, base_layers: int = 0) -> Stack | None:
    """The stack of a diff's layers; None where it has none or more than can be drawn.

    `base_layers`: so many layers of the new image, from the bottom, belong to its base.
    """
    primary = diff.primary if diff else None
    if primary is None:
        return None
    layers = primary.layers
    shared, moved = _layers(layers.shared, "shared"), _layers(layers.moved, "moved")
    removed, added = _layers(layers.removed, "removed"), _layers(layers.added, "added")
    before = sorted(shared + moved + removed, key=lambda layer: layer.old_index)
    after = sorted(shared + moved + added, key=lambda layer: layer.index)
    if not before or not after or max(len(before), len(after)) > _MOST:
        return None
    height = max(_height(before), _height(after))
    new = _boxes(after, _AFTER, height)
    base = new[: min(base_layers, len(new))]
    return Stack(
        width=_WIDTH,
        height=round(height + 26, 1),
        column=_COLUMN,
        before=_BEFORE,
        after=_AFTER,
        boxes=(*_boxes(before, _BEFORE, height), *new),
        rows=tuple(_row(layer) for layer in (*shared, *moved, *removed, *added)),
        base_y=base[-1].y if base else None,
        base_height=round(base[0].y + base[0].height - base[-1].y, 1) if base else 0,
        description=(
            f"{len(shared)} layers shared, {len(moved)} moved, "
            f"{len(removed)} removed, {len(added)} added."
        ),
    )


def _layers(entries: Sequence[LayerEntry], kind: str) -> list[_Layer]:
    return [
        _Layer(
            index=entry.position,
            old_index=entry.position if entry.old_position is None else entry.old_position,
            kind=kind,
            size=entry.size,
            step=one_line(entry.created_by, 300),
            diff_id=one_line(entry.diff_id or "", 80),
        )
        for entry in entries
    ]


def _size(layer: _Layer) -> float:
    return round(16 + 7 * max(math.log10(max(layer.size or 1, 1)) - 3, 0), 1)


def _size_label(layer: _Layer) -> str:
    return size_text(layer.size) if layer.size is not None else "size not known"


def _height(layers: Sequence[_Layer]) -> float:
    return sum(_size(layer) + _GAP for layer in layers)


def _boxes(layers: Sequence[_Layer], x: int, height: float) -> list[Box]:
    """Boxes from the bottom up: the base stands below."""
    boxes: list[Box] = []
    y = height + 22
    for layer in layers:
        tall = _size(layer)
        y -= tall + _GAP
        boxes.append(
            Box(
                x=x,
                y=round(y, 1),
                height=tall,
                kind=layer.kind,
                sign=_SIGNS[layer.kind],
                label=_size_label(layer),
                step=one_line(layer.step, 72),
            )
        )
    return boxes


def _row(layer: _Layer) -> LayerRow:
    return LayerRow(
        kind=layer.kind, size=_size_label(layer), step=layer.step, diff_id=layer.diff_id
    )
