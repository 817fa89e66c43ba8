"""Layers of two images side by side: shared, moved, removed, added, and recompressed.

Layers are equal by diff_id (the bytes of the tar); a digest names stored, compressed bytes. A layer
is shared where its whole chain is: the same diff_ids from the bottom up (config.md, "ChainID").
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from tagwatch.audit.reading.image import PlatformImage
from tagwatch.audit.reading.steps import step_text
from tagwatch.image.digest import Digest
from tagwatch.value import dataclass

__all__ = ["Layer", "LayerComparison", "LayerPair", "compare_layers", "layers_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A layer of an image. None: not known."""

    position: int
    """0 is the bottom."""
    diff_id: Digest | None = None
    digest: Digest | None = None
    size: int | None = None
    """Stored bytes."""
    media_type: str = ""
    created_by: str = ""
    """Its build step; "" where no history tells it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerPair:
    """The same layer in both images."""

    old: Layer
    new: Layer

    @property
    def is_recompressed(self) -> bool:
        """True where the two store the same tar as different bytes."""
        digests = (self.old.digest, self.new.digest)
        return None not in digests and digests[0] != digests[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerComparison:
    """The layers of two images, by where they are."""

    shared: tuple[LayerPair, ...] = ()
    """The common bottom."""
    moved: tuple[LayerPair, ...] = ()
    """The same layer over another one, or elsewhere."""
    removed: tuple[Layer, ...] = ()
    added: tuple[Layer, ...] = ()

    @property
    def recompressed(self) -> tuple[LayerPair, ...]:
        """The pairs whose stored bytes differ."""
        return tuple(pair for pair in (*self.shared, *self.moved) if pair.is_recompressed)

    @property
    def is_stored_known(self) -> bool:
        """False where one side, such as a local engine, does not tell how it stores its layers."""
        pairs = (*self.shared, *self.moved)
        return all(None not in (pair.old.digest, pair.new.digest) for pair in pairs)

    @property
    def differs(self) -> bool:
        """True where the layers of the two are not the same ones in the same order."""
        return bool(self.moved or self.removed or self.added)


def layers_of(image: PlatformImage) -> tuple[Layer, ...]:
    """Return the layers of one platform, bottom first, as far as manifest and config tell."""
    diff_ids = image.config.diff_ids if image.config else ()
    stored = image.manifest.layers if image.manifest else ()
    history = image.config.layer_history if image.config else None
    # where the two have different numbers of layers, nothing says which belongs to which
    if diff_ids and len(stored) != len(diff_ids):
        stored = ()
    return tuple(
        Layer(
            position=position,
            diff_id=diff_ids[position] if diff_ids else None,
            digest=stored[position].digest if stored else None,
            size=stored[position].size if stored else None,
            media_type=stored[position].media_type if stored else "",
            created_by=step_text(history[position]) if history else "",
        )
        for position in range(len(diff_ids) or len(stored))
    )


def compare_layers(old: Sequence[Layer], new: Sequence[Layer]) -> LayerComparison:
    """Compare layers by diff_id; by digest where a diff_id is not known."""
    by_diff_id = all(layer.diff_id is not None for layer in (*old, *new))
    before = [layer.diff_id if by_diff_id else layer.digest for layer in old]
    after = [layer.diff_id if by_diff_id else layer.digest for layer in new]
    common = 0
    while common < min(len(old), len(new)) and before[common] == after[common]:
        common += 1
    # one layer may lie in an image several times: each occurrence is paired once, bottom first
    waiting: dict[Digest | None, deque[Layer]] = {}
    for key, layer in zip(before[common:], old[common:], strict=True):
        waiting.setdefault(key, deque()).append(layer)
    moved: list[LayerPair] = []
    added: list[Layer] = []
    for key, layer in zip(after[common:], new[common:], strict=True):
        if waiting.get(key):
            moved.append(LayerPair(old=waiting[key].popleft(), new=layer))
        else:
            added.append(layer)
    left = {layer.position for layers in waiting.values() for layer in layers}
    return LayerComparison(
        shared=tuple(
            LayerPair(old=before_layer, new=after_layer)
            for before_layer, after_layer in zip(old[:common], new[:common], strict=True)
        ),
        moved=tuple(moved),
        removed=tuple(layer for layer in old if layer.position in left),
        added=tuple(added),
    )
