"""A slot on a worker of a Dask cluster: an actor, which the worker runs on its event loop.

Nobody tells a worker that its client died; it lets go of the actor, soon after. What reads
registries holds no reference to the actor, and calls are short: so nothing but the worker keeps
the actor, and with it all that is under way ends. What the scheduler does not notice either, a
network that is cut, ends when no call came for long.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

from tagwatch.crawl.engine.interface import Below, Opener, Slot
from tagwatch.crawl.engine.message import Harvest, Parcel, decode_parcel, encode
from tagwatch.crawl.image_reader import Before
from tagwatch.crawl.task import CrawlTask
from tagwatch.errors import TagwatchError
from tagwatch.image.digest import Digest
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Document, RepositorySnapshot

__all__ = ["Actor"]

_HOLD_SECONDS = 1.0
"""How long `take` waits for something to take: so long an actor outlives its client."""
_LAPSE_SECONDS = 300.0
"""After so long without a call nobody is there who wants an answer."""


class Actor:
    """A slot for a client elsewhere: it takes parcels and gives harvests, both as bytes."""

    def __init__(self, opener: Opener, packed: bytes) -> None:
        self._opener, self._packed = opener, packed
        self._desk: _Desk | None = None

    async def put(self, raw: bytes) -> None:
        """Take a parcel."""
        await self._opened().put(decode_parcel(raw))

    async def take(self) -> bytes:
        """Return what has come together, as soon as there is something or after a second."""
        return await self._opened().take()

    async def end(self) -> None:
        """End all that is under way, and close the connections."""
        if self._desk is not None:
            await self._desk.end()

    def __del__(self) -> None:
        """End it where the worker let go of the actor."""
        if self._desk is not None:
            self._desk.end_soon()

    def _opened(self) -> _Desk:
        if self._desk is None:  # not in the constructor, which runs in a thread without a loop
            self._desk = _Desk(self._opener, self._packed)
        return self._desk


class _Desk:
    """What does an actor's work: calls that are under way, and what they ask and answer."""

    def __init__(self, opener: Opener, packed: bytes) -> None:
        self._opener, self._packed = opener, packed
        self._loop = asyncio.get_running_loop()
        self._stack = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._slot: Slot | None = None
        self._calls: dict[int, asyncio.Task[None]] = {}
        self._gates: dict[int, asyncio.Event] = {}
        self._asking: dict[Digest, asyncio.Future[Document | None]] = {}
        self._expected: tuple[Repository, ...] = ()
        self._harvest = Harvest()
        self._is_ripe = asyncio.Event()
        self._lapse = self._loop.call_later(_LAPSE_SECONDS, self._end_here)
        self._ending: asyncio.Task[None] | None = None

    async def put(self, parcel: Parcel) -> None:
        """Begin, release and drop calls, and hand on what is stored."""
        self._prolong()
        if parcel.expected:
            self._expected = parcel.expected
            if self._slot is not None:
                self._slot.expect(parcel.expected)
        for number, task in parcel.tasks.items():
            gate = self._gates.setdefault(number, asyncio.Event())
            before = gate.wait if number in parcel.waiting else None
            crawl = partial(_crawl, task, before)
            self._begin(number, crawl, lambda: self._harvest.snapshots)
        for number, prefix in parcel.prefixes.items():
            self._begin(number, partial(_below, *prefix), lambda: self._harvest.below)
        for number in parcel.released & self._gates.keys():
            self._gates[number].set()
        for digest, document in parcel.documents.items():
            asked = self._asking.pop(digest, None)
            if asked is not None:
                asked.set_result(document)
        for number in parcel.dropped & self._calls.keys():
            self._calls[number].cancel()

    async def take(self) -> bytes:
        """See `Actor.take`."""
        self._prolong()
        if not self._harvest:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_HOLD_SECONDS):
                    await self._is_ripe.wait()
        found, self._harvest = self._harvest, Harvest()
        self._is_ripe.clear()
        if self._slot is not None:
            found.requests = self._slot.requests
        return encode(found)

    async def end(self) -> None:
        """See `Actor.end`."""
        self._lapse.cancel()
        calls = list(self._calls.values())
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await self._stack.aclose()

    def end_soon(self) -> None:
        """End it, from any thread."""
        with contextlib.suppress(RuntimeError):  # the worker's loop is closed: it has ended
            self._loop.call_soon_threadsafe(self._end_here)

    def _end_here(self) -> None:
        self._ending = self._ending or self._loop.create_task(self.end())

    def _prolong(self) -> None:
        self._lapse.cancel()
        self._lapse = self._loop.call_later(_LAPSE_SECONDS, self._end_here)

    async def _opened(self) -> Slot:
        async with self._opening:
            if self._slot is None:
                opened = self._opener(self._packed, self._recall)
                self._slot = await self._stack.enter_async_context(opened)
                self._slot.expect(self._expected)
            return self._slot

    def _begin(
        self,
        number: int,
        ask: Callable[[Slot], Awaitable[Any]],
        kept: Callable[[], dict[int, Any]],
    ) -> None:
        """Begin a call, whose answer goes to what `kept` returns then."""

        async def answer() -> None:
            try:
                found = await ask(await self._opened())
                kept()[number] = found
            except TagwatchError as error:
                self._harvest.errors[number] = (error.message, error.hint)
            except Exception as error:  # noqa: BLE001  # a worker's top
                told = f"{type(error).__name__}: {error}"[:200]
                self._harvest.errors[number] = (told, "this is a bug: please report it")
            self._is_ripe.set()

        def forget(_: asyncio.Task[None]) -> None:
            del self._calls[number]
            self._gates.pop(number, None)

        task = self._calls[number] = self._loop.create_task(answer())
        task.add_done_callback(forget)

    async def _recall(self, digest: Digest) -> Document | None:
        """Ask the run what is stored of a digest; those who ask at once share the answer."""
        if digest not in self._asking:
            self._asking[digest] = self._loop.create_future()
            self._harvest.asked.append(digest)
            self._is_ripe.set()
        return await asyncio.shield(self._asking[digest])


async def _crawl(task: CrawlTask, before: Before | None, slot: Slot) -> RepositorySnapshot:
    return await slot.crawl(task, before)


async def _below(prefix: Repository, path: str, slot: Slot) -> Below:
    return await slot.below(prefix, path)
