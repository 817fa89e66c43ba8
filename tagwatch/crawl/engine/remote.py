"""The run's side of a slot on a cluster: what is under way there, and what when it is lost."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from typing import Any

from tagwatch.crawl.engine.actor import Actor
from tagwatch.crawl.engine.cluster import Cluster, Held, survives
from tagwatch.crawl.engine.interface import Below, Home
from tagwatch.crawl.engine.message import Harvest, Parcel, decode_harvest, encode
from tagwatch.crawl.image_reader import Before
from tagwatch.crawl.refusal import nothing_read, refused
from tagwatch.crawl.task import CrawlTask
from tagwatch.errors import ConfigError, DeniedError, RegistryError, TagwatchError, WorkerError
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Failure, RepositorySnapshot
from tagwatch.value import dataclass, field, replace

__all__ = ["RemoteSlot"]

_AT_ONCE = 2
"""So many tasks are with a slot for each request that it may have under way: enough that it never
waits for one, and few to begin again where it is lost."""
_APART_FROM = 2
"""A call that was under way in so many slots when they were lost goes on with no other like it."""
_MOST_LOSSES = 3
"""After so many it is given up: it is what kills them."""


@dataclass(slots=True, kw_only=True, eq=False)
class _Call:
    """A question that waits for its answer."""

    task: CrawlTask | None = None
    prefix: tuple[Repository, str] | None = None
    is_waiting: bool = False
    answer: asyncio.Future[Any] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    losses: int = 0


class RemoteSlot:
    """The slot of one registry, wherever on the cluster it is at the moment.

    Lost with its worker, or silent for `Cluster.wait_seconds`, it is made anew elsewhere, and given
    what was under way: what has come is not asked again.
    """

    def __init__(self, cluster: Cluster, home: Home, host: str) -> None:
        self._cluster, self._home, self._host = cluster, home, host
        self._recall = home.recall(host)
        self._room, self._room_beside = (
            asyncio.Semaphore(_AT_ONCE * home.at_once(host)) for _ in range(2)
        )
        self._calls: dict[int, _Call] = {}
        self._count = 0
        self._parcel = Parcel()
        self._is_due = asyncio.Event()
        self._expected: tuple[Repository, ...] = ()
        self._before: dict[str, Counter[str]] = {}
        self._now: Mapping[str, Mapping[str, int]] = {}
        self._apart: deque[int] = deque()
        self._alone = 0
        self._driver: asyncio.Task[None] | None = None

    async def crawl(self, task: CrawlTask, before: Before | None = None) -> RepositorySnapshot:
        """See `Slot.crawl`."""
        call = _Call(task=task, is_waiting=before is not None)
        try:
            # those that wait for others have room of their own, or the others would find none
            async with self._room if before is None else self._room_beside:
                found: RepositorySnapshot = await self._ask(call, before)
        except RegistryError as error:
            return nothing_read(refused(task.repository, error, None), task.at)
        return replace(found, failures=tuple(map(_of_a_worker, found.failures)))

    async def below(self, prefix: Repository, path: str) -> Below:
        """See `Slot.below`."""
        try:
            found: Below = await self._ask(_Call(prefix=(prefix, path)), None)
        except RegistryError as error:
            return Below(failure=refused(prefix, error, None))
        return replace(found, failure=found.failure and _of_a_worker(found.failure))

    def expect(self, repositories: Iterable[Repository]) -> None:
        """See `Slot.expect`."""
        self._expected = self._parcel.expected = tuple(repositories)

    @property
    def requests(self) -> Mapping[str, Mapping[str, int]]:
        """See `Slot.requests`; those of lost slots as far as these have told them."""
        return {
            host: self._before.get(host, Counter()) + Counter(self._now.get(host, {}))
            for host in {*self._before, *self._now}
        }

    async def end(self) -> None:
        """End it wherever it is, with all that is under way."""
        if self._driver is not None:
            self._driver.cancel()
            await asyncio.gather(self._driver, return_exceptions=True)

    async def _ask(self, call: _Call, before: Before | None) -> Any:
        self._count += 1
        number = self._count
        self._calls[number] = call
        self._send(number, call)
        if self._driver is None:
            self._driver = asyncio.create_task(self._drive())
        opening = asyncio.ensure_future(self._release(number, before)) if before else None
        try:
            return await call.answer
        finally:
            del self._calls[number]
            if opening is not None:
                opening.cancel()
            if call.answer.cancelled():
                self._parcel.dropped.add(number)
                self._is_due.set()

    async def _release(self, number: int, before: Before) -> None:
        await before()
        self._calls[number].is_waiting = False
        self._parcel.released.add(number)
        self._is_due.set()

    def _send(self, number: int, call: _Call) -> None:
        """Put a call into the next parcel."""
        if call.task is not None:
            self._parcel.tasks[number] = call.task
            if call.is_waiting:
                self._parcel.waiting.add(number)
        if call.prefix is not None:
            self._parcel.prefixes[number] = call.prefix
        self._is_due.set()

    async def _drive(self) -> None:
        """Keep a slot on the cluster busy, and a new one where it is lost."""
        while True:
            packed = self._home.packed(self._host, self._spent)
            try:
                held = await self._cluster.make(Actor, self._home.opener, packed)
            except TagwatchError as error:  # who asks from now on is told so at once
                self._refuse(error)
                self._driver = None
                return
            try:
                await self._serve(held)
            except BaseException as error:  # a lost future's is one, too
                if not survives(error):
                    await held.end()
                    raise
                await held.let_go()
                self._lose(error)
            await self._is_due.wait()

    @property
    def _spent(self) -> int:
        """The pulls of the budget that are gone, as far as lost slots have told."""
        return self.requests.get(self._host, {}).get("manifest", 0)

    async def _serve(self, held: Held) -> None:
        """Send and take in, until the slot is lost."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._put(held))
            group.create_task(self._take(held))

    async def _put(self, held: Held) -> None:
        while True:
            await self._is_due.wait()
            self._is_due.clear()
            parcel, self._parcel = self._parcel, Parcel()
            await held.call("put", encode(parcel))

    async def _take(self, held: Held) -> None:
        while True:
            await self._take_in(decode_harvest(await held.call("take")))

    async def _take_in(self, harvest: Harvest) -> None:
        """Hand the answers to who asked, and tell the slot what it wants to know."""
        self._now = harvest.requests
        for number, (message, hint) in harvest.errors.items():
            self._answer(number, ConfigError(f"on a worker: {message}", hint=hint))
        for number, found in (*harvest.snapshots.items(), *harvest.below.items()):
            self._answer(number, found)
        try:
            for digest in harvest.asked:
                self._parcel.documents[digest] = await self._recall(digest)
                self._is_due.set()
        except TagwatchError as error:  # the run's own: its ledger
            self._refuse(error)
        if self._alone not in self._calls:
            self._send_apart()

    def _answer(self, number: int, found: object) -> None:
        call = self._calls.get(number)
        if call is None or call.answer.done():
            return
        if isinstance(found, Exception):
            call.answer.set_exception(found)
        else:
            call.answer.set_result(found)

    def _refuse(self, error: TagwatchError) -> None:
        for number in self._calls:
            self._answer(number, error)

    def _lose(self, error: BaseException) -> None:
        """Put all that was under way into the first parcel of the next slot.

        What was under way time and again may be what kills them, and would take the others along.
        """
        for host, kinds in self._now.items():
            self._before.setdefault(host, Counter()).update(kinds)
        self._now, self._alone = {}, 0
        self._parcel = Parcel(expected=self._expected)
        for number, call in self._calls.items():
            if number in self._apart or call.answer.done():
                continue
            call.losses += 1
            if call.losses == _MOST_LOSSES:
                self._answer(number, _worker_error(error))
            elif call.losses >= _APART_FROM:
                self._apart.append(number)
            else:
                self._send(number, call)
        self._send_apart()

    def _send_apart(self) -> None:
        """Send the next of those that go alone."""
        while self._apart:
            number = self._apart.popleft()
            call = self._calls.get(number)
            if call is not None and not call.answer.done():
                self._alone = number
                self._send(number, call)
                return


def _of_a_worker(failure: Failure) -> Failure:
    """Return a failure with a hint that says whose login it is about."""
    if failure.code != DeniedError.code:
        return failure
    return replace(failure, hint=f"{failure.hint}; that is the login of the cluster's workers")


def _worker_error(error: BaseException) -> WorkerError:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return WorkerError(
        f"the workers of the cluster that read it were lost: {type(error).__name__}: {error}"[:300],
        hint="their logs say why: perhaps their memory is too small for this repository",
    )
