"""Text for people: cleaned of what could move a terminal, counted, measured, dated."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

__all__ = [
    "age_text",
    "count",
    "date_text",
    "one_line",
    "signed_size",
    "size_text",
    "stamp",
    "time_text",
    "visible",
]

# C0, C1, soft hyphen, zero width and bidirectional controls, line separators, surrogates,
# byte-order mark, interlinear marks, non-characters, invisible "tag" characters (CVE-2021-42574).
_UNSAFE = (
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\U000e0000-\U000e0fff]"
)
_SPACE = r"[\t\n\v\f\r\x85\u2028\u2029]+"


def one_line(text: str, limit: int = 0) -> str:
    r"""`text` on one line and without any invisible character; those show as U+FFFD.

    With `limit`, at most so many characters, the last of them an ellipsis where text was cut.

    >>> one_line("a\n\x1b[31mb")
    'a �[31mb'
    """
    if limit and len(text) > 4 * limit:
        text = text[: 4 * limit]
    clean = visible(text).strip()
    return clean[: limit - 1] + "…" if limit and len(clean) > limit else clean


def visible(text: str) -> str:
    """`text` with line ends as spaces and invisible characters as U+FFFD; nothing is cut."""
    if text.isascii() and text.isprintable():
        return text
    return re.sub(_UNSAFE, "\ufffd", re.sub(_SPACE, " ", text))


def count(number: int, singular: str, plural: str = "") -> str:
    """`number` with its noun.

    >>> count(1, "finding"), count(2, "registry", "registries")
    ('1 finding', '2 registries')
    """
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def size_text(size: int) -> str:
    """Bytes in the decimal units of registries.

    >>> size_text(29_126_484), size_text(512)
    ('29.1 MB', '512 B')
    """
    value = float(abs(size))
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    number = f"{value:.0f}" if unit == "B" else f"{value:.1f}"
    return f"{'−' if size < 0 else ''}{number} {unit}"  # noqa: RUF001  # a real minus sign, as in tables


def signed_size(size: int) -> str:
    """A difference in bytes, always with its sign."""
    return f"+{size_text(size)}" if size > 0 else size_text(size) if size else "±0 B"


def stamp(at: datetime | None) -> str | None:
    """RFC 3339 in UTC, whole seconds: the form of every date in machine formats."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ") if at is not None else None


def date_text(at: datetime | None) -> str:
    """The day alone; a question mark where it is not known."""
    return at.isoformat()[:10] if at is not None else "?"


def time_text(at: datetime | None) -> str:
    """Day and minute in UTC, for people."""
    return at.strftime("%Y-%m-%d %H:%M UTC") if at is not None else "?"


def age_text(age: timedelta) -> str:
    """How long ago, in the largest unit that fits.

    >>> age_text(timedelta(hours=30)), age_text(timedelta(seconds=5))
    ('30 hours ago', 'just now')
    """
    seconds = age.total_seconds()
    for unit, length, least in (("day", 86400, 2), ("hour", 3600, 1), ("minute", 60, 1)):
        if seconds >= length * least:
            return f"{count(int(seconds // length), unit)} ago"
    return "just now"
