"""The raw parts of a configuration: a file's bytes, durations and paths as people write them."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from tagwatch.errors import ConfigError

__all__ = [
    "DURATION_PATTERN",
    "MEMORY_PATTERN",
    "expand_home",
    "foreign",
    "home_of",
    "parse_duration",
    "read_bytes",
]

DURATION_PATTERN = r"^(0|[0-9]{1,6}(s|m|h|d|w))$"
MEMORY_PATTERN = r"^[1-9][0-9]{0,5}[MG]$"
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def parse_duration(text: str) -> timedelta:
    """Read a whole number with a unit: s, m, h, d, w. Raises `ConfigError`.

    >>> parse_duration("36h") == timedelta(days=1.5)
    True
    """
    number, unit = text[:-1], text[-1:]
    if text == "0":
        return timedelta()
    if unit not in _UNITS or not (number.isascii() and number.isdigit() and len(number) <= 6):
        raise ConfigError(
            f"not a duration: {text[:40]!r}", hint="write a number and s, m, h, d or w, as in 24h"
        )
    return timedelta(seconds=int(number) * _UNITS[unit])


def home_of(environment: Mapping[str, str]) -> Path:
    """Return the user's home; the root where neither the environment nor the system knows one."""
    named = environment.get("USERPROFILE" if sys.platform == "win32" else "HOME")
    if named:
        return Path(named)
    try:
        return Path.home()
    except RuntimeError:  # a container's user may be missing in passwd; docker then sets HOME to /
        return Path(os.sep)


def expand_home(text: str, environment: Mapping[str, str]) -> Path:
    """Return the path, with the home that `environment` names for a `~` at its beginning.

    Raises `ConfigError` where it is the home of a user that the system does not know.
    """
    path = Path(text)
    first, *parts = path.parts or ("",)
    if first == "~":
        return home_of(environment).joinpath(*parts)
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ConfigError(
            f"{text}: this machine knows no user {first[1:]!r}", hint="write the whole path"
        ) from error


def foreign(path: Path, *, by_others: bool = True) -> str:
    """What is wrong with whose `path` is: it is neither the user's nor root's. Empty: nothing.

    `by_others`: nor may everybody write to it. Windows has other owners, and is not asked.
    """
    if sys.platform == "win32" or not hasattr(os, "geteuid"):
        return ""
    found = path.stat()
    users = {os.geteuid(), 0}
    if os.geteuid() == 0 and os.environ.get("SUDO_UID", "").isdecimal():
        users.add(int(os.environ["SUDO_UID"]))
    if not {found.st_uid, path.lstat().st_uid} <= users:
        return "belongs to another user"
    return "can be written by everybody" if by_others and found.st_mode & 0o002 else ""


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
