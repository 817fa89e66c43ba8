"""The rows of a change's table: what differs, before and after, from a diff's JSON form.

The diff comes from the ledger and holds text of strangers: nothing is assumed of its shape.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tagwatch.publish.text import count, one_line, signed_size, size_text
from tagwatch.value import dataclass

__all__ = ["Difference", "differences", "not_compared"]

_NOTHING = "none"
_MOST = 12
_LONGEST = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One row. `before` and `after` are text for people."""

    what: str
    before: str
    after: str


def differences(diff: Mapping[str, Any]) -> tuple[Difference, ...]:
    """What differs, the most telling first; at most 12 steps and 12 packages are listed."""
    return tuple(
        Difference(what=one_line(what, 120), before=_cut(before), after=_cut(after))
        for rows in (_system(diff), _config(diff), _steps(diff), _packages(diff), _rest(diff))
        for what, before, after in rows
    )


def not_compared(diff: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """What could not be compared, and why; the same reason is told once."""
    whats: dict[str, list[str]] = {}
    for entry in _list(diff, "not_compared"):
        if isinstance(entry, Mapping):
            whats.setdefault(str(entry.get("why", "")), []).append(str(entry.get("what", "")))
    return tuple((", ".join(what), why) for why, what in whats.items())


Row = tuple[str, str, str]


def _system(diff: Mapping[str, Any]) -> Iterator[Row]:
    yield from _pair("OS release", diff.get("os_release"))
    yield from _parts("platforms", _mapping(diff, "platforms"))


def _config(diff: Mapping[str, Any]) -> Iterator[Row]:
    for name, value in _mapping(diff, "config").items():
        if name == "history":  # counts of what `_steps` lists
            continue
        if isinstance(value, Mapping):
            yield from _parts(str(name), value)
        else:
            yield from _pair(str(name), value)


def _steps(diff: Mapping[str, Any]) -> Iterator[Row]:
    steps = _mapping(diff, "steps")
    removed, added = _list(steps, "removed"), _list(steps, "added")
    for step in removed[:_MOST]:
        yield "build step", str(step), _NOTHING
    for step in added[:_MOST]:
        yield "build step", _NOTHING, str(step)
    if len(removed) > _MOST or len(added) > _MOST:
        yield "build steps in all", f"{len(removed)} removed", f"{len(added)} added"


def _packages(diff: Mapping[str, Any]) -> Iterator[Row]:
    packages = _mapping(diff, "packages")
    removed, added, changed = (
        [entry for entry in _list(packages, name) if isinstance(entry, Mapping)]
        for name in ("removed", "added", "changed")
    )
    for entry in changed[:_MOST]:
        yield str(entry.get("purl", "")), _shown(entry.get("old")), _shown(entry.get("new"))
    for entry in removed[:_MOST]:
        yield str(entry.get("purl", "")), _shown(entry.get("version")), _NOTHING
    for entry in added[:_MOST]:
        yield str(entry.get("purl", "")), _NOTHING, _shown(entry.get("version"))
    if max(len(removed), len(added), len(changed)) > _MOST:
        yield (
            "packages in all",
            f"{len(changed)} changed, {len(removed)} removed",
            f"{len(added)} added",
        )


def _rest(diff: Mapping[str, Any]) -> Iterator[Row]:
    size = _mapping(diff, "size")
    old, new = size.get("compressed_old"), size.get("compressed_new")
    if isinstance(old, int) and isinstance(new, int) and old != new:
        yield "compressed size", size_text(old), f"{size_text(new)} ({signed_size(new - old)})"
    attestations = _mapping(diff, "attestations")
    yield from _pair("attestations", [attestations.get("old"), attestations.get("new")])
    others = [
        f"{entry.get('platform')}: {entry.get('verdict')}"
        for entry in _list(diff, "by_platform")
        if isinstance(entry, Mapping)
    ]
    if others:
        verb = "differs" if len(others) == 1 else "differ"
        yield f"{count(len(others), 'other platform')} {verb} too", "", ", ".join(others)


def _pair(name: str, value: object) -> Iterator[Row]:
    if isinstance(value, list) and len(value) == 2 and (value[0] or None) != (value[1] or None):
        yield name, _shown(value[0]), _shown(value[1])


def _parts(name: str, value: Mapping[str, Any]) -> Iterator[Row]:
    removed, added, changed = (value.get(part) for part in ("removed", "added", "changed"))
    if isinstance(removed, list | dict) and isinstance(added, list | dict) and (removed or added):
        yield name, _shown(removed), _shown(added)
    if isinstance(changed, Mapping):
        for key, pair in changed.items():
            yield from _pair(f"{name} {key}", pair)


def _mapping(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = value.get(name)
    return found if isinstance(found, Mapping) else {}


def _list(value: Mapping[str, Any], name: str) -> list[Any]:
    found = value.get(name)
    return found if isinstance(found, list) else []


def _shown(value: object) -> str:
    if not value:
        return _NOTHING
    match value:
        case list():
            return " ".join(str(part) for part in value)
        case dict():
            return ", ".join(f"{key}={part}" for key, part in value.items())
        case _:
            return str(value)


def _cut(text: str) -> str:
    return one_line(text, _LONGEST)
