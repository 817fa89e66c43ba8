"""Which files around another one say what it means: who builds or includes it.

A hook names files alone, and a walk meets a part before the whole. What a Dockerfile copies from
may be a context that a bake file names, and a pipeline's variables stand in its main file.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping

from tagwatch.source.target import Extraction, Location, Target, is_replaced
from tagwatch.workspace.find import File

__all__ = ["Around", "folders_of"]

_LEADERS = {
    "gitlab-ci": (".gitlab-ci.yml",),
    "dockerfile": (
        *("docker-bake.hcl", "docker-bake.json", "compose.yaml", "compose.yml"),
        *("docker-compose.yaml", "docker-compose.yml", "compose.json"),
    ),
}
_MAX_FOLDERS = 16


class Around:
    """The files around others, each read once. `beside` gives a file's bytes, as another may read
    it; `extract` what it names.
    """

    def __init__(
        self,
        beside: Callable[[str, File], bytes | None],
        extract: Callable[[str, bytes], Extraction],
    ) -> None:
        self._beside = beside
        self._extract = extract
        self._told: dict[str, Extraction] = {}

    def as_led(self, source: str, file: File) -> Mapping[Location, tuple[Target, ...]]:
        """Return the places in a file that others build or include, with what is run there.

        What one of them pulls is pulled, whatever another one puts in its place.
        """
        found: dict[Location, tuple[Target, ...]] = {}
        for path in self._leaders(source, file):
            for target in self._read(path, file).targets:
                if target.location.path == file.path and not target.missing:
                    found[target.location] = (*found.get(target.location, ()), target)
        for place, targets in found.items():
            found[place] = tuple(one for one in targets if not is_replaced(one)) or targets[:1]
        return found

    def includer(self, file: File) -> str | None:
        """Return the pipeline's main file that includes this one; None where none does."""
        for path in self._leaders("gitlab-ci", file):
            if file.path in self._read(path, file).wanted:
                return path
        return None

    def _leaders(self, source: str, file: File) -> Iterator[str]:
        for folder in folders_of(file.path):
            for name in _LEADERS[source]:
                path = posixpath.join(folder, name)
                if path != file.path:
                    yield path

    def _read(self, path: str, file: File) -> Extraction:
        if path not in self._told:
            raw = self._beside(path, file)
            self._told[path] = self._extract(path, raw) if raw is not None else Extraction()
        return self._told[path]


def folders_of(path: str) -> Iterator[str]:
    """Yield the folder of a file and those above it."""
    folder = posixpath.dirname(path)
    for _ in range(_MAX_FOLDERS):
        yield folder
        if folder in ("", "/"):
            return
        folder = posixpath.dirname(folder)
