"""Tags: `[product] version [suffix…]`, read with the vocabulary of their repository.

The grammar is written from what publishers do, not from what a specification says. A tag's text is
a claim: what the tag stands for is `audit.version.resolve`'s to say.

The order is SemVer's and PEP 440's wherever a tag is theirs, which a test holds against `semver`
and `packaging`; those two are not called here, since one repository mixes schemes that neither
reads (`8u502-b07`, `3.5-dev5`, `2.440.1-lts`) and its tags must be compared with one another.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from functools import total_ordering
from itertools import chain, compress

from tagwatch.image.token import (
    COUNTERS,
    DEVELOPMENT_WORDS,
    WINDOWS_BUILDS,
    Part,
    Token,
    split_tag,
    token_of,
)
from tagwatch.image.vocabulary import PLAIN, Vocabulary
from tagwatch.value import dataclass

__all__ = [
    "FIRST_YEAR",
    "Kind",
    "Scheme",
    "Tag",
    "is_artifact",
    "parse_tag",
]

FIRST_YEAR = 1990
"""A first number from here to 2099 is a calendar year."""

_FIRST_SERIAL = 10_000
_FIRST_LONE_SERIAL = 1000
_FINAL = (9,)
_ARTIFACT = re.compile(r"sha(?:256|384|512)-[0-9a-f]{32,128}(?:\.[A-Za-z0-9.]+)?", re.ASCII)
_PULL_REQUEST = re.compile(
    r"(?:pr|pull|pull-request|mr|merge-request|merge)[-_.]?\d+(?:[-_.].*)?",
    re.ASCII | re.IGNORECASE,
)


class Kind(StrEnum):
    """What a tag is by its form, in the order in which tags sort."""

    ARTIFACT = "artifact"
    """A signature, SBOM or referrers list stored under a digest's name."""
    COMMIT = "commit"
    """A commit of the source, alone or behind a branch name."""
    PULL_REQUEST = "pull-request"
    WORD = "word"
    """A rolling word, code name, branch or bare variant: no number that is a version."""
    DATED = "dated"
    """A date, a clock or a count of builds, and no version (`bookworm-20260803`, `build-4567`)."""
    VERSION = "version"


class Scheme(StrEnum):
    """How versions are counted; versions of two schemes say nothing of each other's age."""

    NONE = "none"
    COUNT = "count"
    YEAR = "year"
    SERIAL = "serial"
    """A first number too large for a version: a count of builds."""


_KIND_ORDER = {kind: number for number, kind in enumerate(Kind)}
Precedence = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]]


