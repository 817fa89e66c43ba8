r"""Text without halves: JSON's `"\ud800"` is half of a surrogate pair, which nobody can write.

Every reader of a stranger's JSON passes what it decoded through here, once, so that whoever stores
or prints it need not think of it.
"""

from __future__ import annotations

import re
from typing import TypeVar

__all__ = ["HALF_WRITTEN", "cleaned", "without_halves"]

T = TypeVar("T")

_HALF = re.compile("[\ud800-\udfff]")
HALF_WRITTEN = re.compile(r"\\u[dD][89a-fA-F]")
"""A pattern for what may stand for a half in JSON: most documents have none."""


def without_halves(text: str) -> str:
    r"""Return the text with U+FFFD for each half of a pair.

    >>> without_halves("a\ud800") == "a\ufffd"
    True
    """
    return text if text.isascii() else _HALF.sub("\ufffd", text)


def cleaned(value: T) -> T:
    """Return what JSON was decoded to, without halves in any text or key of it."""
    clean: object = value
    if isinstance(value, str):
        clean = without_halves(value)
    elif isinstance(value, list):
        clean = [cleaned(item) for item in value]
    elif isinstance(value, dict):
        clean = {cleaned(key): cleaned(item) for key, item in value.items()}
    return clean  # type: ignore[return-value]  # of the same type, as JSON has no other
