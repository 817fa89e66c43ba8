"""The lanes in which the tasks of every engine run, and the local engine: this process's slot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from itertools import groupby

from tagwatch.crawl.engine.interface import Home, Sink, Slot
from tagwatch.crawl.task import CrawlTask
from tagwatch.image.snapshot import RepositorySnapshot

__all__ = ["open_engine", "run"]

_Crawl = Callable[[CrawlTask], Awaitable[RepositorySnapshot]]


@asynccontextmanager
async def open_engine(home: Home) -> AsyncIterator[Slot]:
    """See `Engine`."""
    yield home


async def run(
    tasks: Iterable[CrawlTask],
    work: _Crawl,
    sink: Sink,
    *,
    concurrency: int = 64,
    stop: asyncio.Event | None = None,
) -> None:
    """Run every task and hand each snapshot to `sink` as it arrives.

    `tasks` are drawn lazily and come in the order of their priority: those of one are finished
    before those of the next begin, because pulls of a budget go to what matters most. At most
    `concurrency` snapshots are in memory, whatever the number of tasks. What `work` or `sink`
    raises ends the run. After `stop` is set no task begins, and those under way are finished and
    stored.
    """
    try:
        await _run(tasks, work, sink, concurrency, stop)
    except ExceptionGroup as group:
        raise _first(group) from group


def _first(error: Exception) -> Exception:
    """Return the first error itself: who asked for a run knows nothing of its workers."""
    return _first(error.exceptions[0]) if isinstance(error, ExceptionGroup) else error


async def _run(
    tasks: Iterable[CrawlTask],
    work: _Crawl,
    sink: Sink,
    concurrency: int,
    stop: asyncio.Event | None,
) -> None:

    async def worker(queue: Iterator[CrawlTask]) -> None:
        for task in queue:
            if stop is not None and stop.is_set():
                return
            snapshot = await work(task)
            del task  # what was known of a long repository: to store what is known now takes room
            await sink(snapshot)

    for _, equals in groupby(tasks, key=lambda task: task.priority):
        async with asyncio.TaskGroup() as group:
            for _ in range(concurrency):
                group.create_task(worker(equals))  # noqa: B031  # the workers share one iterator
        if stop is not None and stop.is_set():
            return
