"""Values that more than one place is made of: an edit for one reference would change the others."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from tagwatch.image.reference import Reference
from tagwatch.source.target import Field, Span, Target

__all__ = ["mark_shared"]


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
    images = {target.location: target.text for target in kept}
    used_elsewhere = {
        name
        for name in set(names.values())
        if _count(name, texts, bare) > _count(name, images.values(), False) + bare
    }

    def marked(field: Field) -> Field:
        if len(references[field.span]) > 1:
            return replace(field, shared="reference")
        if names.get(field.span) in used_elsewhere:
            return replace(field, shared="stage")
        return field

    return tuple(replace(t, fields=tuple(map(marked, t.fields))) for t in kept)


def _count(name: str, texts: Iterable[str], bare: bool) -> int:
    sign = r"(?<![\w-])" if bare else r"\$\{?"
    pattern = re.compile(rf"{sign}{re.escape(name)}(?![\w-])")
    return sum(len(pattern.findall(text)) for text in texts)
