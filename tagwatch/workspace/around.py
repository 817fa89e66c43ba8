"""Which files around another one say what it means: who builds, includes or deploys it.

A hook names files alone, and a walk meets a part before the whole. What a Dockerfile copies from
may be a context that a bake file names, a pipeline's variables stand in its main file, and a
manifest names what Skaffold builds.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence

from tagwatch.source.target import Extraction, Location, Target, is_replaced
from tagwatch.workspace.find import File

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tagwatch.workspace.deployed import Deployments

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
    it; `extract` what it names; `files` are all that are read.
    """

    def __init__(
        self,
        beside: Callable[[str, File], bytes | None],
        extract: Callable[[str, bytes], Extraction],
        files: Sequence[File],
    ) -> None:
        self._beside = beside
        self._extract = extract
        self._files = files
        self._told: dict[str, Extraction] = {}
        self._deployments: Deployments | None = None

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

    def as_deployed(self, source: str, targets: Sequence[Target], file: File) -> tuple[Target, ...]:
        """Return the targets of a manifest, those with a fact that are not pulled as they stand."""
        from tagwatch.workspace.deployed import Deployments

        if self._deployments is None:
            self._deployments = Deployments(self._beside, self._files)
        return self._deployments.seen(source, targets, file)

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
