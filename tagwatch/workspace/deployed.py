"""Which names in manifests are not pulled as they stand: Skaffold builds, Kustomize replaces them.

Only what surely reaches a manifest counts: a Skaffold file in its folder or above, and
kustomizations whose resources lead to it, all of them.
"""

from __future__ import annotations

import posixpath
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
_ORDER = tuple(sorted(NAMES))


def _by_folder(files: Iterable[File]) -> dict[str, list[File]]:
    found: dict[str, list[File]] = {}
    for one in files:
        found.setdefault(posixpath.dirname(one.path), []).append(one)
    return found


def _is_skaffold(path: str) -> bool:
    """Return True for a Skaffold file of a name of its own: `skaffold-dev.yaml`."""
    name = posixpath.basename(path)
    is_own = name.startswith("skaffold") or name.partition(".")[0].endswith("skaffold")
    return is_own and name.endswith((".yaml", ".yml")) and name not in _SKAFFOLD


@dataclass(frozen=True, slots=True, kw_only=True)
class _Overlay:
    """A kustomization: the names that it gives tags, and the paths that it is laid over."""

    tagged: frozenset[Repository]
    resources: tuple[str, ...]
    components: tuple[str, ...]


class Deployments:
    """The Skaffold files and kustomizations of a tree. `beside`, `files`: see `Around`.

    Which kustomizations lead where is found once, for all manifests.
    """

    def __init__(self, beside: Callable[[str, File], bytes | None], files: Sequence[File]) -> None:
        self._beside = beside
        self._files = files
        self._named = _by_folder(one for one in files if posixpath.basename(one.path) in NAMES)
        self._skaffold = _by_folder(one for one in files if _is_skaffold(one.path))
        self._built: dict[str, frozenset[Repository]] = {}
        self._overlays: dict[str, _Overlay | None] = {}
        self._whole: dict[str, frozenset[Repository]] = {}
        self._tagged: Mapping[str, frozenset[Repository]] | None = None

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
        tagged: frozenset[Repository] = frozenset()
        if source == "kubernetes":
            if self._tagged is None:
                self._tagged = self._tagged_at()
            tagged = self._tagged.get(file.path, tagged)
        return tuple(self._as_seen(one, built, tagged) for one in targets)

    def _skaffolds(self, folder: str) -> Iterator[str]:
        """Yield the Skaffold files of a folder: by their usual names, and those found by others."""
        yield from (posixpath.join(folder, name) for name in _SKAFFOLD)
        yield from (one.path for one in self._skaffold.get(folder, ()))

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

    def _tagged_at(self) -> dict[str, frozenset[Repository]]:
        """Return by path of a manifest the names to which all that deploys it gives a tag.

        One that another is laid over deploys nothing by itself. On each way from one that does, all
        on the way give tags; a name counts that gets one on each of them. Tags are handed down
        until no kustomization gets fewer: that takes a look at each, and no walk of each way.
        """
        known = self._known()
        below = {
            inner
            for path, (one, _) in known.items()
            for name in (*one.resources, *one.components)
            for inner in self._files_of(name)
        }
        given: dict[str, frozenset[Repository]] = {
            path: frozenset() for path in known if path not in below
        }
        found: dict[str, frozenset[Repository]] = {}
        waiting = deque((path, known[path][1]) for path in given)
        while waiting:
            path, file = waiting.popleft()
            overlay = self._overlay(path, file)
            if overlay is None:
                continue
            tagged = given[path] | self._own(path, overlay, file)
            for name in overlay.resources:
                found[name] = found[name] & tagged if name in found else tagged
            for name in (*overlay.resources, *overlay.components):  # they have resources, too
                for inner in self._files_of(name):
                    said = given.get(inner)
                    left = tagged if said is None else said & tagged
                    if left != said:
                        given[inner] = left
                        waiting.append((inner, file))
        return found

    def _known(self) -> dict[str, tuple[_Overlay, File]]:
        """Return the kustomizations among the files, and in folders of manifests and above.

        Each with a file of the tree that it may draw from.
        """
        paths = {one.path: one for named in self._named.values() for one in named}
        folders: set[str] = set()
        for file in self._files:
            if file.path.endswith((".yaml", ".yml", ".json")):
                for folder in folders_of(file.path):
                    if folder in folders:
                        break
                    folders.add(folder)
                    for path in self._files_of(folder):
                        paths.setdefault(path, file)
        return {
            path: (overlay, paths[path])
            for path in sorted(paths)
            if (overlay := self._overlay(path, paths[path])) is not None
        }

    def _own(self, path: str, overlay: _Overlay, file: File) -> frozenset[Repository]:
        """Return the names to which a kustomization gives a tag, or one of its components does."""
        if path not in self._whole:
            tagged = set(overlay.tagged)
            seen, waiting = {path}, list(overlay.components)
            while waiting:
                for one in self._files_of(waiting.pop()):
                    part = None if one in seen else self._overlay(one, file)
                    seen.add(one)
                    if part is not None:
                        tagged |= part.tagged
                        waiting += part.components
            self._whole[path] = frozenset(tagged)
        return self._whole[path]

    def _files_of(self, name: str) -> Iterator[str]:
        """Yield the kustomizations that a path may mean: a folder has one, under one name."""
        if name in self._named:
            yield from (one.path for one in self._named[name])
        elif not name.endswith((".yaml", ".yml", ".json")):
            yield from (posixpath.join(name, one) for one in _ORDER)

    def _overlay(self, path: str, file: File) -> _Overlay | None:
        if path not in self._overlays:
            roots = self._roots(path, file)
            folder = posixpath.dirname(path)

            def named(*keys: str) -> tuple[str, ...]:
                parts = (part for root in roots for part in parts_of(root, *keys))
                whole = (posixpath.normpath(posixpath.join(folder, part)) for part in parts)
                told = dict.fromkeys("" if one == "." else one for one in whole)
                return tuple(islice(told, _MAX_FILES))

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
