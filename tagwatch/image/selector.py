"""Selectors: patterns over the tags of one repository, and the inputs that carry them.

`6.2.x`, `6.2.*`, `3.12.x-slim`, `~6.2`, `^6`, `>=6.2 <8`, `/regex/`, `*`, each with the variant
words that the answer must have. A version range takes the highest version of exactly that variant;
a pre-release or a development line is taken only where the selector asks for one.
"""

from __future__ import annotations

import re
from enum import StrEnum

from tagwatch.errors import InvalidReferenceError, UsageError
from tagwatch.image.reference import Reference, Repository, is_tag
from tagwatch.value import dataclass

__all__ = [
    "Comparator",
    "Query",
    "Selector",
    "SelectorKind",
    "is_pattern",
    "parse_query",
    "parse_selector",
]

_MAX_SELECTOR = 256
_JOKERS = frozenset("xX*")
# As text: most of what is asked for is a plain tag.
_WILDCARD = r"(?<![^-])((?:[A-Za-z]+[._]?)?\d+(?:\.\d+)*)((?:\.[xX*])+)(?![^-_])"
_ANY_VERSION = r"[xX*]-(.+)"
_COMPARATOR = r"(>=|<=|!=|==|=|>|<)\s*([^\s,<>=!]+)\s*,?\s*"
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
    elif _JOKERS.isdisjoint(written):
        comparators = ()
    elif match := re.search(_WILDCARD, written):
        base = written[: match.end(1)] + written[match.end() :]
        comparators = (Comparator(operator="x", text=base),)
    elif match := re.fullmatch(_ANY_VERSION, written):
        comparators = (Comparator(operator="any", text=match[1]),)
    else:
        comparators = ()
    for bound in comparators or (Comparator(operator="", text=written),):
        if not is_tag(bound.text):
            raise _unusable(text, f"{bound.text!r} is no version")
        if bound.operator not in ("", "any") and not any(map(str.isdigit, bound.text)):
            raise _unusable(text, f"{bound.text!r} has no number")
    kind = SelectorKind.RANGE if comparators else SelectorKind.EXACT
    return Selector(text=text, kind=kind, comparators=comparators)


def _comparators(written: str) -> tuple[Comparator, ...]:
    found: list[Comparator] = []
    position, form = 0, re.compile(_COMPARATOR)
    while position < len(written):
        match = form.match(written, position)
        if match is None:
            raise _unusable(written, f"{written[position:]!r} is no comparison")
        operator = "=" if match[1] == "==" else match[1]
        found.append(Comparator(operator=operator, text=match[2]))
        position = match.end()
    return tuple(found)


def _regex(written: str) -> str:
    if len(written) < 3 or not written.endswith("/"):
        raise _unusable(written, "a regular expression stands between two slashes")
    from tagwatch.image.pattern import compile_pattern  # few write one

    return compile_pattern(written[1:-1]).pattern


def _unusable(text: str, reason: str) -> UsageError:
    return UsageError(f"not a selector: {text[:160]!r}: {reason}", hint=_HINT)