@total_ordering
@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """A tag, read. `str()` gives the text back; tags of one repository are totally ordered.

    `release`: the numbers of the version; `pre`: rank of the stage and its numbers, None for a
    final release; `revision`: builds, updates and patches of that release; `date`: YYYYMMDD and
    what counts within the day. `product`: words before the version; `variant`: words behind it (of
    a tag without version, those that stand beside versions elsewhere), numbers that belong to a
    word joined to it; `rolling`: the other words. `shape`: the variant with the numbers of
    platform releases left out. `commit`: of a build that no release names. `version`: the version
    as text, without `v`, product and variant.
    """

    text: str
    kind: Kind
    v: bool = False
    product: tuple[str, ...] = ()
    release: tuple[int, ...] = ()
    pre: tuple[int, ...] | None = None
    revision: tuple[int, ...] = ()
    date: tuple[int, ...] = ()
    variant: tuple[str, ...] = ()
    rolling: tuple[str, ...] = ()
    shape: tuple[str, ...] = ()
    commit: str = ""
    version: str | None = None

    def __str__(self) -> str:
        return self.text

    def __lt__(self, other: Tag) -> bool:
        return self.sort_key < other.sort_key

    @property
    def words(self) -> tuple[str, ...]:
        """Product and variant: everything that an alias must keep to stand in for this tag."""
        return self.product + self.variant

    @property
    def is_prerelease(self) -> bool:
        """True for pre-releases, builds of a commit (`1.2.3-5-gabc1234`) and hotfixes of a date."""
        return (
            self.pre is not None
            or (self.kind is Kind.VERSION and bool(self.commit))
            or "hotfix" in self.rolling
        )

    @property
    def weight(self) -> int:
        """How many numbers it gives in all: the more, the more specific."""
        stage = len(self.pre) - 1 if self.pre else 0
        return len(self.release) + stage + len(self.revision) + len(self.date)

    @property
    def precedence(self) -> Precedence:
        """The version to compare by: release, stage (a final is last), revision, date."""
        return (self.release, self.pre or _FINAL, self.revision, self.date)

    @property
    def variant_numbers(self) -> tuple[tuple[int, ...], ...]:
        """The numbers in its variant, word by word: those of platform releases and the like."""
        return tuple(
            tuple(number for part in word.split("-") for number in token_of(part).numbers)
            for word in self.variant
        )

    @property
    def sort_key(self) -> tuple[int, Precedence, tuple[str, ...], str]:
        """Total, and equal for equal tags only: the text is its last part."""
        return (_KIND_ORDER[self.kind], self.precedence, self.words, self.text)

    @property
    def scheme(self) -> Scheme:
        """How its version is counted."""
        if self.kind is not Kind.VERSION:
            return Scheme.NONE
        first, *others = self.release
        if FIRST_YEAR <= first < 2100:
            return Scheme.YEAR
        is_serial = first >= (_FIRST_SERIAL if others else _FIRST_LONE_SERIAL)
        return Scheme.SERIAL if is_serial else Scheme.COUNT


def parse_tag(text: str, vocabulary: Vocabulary = PLAIN) -> Tag:
    """Read `text` with the words of its repository. Never fails: what is no version is a word.

    >>> tag = parse_tag("8.3.10-fpm-alpine3.20")
    >>> tag.release, tag.variant
    ((8, 3, 10), ('fpm', 'alpine3.20'))
    """
    if text[:1] in "smpMP":  # spares most tags two patterns
        if _ARTIFACT.fullmatch(text):
            return Tag(text=text, kind=Kind.ARTIFACT)
        if _PULL_REQUEST.fullmatch(text):
            return Tag(text=text, kind=Kind.PULL_REQUEST, rolling=(text,))
    tokens = split_tag(text)
    if not tokens:
        return Tag(text=text, kind=Kind.WORD)
    if _is_commit(tokens, vocabulary):
        return Tag(text=text, kind=Kind.COMMIT, rolling=(text,), commit=tokens[-1].text)
    if vocabulary.windows and tokens[0].text in WINDOWS_BUILDS:
        return _unversioned(text, tokens, vocabulary)
    start = vocabulary.version_at(tokens)
    if start is not None:
        return _versioned(text, tokens, start, vocabulary)
    parts = {token.part for token in tokens}
    if Part.COMMIT in parts and Part.DATE not in parts:
        return Tag(text=text, kind=Kind.COMMIT, rolling=(text,), commit=_commit(tokens))
    return _unversioned(text, tokens, vocabulary)


def is_artifact(text: str) -> bool:
    """True for a tag of kind `ARTIFACT`, whatever the vocabulary."""
    return _ARTIFACT.fullmatch(text) is not None


def _is_commit(tokens: Sequence[Token], vocabulary: Vocabulary) -> bool:
    last = tokens[-1]
    if last.part is not Part.COMMIT and (len(last.text) < 7 or not last.text.isdigit()):
        return False
    lead = tokens[-2].text if len(tokens) > 1 else ""
    if lead in ("sha", "git", "commit"):
        return True
    if last.part is Part.COMMIT:
        return len(tokens) == 1
    return last.text.isdigit() and (lead, len(last.text)) in vocabulary.serial_commits


