"""Fixing: files as they would read after some edits, to look at or to write."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from tagwatch.errors import InputError
from tagwatch.source.edit import Fix, apply, by_path, compatible, unified_diff
from tagwatch.workspace.find import File
from tagwatch.workspace.read import read_bytes
from tagwatch.workspace.write import write_bytes

__all__ = ["Draft"]


class Draft:
    """Edits on top of the files as they were read first. Nothing is written before `write`."""

    def __init__(self, root: Path, files: Iterable[File]) -> None:
        self._root = root
        self._named = {file.path: file.real for file in files}
        self._before: dict[Path, tuple[str, Path, bytes]] = {}
        self._now: dict[Path, bytes] = {}
        self.places = 0
        """How many places were edited; twice where a later edit went over an earlier one."""

    @property
    def instead(self) -> Mapping[Path, bytes]:
        """What changed files hold now, by their real path."""
        return self._now

    @property
    def files(self) -> tuple[str, ...]:
        """The paths of changed files, sorted."""
        return tuple(sorted(self._before[real][0] for real in self._changed()))

    def make(self, fixes: Iterable[Fix]) -> bool:
        """Make the fixes that can be made together; False where that changes nothing.

        Raises `InputError` where a file is not the one that a fix was made for.
        """
        kept, _ = compatible(fixes)
        changed = False
        for path, edits in by_path(kept).items():
            named = self._named.get(path, self._root / path)
            real = Path(os.path.realpath(named))
            if real not in self._before:
                self._before[real] = (path, named, read_bytes(named))
            old = self._now.get(real, self._before[real][2])
            new = apply(old, edits)
            if new != old:
                self._now[real] = new
                changed = True
        if changed:
            self.places += len({(fix.path, fix.start) for fix in kept})
        return changed

    def diff(self) -> str:
        """The change of every file, as `diff -u` prints it."""
        changed = sorted((self._before[real][0], real) for real in self._changed())
        return "".join(
            unified_diff(path, self._before[real][2], self._now[real]) for path, real in changed
        )

    def write(self) -> None:
        """Write every changed file back, each whole or not at all.

        Raises `InputError` for the first that could not be written, after all others were tried.
        """
        refused: list[InputError] = []
        for real in self._changed():
            _, named, before = self._before[real]
            try:
                write_bytes(named, self._now[real], expected=before, root=self._root)
            except InputError as error:
                refused.append(error)
        if refused:
            raise refused[0]

    def _changed(self) -> list[Path]:
        return [real for real, new in self._now.items() if new != self._before[real][2]]
