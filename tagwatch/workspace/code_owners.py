"""The CODEOWNERS of a repository, where GitHub and GitLab look for it."""

from __future__ import annotations

from pathlib import Path

from tagwatch.audit.model.code_owners import CodeOwners

__all__ = ["read_code_owners"]

_PLACES = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS")
"""The first that is there counts."""
_LIMIT = 3 * 1024 * 1024
"""GitHub reads no larger one either."""


def read_code_owners(root: Path) -> CodeOwners:
    """Return who owns which file of the repository at `root`; nobody where no file says so."""
    for place in _PLACES:
        try:
            with (root / place).open("rb") as file:
                raw = file.read(_LIMIT + 1)
        except OSError:
            continue
        return CodeOwners.parse(raw[:_LIMIT].decode("utf-8", "replace"))
    return CodeOwners()