def _commit(tokens: Sequence[Token]) -> str:
    return next((token.text for token in tokens if token.part is Part.COMMIT), "")


def _versioned(text: str, tokens: Sequence[Token], start: int, vocabulary: Vocabulary) -> Tag:
    head, tail = tokens[start], tokens[start + 1 :]
    product, _ = _joined(tokens[:start])
    version = head.text[len(head.v) :]
    release, revision = head.numbers, head.revision
    if head.part is not Part.NUMBER:  # nd130
        product = (head.stem,)
        version = head.text[len(head.stem) :].lstrip("._")
    suffix = _read_suffix(tail, release, vocabulary)
    words, heads = _joined(suffix.words)
    stages = (head.pre, suffix.pre, tokens[0].pre if start else None)  # beta-6.8-RC1
    return Tag(
        text=text,
        kind=Kind.VERSION,
        v=bool(head.v),
        product=product,
        release=release,
        pre=next((stage for stage in stages if stage is not None), None),
        revision=revision + suffix.revision,
        date=suffix.date,
        variant=words,
        shape=_shape(words, heads, vocabulary),
        commit=suffix.commit,
        version="-".join((version, *suffix.version)),
    )


def _shape(words: Sequence[str], heads: Sequence[Token], vocabulary: Vocabulary) -> tuple[str, ...]:
    return tuple(
        head.stem if head.stem in vocabulary.platforms else word
        for word, head in zip(words, heads, strict=True)
    )


def _unversioned(text: str, tokens: Sequence[Token], vocabulary: Vocabulary) -> Tag:
    is_dated = any(token.part is Part.DATE for token in tokens)
    if is_dated and text[0] in "vV" and tokens[0].part is Part.DATE and _commit(tokens[-1:]):
        return _described_day(text, tokens)
    tokens, count = (tokens, ()) if is_dated else _counted(tokens)
    date: tuple[int, ...] = ()
    rest: list[Token] = []
    for before, token in zip((None, *tokens), tokens, strict=False):
        is_part = token.part is Part.REVISION and bool(date) and bool(token.numbers)  # -ls12
        if token.part is Part.DATE or is_part or _counts_within(before, token):
            date += token.numbers
        elif token.part is not Part.COMMIT:
            rest.append(token)
    words, heads = _joined(rest)
    shape = _shape(words, heads, vocabulary)
    known = [vocabulary.is_variant(token) for token in heads]
    return Tag(
        text=text,
        kind=Kind.DATED if date or count else Kind.WORD,
        revision=count,
        date=date,
        variant=tuple(compress(words, known)),
        rolling=tuple(word for word, is_known in zip(words, known, strict=True) if not is_known),
        shape=tuple(compress(shape, known)),
        commit=_commit(tokens),
    )


def _described_day(text: str, tokens: Sequence[Token]) -> Tag:
    """`v20221012-controller-v1.4.0-14-g93df79676`: a day, and what `git describe` says of it.

    What it describes is no variant: the next day may be named by another component.
    """
    between = tokens[1:-1]
    numbers = (token.numbers for token in (tokens[0], *between) if token.part is not Part.WORD)
    return Tag(
        text=text,
        kind=Kind.DATED,
        v=True,
        product=tuple(token.text for token in between if token.part is Part.WORD),
        date=tuple(chain.from_iterable(numbers)),
        commit=tokens[-1].text,
    )


def _counted(tokens: Sequence[Token]) -> tuple[Sequence[Token], tuple[int, ...]]:
    """The tokens without a count of builds at the end, and the count: `build-4567`, `main-b12`."""
    *before, last = tokens
    if len(last.numbers) != 1 or last.weight > 2:
        return tokens, ()
    if last.part is Part.REVISION and last.stem.lower() in COUNTERS:
        return (*before, token_of(last.stem)), last.numbers
    lead = before[-1].text.lower() if before else ""
    if last.part is Part.NUMBER and (lead in COUNTERS or lead in DEVELOPMENT_WORDS):
        return before, last.numbers
    return tokens, ()


