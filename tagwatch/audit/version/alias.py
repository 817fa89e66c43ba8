"""Alias groups: which of the tags that serve one digest says most exactly what it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from operator import attrgetter

from tagwatch.image.tag import Kind, Tag

__all__ = ["most_specific", "word_distance"]


def most_specific(asked: Tag, group: Iterable[Tag], kind: Kind) -> Tag | None:
    """The alias that says most exactly what `asked` is.

    Most numbers first; among equals the one whose number begins with the number asked for, the
    same words, words that contain those asked for, the fewest other words, the same `v`, the tag
    itself, the highest version (an image that took over its predecessor's name), the shortest.
    """

    def foremost(alias: Tag) -> tuple[int, bool, bool]:
        return (
            -alias.weight,
            alias.release[: len(asked.release)] != asked.release,
            alias.words != asked.words,
        )

    found = [alias for alias in group if alias.kind is kind]
    if len(found) > 1:  # what words weigh is counted for the few that differ in nothing else
        first = min(map(foremost, found))
        found = [alias for alias in found if foremost(alias) == first]
    if len(found) < 2:
        return next(iter(found), None)
    wanted = Counter(asked.words)
    named = Counter(asked.words + asked.rolling)

    def preference(alias: Tag) -> tuple[object, ...]:
        words = Counter(alias.words)
        return (
            not words >= wanted,
            word_distance(words, wanted),
            word_distance(Counter(alias.words + alias.rolling), named),
            alias.v != asked.v,
            alias.text != asked.text,
        )

    shortest_first = sorted(found, key=lambda alias: (len(alias.text), alias.text))
    highest_first = sorted(shortest_first, key=attrgetter("precedence"), reverse=True)
    return min(highest_first, key=preference)


def word_distance(left: Counter[str], right: Counter[str]) -> int:
    return ((left - right) + (right - left)).total()
