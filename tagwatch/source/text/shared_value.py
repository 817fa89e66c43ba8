"""Values that more than one place is made of: an edit for one reference would change the others."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tagwatch.image.reference import Reference
from tagwatch.source.target import Extraction, Field, Span, Target
from tagwatch.value import replace

__all__ = ["mark_across", "mark_shared"]

_USE = re.compile(r"\$\{?([A-Za-z_][\w-]*)")
_NAME = re.compile(r"(?<![\w-])([A-Za-z_][\w-]*)")


def mark_shared(
    targets: Iterable[Target],
    names: Mapping[Span, str],
    texts: Iterable[str],
    *,
    bare: bool = False,
) -> tuple[Target, ...]:
    """The targets, their fields marked as `shared` where they are.

    `reference`: another reference is made of the same place. `stage`: a variable's value (`names`
    tells whose place is which variable's) that `texts`, the files that may use it, name outside of
    images too. `bare`: variables are also named without `$` (HCL).
    """
    kept = tuple(targets)
    references: defaultdict[Span, set[Reference | None]] = defaultdict(set)
    for target in kept:
        for field in target.fields:
            references[field.span].add(target.reference)
    in_images = _count({target.location: target.text for target in kept}.values(), _USE)
    used = _count(texts, _NAME if bare else _USE)
    used_elsewhere = {
        name
        for name in names.values()
        if used[name] > in_images[name] + bare  # its definition
    }

    def shared(field: Field) -> str:
        if len(references[field.span]) > 1:
            return "reference"
        return "stage" if names.get(field.span) in used_elsewhere else field.shared

    def marked(target: Target) -> Target:
        if all(shared(field) == field.shared for field in target.fields):
            return target
        fields = (replace(field, shared=shared(field)) for field in target.fields)
        return replace(target, fields=tuple(fields))

    return tuple(map(marked, kept))


def mark_across(
    extractions: Sequence[tuple[str, Extraction]],
) -> tuple[tuple[str, Extraction], ...]:
    """The extractions of several files, each with its path.

    Fields in a file that others draw from (`.env`, an include, a Dockerfile with arguments) are
    marked where references of several files are made of them.
    """
    drawn = {
        field.span.path
        for path, extraction in extractions
        for target in extraction.targets
        for field in target.fields
        if field.span.path != path
    }
    if not drawn:
        return tuple(extractions)
    using = [
        [target for target in extraction.targets if _draws(target, drawn)]
        for _, extraction in extractions
    ]
    marked = iter(mark_shared([target for targets in using for target in targets], {}, ()))
    return tuple(
        (path, replace(extraction, targets=_replaced(extraction.targets, drawn, marked)))
        if targets
        else (path, extraction)
        for (path, extraction), targets in zip(extractions, using, strict=True)
    )


def _draws(target: Target, paths: set[str]) -> bool:
    return any(field.span.path in paths for field in target.fields)


def _replaced(
    targets: Iterable[Target], paths: set[str], marked: Iterator[Target]
) -> tuple[Target, ...]:
    """The targets, those that draw from `paths` as the next of `marked`."""
    return tuple(next(marked) if _draws(target, paths) else target for target in targets)


def _count(texts: Iterable[str], pattern: re.Pattern[str]) -> Counter[str]:
    return Counter(match[1] for text in texts for match in pattern.finditer(text))
