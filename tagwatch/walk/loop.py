"""The event loop of a run: entered from anywhere, with work done at once, in the time there is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from tagwatch.errors import OutOfTimeError
from tagwatch.value import dataclass, field

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")

__all__ = ["MORE_TIME", "Patience", "give_way", "run", "together", "within"]

MORE_TIME = "give it more time (a check: --max-time); what was read is remembered for the next run"
"""What to do where the time was over."""
_LAST_SECONDS = 2.0
"""How long what is under way may still take after `Patience.stop` is set."""
_LEAST_AFTER = 5.0

_BEGINS_SECONDS = 5.0
_HOPS = 4
"""Turns of the loop until an answer that has come has made room for the next request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """The limits of a run's asking: a time after which it ends at once, or an event to stop it."""

    max_seconds: float | None = None
    """Seconds after `begun_at` at which everything under way is cancelled; None: no limit."""
    stop: asyncio.Event | None = None
    """Once it is set, nothing new is begun, and what is under way has `_LAST_SECONDS` to finish."""
    begun_at: float = field(default_factory=monotonic)
    """A reading of the monotonic clock."""

    @property
    def seconds_left(self) -> float | None:
        """The seconds that asking may still take; None: no limit."""
        if self.max_seconds is None:
            return None
        return max(self.max_seconds - (monotonic() - self.begun_at), 0.0)

    def check(self) -> None:
        """Raise `OutOfTimeError` where asking may take no longer."""
        if self.seconds_left == 0:
            raise OutOfTimeError("the time for asking is over", hint=MORE_TIME)

    def check_after(self) -> None:
        """Raise `OutOfTimeError` where what was read may be judged no longer.

        What is known by the end of asking is worth some seconds more; a stranger's list of tags
        may want minutes.
        """
        if self.max_seconds is None:
            return
        after = max(_LEAST_AFTER, self.max_seconds / 2)
        if monotonic() - self.begun_at > self.max_seconds + after:
            raise OutOfTimeError("the run's time is over", hint=MORE_TIME)


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run `coroutine` to its end and return its result.

    A thread that runs an event loop already (a notebook's always does) cannot run a second one.
    Then another thread runs the coroutine, and this one waits. An interrupt of the wait (Ctrl-C)
    cancels the coroutine.
    """
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    return _run_beside(coroutine)


async def together(*work: Coroutine[Any, Any, None]) -> None:
    """Do all of this at once. The first that fails ends the others, and its error is raised."""
    import asyncio

    try:
        async with asyncio.TaskGroup() as group:
            for one in work:
                group.create_task(one)
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from failed


@asynccontextmanager
async def within(patience: Patience) -> AsyncIterator[None]:
    """Raise `TimeoutError` where patience runs out before the block ends, or before it begins."""
    import asyncio

    seconds = patience.seconds_left
    if seconds == 0:
        raise TimeoutError
    async with asyncio.timeout(seconds) as deadline:
        hurry = asyncio.ensure_future(_hurry(deadline, patience.stop)) if patience.stop else None
        try:
            yield
        finally:
            if hurry is not None:
                hurry.cancel()


async def _hurry(deadline: asyncio.Timeout, stop: asyncio.Event) -> None:
    import asyncio

    await stop.wait()
    ends_at = asyncio.get_running_loop().time() + _LAST_SECONDS
    deadline.reschedule(min(ends_at, deadline.when() or ends_at))


async def give_way() -> None:
    """Let every answer that has come be read, and the request that waits for its place be sent.

    After one turn of the loop it would wait again for all that the caller does until the next:
    for a longer time than it took to come.
    """
    import asyncio

    for _ in range(_HOPS):
        await asyncio.sleep(0)


def _run_beside(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run it in another thread.

    An interrupt may come at any time, also while the thread is started and nobody can say whether
    it will run: so the interrupt is noted first, and the coroutine is cancelled by whoever sees
    that both have happened.
    """
    import asyncio
    from concurrent.futures import Future
    from contextlib import suppress
    from threading import Event, Thread

    begun: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[T]]] = Future()
    ended: Future[T] = Future()
    interrupted = Event()

    def cancel(task: asyncio.Task[T]) -> None:
        if not task.cancelling():  # a second time would break off what tidies up
            task.cancel()

    async def work() -> T:
        task = asyncio.ensure_future(coroutine)
        begun.set_result((asyncio.get_running_loop(), task))
        if interrupted.is_set():
            cancel(task)
        return await task

    def whole() -> None:
        try:
            ended.set_result(asyncio.run(work()))
        except BaseException as error:  # noqa: BLE001  # it is raised where it is waited for
            ended.set_exception(error)

    thread = Thread(target=whole, name="tagwatch")
    try:
        thread.start()
        result = ended.result()
    except BaseException:
        interrupted.set()
        with suppress(TimeoutError):  # it was not even started
            loop, task = begun.result(_BEGINS_SECONDS)
            with suppress(RuntimeError):  # its loop has closed: the exception is its own
                loop.call_soon_threadsafe(cancel, task)
            thread.join()
        raise
    thread.join()
    return result
