"""`.env` files as Compose reads them (compose-go `dotenv/parser.go`), with the place of each value.

Single quotes keep everything, double quotes know escapes, ` #` begins a comment only without
quotes, `KEY: value` and `export KEY=value` count, the last of two equal keys wins.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from tagwatch.source.target import Problem
from tagwatch.source.text.interpolation import Lookup, Place, Resolved, interpolate, literal
from tagwatch.source.text.source_text import SourceText

__all__ = ["read_dotenv"]

_SPACE = " \t\v\f\r\x85\xa0"
_BLANK = re.compile(r"(?:\s+|#[^\n]*)*")
_KEY = re.compile(
    rf"(?:export[{_SPACE}]+)?([\w.\-\[\]]+)[{_SPACE}]*(?:([=:])[{_SPACE}]*|(?=\n|\Z))"
)
_QUOTED = {
    '"': re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL),
    "'": re.compile(r"'((?:[^'\\]|\\.)*)'", re.DOTALL),
}
_ESCAPE = re.compile(r'\\(?:([abfnrtv$"\\])|0([0-7]{0,3}))')
_ESCAPED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_ESCAPED |= {"$": "$$", '"': '"', "\\": "\\"}


def read_dotenv(
    source: SourceText, lookup: Lookup, before: Mapping[str, Resolved] | None = None
) -> tuple[dict[str, Resolved], tuple[Problem, ...]]:
    """Key to value. `lookup` is the environment: it beats the file where values name variables.

    `before`: the values of the files read before this one, which it sees and replaces. Reading
    stops, with a problem, where Compose would refuse the file.
    """
    values: dict[str, Resolved] = dict(before or {})
    text, position = source.text, 0

    def known(name: str) -> Resolved | None:
        return lookup(name) or values.get(name)

    while True:
        blank = _BLANK.match(text, position)
        position = blank.end() if blank else position
        if position == len(text):
            return values, ()
        key = _KEY.match(text, position)
        if key is None:
            return values, (_problem(source, position, "no KEY=value"),)
        if not key[2]:
            if (inherited := lookup(key[1])) is not None:
                values[key[1]] = inherited
            position = key.end()
            continue
        value, end = _value(source, key.end(), known)
        if value is None:
            return values, (_problem(source, key.end(), "a quote is not closed"),)
        values[key[1]], position = value, end


def _value(source: SourceText, start: int, lookup: Lookup) -> tuple[Resolved | None, int]:
    """The value that begins at `start`, None where its quote is not closed, and where it ends."""
    text = source.text
    quote = text[start : start + 1]
    if quote not in _QUOTED:
        line_end = text.find("\n", start)
        line_end = len(text) if line_end < 0 else line_end
        raw = text[start:line_end].partition(" #")[0].rstrip()
        return interpolate(raw, lookup, Place(source=source, start=start)), line_end
    match = _QUOTED[quote].match(text, start)
    if match is None:
        return None, start
    place = Place(source=source, start=start + 1) if "\\" not in match[1] else None
    if quote == "'":
        return literal(match[1].replace("\\'", "'"), place), match.end()
    return interpolate(_unescaped(match[1]), lookup, place), match.end()


def _unescaped(text: str) -> str:
    def character(match: re.Match[str]) -> str:
        return _ESCAPED[match[1]] if match[1] else chr(int(match[2] or "0", 8))

    return _ESCAPE.sub(character, text)


def _problem(source: SourceText, position: int, reason: str) -> Problem:
    return Problem(
        message=f"not a .env line: {reason}",
        location=source.location(position, position),
        hint="write KEY=value; what follows was not read",
    )
