"""Which names in manifests are not pulled as they stand: Skaffold builds, Kustomize replaces them.

Only what surely reaches a manifest counts: a Skaffold file in its folder or above, and
kustomizations whose resources lead to it, all of them.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice

from tagwatch.image.reference import Repository
from tagwatch.source.cluster.kubernetes import built_by
from tagwatch.source.cluster.kustomize import NAMES, parts_of, tagged_by
from tagwatch.source.target import Target, replaced
from tagwatch.source.text.node import Mapping as Node
from tagwatch.source.text.yaml_nodes import load_yaml
from tagwatch.value import dataclass
from tagwatch.workspace.around import folders_of
from tagwatch.workspace.find import File

__all__ = ["Deployments"]

_SKAFFOLD = ("skaffold.yaml", "skaffold.yml")
_PARTS = ("resources", "bases", "patchesStrategicMerge", "patches")
"""What a kustomization deploys: a patch's images get its tags, too."""
_MAX_FILES = 200  # that one kustomization leads to
_MAX_DEPTH = 20


def _is_skaffold(name: str) -> bool:
    """Return True for a Skaffold file of a name of its own: `skaffold-dev.yaml`."""
    is_own = name.startswith("skaffold") or name.partition(".")[0].endswith("skaffold")
    return is_own and name.endswith((".yaml", ".yml")) and name not in _SKAFFOLD


@dataclass(frozen=True, slots=True, kw_only=True)
class _Overlay:
    """A kustomization: the names that it gives tags, and the paths that it is laid over."""

    tagged: frozenset[Repository]
    resources: tuple[str, ...]
    components: tuple[str, ...]


class Deployments:
    """The Skaffold files and kustomizations of a tree. `beside`, `files`: see `Around`."""

    def __init__(self, beside: Callable[[str, File], bytes | None], files: Sequence[File]) -> None:
        self._beside = beside
        self._named = [one for one in files if posixpath.basename(one.path) in NAMES]
        self._others = [one.path for one in files if _is_skaffold(posixpath.basename(one.path))]
        self._built: dict[str, frozenset[Repository]] = {}
        self._overlays: dict[str, _Overlay | None] = {}

    def seen(self, source: str, targets: Sequence[Target], file: File) -> tuple[Target, ...]:
        """Return the targets, those with a fact that are not pulled as they stand.

        Skaffold leaves images by digest as they are, and Kustomize knows no values of charts.
        """
        built = {
            repository: path
            for folder in folders_of(file.path)
            for path in self._skaffolds(folder)
            for repository in self._built_by(path, file)
        }
        tagged = self._tagged(file) if source == "kubernetes" else frozenset()
        return tuple(self._as_seen(one, built, tagged) for one in targets)

    def _skaffolds(self, folder: str) -> Iterator[str]:
        """Yield the Skaffold files of a folder: by their usual names, and those found by others."""
        yield from (posixpath.join(folder, name) for name in _SKAFFOLD)
        for path in self._others:
            if posixpath.dirname(path) == folder:
                yield path

    @staticmethod
    def _as_seen(
        target: Target, built: Mapping[Repository, str], tagged: frozenset[Repository]
    ) -> Target:
        named = target.reference
        if named is None or named.digest is not None or target.kind == "kustomize":
            return target
        if named.repository in built:
            return replaced(target, "artifact", built[named.repository])
        if named.repository in tagged and named.effective_tag == "latest":
            return replaced(target, "overlay", "kustomization.yaml")
        return target

    def _built_by(self, path: str, file: File) -> frozenset[Repository]:
        if path not in self._built:
            self._built[path] = frozenset().union(*map(built_by, self._roots(path, file)))
        return self._built[path]

    def _tagged(self, file: File) -> frozenset[Repository]:
        """Return the names in a manifest to which every kustomization that deploys it gives a tag.

        One that another is laid over deploys nothing by itself.
        """
        paths = {one.path for one in self._named}
        paths |= {posixpath.join(at, name) for at in folders_of(file.path) for name in NAMES}
        known = {path: one for path in sorted(paths) if (one := self._overlay(path, file))}
        below = {
            inner
            for path, one in known.items()
            for name in (*one.resources, *one.components)
            for inner in self._files_of(name)
        }
        said = [
            tags
            for path in known
            if path not in below
            for tags in self._reach(path, file, frozenset(), ())
        ]
        return frozenset.intersection(*said) if said else frozenset()

    def _reach(
        self, path: str, file: File, tagged: frozenset[Repository], chain: tuple[str, ...]
    ) -> Iterator[frozenset[Repository]]:
        """Yield what has got a tag on each way from a kustomization to the manifest."""
        overlay = self._overlay(path, file)
        if overlay is None or path in chain or len(chain) > _MAX_DEPTH:
            return
        chain = (*chain, path)
        tagged = tagged.union(overlay.tagged, *self._of_components(overlay, file, chain))
        for name in overlay.resources:
            if name == file.path:
                yield tagged
            for inner in self._files_of(name):
                yield from self._reach(inner, file, tagged, chain)
        for name in overlay.components:  # they bring resources of their own
            for inner in self._files_of(name):
                yield from self._reach(inner, file, tagged, chain)

    def _of_components(
        self, overlay: _Overlay, file: File, chain: tuple[str, ...]
    ) -> Iterator[frozenset[Repository]]:
        for name in overlay.components:
            for path in self._files_of(name):
                part = self._overlay(path, file)
                if part is not None and path not in chain and len(chain) < _MAX_DEPTH:
                    yield part.tagged
                    yield from self._of_components(part, file, (*chain, path))

    @staticmethod
    def _files_of(name: str) -> Iterator[str]:
        """Yield the kustomizations that a path may mean."""
        if not name.endswith((".yaml", ".yml", ".json")):
            yield from (posixpath.join(name, one) for one in sorted(NAMES))

    def _overlay(self, path: str, file: File) -> _Overlay | None:
        if path not in self._overlays:
            roots = self._roots(path, file)
            folder = posixpath.dirname(path)

            def named(*keys: str) -> tuple[str, ...]:
                parts = (part for root in roots for part in parts_of(root, *keys))
                whole = (posixpath.normpath(posixpath.join(folder, part)) for part in parts)
                return tuple(islice(dict.fromkeys(whole), _MAX_FILES))

            self._overlays[path] = (
                _Overlay(
                    tagged=frozenset().union(*map(tagged_by, roots)),
                    resources=named(*_PARTS),
                    components=named("components"),
                )
                if roots
                else None
            )
        return self._overlays[path]

    def _roots(self, path: str, file: File) -> list[Node]:
        raw = self._beside(path, file)
        found = load_yaml(raw, path).roots if raw is not None else ()
        return [root for root in found if isinstance(root, Node)]
