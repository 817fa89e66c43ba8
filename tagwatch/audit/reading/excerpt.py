"""Long texts cut for people: two of them so that what differs can be seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

__all__ = ["apart", "cut", "paired"]

_MOST_PAIRED = 20
_MOST_COMPARED = 8_192


def cut(text: str, length: int) -> str:
    """At most `length` characters of `text`, with `…` where it goes on."""
    return text if len(text) <= length else text[: length - 1] + "…"


def apart(old: str, new: str, length: int) -> tuple[str, str]:
    """Two steps, each cut to `length`; what both begin with is left out where it is long.

    >>> apart("RUN apt-get install -y curl gcc=1", "RUN apt-get install -y curl gcc=2", 32)
    ('RUN … curl gcc=1', 'RUN … curl gcc=2')
    """
    if max(len(old), len(new)) <= length:
        return old, new
    same = _common(old, new)
    if same < length // 2:
        return cut(old, length), cut(new, length)
    start = _before(old[:same], length // 3)
    head = cut(old.partition(" ")[0], length // 4)
    name, is_named, _ = old[:start].rpartition(" ")[2].partition("=")
    if is_named and old[start] != " ":
        head = f"{head} {cut(name, length // 3)}="
        return cut(f"{head}…{old[start:]}", length), cut(f"{head}…{new[start:]}", length)
    return cut(f"{head} …{old[start:]}", length), cut(f"{head} …{new[start:]}", length)


def paired(removed: Sequence[str], added: Sequence[str]) -> Iterator[tuple[str | None, str | None]]:
    """Steps that went and came, a step beside the one that it became; in order."""
    left = list(added)
    for old in removed:
        alike = [(_likeness(old, new), -place) for place, new in enumerate(left[:_MOST_PAIRED])]
        best = max(alike, default=(0.0, 0))
        yield old, left.pop(-best[1]) if best[0] > 0 else None
    yield from ((None, new) for new in left)


def _before(text: str, length: int) -> int:
    """Where the last words of `text` begin: two of them, or as much as `length` holds."""
    earliest = max(len(text) - length, 0)
    last = text.rfind(" ", earliest)
    before = text.rfind(" ", earliest, max(last, earliest))
    return next((place for place in (before, last) if place >= 0), earliest)


def _likeness(old: str, new: str) -> float:
    """How much of two steps is the same at both ends; 0 where it is another instruction.

    An ENV of one variable is like another of the same variable.
    """
    before, after = old[:_MOST_COMPARED].split(), new[:_MOST_COMPARED].split()
    start = _common(before, after)
    if not start:
        return 0.0
    if len(before) == len(after) == 2:
        names = (before[1].partition("=")[0], after[1].partition("=")[0])
        return float(names[0] == names[1])
    end = _common(before[start:][::-1], after[start:][::-1])
    share = (start + end) / max(len(before), len(after))
    return share if share > 1 / 3 else 0.0


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """How many words, or letters of a text, both begin with."""
    pairs = zip(one, other, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
