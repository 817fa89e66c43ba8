"""Alias groups: which of the tags that serve one digest says most exactly what it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from operator import attrgetter

from tagwatch.image.tag import Kind, Tag
from tagwatch.image.tag_table import TagTable

__all__ = ["MOST_TOLD", "aliases_told", "concrete_of", "most_specific", "word_distance"]

MOST_TOLD = 100
"""A registry may serve one image under all its tags: each would tell of all the others."""


def aliases_told(group: Sequence[str], *always: str) -> tuple[tuple[str, ...], int]:
    """Names of an alias group, sorted, those of `always` among them; and how many more there are.

    >>> aliases_told(["7.4", "7"], "7")
    (('7', '7.4'), 0)
    """
    if len(group) <= MOST_TOLD:
        return tuple(sorted(group)), 0
    first = (name for name in group if name not in always)
    told = {*always, *islice(first, MOST_TOLD - len(set(always)))}
    return tuple(sorted(told)), len(group) - len(told)


def concrete_of(asked: Tag, table: TagTable) -> Tag | None:
    """The version tag that says most exactly what `asked` is: itself, where none gives more."""
    digest = table.digests.get(asked.text)
    if (
        digest is not None
        and asked.kind is Kind.VERSION
        and asked.text not in table.released
        and asked.weight == table.weights[digest]
    ):
        return asked
    return most_specific(asked, table.contenders(asked), Kind.VERSION)


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
