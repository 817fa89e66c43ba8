"""The line that a finding is about, with a mark under what it means."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from unicodedata import east_asian_width

from tagwatch.image.reference import without_userinfo
from tagwatch.source.target import Location

__all__ = ["excerpt"]

_MARGIN = 9
_BEFORE = 20


def excerpt(lines: Sequence[str], location: Location, width: int) -> Iterator[str]:
    """Yield the line at a place and its marks, at most `width` columns; nothing where it is none.

    What cannot be printed stands as a blank. A long line is cut around the place.
    """
    if not 1 <= location.line <= len(lines):
        return
    line = "".join(char if char.isprintable() else " " for char in lines[location.line - 1])
    start = location.column - 1
    end = location.end_column - 1 if location.end_line == location.line else len(line)
    if not line.strip() or start >= len(line) or _may_tell(line):
        return
    room = max(width - _MARGIN - 3, 20)
    if len(line) > room:
        first = max(0, min(start - _BEFORE, len(line) - room))
        line, start, end = line[first : first + room], start - first, end - first
    end = max(start + 1, min(end, len(line)))
    number = f"{location.line:>{_MARGIN}}"
    yield f"{number} | {line.rstrip()}"
    yield f"{'':>{_MARGIN}} | {' ' * _columns(line[:start])}{'^' * _columns(line[start:end])}"


def _may_tell(line: str) -> bool:
    """Return True for a line that may hold a secret: logs of CI are read by many."""
    if not any(mark in line for mark in ("=", "@", "://", "--")):
        return False
    from tagwatch.audit.reading.mask import mask_text  # few lines need its many patterns

    return mask_text(line) != line or without_userinfo(line) != line


def _columns(text: str) -> int:
    """Return how many columns a text takes: East Asian characters take two."""
    return sum(2 if east_asian_width(char) in "WF" else 1 for char in text)
