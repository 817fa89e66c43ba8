"""Values that share what is equal in them: the place and the repository of ten thousand tags."""

from __future__ import annotations

from typing import Any

from tagwatch.value import is_value, replace

__all__ = ["sharing"]


def sharing(value: Any, other: Any) -> Any:
    """Return an equal value that shares with the other what is equal in both."""
    kind = type(value)
    if kind is not type(other) or value is other:
        return value
    if value == other:
        return other
    if kind is dict:
        return {name: sharing(item, other.get(name)) for name, item in value.items()}
    if not is_value(kind):
        return value
    fields = {name: getattr(value, name) for name in kind.__fields__}
    shared = {name: sharing(item, getattr(other, name)) for name, item in fields.items()}
    changed = {name: item for name, item in shared.items() if item is not fields[name]}
    return replace(value, **changed) if changed else value
