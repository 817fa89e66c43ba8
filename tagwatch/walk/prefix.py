"""Watches of `…/prefix/*` become watches of the repositories that a registry lists below."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator

from tagwatch.config.settings import Watch
from tagwatch.crawl.engine.interface import Slot
from tagwatch.crawl.refusal import refused
from tagwatch.image.reference import DOCKER_HUB, Repository
from tagwatch.image.snapshot import Failure
from tagwatch.ledger.read import Reader
from tagwatch.walk.watch_list import Prefix, below, nothing_below, prefix_of

__all__ = ["Expansion"]


class Expansion:
    """An expansion of watches, which may be broken off: then some prefixes are left unlisted."""

    def __init__(self, watches: Iterable[Watch], slot: Slot, ledger: Reader) -> None:
        self._slot = slot
        self._ledger = ledger
        self._left = deque(watches)
        self._made: list[Watch] = []
        self.failures: list[Failure] = []

    @property
    def watches(self) -> list[Watch]:
        """The watches of repositories, as far as they are known."""
        return [*self._made, *(one for one in self._left if prefix_of(one.image) is None)]

    @property
    def unlisted(self) -> Iterator[Repository]:
        """The prefixes that were not listed."""
        prefixes = (prefix_of(watch.image) for watch in self._left)
        return (prefix.repository for prefix in prefixes if prefix is not None)

    async def make(self) -> None:
        """Take one watch after the other from those that are left, when it is done with."""
        while self._left:
            await self._expand(self._left[0])
            self._left.popleft()

    async def _expand(self, watch: Watch) -> None:
        prefix = prefix_of(watch.image)
        if prefix is None:
            self._made.append(watch)
            return
        listed = await self._slot.below(prefix.repository, prefix.path)
        if listed.failure is not None:
            self.failures.append(listed.failure)
            return
        found: Collection[Repository] = listed.found
        if listed.gap:
            self.failures.append(_cut_off(prefix.repository, listed.gap))
            found = {*found, *self._remembered_below(prefix)}
        kept = list(below(watch, prefix, found))
        self._made += kept
        if not kept:
            self.failures.append(refused(prefix.repository, nothing_below(watch, len(found)), None))

    def _remembered_below(self, prefix: Prefix) -> Iterator[Repository]:
        """What earlier runs read below a prefix: a list that is cut off now leaves it out."""
        for repository in self._ledger.repositories():
            if repository.host == prefix.host and repository.path.startswith(prefix.path):
                yield repository


def _cut_off(repository: Repository, gap: str) -> Failure:
    return Failure(
        repository=repository,
        code="cut-off",
        message=f"{repository.host}: the list of repositories is cut short: {gap}",
        hint="name in the watch list what is missing"
        + (", or log in with `docker login`" if repository.host == DOCKER_HUB else ""),
    )
