"""How many requests a registry is sent at once, and when: as many as it bears.

One that answers "too many" (429, Amazon's throttling) is asked one request at a time from then on,
after the pause it wants, else after one that doubles; every eight answers let twice as many at once
go again, up to what is configured. So a registry that allows one request a second is read slowly,
and not given up.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager

from tagwatch.errors import BudgetError, PullLimitError, RegistryError
from tagwatch.image.snapshot import Quota
from tagwatch.registry.request.failure import spent_pulls
from tagwatch.registry.request.limit import quota_of

__all__ = [
    "Meter",
    "Pace",
]

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


_RESERVE = 20  # one in so many pulls of a limit is left to the people behind the same address


class Meter:
    """Counts the requests of one registry by kind and keeps its last word about the quota.

    `budget`: how many pulls the run may spend; None: as many as the quota allows. `counted`: the
    registry counts pulls, whether or not it has said so in this run. `at_once`: how many images
    are read side by side where pulls may be short.
    """

    def __init__(
        self, *, budget: int | None = None, counted: bool = False, at_once: int = 8
    ) -> None:
        self.requests: Counter[str] = Counter()
        self.quota: Quota | None = None
        self._budget = budget
        self._counted = counted
        self._at_once = at_once
        self._pulls = 0
        self._under_way = 0
        self._images = 0
        self._reserved = 0
        self._has_answered = False
        self._is_spent = False
        self._door = asyncio.Lock()
        self._image_ended = asyncio.Event()

    @property
    def is_unlimited(self) -> bool:
        """True as long as nothing and nobody speaks of a limit of pulls."""
        return self._budget is None and self.quota is None and not self._counted

    @asynccontextmanager
    async def room_for_image(self, pulls: int, host: str) -> AsyncIterator[None]:
        """Room to read one image whole, of at most `pulls` manifests; waits for those before it.

        Otherwise a short budget goes on the indexes of many images whose manifests nobody can pay
        for, and on the same ones in the next run. Raises `RegistryError` where there is no room.
        """
        if self.is_unlimited:
            yield
            return
        async with self._door:
            while self._images and not self._has_room(pulls):
                self._image_ended.clear()
                await self._image_ended.wait()
            if not self._has_room(pulls):
                raise self._refusal(host, pulls)
            self._images += 1
            self._reserved += pulls
        try:
            yield
        finally:
            self._images -= 1
            self._reserved -= pulls
            self._image_ended.set()

    @contextmanager
    def pull(self, host: str) -> Iterator[None]:
        """Spend one pull. Raises `BudgetError` or `PullLimitError` where none may be spent."""
        if self._is_spent or self._left < 1:
            raise self._refusal(host, 1)
        self._pulls += 1
        self._under_way += 1
        try:
            yield
        except PullLimitError:
            self._is_spent = self._counted
            raise
        finally:
            self._under_way -= 1
            self._has_answered = True

    def note(self, headers: Mapping[str, str]) -> None:
        """Keep the quota that an answer tells."""
        if "ratelimit-limit" in headers:
            self.quota = quota_of(headers) or self.quota

    @property
    def _left(self) -> float:
        """Pulls that may be spent; what the last answer told does not count those under way."""
        left = math.inf if self._budget is None else self._budget - self._pulls
        if self.quota is not None:
            kept = -(-self.quota.limit // _RESERVE)
            left = min(left, self.quota.remaining - self._under_way - kept)
        return left

    def _has_room(self, pulls: int) -> bool:
        if self._is_spent:
            return False
        if self._left == math.inf and not self._has_answered:
            return not self._images  # the first answer tells whether there is a limit
        return self._images < self._at_once and self._left - self._reserved >= pulls

    def _refusal(self, host: str, pulls: int) -> RegistryError:
        """Why `pulls` more may not be spent."""
        if self._is_spent:
            return spent_pulls(host, "429")
        budget = self._budget
        if budget is not None and budget - self._pulls < pulls:
            left = budget - self._pulls
            few = f"{left} left of the budget of {budget} manifest requests a run: too few for an"
            spent = f"the budget of {budget} manifest requests a run is spent"
            goes_on = "the next run goes on" if budget >= pulls else f"this image takes {pulls}"
            return BudgetError(
                f"{host}: {f'{few} image of {pulls}' if left else spent}",
                hint=f"raise the budget of this registry, or look at fewer tags; {goes_on}",
            )
        assert self.quota is not None
        return BudgetError(
            f"{host}: {self.quota.remaining} of {self.quota.limit} pulls are left, and kept",
            hint="log in for a higher limit, or let the window pass; the next run goes on",
        )
