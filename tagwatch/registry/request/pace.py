"""How many requests a registry is sent at once, and when: as many as it bears.

One that answers "too many" (429, Amazon's throttling) is asked one request at a time from then on,
after the pause it wants, else after one that doubles; every eight answers let twice as many at once
go again, up to what is configured. So a registry that allows one request a second is read slowly,
and not given up.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque

__all__ = ["Pace"]

_FIRST_PAUSE_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 16.0
_ANSWERS_TO_WIDEN = 8


class Pace:
    """Turns of one host's requests, first come, first served. `most`: at once, where it bears them.

    `refusals`: how often in a row it said that they were too many; what was under way together
    counts once.
    """

    def __init__(self, most: int) -> None:
        self.refusals = 0
        self._most = most
        self._at_once = most
        self._under_way = 0
        self._answers = 0
        self._pause = 0.0
        self._opens_at = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    async def enter(self, *, again: bool = False) -> None:
        """Wait for a turn; each is ended by `leave`. `again`: a refused request, which is next."""
        if not self._waiting and self._is_open():
            self._under_way += 1
            return
        turn = asyncio.get_running_loop().create_future()
        if again:
            self._waiting.appendleft(turn)
        else:
            self._waiting.append(turn)
        self._wake()
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # the turn was given, and is not taken
                self.leave()
            raise

    def leave(self) -> None:
        """A turn has ended."""
        self._under_way -= 1
        if self._waiting:
            self._wake()

    def answered(self) -> None:
        """Take note of an answer."""
        self.refusals = 0
        if self._at_once == self._most:
            return
        self._answers += 1
        self._pause *= 0.75
        if self._answers >= _ANSWERS_TO_WIDEN:
            self._answers, self._at_once = 0, min(2 * self._at_once, self._most)

    def refused(self, seconds: float | None) -> float:
        """Take note of a refusal; the pause until the next request, `seconds` where it is told."""
        now = asyncio.get_running_loop().time()
        if now >= self._opens_at:
            self.refusals += 1
            self._pause = min(max(2 * self._pause, _FIRST_PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS)
            wanted = self._pause * random.uniform(0.75, 1.25)  # noqa: S311  # jitter is no secret
            self._opens_at = now + (wanted if seconds is None else seconds)
        elif seconds is not None:
            self._opens_at = max(self._opens_at, now + seconds)
        self._at_once, self._answers = 1, 0
        return self._opens_at - now

    def open(self) -> None:
        """Wait no longer: who waits for a turn gets it, and sees for itself."""
        self._opens_at, self._at_once = 0.0, self._most
        self._wake()

    def _is_open(self) -> bool:
        if self._under_way >= self._at_once:
            return False
        # The clock is asked only after a refusal: most hosts never refuse.
        return not self._opens_at or asyncio.get_running_loop().time() >= self._opens_at

    def _wake(self) -> None:
        while self._waiting and self._is_open():
            turn = self._waiting.popleft()
            if not turn.done():
                self._under_way += 1
                turn.set_result(None)
        loop = asyncio.get_running_loop()
        if self._waiting and self._timer is None and self._opens_at > loop.time():
            self._timer = loop.call_at(self._opens_at, self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        self._wake()
