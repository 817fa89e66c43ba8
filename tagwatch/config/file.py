"""The bytes of a configuration file."""

from __future__ import annotations

from pathlib import Path

from tagwatch.errors import ConfigError

__all__ = ["read_bytes"]

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
