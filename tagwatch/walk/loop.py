"""Running asynchronous code from a synchronous call, also where an event loop runs already."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

__all__ = ["run"]


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run `coroutine` to its end and give what it returns.

    Where this thread runs an event loop (a notebook always does), that loop cannot run a second
    one: a thread of its own does, and this one waits. What interrupts the wait cancels the work.
    """
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    from concurrent.futures import Future, ThreadPoolExecutor
    from contextlib import suppress

    begun: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[T]]] = Future()

    async def work() -> T:
        task = asyncio.ensure_future(coroutine)
        begun.set_result((asyncio.get_running_loop(), task))
        return await task

    with ThreadPoolExecutor(1, "tagwatch") as threads:
        done = threads.submit(asyncio.run, work())
        try:
            return done.result()
        except BaseException:
            if not done.done():
                loop, task = begun.result()
                with suppress(RuntimeError):  # it has closed meanwhile
                    loop.call_soon_threadsafe(task.cancel)
            raise
