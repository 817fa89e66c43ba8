"""What the daemon listens for: reports, health, metrics, and a registry's word that it moved."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from tagwatch.errors import ConfigError
from tagwatch.service.metrics import Metrics

__all__ = ["application", "listening"]

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_REPORTS = frozenset({".html", ".json", ".md", ".sarif", ".txt", ".xml"})
"""What publishers write: a folder of reports may hold the ledger and the configuration, too."""
_MAX_WEBHOOK_BYTES = 1024 * 1024


def application(
    reports: Path, metrics: Metrics, rescan: asyncio.Event, *, token: str = ""
) -> web.Application:
    """`/` the reports, `/health`, `/metrics`, and `POST /webhook` that asks for a scan.

    The webhook answers 404 where no `token` is configured, and 403 without it: as a bearer token,
    or as the last part of the path (registries differ in what they can send).
    """

    async def health(_request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def figures(_request: web.Request) -> web.Response:
        return web.Response(
            body=metrics.text(), headers={"Content-Type": "text/plain; version=0.0.4"}
        )

    async def webhook(request: web.Request) -> web.Response:
        if not token:
            raise web.HTTPNotFound(text="there is no webhook: set TAGWATCH_WEBHOOK_TOKEN\n")
        header = request.headers.get("Authorization", "").removeprefix("Bearer ")
        sent = str(request.match_info.get("token", header))
        # a header of odd bytes comes with surrogates, and so does a variable of the environment
        raw, wanted = (text.encode(errors="surrogateescape") for text in (sent, token))
        if not hmac.compare_digest(raw, wanted):
            raise web.HTTPForbidden
        await request.read()  # what it says is not believed: the registry is asked
        rescan.set()
        return web.Response(status=202, text="a scan will follow\n")

    async def page(request: web.Request) -> web.StreamResponse:
        path = _report(reports, request.match_info["name"] or "index.html")
        if path is None:
            raise web.HTTPNotFound(text="there is no such report (yet)\n")
        return web.FileResponse(path, headers=_HEADERS)

    app = web.Application(client_max_size=_MAX_WEBHOOK_BYTES)
    app.router.add_get("/health", health)
    app.router.add_get("/metrics", figures)
    app.router.add_post("/webhook", webhook)
    app.router.add_post("/webhook/{token}", webhook)
    app.router.add_get("/{name:.*}", page)
    return app


def _report(folder: Path, name: str) -> Path | None:
    """The report of that name, never another file, nor one outside the folder."""
    try:
        path = (folder / name).resolve()
        is_inside = path.is_relative_to(folder.resolve()) and path.suffix in _REPORTS
        return path if is_inside and path.is_file() else None
    except (OSError, ValueError):  # a name that no file can have
        return None


@asynccontextmanager
async def listening(app: web.Application, host: str, port: int) -> AsyncIterator[int]:
    """Serve `app`; gives the port, which is chosen where `port` is 0.

    Raises `ConfigError` where the address cannot be used.
    """
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise ConfigError(
                f"cannot listen on {host}:{port}: {error.strerror or error}",
                hint="choose another --listen HOST:PORT",
            ) from error
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
