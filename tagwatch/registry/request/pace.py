"""How many requests a registry is sent at once, and when: as many as it bears.

One that answers "too many" (429, Amazon's throttling) is asked one request at a time from then on,
after the pause it wants, else after one that doubles; every eight answers let twice as many at once
go again, up to what is configured. So a registry that allows one request a second is read slowly,
and not given up. One repository that is refused for ever costs the others a few seconds.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

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
_LONG_SECONDS = 2.0
_ALL_ALIKE = 3  # two that refuse may be asked side by side by chance


class Pace:
    """Turns of one host's requests, first come, first served. `most`: at once, where it bears them.

    `refusals`: how often in a row it said that they were too many; what was under way together
    counts once. A request has a `subject`: its repository, or what else may have a limit of its
    own. Whether a limit is the host's or one subject's, a probe shows: after the second refusal of
    a subject, or the first that wants a long wait, another subject is asked before the pause.
    """

    def __init__(self, most: int) -> None:
        self.refusals = 0
        self._most = most
        self._at_once = most
        self._under_way = 0
        self._answers = 0
        self._pause = 0.0
        self._opens_at = 0.0
        self._waiting: deque[_Turn] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._limited: dict[str, _Limited] = {}
        self._alike: set[str] = set()

    async def enter(self, subject: str = "", *, again: bool = False) -> None:
        """Wait for a turn; each is ended by `leave`. `again`: a refused request, which is next."""
        if not self._waiting and not self._limited and self._is_open():
            self._under_way += 1
            return
        turn = _Turn(subject, asyncio.get_running_loop().create_future())
        if again:
            self._waiting.appendleft(turn)
        else:
            self._waiting.append(turn)
        if self._under_way < self._at_once or self._limited:  # else whoever leaves wakes
            self._wake()
        try:
            await turn.future
        except asyncio.CancelledError:
            if not turn.future.cancelled():  # the turn was given, and is not taken
                self.leave()
            raise

    def leave(self) -> None:
        """A turn has ended."""
        self._under_way -= 1
        if self._waiting or self._limited:
            self._wake()

    def answered(self, subject: str = "") -> None:
        """Take note of an answer."""
        self.refusals = 0
        if self._alike:
            self._alike.clear()
        if self._limited:
            self._release(subject)
            self._quieten()
        if self._at_once == self._most:
            return
        self._answers += 1
        self._pause *= 0.75
        if self._answers >= _ANSWERS_TO_WIDEN:
            self._answers, self._at_once = 0, min(2 * self._at_once, self._most)

    def refused(self, seconds: float | None, subject: str = "") -> float:
        """Take note of a refusal; the pause until the next request, `seconds` where it is told.

        The pause is the host's, or the subject's alone where a probe is worth its request.
        """
        now = asyncio.get_running_loop().time()
        limited = self._limited.setdefault(subject, _Limited())
        if now >= limited.opens_at:  # else it was under way with one that was counted
            limited.refusals += 1
        self._alike.add(subject)
        self._at_once, self._answers = 1, 0
        limited.is_told = seconds is not None and seconds > _LONG_SECONDS
        is_new = now >= self._opens_at
        if is_new:
            self._pause = min(max(2 * self._pause, _FIRST_PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS)
        own = _FIRST_PAUSE_SECONDS * 2 ** (limited.refusals - 1)
        wanted = max(self._pause, min(own, _LONGEST_PAUSE_SECONDS))
        wanted *= random.uniform(0.75, 1.25)  # noqa: S311  # jitter is no secret
        limited.opens_at = now + (wanted if seconds is None else seconds)
        if self._is_worth_a_probe(limited):
            self._wake()
            return limited.opens_at - now
        if is_new:
            self.refusals += 1
            self._opens_at = limited.opens_at
        elif seconds is not None:
            self._opens_at = max(self._opens_at, limited.opens_at)
        for one in self._limited.values():  # the host's limit, and so one pause for all
            one.opens_at = max(self._opens_at, one.opens_at if one.is_told else 0.0)
        return self._opens_at - now

    def refusals_of(self, subject: str) -> int:
        """How often in a row a subject was refused, whatever others were answered."""
        limited = self._limited.get(subject)
        return limited.refusals if limited is not None else 0

    @property
    def is_limited(self) -> bool:
        """True where so many subjects were refused since the last answer that all will be."""
        return len(self._alike) >= _ALL_ALIKE

    def open(self, subject: str = "") -> None:
        """Wait no longer: who waits for a turn gets it, and sees for itself.

        `subject`: the only one that is given up.
        """
        self._opens_at = 0.0
        if not subject:
            self._at_once = self._most
            for one in tuple(self._limited):
                self._release(one)
        else:
            self._release(subject)
        self._wake()

    def _is_worth_a_probe(self, limited: _Limited) -> bool:
        """True where somebody waits who was not refused yet, and few were since the last answer."""
        if self.is_limited or (limited.refusals == 1 and not limited.is_told):
            return False
        return any(turn.subject not in self._limited for turn in self._waiting)

    def _quieten(self) -> None:
        """The probe was answered: hold the host back before the subject is asked again.

        A limit of everybody's shows only when nobody else has spent it just now. Where the subject
        was told for how long to wait, it waits alone.
        """
        trials = [one.opens_at for one in self._limited.values() if not one.is_told]
        if trials:
            self._opens_at = max(self._opens_at, *trials)

    def _release(self, subject: str) -> None:
        """A subject's limit has ended: what was held back for it is next."""
        limited = self._limited.pop(subject, None)
        if limited is not None:
            self._waiting.extendleft(reversed(limited.held))

    def _is_open(self) -> bool:
        if self._under_way >= self._at_once:
            return False
        # The clock is asked only after a refusal: most hosts never refuse.
        return not self._opens_at or asyncio.get_running_loop().time() >= self._opens_at

    def _next(self) -> _Turn | None:
        """The next turn that is not held back for its subject's sake."""
        if self._limited:
            now = asyncio.get_running_loop().time()
            for limited in self._limited.values():
                if limited.held and now >= limited.opens_at:
                    self._waiting.extendleft(reversed(limited.held))
                    limited.held.clear()
        while self._waiting:
            turn = self._waiting.popleft()
            if turn.future.done():
                continue
            if (mine := self._limited.get(turn.subject)) is None or now >= mine.opens_at:
                return turn
            mine.held.append(turn)
        return None

    def _wake(self) -> None:
        while self._is_open() and (turn := self._next()) is not None:
            self._under_way += 1
            turn.future.set_result(None)
        if self._opens_at or self._limited:
            self._set_timer()

    def _set_timer(self) -> None:
        """Wake when the first of those who wait may go."""
        loop = asyncio.get_running_loop()
        times = [one.opens_at for one in self._limited.values() if one.held]
        if self._waiting:
            times.append(0.0)
        if not times or (at := max(self._opens_at, min(times))) <= loop.time():
            return
        if self._timer is not None:
            if self._timer.when() <= at:
                return
            self._timer.cancel()
        self._timer = loop.call_at(at, self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        self._wake()


@dataclass(slots=True)
class _Turn:
    """Somebody who waits."""

    subject: str
    future: asyncio.Future[None]


@dataclass(slots=True)
class _Limited:
    """A subject that was refused: how often in a row, until when, and who waits for it.

    `is_told`: it was told to wait for long.
    """

    refusals: int = 0
    opens_at: float = 0.0
    is_told: bool = False
    held: list[_Turn] = field(default_factory=list)


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

    @property
    def may_refuse(self) -> bool:
        """True where pulls are limited, or where an answer has yet to tell whether they are."""
        return not self.is_unlimited and (self._left < math.inf or not self._has_answered)

    def has_ample_room(self, pulls: float) -> bool | None:
        """Return True where so many pulls are left beside those that images have room for.

        None where an answer has yet to tell whether they are limited.
        """
        if self._left == math.inf and not self._has_answered:
            return None
        return not self._is_spent and self._left - self._reserved >= pulls

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
