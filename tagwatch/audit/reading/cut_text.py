"""Long texts, cut for people: two that belong together are cut so that the difference shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

__all__ = ["apart", "cut", "paired"]

_MOST_PAIRED = 20
"""Each step is compared with so many others at most: all with all would take quadratic time."""
_MOST_COMPARED = 8_192
"""How many characters of a step are compared."""


def cut(text: str, length: int) -> str:
    """Return at most `length` characters of `text`, ending in `…` where it was cut."""
    return text if len(text) <= length else text[: length - 1] + "…"


def apart(old: str, new: str, length: int) -> tuple[str, str]:
    """Return two steps, each cut to `length`. A long beginning that both share is left out.

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
    """Yield each removed step, in order, with the added step that it most resembles, or None.

    The added steps that are left follow, in order. Of steps that are equally alike, the first is
    taken.
    """
    left = list(added)
    for old in removed:
        alike = [(_likeness(old, new), -place) for place, new in enumerate(left[:_MOST_PAIRED])]
        best = max(alike, default=(0.0, 0))
        yield old, left.pop(-best[1]) if best[0] > 0 else None
    yield from ((None, new) for new in left)


def _before(text: str, length: int) -> int:
    """Return where the last two words of `text` begin, or fewer where `length` holds no more."""
    earliest = max(len(text) - length, 0)
    last = text.rfind(" ", earliest)
    before = text.rfind(" ", earliest, max(last, earliest))
    return next((place for place in (before, last) if place >= 0), earliest)


def _likeness(old: str, new: str) -> float:
    """Return the share of words that two steps have in common at their ends; 0 below a third.

    Steps with different instructions are not alike. Two ENV steps of one variable each are alike
    where it is the same variable.
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
    """Return how many words (of lists) or characters (of texts) both begin with."""
    pairs = zip(one, other, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
