"""Batches: what arrives at about the same time is stored in one transaction.

A wait for the disk costs as much as a dozen requests, and what is stored together shares it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from tagwatch.image.snapshot import RepositorySnapshot

__all__ = ["Batch"]

_PAUSE_SECONDS = 0.02
_MOST = 32
"""Half of what an engine has under way: the other half goes on asking meanwhile."""


class Batch:
    """Snapshots on their way to the disk. `write` stores some for good, or raises."""

    def __init__(self, write: Callable[[Sequence[RepositorySnapshot]], None]) -> None:
        self._write = write
        self._waiting: list[tuple[RepositorySnapshot, asyncio.Future[None]]] = []
        self._timer: asyncio.TimerHandle | None = None

    async def add(self, snapshot: RepositorySnapshot) -> None:
        """Returns when the snapshot is stored. What `write` raises is raised here."""
        loop = asyncio.get_running_loop()
        stored = loop.create_future()
        self._waiting.append((snapshot, stored))
        if len(self._waiting) >= _MOST:
            self._settle()
        elif self._timer is None:
            self._timer = loop.call_later(_PAUSE_SECONDS, self._settle)
        await stored

    def store(self) -> None:
        """Store what still waits, although nobody waits for it any more. Raises as `write`."""
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
            if stored.done():
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
