"""The release lines that may take the place of one that ends, and their tags.

All is held against the same facts: no line and no system that is over, and of an official image
nothing that its publisher no longer builds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import lru_cache

from tagwatch.audit.model.knowledge import Cycle, Knowledge, Product, parts_of
from tagwatch.value import dataclass

__all__ = [
    "LASTING_DAYS",
    "LIVING_DAYS",
    "Successors",
    "living_system",
    "successors",
    "system_ends",
    "tag_on",
]

LIVING_DAYS = 90
"""So long a line must live to be offered: a shorter one would be `eol-soon` at once."""
LASTING_DAYS = 180
"""A line that lives so long is preferred to a nearer one that does not."""

_PREFERRED = (LASTING_DAYS, LIVING_DAYS)

_PLAIN = re.compile(r"\d+(?:\.\d+)*", re.ASCII)
_SYSTEM_WORD = re.compile(r"(alpine|debian|ubuntu)(\d+(?:\.\d+)*)", re.ASCII)
"""A word of a tag that names a system by its number: `alpine3.20`, `ubuntu22.04`."""
_STEM = re.compile(r"([a-z]+)(\d+(?:\.\d+)*)(?:\.x|\.al\d+)?", re.ASCII)
_LETTERS = re.compile(r"[a-z]+")
_BY_HALF = re.compile(r"\d+h\d", re.ASCII)
"""Where one line is named so (`20h2`), the others' numbers are years or months: no order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Successors:
    """The lines above one line that live on a day, and that are still built where that is known."""

    nearest: Cycle | None = None
    """The lowest of them, however soon it ends."""
    lasting: Cycle | None = None
    """The lowest that lives `LASTING_DAYS` more; where none does, `LIVING_DAYS` more."""
    long_term: Cycle | None = None
    """The newest with long-term support; None where the product marks none."""
    newest: Cycle | None = None
    """The highest; where none is above, the last released one that lives."""

    @property
    def offered(self) -> tuple[Cycle, ...]:
        """The lines to offer, the best first."""
        found = (self.lasting, self.long_term)
        return tuple(dict.fromkeys(one for one in found if one is not None))


def successors(
    product: Product,
    line: Cycle,
    on: date,
    *,
    built: Sequence[str] = (),
    is_before: bool = False,
) -> Successors:
    """Return the lines of `product` that may take the place of `line` on that day.

    `built`: the tags that are still built; empty: not known. `is_before`: what is to be replaced is
    older than `line`, so `line` itself may take its place.
    """
    above = _above(product, line)
    if is_before:
        above = [line, *above]
    if built:
        words = _words(tuple(built))
        above = [one for one in above if any(_is_of_line(word, one, product) for word in words)]
    living = [one for one in above if one.lives(on)]
    lasting = (next((one for one in living if one.lives(on, days)), None) for days in _PREFERRED)
    stable = [one for one in living if one.is_long_term(on) and one.lives(on, LIVING_DAYS)]
    return Successors(
        nearest=next(iter(living), None),
        lasting=next((one for one in lasting if one is not None), None),
        long_term=stable[-1] if stable else None,
        newest=living[-1]
        if living
        else next((one for one in product.cycles if one.lives(on)), None),
    )


def _above(product: Product, line: Cycle) -> list[Cycle]:
    """Return the lines after `line`, the lowest first.

    By number where both names are plain numbers, or one word with a number (`python3.9`); else by
    release, as the facts list them.
    """
    own = _order(line.name)
    if own is not None and not any(_BY_HALF.fullmatch(one.name) for one in product.cycles):
        ordered = [(key, one) for one in product.cycles if (key := _order(one.name)) is not None]
        alike = [(key, one) for key, one in ordered if key[0] == own[0] and key > own]
        return [one for _, one in sorted(alike, key=lambda pair: pair[0])]
    names = [one.name for one in product.cycles]
    place = names.index(line.name) if line.name in names else 0
    later = list(reversed(product.cycles[:place]))
    if not any(_STEM.fullmatch(name) for name in names):
        return later
    # Where lines are families of their own (`java21`, `provided.al2`), none leads to another.
    family = _family(line.name)
    return [one for one in later if _family(one.name) == family]


def _family(name: str) -> str:
    """Return the letters that the name of a line begins with."""
    return found[0] if (found := _LETTERS.match(name)) else ""


