"""What git tracks: looked up only where a name or a rule would pass something over.

A rule of `.gitignore` says nothing about a file that git tracks, so no rule may hide one from us.
Starting git takes longer than the rest of a small check. So first its index is searched for the
bytes of the path, and git is asked only where they are found, or where the index is of a form
that does not hold paths whole.
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["Tracked"]

_MAX_INDEX_BYTES = 256 * 1024 * 1024
_PLAIN_VERSIONS = (2, 3)
"""Version 4 of the index writes of each path only what differs from the one before."""
_LINK = b"link"
"""An extension: most entries stand in another file."""


class Tracked:
    """The files that git tracks in the repository whose folder is `top`."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self._index: bytes | None = None
        self._names: tuple[str, ...] | None = None
        self._is_told = True

    def below(self, path: str) -> tuple[str, ...]:
        """Return the tracked files that lie below a folder, or the file itself.

        `path` is POSIX and relative to `top`. Names that are no UTF-8 are as `os.fsdecode` gives
        them. Where the index names the path and git cannot be asked, the path counts as tracked:
        rather is too much read than something hidden.
        """
        if self._index is None:
            self._index = _read_index(self.top)
        if not self._index or not self._may_hold(os.fsencode(path)):
            return ()
        if self._names is None:
            from tagwatch.errors import InputError
            from tagwatch.workspace.git_history import tracked_files

            try:
                self._names = tracked_files(self.top)
            except InputError:
                self._names, self._is_told = (), False
        if not self._is_told:
            return (path,)
        return tuple(one for one in self._names if one == path or one.startswith(f"{path}/"))

    def _may_hold(self, path: bytes) -> bool:
        index = self._index or b""
        version = int.from_bytes(index[4:8], "big")
        return version not in _PLAIN_VERSIONS or path in index or _LINK in index


def _read_index(top: Path) -> bytes:
    """Return the bytes of a repository's index; empty where there is none that counts."""
    git = top / ".git"
    try:
        if git.is_file():  # of a worktree or a submodule: it names the folder
            with git.open("rb") as opened:
                told = os.fsdecode(opened.read(4096))
            git = top / told.removeprefix("gitdir:").strip()
        file = git / "index"
        if file.stat().st_size > _MAX_INDEX_BYTES:
            return b"DIRC\0\0\0\0"  # no version that is searched: git is asked
        return file.read_bytes() if file.is_file() else b""
    except (OSError, ValueError):
        return b""
