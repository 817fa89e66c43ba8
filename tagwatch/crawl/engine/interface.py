"""What an engine is given and what it must do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from tagwatch.crawl.task import CrawlTask
from tagwatch.image.snapshot import RepositorySnapshot

__all__ = ["Engine", "Sink", "Work"]

Sink = Callable[[RepositorySnapshot], Awaitable[None]]


class Work(Protocol):
    """Crawling one repository. What a registry refuses is a failure in the snapshot."""

    async def __call__(self, task: CrawlTask) -> RepositorySnapshot:
        """Crawl in this process, through the connections that are open."""

    @property
    def elsewhere(self) -> Callable[[bytes], bytes]:
        """The same for another process: it can be pickled and holds no secret.

        It takes a task and gives a snapshot as `crawl.codec` writes them; credentials come from
        the environment and home of the process that calls it. Raises `ConfigError` where something
        that is configured cannot be kept by processes that know nothing of each other.
        """


class Engine(Protocol):
    """Runs crawl tasks: a function of `family.ENGINES`."""

    async def __call__(
        self,
        tasks: Iterable[CrawlTask],
        work: Work,
        sink: Sink,
        *,
        stop: asyncio.Event | None = None,
    ) -> None:
        """Run every task and hand each snapshot to `sink` as it arrives.

        `tasks` are drawn lazily and come in the order of their priority: those of one are finished
        before those of the next begin. What `sink` raises ends the run. After `stop` is set no task
        begins, and those under way are finished and stored. An engine whose configuration has an
        `address` is given that as a keyword argument, too.
        """