def _order(name: str) -> tuple[str, tuple[int, ...]] | None:
    if _PLAIN.fullmatch(name):
        return "", _numbers(name)
    stem = _STEM.fullmatch(name)
    return (stem[1], _numbers(stem[2])) if stem else None


@lru_cache(maxsize=4096)
def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))


@lru_cache(maxsize=256)
def _words(built: tuple[str, ...]) -> Mapping[str, tuple[tuple[str, tuple[str, ...]], ...]]:
    """Return tags by the word that they begin with, each with its other words, sorted.

    Kept, because every image that is over asks it of the same few lists.
    """
    found: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
    for tag in built:
        word, rest = parts_of(tag)
        found.setdefault(word, []).append((tag, tuple(sorted(rest))))
    return {word: tuple(tags) for word, tags in found.items()}


def _is_of_line(word: str, line: Cycle, product: Product) -> bool:
    """Return True for what a tag begins with, where it is the line's number or codename."""
    if _PLAIN.fullmatch(word) and _PLAIN.fullmatch(line.name):
        numbers, own = _numbers(word), _numbers(line.name)
        return numbers[: len(own)] == own
    return word == line.name or product.codenames.get(word) == line.name


def tag_on(
    line: Cycle, tag: str, product: Product, knowledge: Knowledge, on: date, built: Sequence[str]
) -> str | None:
    """Return the tag of `line` that is still built and says what `tag` does; None where none is.

    The words behind the number stay. One that names a system that is over becomes the nearest
    system of its kind that lives, else it is left out. The shortest number comes first: `22-slim`
    rather than `22.1.0-slim`.
    """
    head, words = parts_of(tag)
    is_number = bool(_PLAIN.fullmatch(head))
    by_words: dict[tuple[str, ...], list[tuple[bool, int, tuple[int, ...], str]]] = {}
    for word, tags in _words(tuple(built)).items():
        if _is_of_line(word, line, product):
            numbers = _numbers(word) if _PLAIN.fullmatch(word) else ()
            rank = (bool(numbers) != is_number, len(numbers), tuple(-part for part in numbers))
            for one, rest in tags:
                by_words.setdefault(rest, []).append((*rank, one))
    for wanted in _wordings(words, knowledge, on):
        found = by_words.get(tuple(sorted(wanted)))
        if found:
            return min(found)[-1]
    return None


def _wordings(words: list[str], knowledge: Knowledge, on: date) -> Iterator[list[str]]:
    """Yield the words to look for, the best first: none of them names a system that is over."""
    systems = [word for word in words if knowledge.system_of(word) is not None]
    over = [word for word in systems if knowledge.is_system_over(word, on)]
    if not over:
        yield words
    for word in (over or systems)[:1]:
        kept = [one for one in words if one == word or one not in over]
        for other in _living_instead(word, knowledge, on):
            yield [other if one == word else one for one in kept]
    yield [word for word in words if word not in systems]


def living_system(tag: str, knowledge: Knowledge, on: date, built: Sequence[str]) -> str | None:
    """Return the tag with a living system in place of one that is over; None where none is known.

    It is one of `built`: which tags other publishers build is not known.
    """
    words = tag.split("-")
    for place, word in enumerate(words):
        if knowledge.is_system_over(word, on):
            for other in _living_instead(word, knowledge, on):
                found = "-".join((*words[:place], other, *words[place + 1 :]))
                if found in built:
                    return found
    return None


def _living_instead(word: str, knowledge: Knowledge, on: date) -> Iterator[str]:
    """Yield the words of living systems of the same kind, the nearest first.

    `alpine3.17` becomes `alpine` first, which moves on by itself.
    """
    found = knowledge.system_of(word)
    if found is None:
        return
    product, line = found
    stem = _SYSTEM_WORD.fullmatch(word)
    if stem and stem[1] == "alpine":
        yield "alpine"
    by_line = {name: codename for codename, name in product.codenames.items()}
    for one in _above(product, line):
        if one.lives(on, LIVING_DAYS):
            yield stem[1] + one.name if stem else by_line.get(one.name, one.name)


def system_ends(tag: str, knowledge: Knowledge) -> Iterator[date]:
    """Yield the ends of all lines of the systems that the words of a tag name."""
    for word in tag.split("-"):
        if found := knowledge.system_of(word):
            yield from (one.ends for one in found[0].cycles if one.ends)
