"""A running `tagwatch serve`, and what can be asked of it."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from tests.walk.command import Workplace
from tests.walk.misbehaving import Misbehaving

__all__ = ["NEVER", "SOON", "TOKEN", "Daemon", "asked", "metric", "scans", "serving"]

NEVER = 'schedule: {cron: "0 0 1 1 *"}\n'
TOKEN = "planted-webhook-token"
SOON = 12.0
"""Stopping takes a second at most; a machine may be slow. A child that has to be killed takes more:
see `GRACE_SECONDS`."""


class Daemon:
    """A running `tagwatch serve`; `said` grows with what it writes on standard error."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said = ""
        self.url = ""

    async def until(self, pattern: str) -> str:
        """Wait for a line; returns the group in it."""
        assert self.process.stderr is not None
        while not (found := re.search(pattern, self.said)):
            line = await asyncio.wait_for(self.process.stderr.readline(), 30)
            assert line, f"it ended: {self.said}"
            self.said += line.decode()
        return found[1] if found.re.groups else found[0]

    async def see(self, pattern: str) -> str:
        """Wait for a line that has not been there before."""
        self.said = ""
        return await self.until(pattern)

    async def health(self, session: aiohttp.ClientSession) -> tuple[int, Any]:
        """Ask `/health`."""
        async with session.get(f"{self.url}/health") as answer:
            return answer.status, await answer.json()

    async def ask(self, session: aiohttp.ClientSession, path: str = f"/webhook/{TOKEN}") -> None:
        """Ask for a scan of everything."""
        async with session.post(f"{self.url}{path}") as answer:
            assert answer.status == 202

    async def stop(self) -> float:
        """Send SIGTERM and wait; the seconds it took."""
        clock = asyncio.get_running_loop().time
        begun = clock()
        self.process.send_signal(signal.SIGTERM)
        _, err = await asyncio.wait_for(self.process.communicate(), 30)
        self.said += err.decode()
        return clock() - begun


@asynccontextmanager
async def serving(place: Workplace, *arguments: str) -> AsyncIterator[Daemon]:
    daemon = Daemon(await place.start("serve", "--listen", "127.0.0.1:0", *arguments))
    try:
        daemon.url = await daemon.until(r"listening on (http://\S+)/")
        yield daemon
    finally:
        if daemon.process.returncode is None:
            daemon.process.kill()
            await daemon.process.communicate()


async def metric(session: aiohttp.ClientSession, daemon: Daemon, name: str) -> float | None:
    async with session.get(f"{daemon.url}/metrics") as answer:
        assert answer.content_type == "text/plain"
        found = re.search(rf"^{re.escape(name)} (\S+)$", await answer.text(), re.MULTILINE)
    return float(found[1]) if found else None


async def scans(session: aiohttp.ClientSession, daemon: Daemon, count: int) -> None:
    """Wait until so many scans have finished."""
    for _ in range(400):
        if await metric(session, daemon, 'tagwatch_scans_total{outcome="finished"}') == count:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"no {count} scans: {daemon.said}")


async def asked(server: Misbehaving, *names: str) -> None:
    """Wait until each registry has been asked for more than a ping."""
    for _ in range(600):
        if all(server.asked[name] >= 2 for name in names):
            return
        await asyncio.sleep(0.05)
    raise AssertionError(server.asked)
