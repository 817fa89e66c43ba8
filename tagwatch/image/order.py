"""The order of tags: which of them may replace each other, and which of two is newer.

Each way to name tags is a row of `NAMINGS`: by what it is known, what beside the words of its tags
makes their line, or why its tags have no order. The first row that holds decides.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

from tagwatch.image.tag import Kind, Precedence, Scheme, Tag, parse_tag
from tagwatch.image.token import (
    INNER_LINES,
    SYSTEMS,
    WINDOWS_BUILDS,
    Token,
    token_of,
)
from tagwatch.image.vocabulary import is_windows_build
from tagwatch.value import dataclass

__all__ = ["NAMINGS", "Inner", "Naming", "inner_parts", "is_one_off", "naming_of"]
__all__ += ["is_step_back", "line_of", "lines_within", "place_of", "plain_words", "says_less"]
__all__ += ["version_key", "windows_build"]

_ONE_OFF = frozenset({"dirty", "hotfix"})
_TWINS = frozenset(
    {
        "amd64", "arm", "arm32v5", "arm32v6", "arm32v7", "arm64", "arm64v8", "armhf", "i386",
        "ppc64le", "release", "riscv64", "s390x", "ver", "version", "x86", "x86_64",
    }
)  # fmt: skip
_FINAL = (9,)
_DOTTED = re.compile(r"[A-Za-z]+\.\d+", re.ASCII)
"""A build on a system by its code name (`bookworm.1`): each version counts them anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """Tags that are ordered in one way, or not at all."""

    name: str
    holds: Callable[[Tag], bool]
    line: Callable[[Tag], tuple[str, ...]] = lambda _: ()
    """What makes the line, beside kind and words."""
    why: str = ""
    """Why its tags cannot be compared; empty where they can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    """A tool inside an image, as a word of its tag names it (`cuda12.4`, `erlang-26.2.1`)."""

    line: tuple[int, ...]
    numbers: tuple[int, ...]
    stage: tuple[int, ...]

    @property
    def is_prerelease(self) -> bool:
        """True for `go1.23rc1`."""
        return self.stage != _FINAL


def _is_of(kind: Kind) -> Callable[[Tag], bool]:
    return lambda tag: tag.kind is kind


NAMINGS = (
    Naming(name="artifact", holds=_is_of(Kind.ARTIFACT), why="it is no image"),
    Naming(
        name="commit", holds=_is_of(Kind.COMMIT), why="a commit does not say what came before it"
    ),
    Naming(
        name="pull request",
        holds=_is_of(Kind.PULL_REQUEST),
        why="the build of a pull request follows no other",
    ),
    Naming(
        name="changed files",
        holds=lambda tag: "dirty" in (*tag.variant, *tag.rolling),
        why="it was built of files that no commit holds",
    ),
    Naming(
        name="Windows release",
        holds=lambda tag: tag.kind is Kind.WORD and windows_build(tag) is not None,
        why="a release of Windows runs on hosts of that release",
    ),
    Naming(
        name="name",
        holds=_is_of(Kind.WORD),
        why="a name that moves says neither version nor date",
    ),
    Naming(
        name="Windows build",
        holds=lambda tag: is_windows_build(tag.release),
        line=lambda tag: (str(tag.release[2]),),
    ),
    Naming(name="date", holds=lambda tag: bool(tag.date) and not tag.release),
    Naming(name="count of builds", holds=lambda tag: tag.kind is Kind.DATED),
    Naming(name="version", holds=_is_of(Kind.VERSION)),
)


def naming_of(tag: Tag) -> Naming:
    """Return the naming of a tag: the first row that holds."""
    return next(naming for naming in NAMINGS if naming.holds(tag))


def line_of(tag: Tag, scheme: Scheme | None = None) -> tuple[str, ...]:
    """Return the line of a tag: tags of equal lines may replace each other.

    An equivalence by construction. The numbers of systems and of inner tools are left out. A tag
    that cannot be compared is in no line but its own. `scheme`: of another one than its own.
    """
    naming = naming_of(tag)
    if naming.why:
        return (naming.name, tag.text)
    if tag.kind is Kind.VERSION:
        beside = (scheme or tag.scheme, *naming.line(tag), *tag.product)
        return (naming.name, *beside, "", *map(_unnumbered, tag.shape))
    rolling = (_unnumbered(word, SYSTEMS) for word in tag.rolling if word not in _ONE_OFF)
    return (naming.name, *rolling, "", *map(_unnumbered, tag.shape))


def place_of(tag: Tag) -> tuple[object, ...]:
    """Return the place of a tag in its line: its version, what is inside, its date."""
    return (tag.release, tag.pre or _FINAL, tag.revision, tuple(_numbers(tag)), tag.date)


def inner_parts(tag: Tag) -> tuple[Inner, ...]:
    """Return the tools inside that may move on with it, in the order of its words."""
    return tuple(part for word in _words(tag) if (part := _inner(word)) is not None)


def lines_within(tag: Tag) -> tuple[tuple[int, ...], ...]:
    """Return the line of each system and tool inside, word by word; of a tool not every number."""
    return tuple(map(_line_within, _words(tag)))


def _line_within(word: str) -> tuple[int, ...]:
    inner = _inner(word)
    if inner is not None:
        return inner.line
    return () if _DOTTED.fullmatch(word) else _plain_numbers(word)


def plain_words(tag: Tag, kept: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the words of a tag without those that twins are named by; `kept`: these stay."""
    product = tuple(word for word in tag.product if word not in _TWINS or word in kept)
    return product + tag.variant


