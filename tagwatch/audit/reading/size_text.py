"""Sizes for people: decimal units, as registries and `docker images` print them."""

from __future__ import annotations

__all__ = ["size_change", "size_text"]

_UNITS = ("B", "kB", "MB", "GB", "TB")


def size_text(size: int) -> str:
    """Return a size in bytes as text, in the largest unit that leaves at least 1.

    >>> size_text(1_234_567), size_text(999)
    ('1.2 MB', '999 B')
    """
    value = float(size)
    for unit in _UNITS[:-1]:
        # 999.95 would be printed as 1000.0; bytes are whole and have no such rounding
        if abs(value) < 999.95 or (unit == "B" and abs(value) < 1000):
            return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} {_UNITS[-1]}"


def size_change(delta: int) -> str:
    """Return a difference in bytes as text, with its sign.

    >>> size_change(-1_200_000), size_change(0)
    ('-1.2 MB', 'same size')
    """
    return f"{'+' if delta > 0 else '-'}{size_text(abs(delta))}" if delta else "same size"
