"""The raw parts of a configuration: the bytes of a file, and durations as people write them."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

from tagwatch.errors import ConfigError

__all__ = [
    "DURATION_PATTERN",
    "parse_duration",
    "read_bytes",
]

DURATION_PATTERN = r"^(0|[0-9]{1,6}(s|m|h|d|w))$"
_DURATION = re.compile(DURATION_PATTERN, re.ASCII)
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def parse_duration(text: str) -> timedelta:
    """Read a whole number with a unit: s, m, h, d, w. Raises `ConfigError`.

    >>> parse_duration("36h") == timedelta(days=1.5)
    True
    """
    if _DURATION.fullmatch(text) is None:
        raise ConfigError(
            f"not a duration: {text[:40]!r}", hint="write a number and s, m, h, d or w, as in 24h"
        )
    return timedelta(seconds=int(text[:-1]) * _UNITS[text[-1]]) if text != "0" else timedelta()


_MAX_BYTES = 4 * 1024 * 1024


def read_bytes(path: Path) -> bytes:
    """A configuration file's bytes, at most 4 MiB. Raises `ConfigError`."""
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    if len(raw) > _MAX_BYTES:
        raise ConfigError(f"{path}: larger than {_MAX_BYTES} bytes")
    return raw
