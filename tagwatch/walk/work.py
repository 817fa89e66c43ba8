"""The work that engines distribute, one repository each, and how its results reach the disk.

Snapshots that arrive at about the same time are stored in one transaction: so they share the wait
for the disk, which costs as much as a dozen requests.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

from tagwatch.crawl.crawler import crawl_repository
from tagwatch.crawl.image_reader import Before, Recall
from tagwatch.crawl.refusal import broken
from tagwatch.crawl.task import CrawlTask
from tagwatch.errors import ConfigError, OutOfTimeError, TagwatchError
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import RepositorySnapshot, Scope
from tagwatch.registry.client import Registries, open_registries
from tagwatch.registry.interface import Registry
from tagwatch.registry.settings import RegistrySettings
from tagwatch.value import replace

__all__ = ["Batch", "RegistryWork", "broken_snapshot", "crawl_elsewhere"]

# msgspec crashes where two threads are the first to read documents of one type (2026-11-24).
_TURN = threading.Lock()

_PAUSE_SECONDS = 0.02
"""How long a snapshot waits for others to be stored with it."""
_MOST = 32
"""So many snapshots are stored without waiting for more: half of what an engine has under way, so
that the other half goes on asking meanwhile."""


class RegistryWork:
    """The work of an engine in this process; see `crawl.engine.interface.Work`.

    `recall` gives what is stored already, of any repository; `before`: what to wait for before a
    pull that is counted.
    """

    def __init__(
        self,
        registries: Registries,
        settings: Mapping[str, RegistrySettings],
        recall: Recall = lambda _: None,
        before: Before | None = None,
    ) -> None:
        self._registries = registries
        self._settings = settings
        self._recall = recall
        self._before = before

    def after(self, before: Before) -> RegistryWork:
        """Return the same work, whose counted pulls wait for `before`."""
        return RegistryWork(self._registries, self._settings, self._recall, before)

    async def __call__(self, task: CrawlTask) -> RepositorySnapshot:
        """See `Work.__call__`."""
        registry = self._registries.of(task.repository.host)
        return await _crawl_apart(task, registry, self._recall, self._before)

    @property
    def elsewhere(self) -> Callable[[bytes], bytes]:
        """See `Work.elsewhere`."""
        for host, settings in self._settings.items():
            if settings.budget is not None:
                raise ConfigError(
                    f"registries.{host}.budget: workers of a cluster cannot keep it together",
                    hint="remove the budget, or set `engine: local`",
                )
        return partial(crawl_elsewhere, dict(self._settings))


async def _crawl_apart(
    task: CrawlTask, registry: Registry, recall: Recall, before: Before | None = None
) -> RepositorySnapshot:
    """Crawl one repository, whose failure is never the end of the run.

    Errors of the run itself (its ledger, its settings) are raised.
    """
    try:
        return await crawl_repository(task, registry, recall, before)
    except OutOfTimeError as error:
        return broken_snapshot(task.repository, task.at, error)
    except TagwatchError:
        raise
    except Exception as error:  # noqa: BLE001  # a worker's top
        return broken_snapshot(task.repository, task.at, error)


def broken_snapshot(repository: Repository, at: datetime, error: Exception) -> RepositorySnapshot:
    """Return what is stored of a repository that cannot be read or stored: nothing but why."""
    return RepositorySnapshot(
        repository=repository,
        at=at,
        scope=Scope.SELECTED,
        complete=False,
        failures=(broken(repository, error),),
    )


def crawl_elsewhere(settings: Mapping[str, RegistrySettings], task: bytes) -> bytes:
    """Crawl with the connections and credentials of this process; a cluster's workers call it.

    The snapshot holds the requests that were made, because nobody else counts them. Threads of one
    process take turns.
    """
    from tagwatch.crawl.codec import decode_task, encode_snapshot

    with _TURN:
        return encode_snapshot(asyncio.run(_crawl(decode_task(task), settings)))


async def _crawl(task: CrawlTask, settings: Mapping[str, RegistrySettings]) -> RepositorySnapshot:
    async with open_registries(settings, environment=os.environ, home=Path.home()) as registries:
        registry = registries.of(task.repository.host)
        snapshot = await _crawl_apart(task, registry, lambda _: None)
        return replace(snapshot, requests=dict(registry.requests))


class Batch:
    """Snapshots on their way to the disk. `write` stores them durably, or raises."""

    def __init__(self, write: Callable[[Sequence[RepositorySnapshot]], None]) -> None:
        self._write = write
        self._waiting: list[tuple[RepositorySnapshot, asyncio.Future[None]]] = []
        self._timer: asyncio.TimerHandle | None = None

    async def add(self, snapshot: RepositorySnapshot) -> None:
        """Store the snapshot with others, and return when it is stored. Raises as `write` does."""
        loop = asyncio.get_running_loop()
        stored = loop.create_future()
        self._waiting.append((snapshot, stored))
        if len(self._waiting) >= _MOST:
            self._settle()
        elif self._timer is None:
            self._timer = loop.call_later(_PAUSE_SECONDS, self._settle)
        await stored

    def store(self) -> None:
        """Store now what still waits, also where `add` was cancelled. Raises as `write` does."""
        waiting = self._take()
        if waiting:
            self._write([snapshot for snapshot, _ in waiting])

    def _settle(self) -> None:
        waiting = self._take()
        error: Exception | None = None
        try:
            self._write([snapshot for snapshot, _ in waiting])
        except Exception as caught:  # noqa: BLE001  # handed to everyone who waits
            error = caught
        for _, stored in waiting:
            if stored.done():  # cancelled: nobody waits for it any more
                continue
            if error is None:
                stored.set_result(None)
            else:
                stored.set_exception(error)

    def _take(self) -> list[tuple[RepositorySnapshot, asyncio.Future[None]]]:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting, self._waiting = self._waiting, []
        return waiting
