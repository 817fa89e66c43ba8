"""What the words of one repository's tags mean, learnt from those tags alone.

`trixie` is a code name where no version stands beside it and a variant where one does; `cli-2.12.0`
begins with a product, `otp-27` is a variant; in `13.0.1-ubi-rc` the `rc` is the version's and in
`1.3.1-python3.15-rc` it is Python's. No table could say so: the same word differs by repository.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import pairwise, zip_longest
from typing import TypeVar

from tagwatch.image.token import COUNTERS, PRERELEASE_RANK, SYSTEMS, WINDOWS, Part, Token, split_tag
from tagwatch.value import dataclass, field

__all__ = ["PLAIN", "Vocabulary", "is_windows_build", "keep_time", "limited", "within_limit"]

T = TypeVar("T")

Release = tuple[int, ...]

_FIRST_BUILD = 10_240
"""Of Windows 10."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """Words of one repository by their role. `learn` makes it; `PLAIN` knows nothing.

    `words`, `stems`: what stands beside versions, whole and without its number (`alpine3.20`,
    `alpine`). `products`: words that a version follows (`cli-2.12.0`, `nd130`); None: any may.
    `revised`: variant words whose number is the publisher's revision (`-debian-1.0`).
    `stages`: releases (and what begins them) that stand with a pre-release word right behind.
    `flavours`: pre-release words that are variants here (`3.12.3-dev` beside `3.12.3`).
    `platforms`: numbered stems that name an operating system, or stand without a number too
    (`-alpine`, `-alpine3.20`). `serial_commits`: words and lengths of commits, so that one of
    digits only is known as such. `hashed`: every full version stands with a commit, which then
    says nothing of whether it is released (`1.40.2.8395-c67dce28e`). `windows`: versions are builds
    of Windows, so that `1809` and `2004` are names of its releases.
    """

    words: frozenset[str] = frozenset()
    stems: frozenset[str] = frozenset()
    products: frozenset[str] | None = None
    revised: frozenset[str] = frozenset()
    stages: frozenset[tuple[Release, str]] = frozenset()
    flavours: frozenset[str] = frozenset()
    platforms: frozenset[str] = frozenset()
    serial_commits: frozenset[tuple[str, int]] = frozenset()
    hashed: bool = False
    windows: bool = False

    @classmethod
    def learn(cls, tags: Iterable[str]) -> Vocabulary:
        """Read the roles of all words off `tags`. Cost: linear, two passes."""
        return _Reading([split_tag(tag) for tag in within_limit(tags) if tag]).vocabulary()

    def is_variant(self, token: Token) -> bool:
        """True for a word that stands beside versions in this repository."""
        return token.text in self.words or bool(token.numbers and token.stem in self.stems)

    def version_at(self, tag: Sequence[Token]) -> int | None:
        """The place of the token that carries the version; None where there is none.

        Place 0 may hold a word with a number glued to it (`nd130`).
        """
        return _version_at(tag, self.products)


PLAIN = Vocabulary()
"""No knowledge of the repository: a tag is read by its own text alone."""


@dataclass(slots=True)
class _Reading:
    """The tags of one repository while they are being learnt from."""

    tags: list[tuple[Token, ...]]
    words: set[str] = field(default_factory=set)
    bare: set[str] = field(default_factory=set)
    numbered: set[str] = field(default_factory=set)

    def vocabulary(self) -> Vocabulary:
        plain = [tag for tag in self.tags if tag[0].part is Part.NUMBER]
        for tag in plain:
            self._note_words(tag[1:])
        products = self._products(plain)
        for tag in within_limit(self.tags):
            start = _version_at(tag, products)
            if start is not None and tag[0].part is not Part.NUMBER:
                self._note_words(tag[:start])
                self._note_words(tag[start + 1 :])
        flavours = self._flavours(plain)
        stages = _stages(self.tags, products, flavours)
        self.words |= flavours | _foreign_stages(plain, stages)
        return Vocabulary(
            words=frozenset(self.words),
            stems=frozenset(self.words | self.numbered),
            products=products,
            revised=_revised(plain),
            stages=stages,
            flavours=flavours,
            platforms=frozenset(self.numbered & (self.bare | SYSTEMS) - WINDOWS),
            serial_commits=_serial_commits(self.tags),
            hashed=_is_hashed(plain),
            windows=any(is_windows_build(tag[0].numbers) for tag in plain),
        )

    def _note_words(self, tokens: Sequence[Token]) -> None:
        for number, token in enumerate(tokens):
            if token.part is Part.WORD:
                self.words.add(token.text)
                follower = tokens[number + 1] if number + 1 < len(tokens) else None
                is_numbered = follower is not None and follower.part is Part.NUMBER
                if token.numbers or is_numbered:
                    self.numbered.add(token.stem)
                else:
                    self.bare.add(token.text)

    def _products(self, plain: Sequence[Sequence[Token]]) -> frozenset[str]:
        """Words that versions follow, in tags that do not begin with a number.

        A word that stands behind a version is a variant, its number a variant's (`otp-27`). Where
        plain versions exist, a product must look like one: three numbers, or a plain twin.
        """
        twins = {_number(tag[0]) for tag in plain if tag[0].weight > 1}
        weight: Counter[str] = Counter()
        for tag in within_limit(self.tags):
            for word, number, glued in _led_numbers(tag):
                if word in self.words or word in self.numbered or word in WINDOWS:
                    continue
                if _number(number) in twins:
                    weight[word] = max(weight[word], 3)
                elif not glued:
                    weight[word] = max(weight[word], number.weight)
                elif not plain and not _is_count(number):
                    weight[word] = max(weight[word], 2)
        least = 3 if plain else 2
        return frozenset(word for word, most in weight.items() if most >= least)

    def _flavours(self, plain: Sequence[Sequence[Token]]) -> frozenset[str]:
        """Pre-release words without numbers that publishers use for a variant (`-dev`, `-devel`).

        Known by a tag that joins the word to `latest`, or by releases that are there without the
        word too: a whole release with `dev` is enough (it is another line, never a newer version),
        of `rc` and its like most releases must be.
        """
        with_word: dict[str, set[Release]] = {}
        without = {tag[0].numbers for tag in plain if _is_final(tag)}
        counted = {tag[0].pre[0] for tag in plain if tag[0].pre}
        joined = {tag[1].text for tag in self.tags if len(tag) > 1 and tag[0].text == "latest"}
        for tag in plain:
            for token, follower in zip_longest(tag[1:], tag[2:]):
                if token.part is not Part.PRERELEASE or token.pre is None:
                    continue
                if len(token.pre) > 1 or (follower is not None and follower.part is Part.NUMBER):
                    counted.add(token.pre[0])
                if token.text.lower() in PRERELEASE_RANK:
                    with_word.setdefault(token.text, set()).add(tag[0].numbers)
        return frozenset(
            word
            for word, releases in with_word.items()
            if PRERELEASE_RANK[word.lower()] not in counted
            and (word in joined or _is_flavour(word, releases, without))
        )


def is_windows_build(release: Release) -> bool:
    """True for `10.0.20348.2529`: the third number is the build that a host must have, too."""
    return len(release) == 4 and release[:2] == (10, 0) and release[2] >= _FIRST_BUILD


def _is_count(token: Token) -> bool:
    """True for `b3145`: a count of builds, and no product's version."""
    return len(token.numbers) == 1 and token.stem.lower() in COUNTERS


