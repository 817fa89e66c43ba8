"""`run`: asynchronous work from a synchronous call, whatever this thread does already."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
import threading

import pytest

from tagwatch.walk.loop import give_way, run


async def answer() -> tuple[str, int]:
    await asyncio.sleep(0)
    return threading.current_thread().name, 42


async def failure() -> None:
    await asyncio.sleep(0)
    raise ValueError("why")


def test_it_runs_here_where_no_loop_runs() -> None:
    assert run(answer()) == (threading.current_thread().name, 42)
    with pytest.raises(ValueError, match="why"):
        run(failure())


async def test_it_runs_beside_a_loop_that_runs() -> None:
    name, value = run(answer())
    assert (name == threading.current_thread().name, value) == (False, 42)
    with pytest.raises(ValueError, match="why"):
        run(failure())
    assert not [one for one in threading.enumerate() if one.name.startswith("tagwatch")]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no timer that signals")
@pytest.mark.parametrize("again", range(20))
def test_an_interruption_cancels_the_work(again: int) -> None:
    """Ctrl-C in a notebook, while registries are asked; or before their thread is well begun.

    The first time all is imported on the way; later the signal comes while the thread is started.
    """
    begun, cancelled = threading.Event(), threading.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            cancelled.set()

    def interrupt(number: int, _frame: object) -> None:
        assert begun.is_set()
        raise KeyboardInterrupt(number)

    async def notebook() -> None:
        threading.Thread(target=signal_when_begun).start()
        run(work())

    def signal_when_begun() -> None:
        assert begun.wait(30)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            asyncio.run(notebook())
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert cancelled.is_set()


async def test_an_answer_that_has_come_makes_room_before_work_goes_on() -> None:
    """Read by the loop, then by who asked, who leaves; only then the next one asks."""
    loop, done = asyncio.get_running_loop(), []
    came, left = loop.create_future(), loop.create_future()

    async def asked() -> None:
        await came
        left.set_result(None)

    def read() -> None:
        loop.remove_reader(here)
        came.set_result(None)

    async def waits() -> None:
        await left
        done.append("sent")

    here, there = socket.socketpair()
    with here, there:
        loop.add_reader(here, read)
        async with asyncio.TaskGroup() as group:
            group.create_task(asked())
            group.create_task(waits())
            await asyncio.sleep(0)
            there.send(b"answer")
            await give_way()
            done.append("work")
    assert done == ["sent", "work"]
