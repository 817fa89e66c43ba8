"""Durations as people write them: `24h`, `3d`, `10m`."""

from __future__ import annotations

import re
from datetime import timedelta

from tagwatch.errors import ConfigError

__all__ = ["DURATION_PATTERN", "parse_duration"]

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