def windows_build(tag: Tag) -> int | None:
    """Return the build of Windows that a tag names, by its number or by its release.

    >>> windows_build(parse_tag("10.0.20348.2529")), windows_build(parse_tag("ltsc2022"))
    (20348, 20348)
    """
    if is_windows_build(tag.release):
        return tag.release[2]
    return WINDOWS_BUILDS.get(tag.text.partition("-")[0]) if tag.kind is Kind.WORD else None


def is_one_off(tag: Tag) -> bool:
    """Return True for a build made for one case (`.hotfix.1a2b3c4d5`), which is for nobody else."""
    return not _ONE_OFF.isdisjoint((*tag.variant, *tag.rolling))


def _words(tag: Tag) -> tuple[str, ...]:
    return tag.variant if tag.kind is Kind.VERSION else (*tag.rolling, *tag.variant)


def _numbers(tag: Tag) -> Iterator[tuple[object, ...]]:
    for word in _words(tag):
        inner = _inner(word)
        if inner is not None:
            yield (inner.numbers, inner.stage)
        else:
            yield _plain_numbers(word)


def _plain_numbers(word: str) -> tuple[int, ...]:
    return tuple(number for part in word.split("-") for number in token_of(part).numbers)


@lru_cache(maxsize=1 << 12)
def _inner(word: str) -> Inner | None:
    head, _, behind = word.partition("-")
    token = token_of(head)
    length = INNER_LINES.get(token.stem.lower())
    if length is None:
        return None
    numbers = _split(token) if token.numbers else token_of(behind).numbers
    if not numbers:
        return None
    return Inner(line=numbers[:length], numbers=numbers, stage=token.pre or _FINAL)


def _split(token: Token) -> tuple[int, ...]:
    """Return the numbers of a word: those of `cu124` are 12.4, of `py310` 3.10."""
    digits = str(token.numbers[0])
    if len(token.numbers) > 1 or len(digits) < 2:
        return token.numbers
    match token.stem.lower():
        case "cu" if len(digits) > 2:
            return (int(digits[:-1]), int(digits[-1]))
        case "py" | "php" | "python":
            return (int(digits[0]), int(digits[1:]))
        case _:
            return token.numbers


@lru_cache(maxsize=1 << 12)
def _unnumbered(word: str, systems: frozenset[str] = frozenset()) -> str:
    """Return a word of a line without the number that may rise in it."""
    token = token_of(word.partition("-")[0])
    if _inner(word) is not None or token.stem in systems or _DOTTED.fullmatch(word):
        return token.stem
    return word


def version_key(version: str) -> Precedence:
    """The order of a bare version text (`21.0.12_8`), as `Tag.version` or a label gives it.

    >>> version_key("3.15.0rc1") < version_key("3.15.0")
    True
    """
    return _stated(version).precedence


@lru_cache(maxsize=1 << 12)
def _stated(version: str) -> Tag:
    """A bare version text. The versions of a line are compared again and again."""
    return parse_tag(version.replace("+", "_"))


def is_step_back(before: str | None, after: str | None) -> bool:
    """True where the version `after` comes before `before`, and does not merely say less of it.

    Never between two schemes: a publisher who stops counting by years does not go back.

    >>> is_step_back("3.10.1", "3.10.0"), is_step_back("3.10.1", "3.10")
    (True, False)
    >>> is_step_back("2024.1", "1.3.0")
    False
    """
    if before is None or after is None:
        return False
    old, new = _stated(before), _stated(after)
    is_before = old.scheme is new.scheme and new.precedence < old.precedence
    return is_before and not says_less(after, before)


def says_less(version: str, other: str) -> bool:
    """True where `version` gives the first of the numbers of `other` and no more of them.

    >>> says_less("5.0", "5.0.1"), says_less("5.0.1", "5.0.1"), says_less("5.1", "5.0.1")
    (True, False, False)
    """
    little, much = version_key(version)[0], version_key(other)[0]
    return len(little) < len(much) and much[: len(little)] == little
