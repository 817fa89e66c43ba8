"""Selectors: patterns over the tags of one repository, and the inputs that carry them.

`6.2.x`, `6.2.*`, `3.12.x-slim`, `~6.2`, `^6`, `>=6.2 <8`, `/regex/`, `*`, each with the variant
words that the answer must have. A version range takes the highest version of exactly that variant;
a pre-release or a development line is taken only where the selector asks for one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum

from tagwatch.errors import InvalidReferenceError, UsageError
from tagwatch.image.digest import Digest
from tagwatch.image.pattern import compile_pattern
from tagwatch.image.reference import Reference, Repository
from tagwatch.image.tag import Kind, Tag, is_artifact
from tagwatch.image.tag_table import TagTable
from tagwatch.value import dataclass, replace

__all__ = [
    "Comparator",
    "Query",
    "Selector",
    "SelectorKind",
    "choose",
    "is_pattern",
    "parse_query",
    "parse_selector",
    "select",
    "select_names",
    "suggest",
]

_MAX_SELECTOR = 256
_WILDCARD = re.compile(r"(?<![^-])((?:[A-Za-z]+[._]?)?\d+(?:\.\d+)*)((?:\.[xX*])+)(?![^-_])")
_ANY_VERSION = re.compile(r"[xX*]-(.+)")
_COMPARATOR = re.compile(r"(>=|<=|!=|==|=|>|<)\s*([^\s,<>=!]+)\s*,?\s*")
_TAG_TEXT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", re.ASCII)
_HINT = "write 6.2.x, ~6.2, ^6, '>=6.2 <8', /regex/ or *, each with its variant: 3.12.x-slim"


class SelectorKind(StrEnum):
    """The form of a selector."""

    EXACT = "exact"
    """One tag by its name."""
    RANGE = "range"
    REGEX = "regex"
    ANY = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparator:
    """One bound of a range. `operator`: `x` (wildcard), `~`, `^`, `any`, or a comparison sign.

    `text`: the tag that the bound is written as, its wildcard taken out (`3.12-slim`).
    """

    operator: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """A selector as it was written, and its parts. `pattern` is set for a regex only."""

    text: str
    kind: SelectorKind
    comparators: tuple[Comparator, ...] = ()
    pattern: str = ""

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What a user asks for: a reference, a selector, or a text that may be either (`redis:6.2.x`).

    Where both stand, it is the reference if that tag exists, else the selector.
    """

    input: str
    repository: Repository
    reference: Reference | None = None
    selector: Selector | None = None


def parse_query(text: str) -> Query:
    """Split `text` into repository and tag or selector.

    What `Reference.parse` refuses has its selector behind the last `:` that follows a valid name.
    Raises `InvalidReferenceError` and `UsageError`.

    >>> parse_query("host:5000/a:/^8/").selector.text
    '/^8/'
    """
    try:
        reference = Reference.parse(text)
    except InvalidReferenceError:
        if "@" in text or "://" in text:
            raise  # no tag and no selector holds these: what follows is a digest, or an address
        for colon in reversed([place for place, letter in enumerate(text) if letter == ":"]):
            repository = _repository(text[:colon])
            if repository is not None:
                selector = parse_selector(text[colon + 1 :])
                return Query(input=text, repository=repository, selector=selector)
        raise
    pattern = reference.tag if reference.tag and not reference.digest else ""
    return Query(
        input=text,
        repository=reference.repository,
        reference=reference,
        selector=parse_selector(pattern) if pattern and is_pattern(pattern) else None,
    )


def _repository(name: str) -> Repository | None:
    try:
        return Repository.parse(name)
    except InvalidReferenceError:
        return None


def is_pattern(text: str) -> bool:
    """True for a well-formed selector that is not merely a tag's name."""
    try:
        return parse_selector(text).kind is not SelectorKind.EXACT
    except UsageError:
        return False


def parse_selector(text: str) -> Selector:
    """Read a selector. Raises `UsageError` with the form to write.

    >>> parse_selector("3.12.x-slim").comparators
    (Comparator(operator='x', text='3.12-slim'),)
    """
    written = text.strip()
    if not written or len(written) > _MAX_SELECTOR:
        raise _unusable(text, f"a selector has 1 to {_MAX_SELECTOR} characters")
    if written == "*":
        return Selector(text=text, kind=SelectorKind.ANY)
    if written.startswith("/"):
        return Selector(text=text, kind=SelectorKind.REGEX, pattern=_regex(written))
    return _exact_or_range(text, written)


