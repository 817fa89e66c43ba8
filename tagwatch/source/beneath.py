"""What a file of somebody else's tree names, told as of a file below another folder."""

from __future__ import annotations

from typing import Any

from tagwatch.source.target import (
    Extraction,
    Field,
    Ignore,
    Instruction,
    Location,
    Port,
    Problem,
    Span,
    Target,
)
from tagwatch.value import replace

__all__ = ["strangers"]

_HOLDS = {
    Extraction: ("targets", "problems", "ignores", "ports", "instructions"),
    Target: ("location", "ports", "ignores", "fields"),
    Field: ("span", "location"),
    Port: ("location",),
    Instruction: ("location",),
    Problem: ("location",),
}


def strangers(extraction: Extraction, folder: str) -> Extraction:
    """Return the extraction with `folder/` before the path of every place in it.

    Its inline ignores are left out: whoever wrote the file grants themselves no exception.
    """
    moved: Extraction = _moved(extraction, f"{folder}/")
    return moved


def _moved(value: Any, prefix: str) -> Any:
    if isinstance(value, Location | Span):
        path = prefix.rstrip("/") if value.path == "." else f"{prefix}{value.path}"
        return replace(value, path=path)
    if isinstance(value, tuple):
        return tuple(_moved(one, prefix) for one in value if not isinstance(one, Ignore))
    names = _HOLDS.get(type(value))
    if names is None:
        return value
    return replace(value, **{name: _moved(getattr(value, name), prefix) for name in names})
