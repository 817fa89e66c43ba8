"""Watches of every repository below a prefix: `registry.example/shop/*`, `registry.example/*`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import NamedTuple

from tagwatch.config.settings import Watch
from tagwatch.errors import NotFoundError
from tagwatch.image.reference import Repository
from tagwatch.value import replace

__all__ = ["Prefix", "below", "nothing_below", "prefix_of"]

_ANY = "any"


class Prefix(NamedTuple):
    """What the names of repositories begin with; `path` is empty or ends in `/`."""

    host: str
    path: str

    @property
    def repository(self) -> Repository:
        """A name for it where only a repository's can stand."""
        return Repository(registry=self.host, path=self.path.rstrip("/") or "*")


def prefix_of(image: str) -> Prefix | None:
    """The prefix that a watch's image names; None where it names one repository.

    >>> prefix_of("registry.example/*"), prefix_of("acme/*"), prefix_of("acme/app")
    (Prefix(host='registry.example', path=''), Prefix(host='docker.io', path='acme/'), None)
    """
    if not image.endswith("/*"):
        return None
    repository = Repository.parse(image.removesuffix("*") + _ANY).identity
    return Prefix(repository.host, repository.path.removesuffix(_ANY))


def below(watch: Watch, prefix: Prefix, found: Iterable[Repository]) -> Iterator[Watch]:
    """One watch a repository that `include` and `exclude` let through.

    A glob is of repositories where one below the prefix has such a name (its last part, or all of
    it after the prefix); then `include` keeps only these, and says nothing about tags.
    """
    named = {one: _names(one, prefix) for one in sorted(found)}
    every = [name for names in named.values() for name in names]
    kept = [glob for glob in watch.include if _matches(glob, every)]
    tags = tuple(glob for glob in watch.include if glob not in kept)
    for repository, names in named.items():
        wanted = not kept or any(_matches(glob, names) for glob in kept)
        if wanted and not any(_matches(glob, names) for glob in watch.exclude):
            yield replace(watch, image=repository.name, include=tags)


def nothing_below(watch: Watch, listed: int) -> NotFoundError:
    """The error for a prefix that watches nothing, of as many repositories as are `listed`."""
    if listed:
        message = f"none of the {listed} repositories below it passes `include` and `exclude`"
        return NotFoundError(f"{watch.image}: {message}", hint="correct the globs of this watch")
    return NotFoundError(
        f"{watch.image}: its registry lists no repository below it",
        hint="correct the prefix, or log in as somebody who sees them: `tagwatch doctor` says who",
    )


def _names(repository: Repository, prefix: Prefix) -> tuple[str, str]:
    return repository.path.removeprefix(prefix.path), repository.path.rpartition("/")[2]


def _matches(glob: str, names: Iterable[str]) -> bool:
    return any(fnmatchcase(name, glob) for name in names)
