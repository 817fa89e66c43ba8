"""The work that engines distribute: one repository, crawled in this process or in another."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from tagwatch.crawl.crawler import crawl_repository
from tagwatch.crawl.image_reader import Recall
from tagwatch.crawl.task import CrawlTask
from tagwatch.errors import ConfigError
from tagwatch.image.snapshot import RepositorySnapshot
from tagwatch.registry.client import Registries, open_registries
from tagwatch.registry.settings import RegistrySettings
from tagwatch.value import replace

__all__ = ["RegistryWork", "crawl_elsewhere"]

# msgspec crashes where two threads are the first to read documents of one type (2026-11-24).
_TURN = threading.Lock()


class RegistryWork:
    """See `crawl.engine.interface.Work`. `recall`: what is stored already, of any repository."""

    def __init__(
        self,
        registries: Registries,
        settings: Mapping[str, RegistrySettings],
        recall: Recall = lambda _: None,
    ) -> None:
        self._registries = registries
        self._settings = settings
        self._recall = recall

    async def __call__(self, task: CrawlTask) -> RepositorySnapshot:
        """See `Work.__call__`."""
        registry = self._registries.of(task.repository.host)
        return await crawl_repository(task, registry, self._recall)

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


def crawl_elsewhere(settings: Mapping[str, RegistrySettings], task: bytes) -> bytes:
    """Crawl with connections and credentials of this process: what a worker of a cluster calls.

    The snapshot tells the requests that were made, as nobody else counts them. Threads of one
    process take turns.
    """
    from tagwatch.crawl.codec import decode_task, encode_snapshot

    with _TURN:
        return encode_snapshot(asyncio.run(_crawl(decode_task(task), settings)))


async def _crawl(task: CrawlTask, settings: Mapping[str, RegistrySettings]) -> RepositorySnapshot:
    async with open_registries(settings, environment=os.environ, home=Path.home()) as registries:
        registry = registries.of(task.repository.host)
        snapshot = await crawl_repository(task, registry)
        return replace(snapshot, requests=dict(registry.requests))
