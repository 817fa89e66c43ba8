"""The repositories that a configuration watches: a webhook has no others scanned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from tagwatch.image.reference import Repository
from tagwatch.service.webhook import Named
from tagwatch.value import dataclass
from tagwatch.walk.watch_list import below, prefix_of

if TYPE_CHECKING:
    from tagwatch.config.settings import Watch
    from tagwatch.walk.site import Site

__all__ = ["Watching", "watching_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """Repositories by their path, and the entries of the watch list that name prefixes."""

    repositories: dict[str, frozenset[Repository]]
    prefixes: tuple[Watch, ...]

    def those(self, named: Iterable[Named]) -> tuple[Repository, ...]:
        """Return the watched repositories that are named, sorted."""
        return tuple(sorted({found for one in named for found in self._those(one)}))

    def _those(self, one: Named) -> Iterator[Repository]:
        for repository in self.repositories.get(one.path, ()):
            if one.host in ("", repository.host):
                yield repository
        for watch in self.prefixes:
            prefix = prefix_of(watch.image)
            if prefix is None or one.host not in ("", prefix.host):
                continue
            found = Repository(registry=prefix.host, path=one.path)
            if one.path.startswith(prefix.path) and any(below(watch, prefix, [found])):
                yield found


def watching_of(site: Site) -> Watching:
    """Return what the site's sources, watch list and policy name. Reads the files."""
    from tagwatch.walk.file_set import read_sources

    found: set[Repository] = set()
    files, _ = read_sources(site)
    found.update(
        target.reference.repository.identity
        for target in files.targets
        if target.reference is not None
    )
    found.update(Repository.parse(base.reference).identity for base in site.policy.followed_bases)
    prefixes = []
    for watch in site.settings.watch:
        if prefix_of(watch.image) is None:
            found.add(Repository.parse(watch.image).identity)
        else:
            prefixes.append(watch)
    by_path: dict[str, frozenset[Repository]] = {}
    for repository in found:
        by_path[repository.path] = by_path.get(repository.path, frozenset()) | {repository}
    return Watching(repositories=by_path, prefixes=tuple(prefixes))
