"""What the daemon listens for: reports, health, metrics, and a registry's word that it moved."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from aiohttp import web

from tagwatch.service.desk import Desk
from tagwatch.service.gate import Doors, gate, refusal
from tagwatch.service.webhook import RETRY_SECONDS, Heard, Taken
from tagwatch.walk.site import Site

__all__ = ["Answering", "application"]

_REPORTS = frozenset({".csv", ".html", ".json", ".md", ".sarif", ".txt", ".xml"})
"""What publishers write: a folder of reports may hold the ledger and the configuration, too."""
_MAX_WEBHOOK_BYTES = 1024 * 1024
_BODY_SECONDS = 10.0
_ANSWERS = {
    Heard.NEWS: "a scan of that repository will follow, if it is watched\n",
    Heard.ASKED: "a scan will follow\n",
}


class Answering(Protocol):
    """What the pages are answered from. Nothing here waits for a scan."""

    @property
    def reports(self) -> Path:
        """The folder of the reports."""

    @property
    def site(self) -> Site:
        """Where questions are answered, as of now."""

    @property
    def doors(self) -> Doors:
        """What a request must show, now."""

    async def health(self) -> dict[str, Any]:
        """Return how the service stands; `status` is `failing` where somebody must look."""

    async def ready(self) -> dict[str, Any]:
        """Return whether it can answer; `status` is `ok` where it can."""

    async def figures(self) -> bytes:
        """Return the metrics in Prometheus's text format."""

    def hear(self, name: str, token: str, headers: Mapping[str, str], raw: bytes) -> Taken:
        """Take a delivery to a webhook; see `Webhooks.take`."""


def application(service: Answering) -> web.Application:
    """Return the pages: `/` the reports, the API, probes, `/metrics`, and `POST /webhook…`.

    `/livez` says that the process answers and nothing else, so that no registry's trouble restarts
    it; `/readyz` and `/health` are answered with 503 where something is wrong, and say what. The
    first two are open to probes, `/readyz` without its reasons; a webhook has a secret of its own;
    everything else is behind the service's doors.
    """

    async def live(_request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def ready(request: web.Request) -> web.Response:
        said = await service.ready()
        if refusal(request, service.doors) is not None:
            said = {"status": said["status"]}
        return web.json_response(said, status=200 if said["status"] == "ok" else 503)

    async def health(_request: web.Request) -> web.Response:
        said = await service.health()
        return web.json_response(said, status=503 if said["status"] == "failing" else 200)

    async def figures(_request: web.Request) -> web.Response:
        text = await service.figures()
        return web.Response(body=text, headers={"Content-Type": "text/plain; version=0.0.4"})

    async def webhook(request: web.Request) -> web.Response:
        return await _delivered(service, request)

    async def page(request: web.Request) -> web.StreamResponse:
        path = _report(service.reports, request.match_info["name"] or "index.html")
        if path is None:
            raise web.HTTPNotFound(text="there is no such report (yet)\n")
        response = web.FileResponse(path)
        # Not by sendfile: cut off in the middle, asyncio's goes on with a descriptor that may by
        # then be another connection's (seen in CPython 3.11, 2026-11-29).
        response.enable_compression(web.ContentCoding.identity)
        return response

    app = gate(lambda: service.doors, {live, ready, webhook}, client_max_size=_MAX_WEBHOOK_BYTES)
    for path, handler in (
        ("/livez", live), ("/readyz", ready), ("/health", health), ("/metrics", figures)
    ):  # fmt: skip
        app.router.add_get(path, handler)
    for path in ("/webhook", "/webhook/{name}", "/webhook/{name}/{token}"):
        app.router.add_post(path, webhook)
    _take_questions(app, service)
    app.router.add_get("/{name:.*}", page)
    return app


def _take_questions(app: web.Application, service: Answering) -> None:
    """Answer the API's questions, as long as the application runs."""
    desk = Desk()

    async def question(request: web.Request) -> web.Response:
        return await desk.answer(request, service.site)

    async def leave(_app: web.Application) -> None:
        desk.close()

    app.router.add_get("/api/v1/{question:.*}", question)
    app.on_cleanup.append(leave)


async def _delivered(service: Answering, request: web.Request) -> web.Response:
    """Answer a delivery to a webhook."""
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
    if taken.status == 429:
        raise web.HTTPTooManyRequests(headers={"Retry-After": str(RETRY_SECONDS)})
    return web.Response(status=202, text=_ANSWERS.get(taken.heard, "nothing to do\n"))


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
