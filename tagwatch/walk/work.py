"""The slot of this process, and how its snapshots reach the disk.

Snapshots that arrive at about the same time are stored in one transaction: so they share the wait
for the disk, which costs as much as a dozen requests.
"""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from tagwatch.crawl.crawler import crawl_repository
from tagwatch.crawl.engine.interface import Below, Login, Opener
from tagwatch.crawl.image_reader import Before, Ration, Recall, Ticket, recall_nothing
from tagwatch.crawl.refusal import broken, nothing_read, refused
from tagwatch.crawl.task import CrawlTask
from tagwatch.errors import OutOfTimeError, RegistryError, TagwatchError
from tagwatch.image.digest import Digest
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Document, RepositorySnapshot
from tagwatch.ledger.read import Reader
from tagwatch.registry.client import Registries, open_registries
from tagwatch.registry.host import canonical_host
from tagwatch.registry.interface import RepositoryNames
from tagwatch.registry.settings import RegistrySettings
from tagwatch.value import replace

__all__ = ["Batch", "RegistrySlot", "broken_snapshot", "find_logins", "open_elsewhere"]

_LANES = 64
_PAUSE_SECONDS = 0.02
"""How long a snapshot waits for others to be stored with it."""
_MOST = 32
"""So many snapshots are stored without waiting for more: half of what an engine has under way, so
that the other half goes on asking meanwhile."""


class Shelf:
    """The stored documents, as who asks registries may look them up."""

    def __init__(self, ledger: Reader) -> None:
        self._ledger = ledger
        self.begin()

    def begin(self) -> None:
        """Take note that asking begins now."""
        self._newest = self._ledger.newest_document()

    async def now(self, digest: Digest) -> Document | None:
        """Return what is stored by now."""
        return self._ledger.documents((digest,)).get(digest)

    async def before(self, digest: Digest) -> Document | None:
        """Return what was stored when asking began."""
        return self._ledger.documents((digest,), up_to=self._newest).get(digest)


class RegistrySlot:
    """The slot of this process; see `crawl.engine.interface.Home`."""

    def __init__(
        self,
        registries: Registries,
        settings: Mapping[str, RegistrySettings],
        recall: Recall = recall_nothing,
        recall_earlier: Recall | None = None,
    ) -> None:
        """`recall_earlier`: of what was stored when asking began; None: `recall` is both."""
        self._registries = registries
        self._settings = settings
        self._recall, self._recall_earlier = recall, recall_earlier or recall
        self._rations = defaultdict[str, Ration](Ration)

    async def crawl(self, task: CrawlTask, before: Before | None = None) -> RepositorySnapshot:
        """See `Slot.crawl`. Errors of the run itself (its ledger, its settings) are raised."""
        host = self.name(task.repository.host)
        with self._rations[host].ticket(before, task=task) as ticket:
            return await self._crawl(task, host, ticket)

    async def _crawl(self, task: CrawlTask, host: str, ticket: Ticket) -> RepositorySnapshot:
        try:
            return await crawl_repository(
                task, self._registries.of(host), self.recall(host), ticket
            )
        except OutOfTimeError as error:
            return broken_snapshot(task.repository, task.at, error)
        except TagwatchError:
            raise
        except Exception as error:  # noqa: BLE001  # a worker's top
            return broken_snapshot(task.repository, task.at, error)

    async def below(self, prefix: Repository, path: str) -> Below:
        """See `Slot.below`."""
        try:
            found = await self._registries.of(prefix.host).list_repositories(path)
        except RegistryError as error:
            return Below(failure=refused(prefix, error, None))
        gap = found.gap if isinstance(found, RepositoryNames) else ""
        return Below(found=tuple(found), gap=gap)

    def expect(self, repositories: Iterable[Repository]) -> None:
        """See `Slot.expect`."""
        self._registries.expect(repositories)

    @property
    def requests(self) -> Mapping[str, Mapping[str, int]]:
        """See `Slot.requests`."""
        return self._registries.requests

    @property
    def lanes(self) -> int:
        """See `Slot.lanes`."""
        return _LANES

    def recall(self, host: str) -> Recall:
        """See `Home.recall`."""
        return self._recall_earlier if self._registries.counts_pulls(host) else self._recall

    @property
    def opener(self) -> Opener:
        """See `Home.opener`."""
        return open_elsewhere

    @property
    def login_finder(self) -> Callable[[bytes], Awaitable[bytes]]:
        """See `Home.login_finder`."""
        return find_logins

    def login_question(self, paths: Mapping[str, str]) -> bytes:
        """See `Home.login_question`."""
        return msgspec.msgpack.encode((paths, self._settings))

    def name(self, host: str) -> str:
        """See `Home.name`."""
        return canonical_host(host)

    def at_once(self, host: str) -> int:
        """See `Home.at_once`."""
        return self._own(host).concurrency

    def packed(self, host: str, spent: int) -> bytes:
        """See `Home.packed`."""
        own = self._own(host)
        if own.budget is not None:
            own = replace(own, budget=max(own.budget - spent, 0))
        return msgspec.msgpack.encode({**self._settings, host: own})

    def _own(self, host: str) -> RegistrySettings:
        """Return the settings of a registry by its one name."""
        named = {canonical_host(name): one for name, one in self._settings.items()}
        return named.get(host) or named.get("*", RegistrySettings())


@asynccontextmanager
async def open_elsewhere(packed: bytes, recall: Recall) -> AsyncIterator[RegistrySlot]:
    """Open a slot with the connections and credentials of this process; see `Opener`."""
    settings = msgspec.msgpack.decode(packed, type=dict[str, RegistrySettings])
    async with open_registries(settings, environment=os.environ, home=Path.home()) as registries:
        yield RegistrySlot(registries, settings, recall)


async def find_logins(question: bytes) -> bytes:
    """Return where this process finds a login for each registry; see `Home.login_finder`.

    Each registry is asked as `doctor` asks it.
    """
    # only doctor wants to know
    from tagwatch.crawl.engine.message import encode_logins
    from tagwatch.registry.diagnosis import diagnose

    asked = msgspec.msgpack.decode(
        question, type=tuple[dict[str, str], dict[str, RegistrySettings]]
    )
    paths, settings = asked
    async with open_registries(settings, environment=os.environ, home=Path.home()) as registries:
        now = datetime.now(UTC)
        found = await asyncio.gather(
            *(diagnose(registries, host, path, at=now) for host, path in paths.items())
        )
    return encode_logins(
        {
            host: Login(
                origin=one.credential,
                problem=one.credential_problem.message if one.credential_problem else "",
                failure=one.failure.message if one.failure else "",
            )
            for host, one in zip(paths, found, strict=True)
        }
    )


def broken_snapshot(repository: Repository, at: datetime, error: Exception) -> RepositorySnapshot:
    """Return what is stored of a repository that cannot be read or stored: nothing but why."""
    return nothing_read(broken(repository, error), at)


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
