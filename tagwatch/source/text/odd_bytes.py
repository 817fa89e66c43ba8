"""Bytes that are no UTF-8: kept while a file is read, `?` in what is told of it.

Only BuildKit takes such files. What is told is stored and printed as UTF-8, which has no room for
them; no reference and no edit can hold one.
"""

from __future__ import annotations

from typing import Any, TypeVar

from tagwatch.source.target import Extraction, Ignore, Instruction, Problem, Target
from tagwatch.value import replace

__all__ = ["readable"]

_Told = TypeVar("_Told", Target, Ignore, Instruction, Problem)


def readable(extraction: Extraction) -> Extraction:
    """The extraction without lone surrogates in its texts."""
    return replace(
        extraction,
        targets=tuple(
            replace(_clean(target), ignores=tuple(map(_clean, target.ignores)))
            for target in extraction.targets
        ),
        problems=tuple(map(_clean, extraction.problems)),
        ignores=tuple(map(_clean, extraction.ignores)),
        instructions=tuple(map(_clean, extraction.instructions)),
    )


def _clean(told: _Told) -> _Told:
    """The value, its texts and tuples of texts in UTF-8."""
    changes: dict[str, Any] = {}
    for name in told.__slots__:
        value = getattr(told, name)
        if isinstance(value, str):
            changes[name] = _utf8(value)
        elif isinstance(value, tuple) and all(isinstance(item, str) for item in value):
            changes[name] = tuple(map(_utf8, value))
    return replace(told, **changes)


def _utf8(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
