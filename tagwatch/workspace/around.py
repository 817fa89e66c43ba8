"""Which files around another one say what it means: who builds, includes or deploys it.

A hook names files alone, and a walk meets a part before the whole. What a Dockerfile copies from
may be a context that a bake file names, a pipeline's variables stand in its main file, and a
manifest names what Skaffold builds.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator

from tagwatch.image.reference import Repository

__all__ = ["built_names", "leaders"]

_LEADERS = {
    "gitlab-ci": (".gitlab-ci.yml",),
    "dockerfile": (
        *("docker-bake.hcl", "docker-bake.json", "compose.yaml", "compose.yml"),
        *("docker-compose.yaml", "docker-compose.yml", "compose.json"),
    ),
}
_SKAFFOLD = ("skaffold.yaml", "skaffold.yml")
_MAX_FOLDERS = 16
_Read = Callable[[str], "bytes | None"]


def leaders(source: str, path: str) -> Iterator[str]:
    """Yield the paths, nearest first, at which a file may stand that builds or includes `path`."""
    for folder in _folders(path):
        for name in _LEADERS[source]:
            yield posixpath.join(folder, name)


def built_names(
    path: str, read: _Read, known: dict[str, frozenset[Repository]]
) -> frozenset[Repository]:
    """Return the names under which Skaffold builds what the manifest at `path` deploys.

    `read` gives a file's bytes, None where there is none; `known` is what it said before.
    """
    found: frozenset[Repository] = frozenset()
    for folder in _folders(path):
        if folder not in known:
            names: set[Repository] = set()
            for name in _SKAFFOLD:
                raw = read(posixpath.join(folder, name))
                names.update(_artifacts(raw, name) if raw is not None else ())
            known[folder] = frozenset(names)
        found |= known[folder]
    return found


def _artifacts(raw: bytes, path: str) -> Iterator[Repository]:
    from tagwatch.source.cluster.kubernetes import built_by
    from tagwatch.source.text.node import Mapping
    from tagwatch.source.text.yaml_nodes import load_yaml

    for root in load_yaml(raw, path).roots:
        if isinstance(root, Mapping):
            yield from built_by(root)


def _folders(path: str) -> Iterator[str]:
    """Yield the folder of a file and those above it."""
    folder = posixpath.dirname(path)
    for _ in range(_MAX_FOLDERS):
        yield folder
        if folder in ("", "/"):
            return
        folder = posixpath.dirname(folder)
