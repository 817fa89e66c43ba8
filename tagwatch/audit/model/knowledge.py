"""Facts that no registry gives: what images run, and when its releases end."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from enum import StrEnum
from functools import lru_cache

from tagwatch.audit.model.glob import match_tag
from tagwatch.image.reference import DOCKER_HUB, Repository
from tagwatch.value import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tagwatch.image.tag import Scheme

__all__ = [
    "Cycle",
    "How",
    "ImageRow",
    "Knowledge",
    "Line",
    "Product",
    "Retirement",
    "Word",
    "parts_of",
]

_VERSION = re.compile(r"[vV]?([0-9]+(?:\.[0-9]+)*)", re.ASCII)
_HEAD = r"[vV]?([0-9]+(?:\.[0-9]+)*)(?=$|[-+_a-z])"
_BEGINNING = r"[a-z_-]*[a-z]"
_LETTERS = re.compile(r"[a-z]+")
_KEPT = 64
"""So many repositories' homes are remembered."""
_PROXIED = "/dependency_proxy/containers/"
"""The piece of a path below which GitLab's cache has images of Docker Hub."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """A release line of a product, such as `3.12`."""

    name: str
    ends: date | None = None
    """The day its free support ends.

    None where no end is announced or, where `is_over`, where the day is not known.
    """
    is_over: bool = False
    """True where the support has ended."""
    long_term: date | bool = False
    """True for a line with long-term support, or the day from which it is one."""

    def lives(self, on: date, days: int = 0) -> bool:
        """Return True where its support runs on that day, and `days` days later still."""
        if self.ends is None:
            return not self.is_over
        return (self.ends - on).days >= days

    def is_long_term(self, on: date) -> bool:
        """Return True where it has long-term support on that day."""
        return self.long_term if isinstance(self.long_term, bool) else self.long_term <= on


class How(StrEnum):
    """The way in which a version is of a release line."""

    EXACT = "exact"
    """The line has its number, or its name."""
    FLOATING = "floating"
    """It gives fewer numbers than lines have (`postgres:9`): the line is the last one under it."""
    GAP = "gap"
    """It lies between two lines: the line is the next one above, and it ended no later."""
    BEFORE = "before"
    """It is older than all lines: the line is the first one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The release line that tells of a version, and how."""

    cycle: Cycle
    how: How


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A product that people run as an image, and its release lines."""

    name: str
    cycles: tuple[Cycle, ...]
    """Its lines, the one that was released last first."""
    codenames: Mapping[str, str] = field(default_factory=dict)
    """Code name -> release line (`bookworm` -> `12`)."""

    def cycle_of(self, version: str) -> Cycle | None:
        """Return the release line that `version` belongs to, or None.

        It is the line of its name or codename, else the one with the most numbers among those
        whose numbers `version` begins with. What is no number (`humble`, `20h2`) has only its name.
        """
        word = version.lower()
        word = self.codenames.get(word, word)
        named = next((cycle for cycle in self.cycles if cycle.name.lower() == word), None)
        if named is not None:
            return named
        numbers = _numbers(version)
        best: Cycle | None = None
        length = 0
        for cycle in self.cycles:
            prefix = _plain(cycle.name)
            if len(prefix) > length and numbers[: len(prefix)] == prefix:
                best, length = cycle, len(prefix)
        return best

    def highest_beside(self, line: Cycle) -> Cycle:
        """Return the highest line that counts as `line` does; for a word the last released one."""
        if not _plain(line.name):
            return self.cycles[0] if self.cycles else line
        plain = (one for one in self.cycles if _plain(one.name))
        return max(plain, key=lambda one: _plain(one.name), default=line)

    def line_of(self, version: str) -> Line | None:
        """Return the release line that tells of `version`, or None where none does.

        The facts leave lines out, and some products have only their majors. Only lines that count
        in the same scheme as `version` are compared with it.
        """
        exact = self.cycle_of(version)
        if exact is not None:
            return Line(cycle=exact, how=How.EXACT)
        numbers = _numbers(version)
        if not numbers:
            return None
        plain = [cycle for cycle in self.cycles if _plain(cycle.name)]
        under = [one for one in plain if _plain(one.name)[: len(numbers)] == numbers]
        if under:
            return Line(cycle=max(under, key=_last), how=How.FLOATING)
        return _next_above(plain, version, numbers)


