"""Lines that name images, before and after a change: which became which.

Pure: the targets of two states of the same files come in, pairs go out. A line that was only moved,
within its file or with it, changed nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from enum import StrEnum

from tagwatch.audit.version.newer import newer
from tagwatch.image.order import is_step_back
from tagwatch.image.reference import Reference
from tagwatch.image.tag import parse_tag
from tagwatch.source.target import Extraction, Location, Target, is_replaced
from tagwatch.value import dataclass

__all__ = ["Kind", "LineChange", "kind_of", "line_changes", "step_of"]


class Kind(StrEnum):
    """What a change does to a line."""

    ADDED = "added"
    """An image is named that was not."""
    REMOVED = "removed"
    TAG = "tag"
    """The same repository by another tag, whatever happens to a digest beside it."""
    DIGEST = "digest"
    """The same tag by another digest: only the digest says that anything moved."""
    PINNED = "pinned"
    """The same tag, and now a digest."""
    UNPINNED = "unpinned"
    """The same tag, and no digest any more."""
    IMAGE = "image"
    """Another repository."""
    TEXT = "text"
    """One side names no image that can be known without running something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineChange:
    """A line before and after; one of the two is None where it was added or removed."""

    old: Target | None
    new: Target | None

    @property
    def location(self) -> Location:
        """The place in the new state; of a line that is gone, where it was."""
        target = self.new or self.old
        assert target is not None
        return target.location


def line_changes(
    before: Sequence[tuple[str, Extraction]], after: Sequence[tuple[str, Extraction]]
) -> tuple[LineChange, ...]:
    """Return the lines that differ, in order of place; names of what is built here are none."""
    old, new = _by_path(before), _by_path(after)
    found: list[LineChange] = []
    gone: list[Target] = []
    come: list[Target] = []
    for path in sorted({*old, *new}):
        pairs, removed, added = _within(old.get(path, ()), new.get(path, ()))
        found += pairs
        gone += removed
        come += added
    found += _across(gone, come)
    return tuple(sorted(found, key=lambda one: (one.location, one.new is None)))


def kind_of(old: Reference | None, new: Reference | None) -> Kind:
    """Return what became of a reference; both are known."""
    if old is None or new is None:
        return Kind.TEXT
    if old.repository != new.repository:
        return Kind.IMAGE
    if old.effective_tag != new.effective_tag:
        return Kind.TAG
    if old.digest is None or new.digest is None:
        return Kind.PINNED if old.digest is None else Kind.UNPINNED
    return Kind.DIGEST


def step_of(old: str | None, new: str | None) -> str:
    """Return how large the step from tag to tag is: `patch`, `minor`, `major`, `back` or "".

    >>> step_of("6.2.1", "6.2.7"), step_of("6.2.1", "7.0.0"), step_of("7.0.0", "6.2.1")
    ('patch', 'major', 'back')
    >>> step_of("7.0.1-alpine", "7.0.2-bookworm"), step_of("6.2.1", "6.2")
    ('', '')
    """
    if old is None or new is None or old == new or _is_one_exacter(old, new):
        return ""
    steps = newer(old, {old: None, new: None})
    for name, tag in (("patch", steps.patch), ("minor", steps.minor), ("major", steps.major)):
        if tag == new:
            return name
    back = newer(new, {old: None, new: None})
    return "back" if old in (back.patch, back.minor, back.major) or is_step_back(old, new) else ""


def _is_one_exacter(old: str, new: str) -> bool:
    """Return True where one tag gives the first numbers of the other and no more: 6.2 and 6.2.1."""
    short, long = sorted((parse_tag(old).release, parse_tag(new).release), key=len)
    return bool(short) and short != long and long[: len(short)] == short


def _by_path(files: Iterable[tuple[str, Extraction]]) -> Mapping[str, list[Target]]:
    found: dict[str, list[Target]] = {}
    for _, extraction in files:
        for target in extraction.targets:
            if not is_replaced(target) and "built" not in target.facts:
                found.setdefault(target.location.path, []).append(target)
    for targets in found.values():
        targets.sort(key=lambda target: target.location)
    return found


def _named(target: Target) -> tuple[str, str]:
    """Return what a line names: two lines that agree in it are the same."""
    reference = target.reference
    return (target.text, reference.canonical if reference is not None else "")


def _within(
    old: Sequence[Target], new: Sequence[Target]
) -> tuple[list[LineChange], list[Target], list[Target]]:
    """Return the lines of one file that changed, and those that have no other side in it."""
    matcher = SequenceMatcher(None, [*map(_named, old)], [*map(_named, new)], autojunk=False)
    gone: list[Target] = []
    come: list[Target] = []
    for tag, first, last, start, end in matcher.get_opcodes():
        if tag != "equal":
            gone += old[first:last]
            come += new[start:end]
    pairs = _paired(gone, come, _named)  # the same line at another place of the file
    gone, come = _rest(gone, come, pairs)
    changed: list[LineChange] = []
    is_one_for_one = len(gone) == len(come)
    for alike in (_placed, _homed, _worded, _grouped):
        made = _paired(gone, come, alike)
        changed += made
        gone, come = _rest(gone, come, made)
    if is_one_for_one:  # so many lines went as came: each took the place of one
        made = _paired(gone, come, _nameless)
        changed += made
        gone, come = _rest(gone, come, made)
    return changed, gone, come


def _across(gone: list[Target], come: list[Target]) -> Iterable[LineChange]:
    """Pair what left one file with what came to another; what is the same there only moved."""
    moved = _paired(gone, come, _named)
    gone, come = _rest(gone, come, moved)
    renamed = _paired(gone, come, _filed)
    gone, come = _rest(gone, come, renamed)
    yield from renamed
    yield from (LineChange(old=one, new=None) for one in gone)
    yield from (LineChange(old=None, new=one) for one in come)


def _homed(target: Target) -> object:
    return None if target.reference is None else (target.kind, target.reference.repository)


def _placed(target: Target) -> object:
    if target.group is None or target.reference is None:
        return None
    return (target.kind, target.group, target.reference.repository)


def _worded(target: Target) -> object:
    """Return the name of what cannot be known without running something, as it is written."""
    if target.reference is not None:
        return None
    return (target.kind, target.text.partition(":")[0])


def _grouped(target: Target) -> object:
    """Return the service, stage or container: there another image took the place of the first."""
    return None if target.group is None else (target.kind, target.group)


def _nameless(target: Target) -> object:
    return target.kind if target.group is None else None


def _filed(target: Target) -> object:
    """Return what a line of a renamed file has still: the file's own name and what it is there."""
    if target.reference is None:
        return None
    name = target.location.path.rpartition("/")[2]
    return (name, target.kind, target.group, target.reference.repository)


def _paired(
    gone: Iterable[Target], come: Iterable[Target], alike: Callable[[Target], object]
) -> list[LineChange]:
    """Return pairs of those that are alike, each used once, in order."""
    waiting: dict[object, list[Target]] = {}
    for one in gone:
        if (key := alike(one)) is not None:
            waiting.setdefault(key, []).append(one)
    pairs = []
    for other in come:
        there = waiting.get(alike(other))
        if there:
            pairs.append(LineChange(old=there.pop(0), new=other))
    return pairs


def _rest(
    gone: Iterable[Target], come: Iterable[Target], pairs: Iterable[LineChange]
) -> tuple[list[Target], list[Target]]:
    """Return what none of these pairs has."""
    used = {id(one) for pair in pairs for one in (pair.old, pair.new)}
    return [one for one in gone if id(one) not in used], [
        one for one in come if id(one) not in used
    ]
