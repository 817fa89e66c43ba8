"""What the daemon listens for: reports, health, metrics, and a registry's word that it moved."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

from aiohttp import web

from tagwatch.errors import ConfigError
from tagwatch.service.webhook import Heard, Taken

__all__ = ["Answering", "application", "listening"]

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_REPORTS = frozenset({".html", ".json", ".md", ".sarif", ".txt", ".xml"})
"""What publishers write: a folder of reports may hold the ledger and the configuration, too."""
_MAX_WEBHOOK_BYTES = 1024 * 1024
_BODY_SECONDS = 30.0
_CLOSE_SECONDS = 2.0
_ANSWERS = {
    Heard.NEWS: "a scan of that repository will follow, if it is watched\n",
    Heard.ASKED: "a scan will follow\n",
}


class Answering(Protocol):
    """What the pages are answered from. Nothing here waits for a scan."""

    @property
    def reports(self) -> Path:
        """The folder of the reports."""

    async def health(self) -> dict[str, Any]:
        """Return how the service stands; `status` is `failing` where somebody must look."""

    async def ready(self) -> dict[str, Any]:
        """Return whether it can answer; `status` is `ok` where it can."""

    async def figures(self) -> bytes:
        """Return the metrics in Prometheus's text format."""

    def hear(self, name: str, token: str, headers: Mapping[str, str], raw: bytes) -> Taken:
        """Take a delivery to a webhook; see `Webhooks.take`."""


def application(service: Answering) -> web.Application:
    """Return the pages: `/` the reports, the probes, `/metrics`, and `POST /webhook…`.

    `/livez` says that the process answers and nothing else, so that no registry's trouble restarts
    it; `/readyz` and `/health` are answered with 503 where something is wrong, and say what.
    """

    async def live(_request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def ready(_request: web.Request) -> web.Response:
        said = await service.ready()
        return web.json_response(said, status=200 if said["status"] == "ok" else 503)

    async def health(_request: web.Request) -> web.Response:
        said = await service.health()
        return web.json_response(said, status=503 if said["status"] == "failing" else 200)

    async def figures(_request: web.Request) -> web.Response:
        text = await service.figures()
        return web.Response(body=text, headers={"Content-Type": "text/plain; version=0.0.4"})

    async def webhook(request: web.Request) -> web.Response:
        raw = await _body(request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        name, token = (str(request.match_info.get(part, "")) for part in ("name", "token"))
        taken = service.hear(name, token, headers, raw)
        if taken.status == 404:
            raise web.HTTPNotFound(
                text="there is no such webhook: name it in `serve: {webhooks: …}`, or set "
                "TAGWATCH_WEBHOOK_TOKEN\n"
            )
        if taken.status == 403:
            raise web.HTTPForbidden
        return web.Response(status=202, text=_ANSWERS.get(taken.heard, "nothing to do\n"))

    async def page(request: web.Request) -> web.StreamResponse:
        path = _report(service.reports, request.match_info["name"] or "index.html")
        if path is None:
            raise web.HTTPNotFound(text="there is no such report (yet)\n")
        return web.FileResponse(path, headers=_HEADERS)

    app = web.Application(client_max_size=_MAX_WEBHOOK_BYTES)
    for path, handler in (
        ("/livez", live), ("/readyz", ready), ("/health", health), ("/metrics", figures)
    ):  # fmt: skip
        app.router.add_get(path, handler)
    for path in ("/webhook", "/webhook/{name}", "/webhook/{name}/{token}"):
        app.router.add_post(path, webhook)
    app.router.add_get("/{name:.*}", page)
    return app


async def _body(request: web.Request) -> bytes:
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            return await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout from None


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
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_CLOSE_SECONDS)
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
