"""The way from a synchronous call to asynchronous code, also inside a running event loop."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

__all__ = ["give_way", "run", "together"]

_BEGINS_SECONDS = 5.0
_HOPS = 4
"""Turns of the loop until an answer that has come has made room for the next request."""


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
