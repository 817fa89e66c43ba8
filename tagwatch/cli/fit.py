"""Answers as wide as the terminal. What goes into a file or a pipe keeps a line a row."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["fitted"]

_LEAST = 40
_MOST = 100
_CONTINUED = re.compile(r"(?<=[^\n])\n(?=[^\s])(?![A-Z][A-Za-z ]*: )")
_COLUMN = re.compile(r"(?<=\S) {2,}(?=\S)")
_PIECE = re.compile(r" *(?:tagwatch [a-z]+ .*$|(?:`[^`]*`|[^\s`]|`(?![^`]*`))+)")
"""A word with the spaces before it; a command to copy is one, in backquotes or up to the end."""


def fitted(text: str, width: int, *, flows: bool = False) -> str:
    """Return the text in lines of at most `width` columns; what follows stands below its column.

    A word that is longer stands whole, and so does a command. `flows`: the lines of a paragraph
    are broken anew, where each was broken for some width.

    >>> print(fitted("base     python:3.13-slim of today, by its layers", 40))
    base     python:3.13-slim of today, by
             its layers
    """
    width = max(width, _LEAST)
    if flows:
        text, width = _CONTINUED.sub(" ", text), min(width, _MOST)
    hang = 0 if flows else 2
    lines = text.removesuffix("\n").split("\n") if text else ()  # at line feeds alone
    return "".join(f"{part}\n" for line in lines for part in _parts(line, width, hang))


def _parts(line: str, width: int, hang: int) -> Iterator[str]:
    if len(line) <= width:
        yield line
        return
    indent = len(line) - len(line.lstrip(" "))
    columns = [found.end() for found in _COLUMN.finditer(line) if found.end() <= width // 2]
    start = columns[-1] if columns else indent
    below = " " * (start if columns else indent + hang)
    part = line[:start]
    for piece in _PIECE.findall(line[start:]):
        if len(part) + len(piece) > width and part.strip():
            yield part.rstrip()
            part = below + piece.lstrip(" ")
        else:
            part += piece
    yield part
