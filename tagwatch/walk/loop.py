"""The way from a synchronous call to asynchronous code, also inside a running event loop."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

__all__ = ["run"]


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
            # Not done: the exception came from outside. The `with` waits for the thread, so the
            # coroutine must end soon; it can be cancelled only once it has begun.
            if not done.done():
                loop, task = begun.result()
                with suppress(RuntimeError):  # its loop has closed meanwhile
                    loop.call_soon_threadsafe(task.cancel)
            raise
