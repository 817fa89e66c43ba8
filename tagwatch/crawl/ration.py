"""What the tasks of one registry share where its pulls are counted: an order, and what was pulled.

What is read under a budget follows from the plan: the images of a task are given room when all
tasks that were called before it have what they want. What one of them pulls is not pulled again for
another. So it does not matter which answer is the first to come.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from tagwatch.image.digest import Digest
from tagwatch.image.snapshot import Document

__all__ = ["Before", "Ration", "Ticket"]

Before = Callable[[], Awaitable[object]]

_MOST_BYTES = 32 * 1024 * 1024
"""So much of what was pulled is kept for others: some ten thousand manifests and configs."""


class Ration:
    """The pulls of one registry in one run."""

    def __init__(self) -> None:
        self._first: deque[Ticket] = deque()
        self._last: deque[Ticket] = deque()
        self._under_way: dict[Digest, asyncio.Future[None]] = {}
        self._kept: dict[Digest, Document] = {}
        self._bytes_left = _MOST_BYTES

    @contextmanager
    def ticket(self, before: Before | None = None) -> Iterator[Ticket]:
        """Yield the ticket of the next task; those with a `before` have a queue of their own."""
        ticket = Ticket(self, self._first if before is None else self._last, before)
        try:
            yield ticket
        finally:
            ticket.pass_on()

    async def share(self, digest: Digest, ask: Callable[[], Awaitable[Document]]) -> Document:
        """Return what `ask` returns, or returned before for the same digest."""
        while digest in self._under_way:  # of several only one asks, and the next where it fails
            await asyncio.wait([self._under_way[digest]])
        if digest in self._kept:
            return self._kept[digest]
        ended = self._under_way[digest] = asyncio.get_running_loop().create_future()
        try:
            document = await ask()
        finally:
            del self._under_way[digest]
            ended.set_result(None)
        if len(document.raw) <= self._bytes_left:
            self._bytes_left -= len(document.raw)
            self._kept[digest] = document
        return document


class Ticket:
    """The place of a task among those that want pulls of the same registry."""

    def __init__(self, ration: Ration, queue: deque[Ticket], before: Before | None) -> None:
        self.ration = ration
        self._queue, self._before = queue, before
        self.has_passed = False
        self.is_first = asyncio.Event()
        queue.append(self)
        self._call_first()

    async def turn(self) -> None:
        """Wait until all tasks before it have passed on."""
        if self._before is not None:
            await self._before()
        await self.is_first.wait()

    def pass_on(self) -> None:
        """Let the next task have its turn: this one has what it wants, or ends."""
        self.has_passed = True
        self.is_first.set()  # what it wants later waits for nobody
        self._call_first()

    def _call_first(self) -> None:
        while self._queue and self._queue[0].has_passed:
            self._queue.popleft()
        if self._queue:
            self._queue[0].is_first.set()
