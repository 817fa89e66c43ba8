"""A server that answers by a script. A request that is not in it fails the test."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

__all__ = ["Exchange", "Scripted", "Seen", "scripted"]

Body = bytes | str | dict[str, Any] | list[Any]
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One expected request and its answer.

    `path` is the raw target with its query. `sends`: request headers and their exact values, None
    for a header that must not be there. `times`: how often it is expected; 0 for any number.
    `handler` answers instead of `status`, `headers` and `body`.
    """

    method: str
    path: str
    status: int = 200
    headers: Mapping[str, str] | Sequence[tuple[str, str]] = ()
    body: Body = b""
    sends: Mapping[str, str | None] = field(default_factory=dict)
    form: Mapping[str, str] | None = None
    times: int = 1
    handler: Handler | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Scripted:
    """The running server. Exchanges of one method and path are used in their order."""

    def __init__(self, exchanges: Sequence[Exchange]) -> None:
        self.script = list(exchanges)
        self.used = [0] * len(self.script)
        self.seen: list[Seen] = []
        self.wrong: list[str] = []
        self.connections: set[Any] = set()
        self.url = ""

    @property
    def host(self) -> str:
        """`127.0.0.1:<port>`."""
        return self.url.partition("://")[2]

    def expect(self, *exchanges: Exchange) -> None:
        """Add to the script, where answers need the server's own address."""
        self.script += exchanges
        self.used += [0] * len(exchanges)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.connections.add(request.transport)
        body = await request.read()
        self.seen.append(
            Seen(method=request.method, path=request.raw_path, headers=request.headers, body=body)
        )
        for number, exchange in enumerate(self.script):
            if (exchange.method, exchange.path) != (request.method, request.raw_path):
                continue
            if exchange.times and self.used[number] >= exchange.times:
                continue
            self.used[number] += 1
            await self._compare(exchange, request)
            if exchange.handler is not None:
                return await exchange.handler(request)
            return _response(exchange)
        self.wrong.append(f"unexpected: {request.method} {request.raw_path}")
        return web.Response(status=418, text="this request is not in the script")

    async def _compare(self, exchange: Exchange, request: web.BaseRequest) -> None:
        for name, value in exchange.sends.items():
            if request.headers.get(name) != value:
                got = request.headers.get(name)
                self.wrong.append(f"{exchange.method} {exchange.path}: {name} is {got!r}")
        if exchange.form is not None:
            form = dict(await request.post())
            if form != exchange.form:
                self.wrong.append(f"{exchange.method} {exchange.path}: the form is {form!r}")

    def verify(self) -> None:
        """Every expected exchange took place and no other."""
        missing = [
            f"missing: {exchange.method} {exchange.path} ({count} of {exchange.times})"
            for exchange, count in zip(self.script, self.used, strict=True)
            if exchange.times and count < exchange.times
        ]
        assert not self.wrong + missing, "\n".join(self.wrong + missing)


@asynccontextmanager
async def scripted(
    *exchanges: Exchange, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Scripted]:
    """A scripted server on loopback; leaving the block verifies the script."""
    server = Scripted(exchanges)
    runner = web.ServerRunner(web.Server(server.answer, access_log=None))
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        port = runner.addresses[0][1]
        server.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        yield server
    finally:
        await runner.cleanup()
    server.verify()


def _response(exchange: Exchange) -> web.Response:
    body = exchange.body
    headers = list(
        exchange.headers.items() if isinstance(exchange.headers, Mapping) else exchange.headers
    )
    if isinstance(body, dict | list):
        body = json.dumps(body)
        if not any(name.lower() == "content-type" for name, _ in headers):
            headers.append(("Content-Type", "application/json"))
    raw = body.encode() if isinstance(body, str) else body
    response = web.Response(status=exchange.status, body=raw)
    if any(name.lower() == "content-type" for name, _ in headers):
        response.headers.popall("Content-Type", None)
    for name, value in headers:
        response.headers.add(name, value)
    return response
