"""Drafts of fixes: files as they would be after some edits, to show or to write."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from tagwatch.errors import InputError
from tagwatch.source.text.edit import Fix, apply, by_path, compatible, unified_diff
from tagwatch.workspace.find import File
from tagwatch.workspace.read import read_bytes
from tagwatch.workspace.write import write_bytes

__all__ = ["Draft"]


class Draft:
    """A draft: edits on top of the files as they were first read. Only `write` writes files."""

    def __init__(self, root: Path, files: Iterable[File]) -> None:
        self._root = root
        self._named = {file.path: file.real for file in files}
        self._before: dict[Path, tuple[str, Path, bytes]] = {}
        self._now: dict[Path, bytes] = {}
        self._refused: dict[str, InputError] = {}
        self.places = 0
        """How many places were edited; a place counts again where a later edit changes it again."""

    @property
    def instead(self) -> Mapping[Path, bytes]:
        """The drafted content of edited files, by their real path."""
        return self._now

    @property
    def files(self) -> tuple[str, ...]:
        """The paths of changed files, sorted."""
        return tuple(sorted(self._before[real][0] for real in self._changed()))

    def make(self, fixes: Iterable[Fix]) -> bool:
        """Make the fixes that are compatible; return False where that changes nothing.

        A file that differs from the one that its fix was made for stays as it is: see `refusal`.
        """
        kept, _ = compatible(fixes)
        changed = False
        for path, edits in by_path(kept).items():
            try:
                changed |= self._edit(path, edits)
            except InputError as error:
                self._refused[path] = error
        if changed:
            self.places += len({(fix.path, fix.start) for fix in kept})
        return changed

    @property
    def refusal(self) -> InputError | None:
        """The error of the first file that could not be edited; None where all could."""
        return next(iter(self._refused.values()), None)

    def diff(self) -> str:
        """Return the changes of all files, as `diff -u` prints them."""
        changed = sorted((self._before[real][0], real) for real in self._changed())
        return "".join(
            unified_diff(path, self._before[real][2], self._now[real]) for path, real in changed
        )

    def write(self) -> None:
        """Write every changed file, each whole or not at all.

        Where one cannot be written, the others still are: see `refusal`.
        """
        for real in self._changed():
            path, named, before = self._before[real]
            try:
                write_bytes(named, self._now[real], expected=before, root=self._root)
            except InputError as error:
                self._refused[path] = error

    def _edit(self, path: str, edits: Iterable[Fix]) -> bool:
        named = self._named.get(path, self._root / path)
        real = Path(os.path.realpath(named))  # two links to one file share its edits
        if real not in self._before:
            self._before[real] = (path, named, read_bytes(named))
        old = self._now.get(real, self._before[real][2])
        self._now[real] = apply(old, edits)
        return self._now[real] != old

    def _changed(self) -> list[Path]:
        return [real for real, new in self._now.items() if new != self._before[real][2]]
