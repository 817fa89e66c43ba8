"""Variables in text, as Compose substitutes them, and where each piece of the result stands.

`$V`, `${V}`, `${V:-d}`, `${V-d}`, `${V:?e}`, `${V?e}`, `${V:+a}`, `${V+a}`, nested defaults, `$$`
(compose-go `template/template.go`). GitLab's variables are the same without operators.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from tagwatch.source.target import Field, Span
from tagwatch.source.text.source_text import SourceText
from tagwatch.value import dataclass, replace

__all__ = ["Lookup", "Part", "Place", "Resolved", "interpolate", "joined", "literal"]

_MAX_LENGTH = 65_536  # an inline Dockerfile; an image reference has at most about 800 characters
_MAX_PARTS = 4096
_MAX_NESTING = 20
_TOO_LONG = "longer than any image reference"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_BRACED = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?:(:?[-+?])(.*))?", re.ASCII | re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a text stands: `source.text[start:start + len(text)]` is the text itself.

    `plain`: the length of the text where it is a YAML scalar without quotes.
    """

    source: SourceText
    start: int
    plain: int = -1

    def field(self, text: str, offset: int) -> Field:
        """The editable piece `text` that begins `offset` characters into this place."""
        start = self.start + offset
        return Field(
            name="value",
            text=text,
            span=self.source.span(start, start + len(text)),
            location=self.source.location(start, start + len(text)),
            plain=not offset and len(text) == self.plain,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a result; `field` is where it stands, where that can be edited exactly."""

    text: str
    field: Field | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """A text after substitution. With `missing` or `error`, `text` is not the whole truth."""

    parts: tuple[Part, ...] = ()
    missing: tuple[str, ...] = ()
    error: str = ""

    @property
    def text(self) -> str:
        """The text; unknown variables are left out."""
        return "".join(part.text for part in self.parts)

    @property
    def known(self) -> str | None:
        """The text, or None where it depends on something unknown."""
        return None if self.missing or self.error else self.text

    @property
    def spans(self) -> tuple[Span, ...]:
        """Where the pieces stand, those that stand somewhere."""
        return tuple(part.field.span for part in self.parts if part.field is not None)

    @property
    def fields(self) -> tuple[Field, ...]:
        """Where the result can be edited, the last piece (which holds the tag) first."""
        texts = [part.text for part in self.parts]
        if "{}" in "".join(texts):  # what a template marks a field with
            return ()
        found = [
            replace(part.field, template="".join([*texts[:at], "{}", *texts[at + 1 :]]))
            for at, part in enumerate(self.parts)
            if part.field is not None and part.text
        ]
        return tuple(reversed(found))


Lookup = Callable[[str], Resolved | None]


def literal(text: str, place: Place | None = None, offset: int = 0) -> Resolved:
    """A text that holds no variable."""
    return Resolved(
        parts=(Part(text=text, field=place.field(text, offset) if place and text else None),)
    )


def interpolate(
    text: str, lookup: Lookup, place: Place | None = None, *, operators: bool = True
) -> Resolved:
    """The text with its variables substituted. `lookup` gives None for a variable that is not set.

    A variable without value and default is `missing`, never empty, also as a condition: whoever
    runs the file may set it. `place` is where `text` stands.
    """
    if len(text) > _MAX_LENGTH:
        return Resolved(error=_TOO_LONG)
    return _Interpolation(lookup, place, operators).run(text, 0, 0)


@dataclass(frozen=True, slots=True)
class _Interpolation:
    lookup: Lookup
    place: Place | None
    operators: bool

    def run(self, text: str, offset: int, depth: int) -> Resolved:
        """Substitute in `text`, which begins `offset` characters into the place."""
        values: list[Resolved] = []
        position = 0
        while (dollar := text.find("$", position)) >= 0:
            values.append(literal(text[position:dollar], self.place, offset + position))
            value, position = self._variable(text, dollar + 1, offset, depth)
            values.append(value)
        values.append(literal(text[position:], self.place, offset + position))
        return joined(values)

    def _variable(self, text: str, at: int, offset: int, depth: int) -> tuple[Resolved, int]:
        """What stands after a `$` at `text[at:]`, and where reading goes on."""
        if text.startswith("$", at):
            return literal("$"), at + 1
        if name := _NAME.match(text, at):
            return self._value(name[0]), name.end()
        if not text.startswith("{", at):
            return literal("$"), at
        end = _closing_brace(text, at)
        if end < 0 or depth >= _MAX_NESTING:
            return Resolved(error=f"invalid interpolation {text[at - 1 : at + 60]!r}"), len(text)
        body = text[at + 1 : end]
        match = _BRACED.fullmatch(body)
        if match is None or (match[2] and not self.operators):
            return Resolved(error=f"invalid interpolation {text[at - 1 : end + 1][:60]!r}"), end + 1
        if not match[2]:
            return self._value(match[1]), end + 1
        word = at + 1 + match.start(3)
        return self._operator(match, offset + word, depth), end + 1

    def _operator(self, match: re.Match[str], offset: int, depth: int) -> Resolved:
        name, operator, word = match.groups()
        value = self.lookup(name)
        is_set = value is not None and not (operator[0] == ":" and value.known == "")
        if operator[-1] == "?":
            return value if value is not None and is_set else Resolved(missing=(name,))
        other = self.run(word, offset, depth + 1)
        if other.error:  # Compose reads it whether or not it is used
            return other
        if operator[-1] == "+":
            if value is None:  # the environment may have it: what is not shown is not known
                return Resolved(missing=(name,))
            return other if is_set else value
        return value if value is not None and is_set else other

    def _value(self, name: str) -> Resolved:
        value = self.lookup(name)
        return Resolved(missing=(name,)) if value is None else value


def _closing_brace(text: str, start: int) -> int:
    """The index of the `}` that closes the `{` at `start`, or -1."""
    depth = 0
    for at in range(start, len(text)):
        if text[at] == "{":
            depth += 1
        elif text[at] == "}":
            depth -= 1
            if not depth:
                return at
    return -1


def joined(values: Iterable[Resolved]) -> Resolved:
    """The texts one after the other; an error where they grow beyond any reference."""
    parts: list[Part] = []
    missing: dict[str, None] = {}
    error, length = "", 0
    for value in values:
        kept = [part for part in value.parts if part.text]
        parts += kept
        length += sum(len(part.text) for part in kept)
        missing |= dict.fromkeys(value.missing)
        error = error or value.error
        if length > _MAX_LENGTH or len(parts) > _MAX_PARTS:
            return Resolved(missing=tuple(missing), error=_TOO_LONG)
    return Resolved(parts=tuple(parts), missing=tuple(missing), error=error)
