"""The CODEOWNERS of a repository, where GitHub and GitLab look for it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from tagwatch.audit.model.code_owners import CodeOwners

__all__ = ["read_code_owners"]

_PLACES = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS")
"""The first that is there counts."""
_LIMIT = 3 * 1024 * 1024
"""GitHub reads no larger one either."""


def read_code_owners(root: Path) -> CodeOwners:
    """Return who owns which file of the repository at `root`; nobody where no file says so.

    A tree is a stranger's: nothing outside it is read, and no pipe, which could wait for ever.
    """
    for place in _PLACES:
        try:
            raw = _read(root / place, root)
        except OSError:
            continue
        if raw is not None:
            return CodeOwners.parse(raw[:_LIMIT].decode("utf-8", "replace"))
    return CodeOwners()


def _read(path: Path, root: Path) -> bytes | None:
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root)):
        return None
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(handle, "rb") as file:
        return file.read(_LIMIT) if stat.S_ISREG(os.fstat(handle).st_mode) else None
