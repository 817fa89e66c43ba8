"""A fix that a rule brings itself: what it would make of references, for the hand to judge.

Rules of ours make offers. One of another package may bring an exact edit; it is judged alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tagwatch.errors import TagwatchError
from tagwatch.image.reference import Reference
from tagwatch.source.target import Field, Target
from tagwatch.source.text.edit import Fix

__all__ = ["UNTOLD", "references_written"]

UNTOLD = "what it makes of the reference cannot be told"
"""The reason to keep back a fix of a part of a reference, or of what others are made of, too."""


def references_written(
    fix: Fix, targets: Iterable[Target]
) -> Iterator[tuple[Target, Reference | None]]:
    """Yield each target that a fix edits, with what it makes of its reference; None: not told."""
    edits = (fix, *fix.also)
    for target in targets:
        touched = [
            (field, edit)
            for field in target.fields
            for edit in edits
            if field.name != "comment" and _meet(field, edit)
        ]
        if touched:
            yield target, _reference(target, touched)


def _meet(field: Field, edit: Fix) -> bool:
    span = field.span
    return edit.path == span.path and edit.start <= span.end and span.start <= edit.end


def _reference(target: Target, touched: list[tuple[Field, Fix]]) -> Reference | None:
    """Return the reference after these edits, which must lie within the one text that holds it."""
    field = touched[0][0]
    span, raw = field.span, field.text.encode()
    is_whole = field.name == "reference" and field.template == "{}" and not field.shared
    if not is_whole or span.end - span.start != len(raw) or target.selector is not None:
        return None
    for other, edit in sorted(touched, key=lambda one: one[1].start, reverse=True):
        if other is not field or edit.start < span.start or edit.end > span.end:
            return None
        raw = (
            raw[: edit.start - span.start]
            + edit.replacement.encode()
            + raw[edit.end - span.start :]
        )
    try:
        return Reference.parse(raw.decode())
    except (TagwatchError, UnicodeDecodeError):
        return None
