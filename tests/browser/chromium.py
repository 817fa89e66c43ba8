"""A headless Chromium through its DevTools protocol: one process a session, one tab a page."""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.registry.parts import require

__all__ = ["Tab", "chromium", "opened"]

_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-extensions", "--disable-dev-shm-usage", "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--remote-debugging-port=0", "--remote-allow-origins=*",
)  # fmt: skip
_START_SECONDS = 40


@contextmanager
def chromium(directory: Path) -> Iterator[str]:
    """Run a browser with its profile in `directory`; gives the address of its protocol."""
    command = [require("chromium"), *_FLAGS, f"--user-data-dir={directory}", "about:blank"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield _address(directory / "DevToolsActivePort", process)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _address(port_file: Path, process: subprocess.Popen[bytes]) -> str:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        assert process.poll() is None, f"chromium ended with {process.returncode}"
        lines = port_file.read_text(encoding="utf-8").split() if port_file.exists() else []
        if len(lines) == 2:
            return f"http://127.0.0.1:{lines[0]}"
        time.sleep(0.05)
    raise AssertionError(f"chromium did not start within {_START_SECONDS} s")


class Tab:
    """One page. `events` holds everything the browser told of it, in order."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self.events: list[dict[str, Any]] = []

    async def send(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method of the protocol and wait for its result."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": params})
        while True:
            message = await self._receive()
            if message.get("id") == number:
                assert "error" not in message, message
                return dict(message["result"])

    async def wait_for(self, event: str) -> None:
        """Wait until the browser has told `event`."""
        while event not in self.told():
            await self._receive()

    def told(self) -> list[str]:
        """The names of all events so far."""
        return [event["method"] for event in self.events]

    async def evaluate(self, expression: str) -> Any:
        """The JSON value of a JavaScript expression in the page."""
        answer = await self.send(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def _receive(self) -> dict[str, Any]:
        async with asyncio.timeout(30):
            message = dict(json.loads((await self._socket.receive()).data))
        if "method" in message:
            self.events.append(message)
        return message


@asynccontextmanager
async def opened(
    address: str, url: str, *, width: int = 1280, dark: bool = False, media: str = ""
) -> AsyncIterator[Tab]:
    """A tab that has loaded `url` at this width, in light or dark, on screen or on paper."""
    async with aiohttp.ClientSession() as session:
        async with session.put(f"{address}/json/new?about:blank") as answer:
            target = json.loads(await answer.text())
        socket_url = target["webSocketDebuggerUrl"]
        async with session.ws_connect(socket_url, max_msg_size=0) as socket:
            tab = Tab(socket)
            for domain in ("Page", "Runtime", "Log", "Network"):
                await tab.send(f"{domain}.enable")
            scheme = "dark" if dark else "light"
            await tab.send(
                "Emulation.setEmulatedMedia",
                media=media,
                features=[{"name": "prefers-color-scheme", "value": scheme}],
            )
            await tab.send(
                "Emulation.setDeviceMetricsOverride",
                width=width,
                height=900,
                deviceScaleFactor=1,
                mobile=width < 600,
            )
            tab.events.clear()
            await tab.send("Page.navigate", url=url)
            await tab.wait_for("Page.loadEventFired")
            yield tab
            await tab.send("Page.close")
