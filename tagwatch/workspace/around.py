"""Which files around another one say what it means: who builds, includes or deploys it.

A hook names files alone, and a walk meets a part before the whole. What a Dockerfile copies from
may be a context that a bake file names, a pipeline's variables stand in its main file, and a
manifest names what Skaffold builds.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence

from tagwatch.image.reference import Reference, Repository
from tagwatch.source.target import Extraction, Location, Target
from tagwatch.value import dataclass
from tagwatch.workspace.find import File

__all__ = ["Around"]

_LEADERS = {
    "gitlab-ci": (".gitlab-ci.yml",),
    "dockerfile": (
        *("docker-bake.hcl", "docker-bake.json", "compose.yaml", "compose.yml"),
        *("docker-compose.yaml", "docker-compose.yml", "compose.json"),
    ),
}
_SKAFFOLD = ("skaffold.yaml", "skaffold.yml")
_KUSTOMIZE = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_MAX_FOLDERS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Led:
    """What the files that may build or include another one say of its doubtful places.

    `found`: the targets there, none where the name is of something that is built here.
    `stand_ins`: see `Extraction`.
    """

    found: Mapping[Location, tuple[Target, ...]]
    stand_ins: frozenset[Location]


@dataclass(frozen=True, slots=True, kw_only=True)
class Renamed:
    """The names of images that a deployment puts others in the place of.

    `built`: Skaffold builds them. `tagged`: Kustomize gives them the tag that they have not.
    """

    built: frozenset[Repository] = frozenset()
    tagged: frozenset[Repository] = frozenset()

    def __contains__(self, reference: Reference | None) -> bool:
        if reference is None:
            return False
        is_open = reference.digest is None and reference.tag in (None, "latest")
        return reference.repository in self.built or (
            is_open and reference.repository in self.tagged
        )

    def __or__(self, other: Renamed) -> Renamed:
        return Renamed(built=self.built | other.built, tagged=self.tagged | other.tagged)


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
        self._renamed: dict[str, Renamed] = {}
        self._wide: Renamed | None = None

    def as_led(self, source: str, doubtful: Sequence[Target], file: File) -> Led:
        """Return what the folders of the file and those above it say of its doubtful targets."""
        found: dict[Location, tuple[Target, ...]] = {}
        stand_ins: set[Location] = set()
        built: set[Repository] = set()
        for path in self._leaders(source, file):
            told = self._read(path, file)
            stand_ins.update(told.stand_ins)
            for target in told.targets:
                if "built" in target.facts and target.reference is not None:
                    built.add(target.reference.repository)
                elif target.location.path == file.path and not target.missing:
                    found[target.location] = (*found.get(target.location, ()), target)
        for target in doubtful:
            if target.reference is not None and target.reference.repository in built:
                found[target.location] = ()
        return Led(found=found, stand_ins=frozenset(stand_ins))

    def as_deployed(self, targets: Sequence[Target], file: File) -> tuple[Target, ...]:
        """Return those targets of a manifest that are pulled as they stand."""
        names = self._named_everywhere()
        for folder in _folders(file.path):
            if folder not in self._renamed:
                self._renamed[folder] = Renamed()
                for name in (*_SKAFFOLD, *_KUSTOMIZE):
                    path = posixpath.join(folder, name)
                    raw = self._beside(path, file)
                    if raw is not None:
                        self._renamed[folder] |= _renamed_by(raw, path)
            names |= self._renamed[folder]
        return tuple(
            one for one in targets if one.kind == "kustomize" or one.reference not in names
        )

    def _leaders(self, source: str, file: File) -> Iterator[str]:
        for folder in _folders(file.path):
            for name in _LEADERS[source]:
                path = posixpath.join(folder, name)
                if path != file.path:
                    yield path

    def _read(self, path: str, file: File) -> Extraction:
        if path not in self._told:
            raw = self._beside(path, file)
            self._told[path] = self._extract(path, raw) if raw is not None else Extraction()
        return self._told[path]

    def _named_everywhere(self) -> Renamed:
        """Return what the kustomizations among the files say: an overlay may stand anywhere."""
        if self._wide is None:
            self._wide = Renamed()
            for file in self._files:
                if posixpath.basename(file.path) in _KUSTOMIZE:
                    raw = self._beside(file.path, file)
                    self._wide |= _renamed_by(raw, file.path) if raw is not None else Renamed()
        return self._wide


def _renamed_by(raw: bytes, path: str) -> Renamed:
    """Return what a file of Skaffold's or Kustomize's says of the names in manifests."""
    from tagwatch.source.cluster.kubernetes import built_by
    from tagwatch.source.cluster.kustomize import tagged_by
    from tagwatch.source.text.node import Mapping
    from tagwatch.source.text.yaml_nodes import load_yaml

    roots = [root for root in load_yaml(raw, path).roots if isinstance(root, Mapping)]
    if posixpath.basename(path) in _KUSTOMIZE:
        return Renamed(tagged=frozenset().union(*map(tagged_by, roots)))
    return Renamed(built=frozenset().union(*map(built_by, roots)))


def _folders(path: str) -> Iterator[str]:
    """Yield the folder of a file and those above it."""
    folder = posixpath.dirname(path)
    for _ in range(_MAX_FOLDERS):
        yield folder
        if folder in ("", "/"):
            return
        folder = posixpath.dirname(folder)
