"""The other files that a file needs, each read once, and of which some are the user's alone."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from tagwatch.errors import InputError
from tagwatch.workspace.find import File, git_above, tree_of

__all__ = ["Companions"]

_MAX_CACHE_BYTES = 16 * 1024 * 1024


class Companions:
    """A reader of files beside others, below `root`; `read` gives the bytes of one of them."""

    def __init__(self, root: Path, read: Callable[[Path], bytes]) -> None:
        self._root = root
        self._read = read
        self._cache: dict[Path, bytes | None] = {}
        self._cached_bytes = 0
        self._tracked: dict[str, bool] = {}

    def read(self, path: str, tree: Path) -> bytes | None:
        """Return the bytes of another file; None where it is missing, unfit or outside the tree."""
        try:
            real = Path(os.path.realpath(self._root / path))
        except (OSError, ValueError):
            return None
        if not real.is_relative_to(tree):
            return None
        if real not in self._cache:
            try:
                raw: bytes | None = self._read(real)
            except InputError:
                raw = None
            if self._cached_bytes > _MAX_CACHE_BYTES:
                self._cache.clear()
                self._cached_bytes = 0
            self._cache[real] = raw
            self._cached_bytes += len(raw or b"")
        return self._cache[real]

    def kept(self, real: Path) -> bytes | None:
        """Return the bytes of a file that another one needed before; None where none did."""
        return self._cache.get(real)

    def untracked(self, file: File, paths: frozenset[str]) -> frozenset[str]:
        """Return those that git does not track, in a tree that has git; all where it cannot tell.

        Such a `.env` holds a developer's own values: a file that others wrote must not read it.
        """
        tree = git_above(tree_of(file.real, self._root))  # git's own idea of it may be another's
        if tree is None:
            return frozenset()
        names: dict[str, str] = {}
        for path in sorted(paths - self._tracked.keys()):
            real = Path(os.path.realpath(self._root / path))  # a link may lead to another file
            if real.is_relative_to(tree) and real.is_file():
                names[path] = real.relative_to(tree).as_posix()
        if names:
            from tagwatch.workspace.git_history import tracked

            try:
                found = tracked(tree, [*names.values()])
            except InputError:
                found = frozenset()
            self._tracked |= {path: name in found for path, name in names.items()}
        return frozenset(path for path in paths if not self._tracked.get(path, True))
