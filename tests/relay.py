"""A way to a registry that keeps requests back: until they are let go, or in an order of its own.

What is sent goes on unchanged; only when is the relay's choice. So any double can be behind it, and
no test has to wait for a length of time.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

__all__ = ["Relay", "relayed"]


@dataclass(slots=True, kw_only=True)
class Relay:
    """The requests that are kept back, each as its first line and what lets it go.

    `keeps`: which of them are kept until `let_go`; None: each until it is drawn, with `seed`.
    """

    keeps: Callable[[str], bool] | None = None
    seed: int = 0
    port: int = 0
    """Where it is to be reached; 0: wherever there is room."""
    seen: list[str] = field(default_factory=list)
    """The first lines of all requests, as they came."""
    kept: list[tuple[str, asyncio.Event]] = field(default_factory=list)
    is_open: bool = False

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    async def pass_on(self, line: str) -> None:
        """Wait until a request may go on."""
        self.seen.append(line)
        if self.keeps is not None and (self.is_open or not self.keeps(line)):
            return
        event = asyncio.Event()
        self.kept.append((line, event))
        await event.wait()

    def let_go(self) -> None:
        """Keep nothing back any more."""
        self.is_open = True
        for _, event in self.kept:
            event.set()
        self.kept.clear()

    async def draw(self) -> None:
        """Let one request after the other go, in an order that the seed gives."""
        chance = random.Random(self.seed)
        while True:
            await asyncio.sleep(0.002)  # what comes meanwhile may be drawn before what waits
            if self.kept:
                _, event = self.kept.pop(chance.randrange(len(self.kept)))
                event.set()


@asynccontextmanager
async def relayed(upstream: str, relay: Relay) -> AsyncIterator[Relay]:
    """Serve a relay to the registry at `upstream`."""
    behind = urlsplit(upstream)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        there, away = await asyncio.open_connection(behind.hostname, behind.port)
        back = asyncio.create_task(_copy(there, writer))
        try:
            with suppress(
                asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError
            ):  # a cancelled callback of a server would be logged
                while True:  # no request of a crawl has a body
                    head = await reader.readuntil(b"\r\n\r\n")
                    await relay.pass_on(head.split(b"\r\n", 1)[0].decode())
                    away.write(head)
                    await away.drain()
        finally:
            back.cancel()
            away.close()
            writer.close()
            tasks.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", relay.port)
    relay.port = server.sockets[0].getsockname()[1]
    drawing = asyncio.create_task(relay.draw()) if relay.keeps is None else None
    try:
        yield relay
    finally:
        if drawing is not None:
            drawing.cancel()
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tuple(tasks), return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()
