"""A reference as somebody types it, outside of any file: on a command line, or in a call."""

from __future__ import annotations

from collections.abc import Iterable

from tagwatch.errors import UsageError
from tagwatch.image.reference import Reference
from tagwatch.image.selector import parse_query
from tagwatch.source.target import Location, Target

__all__ = ["target_of", "targets_of"]


def target_of(text: str) -> Target:
    """The target that the text names, its selector told from a tag.

    Raises `InvalidReferenceError` and `UsageError`.
    """
    query = parse_query(text)
    reference = (query.reference or Reference(repository=query.repository)).identity
    selector = query.selector.text if query.selector and query.reference is None else None
    place = Location(path="-", line=1, column=1, end_line=1, end_column=1 + len(text))
    return Target(
        text=text, location=place, kind="argument", reference=reference, selector=selector
    )


def targets_of(references: object) -> tuple[Target, ...]:
    """The targets that a list of texts names, in its order. Raises as `target_of` does."""
    if isinstance(references, str):
        raise UsageError(
            f"one reference where several are taken: {references!r}", hint="resolve() takes one"
        )
    if not isinstance(references, Iterable):
        raise UsageError(f"not a list of references: {references!r}", hint='write ["redis:6.2"]')
    texts = tuple(references)
    for text in texts:
        if not isinstance(text, str):
            raise UsageError(
                f"a reference is a text, not {text!r}", hint="resolve_all() takes a list of them"
            )
    return tuple(map(target_of, texts))
