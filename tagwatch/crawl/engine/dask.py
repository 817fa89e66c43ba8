"""The Dask engine: a registry's repositories are read by one worker of a cluster at a time.

Workers need tagwatch, and the registries' certificates and logins; they are given no secret. What
a registry is asked of is decided here, one question after another, so that `concurrency`,
`requests_per_second`, pauses and budgets hold: one slot keeps them, wherever it is.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tagwatch.crawl.engine.cluster import WAIT_SECONDS, Cluster, open_cluster
from tagwatch.crawl.engine.connection import Certificate
from tagwatch.crawl.engine.interface import Below, Home, Login, Slot
from tagwatch.crawl.engine.message import decode_logins
from tagwatch.crawl.engine.remote import RemoteSlot
from tagwatch.crawl.image_reader import Before
from tagwatch.crawl.task import CrawlTask
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import RepositorySnapshot

__all__ = ["open_engine"]

_LANES = 256
"""More than one process has: each registry has a process of its own to ask it."""


@asynccontextmanager
async def open_engine(
    home: Home,
    *,
    address: str,
    security: Mapping[str, Path] | None = None,
    insecure: bool = False,
    wait_seconds: float = WAIT_SECONDS,
) -> AsyncIterator[Slot]:
    """See `Engine`. `address`: the scheduler's, `tls://host:port` or `tcp://host:port`."""
    certificate = Certificate(**security) if security is not None else None
    opened = open_cluster(
        address, certificate=certificate, insecure=insecure, wait_seconds=wait_seconds
    )
    async with opened as cluster:
        slots = _Slots(cluster, home)
        try:
            yield slots
        finally:
            await slots.end()


class _Slots:
    """A slot for each registry, made when it is first asked."""

    def __init__(self, cluster: Cluster, home: Home) -> None:
        self._cluster, self._home = cluster, home
        self._slots: dict[str, RemoteSlot] = {}

    async def crawl(self, task: CrawlTask, before: Before | None = None) -> RepositorySnapshot:
        """See `Slot.crawl`."""
        return await self._of(task.repository.host).crawl(task, before)

    async def below(self, prefix: Repository, path: str) -> Below:
        """See `Slot.below`."""
        return await self._of(prefix.host).below(prefix, path)

    def expect(self, repositories: Iterable[Repository]) -> None:
        """See `Slot.expect`."""
        by_host: dict[str, list[Repository]] = {}
        for repository in repositories:
            by_host.setdefault(repository.host, []).append(repository)
        for host, expected in by_host.items():
            self._of(host).expect(expected)

    @property
    def requests(self) -> Mapping[str, Mapping[str, int]]:
        """See `Slot.requests`."""
        total: dict[str, Counter[str]] = {}
        for slot in self._slots.values():
            for host, kinds in slot.requests.items():
                total.setdefault(host, Counter()).update(kinds)
        return total

    @property
    def lanes(self) -> int:
        """See `Slot.lanes`."""
        return _LANES

    async def logins(self, paths: Mapping[str, str]) -> Mapping[str, Mapping[str, Login]]:
        """See `Spread.logins`."""
        asked = self._home.login_question(paths)
        found: dict[str, Mapping[str, Login]] = {}
        for worker, told in sorted(
            (await self._cluster.on_each(self._home.login_finder, asked)).items()
        ):
            if isinstance(told, bytes):
                found[worker] = decode_logins(told)
            else:
                problem = f"{type(told).__name__}: {told}"[:200]
                found[worker] = dict.fromkeys(paths, Login(problem=problem))
        return found

    async def end(self) -> None:
        """End them all."""
        await asyncio.gather(*(slot.end() for slot in self._slots.values()))

    def _of(self, host: str) -> RemoteSlot:
        name = self._home.name(host)
        if name not in self._slots:
            self._slots[name] = RemoteSlot(self._cluster, self._home, name)
        return self._slots[name]