def _next_above(plain: list[Cycle], version: str, numbers: tuple[int, ...]) -> Line | None:
    """Return the first line above a version of which no line is known; None for a pre-release."""
    scheme = _scheme(version)
    if scheme is None:
        return None
    alike = [cycle for cycle in plain if _scheme(cycle.name) is scheme]
    above = [cycle for cycle in alike if _plain(cycle.name) > numbers]
    if not above:
        return None
    next_one = min(above, key=lambda cycle: _plain(cycle.name))
    how = How.BEFORE if len(above) == len(alike) else How.GAP
    return Line(cycle=next_one, how=how)


def _last(cycle: Cycle) -> tuple[date, tuple[int, ...]]:
    """Return a key that sorts lines by their ends, those last that have none."""
    end = cycle.ends or (date.min if cycle.is_over else date.max)
    return end, _plain(cycle.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRow:
    """A product that the images of a repository run, and how their tags name its release line."""

    product: str
    """The product's name; empty where the numbers are of no known product."""
    take: str = "version"
    """How the line is read: see `audit.rule.inside`."""
    sure: bool = True
    """False for a guess: it gives a note at most."""
    upheld: bool = False
    """True where the publisher mends the product beyond its own end: only the system is judged."""
    source: str = ""
    """From where this is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retirement:
    """The end of a repository, or of some of its tags, whatever runs in it."""

    kind: str
    """`ended`, `moved`, `renamed`, `frozen` (to be had, never built again) or `deleted`."""
    since: str
    """The day, month or year, as far as it is known."""
    to: tuple[str, ...] = ()
    """What to use instead, the nearest first; words where no image can be named."""
    tags: tuple[str, ...] = ()
    """Globs of the tags that are meant; empty for all."""
    tags_not: tuple[str, ...] = ()
    """Globs of tags that are not meant."""
    sure: bool = True
    """False where no source was read: it gives a note at most."""
    note: str = ""
    source: str = ""

    def means(self, tag: str | None) -> bool:
        """Return True where this tag is one of those that ended; None stands for a mere digest."""
        if tag is None:
            return not self.tags
        return (not self.tags or match_tag(self.tags, tag)) and not match_tag(self.tags_not, tag)


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A piece of a tag that names a release line: `bullseye`, or the `alpine` of `alpine3.20`."""

    product: str
    cycle: str = ""
    """The line that the word alone names; empty where a number follows, which `pattern` reads."""
    pattern: str = ""
    """A regular expression for the whole piece, with a group `v`."""
    dot: int = 0
    """Behind which digit of `v` a dot is left out (`php83`, `ubuntu2204`); 0 for none."""
    is_system: bool = True
    """True for an operating system; False for a runtime or another product within."""
    sure: bool = True
    only: tuple[str, ...] = ()
    """Globs of the repositories in which it has this meaning; empty for all."""


def _no_table(_: str) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """The bundled facts. Where they are empty, no rule says anything from them."""

    as_of: date | None = None
    """The day on which the facts were true."""
    products: Mapping[str, Product] = field(default_factory=dict)
    """Products by the name that endoflife.date gives them, or once gave them."""
    images: Mapping[str, str] = field(default_factory=dict)
    """Whole name of a repository -> name of the product that its images run, by its version.

    What a file of facts adds to `rows`.
    """
    rows: Mapping[str, tuple[ImageRow, ...]] = field(default_factory=dict)
    """Whole name of a repository -> what its images run, the product itself first."""
    retired: Mapping[str, tuple[Retirement, ...]] = field(default_factory=dict)
    """Whole name of a repository -> its ends, of which the first that means a tag counts."""
    words: Mapping[str, tuple[Word, ...]] = field(default_factory=dict)
    """A piece of a tag, or the letters that it begins with -> what it may mean."""
    table: Callable[[str], Mapping[str, str]] = _no_table
    """Gives what a publisher's own numbers mean: a table's name -> text in a tag -> line."""
    copies: Iterable[tuple[str, str]] = ()
    """Beginnings of names that stand for others, as mirrors and pull-through caches have them."""
    official: frozenset[str] = frozenset()
    """Names of official images, without registry and namespace (`redis`)."""
    built: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Name of an official image -> the tags that its publisher builds, shared ones too."""
    doubts: Callable[[], tuple[str, ...]] = tuple
    """Gives what proved to be damaged when it was asked for, and does not count."""

    def home(self, repository: Repository) -> Repository:
        """Return the repository whose images these are: that of which this one is a copy."""
        if repository.registry == DOCKER_HUB and repository.path.startswith("library/"):
            return repository
        known = _homes.get(repository)  # each of its tags asks, and asks several times
        if known is not None and known[0] is self:
            return known[1]
        if len(_homes) >= _KEPT:
            _homes.clear()
        home = self._home(repository)
        _homes[repository] = (self, home)
        return home

    def _home(self, repository: Repository) -> Repository:
        name = repository.identity.name
        for _ in range(2):  # `mirror.gcr.io/arm64v8/node` is a copy of a copy
            name, before = self._original(name), name
            if name == before:
                break
        registry, _, path = name.partition("/")
        return Repository(registry=registry, path=path)

    def _original(self, name: str) -> str:
        original = self._copied(name)
        if original == name and _PROXIED in name:
            return _completed(f"{DOCKER_HUB}/{name.partition(_PROXIED)[2]}")
        return original

    def _copied(self, name: str) -> str:
        for prefix, origin in self.copies:
            if name.startswith(prefix):
                return _completed(origin + name[len(prefix) :])
        return name

    def rows_of(self, repository: Repository) -> tuple[ImageRow, ...]:
        """Return what the repository's images run, the product itself first; none: not known."""
        name = self.home(repository).name
        rows = self.rows.get(name, ())
        if any(self.products.get(row.product) for row in rows) or name not in self.images:
            return rows
        return (ImageRow(product=self.images[name]), *rows)

    def may_name(self, tag: str) -> bool:
        """Return True where a piece of the tag may name a release line: never too seldom."""
        if not self.words:
            return False
        text = tag.lower()
        return any(letters in self.words for letters in _LETTERS.findall(text)) or any(
            piece in self.words for piece in text.split("-")
        )

    def product_of(self, repository: Repository) -> Product | None:
        """Return the product that the repository's images run, or None where none is known."""
        for row in self.rows_of(repository):
            if (product := self.products.get(row.product)) is not None:
                return product
        return None

    def retirement_of(self, repository: Repository, tag: str | None) -> Retirement | None:
        """Return how a repository ended, where a tag of it is meant; None where it did not."""
        for one in self.retired.get(self.home(repository).name, ()):
            if one.means(tag):
                return one
        return None

    def deletion_of(self, repository: Repository) -> Retirement | None:
        """Return how a repository was deleted as a whole, where that is no guess; else None.

        Registries answer for it as if a login were missing.
        """
        end = self.retirement_of(repository, None)
        return end if end is not None and end.sure and end.kind == "deleted" else None

    def meaning_of(
        self, text: str, home: str = "", *, is_first: bool = False
    ) -> tuple[Word, str] | None:
        """Return what a piece of a tag names, with the line or version that it gives.

        `home`: the repository's whole name. `is_first`: the piece begins the tag.
        """
        exact = [word for word in self.words.get(text, ()) if word.cycle]
        # A word of this repository's own comes before a system of the same name, as a beginning.
        for word in sorted(exact, key=lambda word: not (word.only and is_first)):
            if not word.only or any(_names(glob, home) for glob in word.only):
                return word, word.cycle
        letters = found[0] if (found := re.match(_BEGINNING, text)) else ""
        for word in self.words.get(letters, ()) if letters else ():
            if word.pattern and (found := re.fullmatch(word.pattern, text)):
                number = found["v"]
                dotted = f"{number[: word.dot]}.{number[word.dot :]}" if word.dot else number
                return word, dotted
        return None

    def system_of(self, word: str) -> tuple[Product, Cycle] | None:
        """Return the system and its line that a word of a tag names (`bookworm`, `alpine3.20`)."""
        found = self.meaning_of(word)
        if found is None or not (found[0].is_system and found[0].sure):
            return None
        product = self.products.get(found[0].product)
        line = product.cycle_of(found[1]) if product else None
        return (product, line) if product and line else None

    def is_system_over(self, word: str, on: date) -> bool:
        """Return True for a word of a tag that names a system whose support has ended."""
        found = self.system_of(word)
        return found is not None and not found[1].lives(on)

    def built_tags(self, repository: Repository) -> tuple[str, ...]:
        """Return the tags that the publisher of an official image builds; empty: not known."""
        if not self.is_official(repository):
            return ()
        return self.built.get(self.home(repository).path.partition("/")[2], ())

    def is_official(self, repository: Repository) -> bool:
        """Return True for an official image of Docker Hub, or for a copy of one.

        The path that GitLab's caches have is no proof: any host may have such a path.
        """
        home, name = self.home(repository), repository.identity.name
        if _PROXIED in name:
            return self._copied(name) != name and self._is_library(home)
        return self._is_library(home)

    def _is_library(self, home: Repository) -> bool:
        namespace, _, name = home.path.partition("/")
        return home.registry == DOCKER_HUB and namespace == "library" and name in self.official


def _names(glob: str, home: str) -> bool:
    """Return True where a glob, which may end in a star, matches the name."""
    return home.startswith(glob[:-1]) if glob.endswith("*") else home == glob


_homes: dict[Repository, tuple[Knowledge, Repository]] = {}
"""The last answers of `Knowledge.home`."""


def _completed(name: str) -> str:
    """Return the name with the `library/` that Docker Hub's short names leave out."""
    registry, _, path = name.partition("/")
    return f"{registry}/library/{path}" if registry == DOCKER_HUB and "/" not in path else name


def parts_of(tag: str) -> tuple[str, list[str]]:
    """Return the number or codename that a tag begins with, and the words behind it.

    >>> parts_of("v3.20.1-slim_bookworm"), parts_of("bookworm-slim")
    (('3.20.1', ['slim', 'bookworm']), ('bookworm', ['slim']))
    """
    head = re.match(_HEAD, tag)
    if head is not None:
        return head[1], [word for word in re.split(r"[-_+]", tag[head.end() :]) if word]
    first, *words = tag.split("-")
    return first.lower(), words


@lru_cache(maxsize=4096)
def _numbers(version: str) -> tuple[int, ...]:
    """Return the numbers that a version begins with, behind a `v`; none where words come first."""
    found = _VERSION.match(version[:64])  # a label may say anything
    return tuple(map(int, found[1].split("."))) if found else ()


@lru_cache(maxsize=8192)
def _scheme(name: str) -> Scheme | None:
    """Return how the version of a release or line is counted; None: it is none, or a pre-release.

    A repository of many tags asks of all the lines of its product for each of them.
    """
    # Imported here because few checks come this far, and a check must start fast.
    from tagwatch.image.tag import Scheme, parse_tag

    tag = parse_tag(name)
    return None if tag.scheme is Scheme.NONE or tag.is_prerelease else tag.scheme


@lru_cache(maxsize=8192)
def _plain(name: str) -> tuple[int, ...]:
    """Return the numbers of a line's name that is nothing but numbers, else none."""
    numbers = name.split(".")
    is_plain = all(number.isascii() and number.isdigit() for number in numbers)
    return tuple(map(int, numbers)) if is_plain else ()
