"""The living tags nearest to one that does not exist: what whoever wrote it may have meant.

Near is a name with the same numbers and a slip of the fingers in its words (`3.9-alpne`,
`v3.7.1l`), and a version beside it in the same series (6.2.23 for 6.2.24). All else is a guess and
is not made: no other major version, no JDK 17 for JDK 11, no `jre` for `jdk`.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from itertools import chain, islice
from operator import attrgetter

from tagwatch.image.order import line_of
from tagwatch.image.tag import Kind, Tag, is_artifact
from tagwatch.image.tag_table import TagTable

__all__ = ["Neighbours", "typing_distance"]

_TOLD = 5
"""How many candidates are told."""
_COMPARED = 2_000
"""How many names of one length are compared with one: a repository has at most a few alike."""
_LONG = 10
"""From so many characters on, two slips are believed."""
_SHORT_WORD = 4
"""In a word of fewer letters one letter for another makes another word: `amd` is not `arm`."""
_LONG_WORD = 8
"""From so many letters on, both slips may be in one word."""

_NUMBER = re.compile(r"[0-9]+", re.ASCII)
_WORD = re.compile(r"[a-z]+", re.ASCII)
_sort_key = attrgetter("sort_key")


class Neighbours:
    """The tags of a repository, by their numbers. Making it costs one look at each."""

    def __init__(self, table: TagTable) -> None:
        self._table = table
        self._alike: dict[tuple[tuple[str, ...], int], list[str]] = {}
        for name in table.tags:
            if not is_artifact(name):
                self._alike.setdefault((_numbers(name), len(name)), []).append(name)

    def of(self, tag: str, *, existed: bool) -> tuple[str, ...]:
        """Return the tags that are meant instead of `tag`, the likeliest first, few at most.

        `existed`: it was served one day, so it is no slip, and the next version comes first.
        """
        beside, slips = self._beside(tag), self._mistyped(tag)
        found = chain(beside, slips) if existed else chain(slips, beside, self._misnumbered(tag))
        return tuple(islice((name for name in dict.fromkeys(found) if name != tag), _TOLD))

    def _mistyped(self, tag: str) -> Iterator[str]:
        """The names with the same numbers that a slip or two turn into `tag`, the fewest first."""
        most = 2 if len(tag) >= _LONG else 1
        lengths = range(len(tag) - most, len(tag) + most + 1)
        numbers = _numbers(tag)
        near = []
        for length in lengths:
            for name in islice(self._alike.get((numbers, length), ()), _COMPARED):
                slips = typing_distance(tag.lower(), name.lower(), most)
                if slips is not None and _is_slip(tag.lower(), name.lower(), slips):
                    near.append((slips, not self._is_in_line(tag, name), name))
        yield from (name for _, _, name in sorted(near))

    def _misnumbered(self, tag: str) -> Iterator[str]:
        """The tags of its line and major version that two digits swapped, or one less, make."""
        places = range(len(tag))
        swapped = (tag[:at] + tag[at : at + 2][::-1] + tag[at + 2 :] for at in places)
        shorter = (tag[:at] + tag[at + 1 :] for at in places)
        for name in chain(swapped, shorter):
            if (
                name in self._table.tags
                and self._is_in_line(tag, name)
                and _numbers(name)[:1] == _numbers(tag)[:1]
            ):
                yield name

    def _beside(self, tag: str) -> Iterator[str]:
        """The next version and the one before in a series: with the same numbers but the last."""
        wanted = self._table.read(tag)
        if wanted.kind is not Kind.VERSION or len(wanted.release) < 3:
            return
        kin = self._table.kin.get((line_of(wanted), wanted.is_prerelease), ())
        kin = tuple(other for other in kin if other.shape == wanted.shape)
        place = bisect_left(kin, wanted.sort_key, key=_sort_key)
        for other in kin[max(0, place - 1) : place + 1][::-1]:
            if (
                len(other.release) == len(wanted.release)
                and other.release[:-1] == wanted.release[:-1]
                and _keeps_runtime(tag, other.text)
            ):
                yield other.text

    def _is_in_line(self, tag: str, name: str) -> bool:
        return _line_and_words(self._table.read(tag)) == _line_and_words(self._table.read(name))


def _line_and_words(tag: Tag) -> tuple[object, ...]:
    """Return the line with its words as they are: a slip in them leads to no other system."""
    return (line_of(tag), tag.shape)


def typing_distance(one: str, other: str, most: int) -> int | None:
    """Return how many slips turn one text into the other, None where they are more than `most`.

    A slip: a letter too many, one too few, another one, or two swapped (Damerau and Levenshtein,
    "optimal string alignment"). Costs the length times `most`.

    >>> typing_distance("alpne", "alpine", 2), typing_distance("lastest", "latest", 1)
    (1, 1)
    """
    if abs(len(one) - len(other)) > most:
        return None
    far = most + 1
    before: list[int] = []
    last = [min(place, far) for place in range(len(other) + 1)]
    for row, letter in enumerate(one, start=1):
        line = [min(row, far)] + [far] * len(other)
        for place in range(max(1, row - most), min(len(other), row + most) + 1):
            same = letter == other[place - 1]
            line[place] = min(last[place] + 1, line[place - 1] + 1, last[place - 1] + (not same))
            if row > 1 and place > 1 and one[row - 2 : row] == other[place - 2 : place][::-1]:
                line[place] = min(line[place], before[place - 2] + 1)
        if min(line) > most:
            return None
        before, last = last, line
    return last[-1] if last[-1] <= most else None


def _is_slip(tag: str, name: str, slips: int) -> bool:
    """Return False where the words that differ are as well two words: too short, or too unlike."""
    words = (_WORD.findall(tag), _WORD.findall(name))
    if len(words[0]) != len(words[1]):
        return slips == 1
    return all(_is_same_word(one, other) for one, other in zip(*words, strict=True))


def _is_same_word(one: str, other: str) -> bool:
    if one == other:
        return True
    longest = max(len(one), len(other))
    if len(one) == len(other) and longest < _SHORT_WORD:
        return False
    return typing_distance(one, other, 2 if longest >= _LONG_WORD else 1) is not None


def _keeps_runtime(tag: str, name: str) -> bool:
    """Return False where a number of its own differs: the 21 of `4.0-jdk21`, not that of `3.21`."""
    marked = (re.findall(r"\D?[0-9]+", tag), re.findall(r"\D?[0-9]+", name))
    return all(
        one == other or one[:1] == other[:1] in (".", "r")
        for one, other in zip(*marked, strict=False)
    )


def _numbers(text: str) -> tuple[str, ...]:
    return tuple(_NUMBER.findall(text))
