"""Asynchronous work that also waits for disks and locks: in a thread with a loop of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")

__all__ = ["run_aside"]


async def run_aside(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run `work()` in another thread, and return its result.

    Where this is cancelled, so is the work; the thread itself is not waited for: it holds up
    neither the loop nor the end of the process.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()
    begun: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[T]]] = []

    async def main() -> T:
        task = asyncio.ensure_future(work())
        begun.append((asyncio.get_running_loop(), task))
        return await task

    def settle(result: T | None, error: BaseException | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(result)  # type: ignore[arg-type]  # it is what `work` gave
        else:
            done.set_exception(error)

    def thread() -> None:
        result, error = None, None
        try:
            result = asyncio.run(main())
        except asyncio.CancelledError:
            return
        except BaseException as caught:  # noqa: BLE001  # handed to whoever waits
            error = caught
        with suppress(RuntimeError):  # the service's loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=thread, name="tagwatch-aside", daemon=True).start()
    try:
        return await done
    except asyncio.CancelledError:
        for inner, task in begun:
            with suppress(RuntimeError):
                inner.call_soon_threadsafe(task.cancel)
        raise
