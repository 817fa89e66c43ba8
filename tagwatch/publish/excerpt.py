"""The line that a finding is about, with a mark under what it means."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tagwatch.audit.reading.secret_line import may_tell
from tagwatch.source.target import Location

__all__ = ["excerpt"]

_MARGIN = 9
_BEFORE = 20


def excerpt(lines: Sequence[str], location: Location, width: int) -> Iterator[str]:
    """Yield the line at a place and its marks, at most `width` columns; nothing where it is none.

    What cannot be printed stands as a blank. A long line is cut around the place. A line that may
    hold a secret is not shown.
    """
    if not 1 <= location.line <= len(lines):
        return
    line = "".join(char if char.isprintable() else " " for char in lines[location.line - 1])
    start = location.column - 1
    end = location.end_column - 1 if location.end_line == location.line else len(line)
    if not line.strip() or start >= len(line) or may_tell(line, start, end):
        return
    room = max(width - _MARGIN - 3, 20)
    if len(line) > room:
        first = max(0, min(start - _BEFORE, len(line) - room))
        line, start, end = line[first : first + room], start - first, end - first
    end = max(start + 1, min(end, len(line)))
    number = f"{location.line:>{_MARGIN}}"
    yield f"{number} | {line.rstrip()}"
    yield f"{'':>{_MARGIN}} | {' ' * _columns(line[:start])}{'^' * _columns(line[start:end])}"


def _columns(text: str) -> int:
    """Return how many columns a text takes: East Asian characters take two."""
    if text.isascii():
        return len(text)
    from unicodedata import east_asian_width  # loading it takes a while

    return sum(2 if east_asian_width(char) in "WF" else 1 for char in text)
