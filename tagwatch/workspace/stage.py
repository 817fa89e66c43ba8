"""Folders called `test` or `demo` that are places to deploy to: `prod` is beside them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tagwatch.source.target import Extraction
from tagwatch.value import replace

__all__ = ["Stages"]

_PLACES = frozenset({"prod", "production", "prd", "preprod", "staging", "stg", "uat"})
"""Words of folders that nobody has beside tests of code."""
_LIKE_TESTS = frozenset({"test", "testing", "demo"})


class Stages:
    """Tells which folders above a file are stages; each folder is listed once."""

    def __init__(self) -> None:
        self._beside: dict[Path, bool] = {}

    def marked(self, extraction: Extraction, path: str, real: Path) -> Extraction:
        """Return the extraction of a file whose targets have the fact `stages`, where it has any.

        It holds the paths of the folders, one a line.
        """
        stages = "\n".join(self._of(path, real))
        if not stages:
            return extraction
        marked = (replace(one, facts={**one.facts, "stages": stages}) for one in extraction.targets)
        return replace(extraction, targets=tuple(marked))

    def _of(self, path: str, real: Path) -> Iterator[str]:
        folders = path.split("/")[:-1]
        above = Path(os.path.abspath(real)).parents  # noqa: PTH100 (links keep their own names)
        for place, folder in enumerate(folders):
            if _words(folder) & _LIKE_TESTS and self._has_places(above[len(folders) - place]):
                yield "/".join(folders[: place + 1])

    def _has_places(self, folder: Path) -> bool:
        if folder not in self._beside:
            try:
                names = [one.name for one in os.scandir(folder) if one.is_dir()]
            except OSError:
                names = []
            self._beside[folder] = any(_words(name) & _PLACES for name in names)
        return self._beside[folder]


def _words(name: str) -> set[str]:
    return set(name.lower().replace("_", "-").replace(".", "-").split("-"))