def _joined(tokens: Sequence[Token]) -> tuple[tuple[str, ...], tuple[Token, ...]]:
    """Words with the numbers behind them (`alpine-3.20` is one word), and the token of each."""
    words: list[str] = []
    heads: list[Token] = []
    for token in tokens:
        if token.part is Part.NUMBER and words and not heads[-1].numbers:
            words[-1] += f"-{token.text}"
        else:
            words.append(token.text)
            heads.append(token)
    return tuple(words), tuple(heads)


@dataclass(slots=True)
class _Suffix:
    """What stands behind a version's first token, while it is read."""

    pre: tuple[int, ...] | None
    revision: tuple[int, ...]
    date: tuple[int, ...]
    commit: str
    version: list[str]
    words: list[Token]


def _read_suffix(
    tail: Sequence[Token], release: tuple[int, ...], vocabulary: Vocabulary
) -> _Suffix:
    suffix = _Suffix(pre=None, revision=(), date=(), commit="", version=[], words=[])
    is_open = True  # no variant word yet: numbers still belong to the version
    word_at = -1  # where the last word of the variant stands: the number right behind is its own
    for number, token in enumerate(tail):
        before = tail[number - 1] if number else None
        if token.part is Part.DATE or _counts_within(before, token):
            suffix.date += token.numbers
        elif token.part is Part.COMMIT:
            if not vocabulary.hashed or _is_described(before, token):
                suffix.commit = token.text
            continue
        elif token.part is Part.PRERELEASE and _is_stage(token, release, is_open, vocabulary):
            suffix.pre = token.pre
        elif token.part is Part.NUMBER and (
            is_open or word_at != number - 1 or _is_numbered(before, vocabulary)
        ):
            _add_number(suffix, token, before)
        elif token.part is Part.REVISION and (is_open or _is_last(tail[number:])):
            suffix.revision += token.revision
        else:
            is_open, word_at = False, number
            suffix.words.append(token)
            continue
        suffix.version.append(token.text)
    return suffix


def _counts_within(before: Token | None, token: Token) -> bool:
    """True for a number behind a date: the second build of that day."""
    return before is not None and before.part is Part.DATE and token.part is Part.NUMBER


def _is_described(before: Token | None, token: Token) -> bool:
    """True for what `git describe` says: so many commits behind a version (`1.2.3-5-gabc1234`)."""
    return token.text.startswith("g") and before is not None and before.part is Part.NUMBER


def _is_stage(
    token: Token, release: tuple[int, ...], is_open: bool, vocabulary: Vocabulary
) -> bool:
    """True where a pre-release word is the version's own and no variant's."""
    if token.text in vocabulary.flavours:
        return False
    return is_open or (release, token.stem) in vocabulary.stages


def _is_numbered(before: Token | None, vocabulary: Vocabulary) -> bool:
    """True where a number behind this word is none of the word's: it has one, or never takes it."""
    return before is not None and (bool(before.numbers) or before.text in vocabulary.revised)


def _is_last(rest: Sequence[Token]) -> bool:
    """True for a tag's last piece, or two: `r4`, `build-7`."""
    return len(rest) == 1 or (
        len(rest) == 2 and not rest[0].numbers and rest[1].part is Part.NUMBER
    )


def _add_number(suffix: _Suffix, token: Token, before: Token | None) -> None:
    """A number behind a version: of the stage before it (`-beta-2`), a stage itself, a build."""
    if token.pre is not None and suffix.pre is None:
        suffix.pre = (token.pre[0], *token.numbers, *token.pre[1:])
    elif (
        suffix.pre is not None and before is not None and before.pre == suffix.pre[:1] == suffix.pre
    ):
        suffix.pre += token.numbers
    else:
        suffix.revision += token.numbers + token.revision
