"""A webhook that gives the answers it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

__all__ = ["hook"]


@asynccontextmanager
async def hook(answers: list[int]) -> AsyncIterator[tuple[str, list[Any]]]:
    """A webhook that gives these statuses in turn (the last for ever; 0: never answers)."""
    posted: list[Any] = []

    async def post(request: web.Request) -> web.Response:
        posted.append(await request.json())
        status = answers[min(len(posted), len(answers)) - 1]
        if status == 0:
            await asyncio.sleep(3600)
        return web.Response(status=status, headers={"Retry-After": "0"} if status == 429 else {})

    app = web.Application()
    app.router.add_post("/hook{rest:.*}", post)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook", posted
    finally:
        await runner.cleanup()
