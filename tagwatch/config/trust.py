"""Which tree's files the user has looked at and taken as the operator's: `tagwatch trust`.

One small file, the user's alone. Trust goes by the real path and by the contents of every file that
was read, never by what a tree's `.git` points to: whoever changes a byte is asked about again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tagwatch.errors import ConfigError

__all__ = ["is_trusted", "read_trust", "revoke", "trust"]

_MOST_BYTES = 4 * 1024 * 1024


def is_trusted(store: Path, real: str, digest: str) -> bool:
    """True where `real` was trusted as it stands. A store that cannot be read trusts nothing."""
    entry = read_trust(store).get(real)
    return bool(digest) and entry is not None and entry.get("digest") == digest


def read_trust(store: Path) -> dict[str, dict[str, Any]]:
    """Real path -> digest, date and keys of every file that is trusted."""
    try:
        with store.open("rb") as file:
            plain = json.loads(file.read(_MOST_BYTES))
        entries = plain["trusted"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    if not isinstance(entries, dict):
        return {}
    return {path: entry for path, entry in entries.items() if isinstance(entry, dict)}


def trust(store: Path, real: str, entry: Mapping[str, Any]) -> None:
    """Trust `real` as `entry` has it: its digest, since when, and which keys it says."""
    _write(store, {**read_trust(store), real: dict(entry)})


def revoke(store: Path, real: str) -> bool:
    """Trust `real` no longer; False where it was not trusted."""
    entries = read_trust(store)
    if entries.pop(real, None) is None:
        return False
    _write(store, entries)
    return True


def _write(store: Path, entries: Mapping[str, Any]) -> None:
    """Replace the store whole; a reader never sees half of it. Raises `ConfigError`."""
    draft = store.with_name(f"{store.name}.{os.getpid()}")
    text = json.dumps({"version": 1, "trusted": dict(sorted(entries.items()))}, indent=2)
    try:
        store.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text + "\n")
        draft.replace(store)
    except OSError as error:
        raise ConfigError(
            f"what is trusted cannot be stored in {str(store)!r}: {error.strerror or error}",
            hint="name your configuration with --config or $TAGWATCH_CONFIG instead",
        ) from error