def _number(token: Token) -> tuple[object, ...]:
    return (token.numbers, token.pre, token.revision)


def _is_flavour(word: str, releases: set[Release], without: set[Release]) -> bool:
    twins = releases & without
    if PRERELEASE_RANK[word.lower()] == PRERELEASE_RANK["dev"]:
        return any(len(release) > 2 for release in twins)
    return len(twins) > max(2, len(releases) // 2)


def _is_final(tag: Sequence[Token]) -> bool:
    return tag[0].pre is None and all(token.part is not Part.PRERELEASE for token in tag)


def _is_hashed(plain: Sequence[Sequence[Token]]) -> bool:
    full = [tag for tag in plain if tag[0].weight > 2 and _is_final(tag)]
    return bool(full) and all(any(token.part is Part.COMMIT for token in tag) for tag in full)


def _led_numbers(tag: Sequence[Token]) -> Iterator[tuple[str, Token, bool]]:
    """(word, number, glued?) of a tag that does not begin with a number."""
    first = tag[0]
    if first.part in (Part.WORD, Part.REVISION) and first.numbers:
        yield first.stem, first, True
    if first.part is not Part.NUMBER:
        for before, token in pairwise(tag):
            if token.part is Part.NUMBER and before.part is Part.WORD:
                yield before.text, token, False


def _version_at(tag: Sequence[Token], products: frozenset[str] | None) -> int | None:
    if tag[0].part in (Part.NUMBER, Part.DATE):
        return 0 if tag[0].part is Part.NUMBER else None
    for place, token in enumerate(tag):
        # pg14-v0.2.0 says which number it is; beta-6.8-RC1 can mean no other
        is_marked = token.v or (place == 1 and tag[0].part is Part.PRERELEASE)
        if token.part is Part.NUMBER and token.weight > 1 and is_marked:
            return place
    for word, number, glued in _led_numbers(tag):
        if word in products if products is not None else number.weight > 1 and not glued:
            return 0 if glued else tag.index(number)
    return None


def _revised(plain: Sequence[Sequence[Token]]) -> frozenset[str]:
    """Words whose number also stands right behind the same version (`v1.19.3-1.0`)."""
    adjacent = {
        (tag[0].text, tag[1].numbers)
        for tag in plain
        if len(tag) > 1 and tag[1].part is Part.NUMBER
    }
    return frozenset(
        word.text
        for tag in plain
        for word, number in pairwise(tag[1:])
        if word.part is Part.WORD
        and number.part is Part.NUMBER
        and (tag[0].text, number.numbers) in adjacent
    )


def _stages(
    tags: Sequence[Sequence[Token]], products: frozenset[str], flavours: frozenset[str]
) -> frozenset[tuple[Release, str]]:
    found: set[tuple[Release, str]] = set()
    for tag in tags:
        start = _version_at(tag, products)
        if start is None or len(tag) <= start + 1:
            continue
        word = tag[start + 1]
        if word.part is Part.PRERELEASE and word.text not in flavours:
            release = tag[start].numbers
            found.update((release[:length], word.stem) for length in range(1, len(release) + 1))
    return frozenset(found)


def _foreign_stages(
    plain: Sequence[Sequence[Token]], stages: frozenset[tuple[Release, str]]
) -> set[str]:
    """Pre-release words behind a variant that are the variant's own (`-python3.15-rc`)."""
    return {
        token.text
        for tag in plain
        for token in tag[2:]
        if token.part is Part.PRERELEASE and (tag[0].numbers, token.stem) not in stages
    }


def _serial_commits(tags: Iterable[Sequence[Token]]) -> frozenset[tuple[str, int]]:
    return frozenset(
        (tag[-2].text if len(tag) > 1 else "", len(tag[-1].text))
        for tag in tags
        if tag[-1].part is Part.COMMIT
    )


# A limit of time for lists that are long, as a stranger's may be: whoever goes through one asks now
# and then whether to go on. What is computed of tags is pure and knows no clock, so a run that has
# a limit gives a function that raises when the time is over; where there is none, nothing is asked.

_EVERY = 1024
_CHECK: ContextVar[Callable[[], None] | None] = ContextVar("check", default=None)


@contextmanager
def limited(check: Callable[[], None]) -> Iterator[None]:
    """Ask `check` inside, which raises where there is no more time."""
    before = _CHECK.set(check)
    try:
        yield
    finally:
        _CHECK.reset(before)


def keep_time() -> None:
    """Raise as the run's `check` does, where there is one, and no more time."""
    check = _CHECK.get()
    if check is not None:
        check()


def within_limit(items: Iterable[T]) -> Iterable[T]:
    """Return the items, to be gone through only as long as there is time."""
    check = _CHECK.get()
    return items if check is None else _checked(items, check)


def _checked(items: Iterable[T], check: Callable[[], None]) -> Iterator[T]:
    for number, item in enumerate(items):
        if not number % _EVERY:
            check()
        yield item