def _exact_or_range(text: str, written: str) -> Selector:
    if written[0] in "~^":
        comparators: tuple[Comparator, ...] = (Comparator(operator=written[0], text=written[1:]),)
    elif written[0] in "<>=!":
        comparators = _comparators(written)
    elif match := _WILDCARD.search(written):
        base = written[: match.end(1)] + written[match.end() :]
        comparators = (Comparator(operator="x", text=base),)
    elif match := _ANY_VERSION.fullmatch(written):
        comparators = (Comparator(operator="any", text=match[1]),)
    else:
        comparators = ()
    for bound in comparators or (Comparator(operator="", text=written),):
        if not _TAG_TEXT.fullmatch(bound.text):
            raise _unusable(text, f"{bound.text!r} is no version")
        if bound.operator not in ("", "any") and not any(map(str.isdigit, bound.text)):
            raise _unusable(text, f"{bound.text!r} has no number")
    kind = SelectorKind.RANGE if comparators else SelectorKind.EXACT
    return Selector(text=text, kind=kind, comparators=comparators)


def _comparators(written: str) -> tuple[Comparator, ...]:
    found: list[Comparator] = []
    position = 0
    while position < len(written):
        match = _COMPARATOR.match(written, position)
        if match is None:
            raise _unusable(written, f"{written[position:]!r} is no comparison")
        operator = "=" if match[1] == "==" else match[1]
        found.append(Comparator(operator=operator, text=match[2]))
        position = match.end()
    return tuple(found)


def _regex(written: str) -> str:
    if len(written) < 3 or not written.endswith("/"):
        raise _unusable(written, "a regular expression stands between two slashes")
    return compile_pattern(written[1:-1]).pattern


def select(selector: Selector, table: TagTable) -> tuple[Tag, ...]:
    """Every tag that `selector` takes, the best first.

    Of a range: the tags that could be its answer. Of `/regex/` and `*`: every image's tag that
    matches, the highest final version of today's scheme first.
    """
    if selector.kind is SelectorKind.EXACT:
        tag = table.tags.get(selector.text.strip())
        return (tag,) if tag else ()
    if selector.kind is SelectorKind.RANGE:
        found: Iterable[Tag] = _whole(filter(_range(selector, table), table.tags.values()), table)
        return tuple(sorted(found, key=_highest_first, reverse=True))
    matches = compile_pattern(selector.pattern).search if selector.pattern else None
    found = (
        tag
        for text, tag in table.tags.items()
        if tag.kind is not Kind.ARTIFACT and (matches is None or matches(text))
    )
    scheme = table.likely_scheme()
    product = table.latest.product if table.latest else None

    def rank(tag: Tag) -> tuple[object, ...]:
        is_version = tag.kind is Kind.VERSION
        return (
            is_version and not tag.is_prerelease and not table.is_development(tag),
            is_version and tag.scheme is scheme,
            is_version and product in (None, tag.product),
            is_version and table.is_specific(tag) and not table.is_doubtful(tag),
            is_version,
            tag.kind is Kind.DATED,
            _first_of_any(tag),
        )

    return tuple(sorted(found, key=rank, reverse=True))


def select_names(selector: Selector, names: Iterable[str]) -> frozenset[str] | None:
    """What `select` finds for `*` and `/regex/`, in no order and without reading the tags.

    None for other selectors, which must compare tags.
    """
    if selector.kind not in (SelectorKind.ANY, SelectorKind.REGEX):
        return None
    matches = compile_pattern(selector.pattern).search if selector.pattern else None
    return frozenset(
        name for name in names if not is_artifact(name) and (matches is None or matches(name))
    )


def choose(selector: Selector, table: TagTable) -> Tag | None:
    """The tag that `selector` resolves to; None where nothing matches."""
    found = select(selector, table)
    return found[0] if found else None


def _highest_first(tag: Tag) -> tuple[object, ...]:
    return (tag.precedence, -len(tag.words), -len(tag.text), tag.text)


def _first_of_any(tag: Tag) -> tuple[object, ...]:
    """As `_highest_first`, among variants: builds are counted anew on each platform release."""
    return (
        tag.precedence[:2],
        -len(tag.words),
        tag.variant_numbers if tag.revision else (),
        tag.precedence[2:],
        -len(tag.text),
        tag.text,
    )


def _whole(tags: Iterable[Tag], table: TagTable) -> Iterator[Tag]:
    """Those of `tags` that name a whole version: no alias says more of it, or in other words only.

    `16.3.0` beside `16.3.0-debian-12-r4`: it names no more than that version, and no less.
    """
    told: dict[Digest | None, frozenset[tuple[tuple[int, ...], bool]]] = {}
    for tag in tags:
        if table.is_specific(tag):
            yield tag
        elif not table.is_general(tag):
            digest = table.digests[tag.text]
            if digest is None or digest not in told:
                told[digest] = _told_by_name(tag, table)
            if all(
                release == tag.release and (tag.is_prerelease or not is_prerelease)
                for release, is_prerelease in told[digest]
            ):
                yield tag


def _told_by_name(tag: Tag, table: TagTable) -> frozenset[tuple[tuple[int, ...], bool]]:
    """The release that the most exact aliases of `tag` name, and whether it is a pre-release."""
    group = [alias for alias in table.contenders(tag) if alias.kind is Kind.VERSION]
    most = max(alias.weight for alias in group)
    return frozenset(
        (alias.release, alias.is_prerelease) for alias in group if alias.weight == most
    )


def _range(selector: Selector, table: TagTable) -> Callable[[Tag], bool]:
    """What decides whether a tag is a candidate by its name, made once for all tags."""
    bounds = [(bound.operator, table.read(bound.text)) for bound in selector.comparators]
    words = next((asked.words for _, asked in bounds if asked.words), ())
    first = bounds[0][1]
    wants_prerelease = any(asked.pre is not None for _, asked in bounds)
    counts = any(asked.revision for _, asked in bounds)
    minors = {asked.release[:2] for _, asked in bounds if len(asked.release) > 1}
    scheme = table.likely_scheme() if bounds[0][0] == "any" else first.scheme
    if first.kind is not Kind.VERSION and first.rolling:
        return lambda _tag: False  # no version stands beside that word

    def accepts(tag: Tag) -> bool:
        return (
            tag.kind is Kind.VERSION
            and tag.words == words
            and tag.scheme is scheme
            and (tag.v == first.v or first.kind is not Kind.VERSION)
            and (wants_prerelease or not tag.is_prerelease)
            and all(_within(tag, operator, asked) for operator, asked in bounds)
            and (not table.is_development(tag) or tag.release[:2] in minors)
            and (counts or not table.is_doubtful(tag))
        )

    return accepts


def _within(tag: Tag, operator: str, asked: Tag) -> bool:
    if operator == "any":
        return True
    if asked.kind is not Kind.VERSION:
        return False
    length = len(asked.release)
    same = tag.release[:length] == asked.release
    if operator == "x":
        return same and _is_filled(tag, asked)
    if operator in "~^":
        series = 1 if operator == "^" else min(2, length)
        return tag.release[:series] == asked.release[:series] and _compare(tag, asked) >= 0
    order = _compare(tag, asked)
    match operator:
        case "=":
            return order == 0
        case "!=":
            return order != 0
        case ">=":
            return order >= 0
        case "<=":
            return order <= 0
        case ">":
            return order > 0
        case _:
            return order < 0


def _is_filled(tag: Tag, asked: Tag) -> bool:
    """True where `tag` has a number in the wildcard's place, and a revision that was asked for."""
    counted = tag.revision[: len(asked.revision)] == asked.revision
    if len(tag.release) > len(asked.release) or tag.date or (tag.pre is not None and tag.pre[1:]):
        return counted
    return counted and 0 < len(asked.revision) < len(tag.revision)  # 16-3.x


def _compare(tag: Tag, asked: Tag) -> int:
    """The order of `tag` against a bound, as exactly as the bound is written: `<8` is below 8.0."""
    if asked.revision or asked.date or (asked.pre is not None and len(asked.pre) > 1):
        return (tag.precedence > asked.precedence) - (tag.precedence < asked.precedence)
    length = len(asked.release)
    cut = (tag.release + (0,) * length)[:length]
    return (cut > asked.release) - (cut < asked.release)


def suggest(selector: Selector, table: TagTable) -> str:
    """Why a range found nothing, with the nearest tag; empty where nothing is near."""
    if selector.kind is not SelectorKind.RANGE:
        return ""
    bounds = [(bound.operator, table.read(bound.text)) for bound in selector.comparators]
    if unknown := bounds[0][1].rolling:
        return f"no version here has the variant {'-'.join(unknown)!r}"
    near = [
        tag
        for tag in table.tags.values()
        if tag.kind is Kind.VERSION
        and table.is_specific(tag)
        and all(_within(tag, operator, asked) for operator, asked in bounds)
    ]
    words = next((asked.words for _, asked in bounds if asked.words), ())
    same_words = [tag for tag in near if tag.words == words]
    if same_words:
        return _why_not(max(same_words, key=_is_final_and_highest), bounds[0][1])
    if near:
        best = max(near, key=_highest_first)
        return f"no tag has exactly that variant; the nearest is {best}"
    if any(operator == "x" for operator, _ in bounds):
        begins = Comparator(operator="=", text=selector.comparators[0].text)
        unfilled = choose(replace(selector, comparators=(begins,)), table)
        if unfilled is not None:
            return f"{unfilled} has no number in the wildcard's place"
    return ""


def _is_final_and_highest(tag: Tag) -> tuple[bool, tuple[object, ...]]:
    return (not tag.is_prerelease, _highest_first(tag))


def _why_not(nearest: Tag, asked: Tag) -> str:
    """Why a tag of the words and numbers asked for is no answer."""
    if nearest.is_prerelease:
        return f"only pre-releases match, such as {nearest}"
    if nearest.v != asked.v:
        return f"the nearest is {nearest}: write it {'with' if nearest.v else 'without'} the v"
    return f"the nearest is {nearest}, counted otherwise or a development version"


def _unusable(text: str, reason: str) -> UsageError:
    return UsageError(f"not a selector: {text[:160]!r}: {reason}", hint=_HINT)
