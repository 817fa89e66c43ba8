"""One server that is many registries: what each does wrong is the first part of its path.

`http://127.0.0.1:<port>/<name>` is the endpoint of a registry that serves `shelf` but for its one
fault. A fault gets the request and either answers it or gives None: then the registry is well.
"""

from __future__ import annotations

import asyncio
import gzip
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from email.utils import formatdate

from aiohttp import web

from tagwatch.service.demo.images import Shelf, Step, build

__all__ = ["FAULTS", "Misbehaving", "misbehaving", "small_shelf"]

ZEROS = "sha256:" + "0" * 64
BOMB = gzip.compress(b" " * (40 * 2**20), 1)  # 40 MiB from 180 kB


@dataclass(slots=True)
class Asked:
    """One request: the path behind the endpoint, and how many the registry has had."""

    request: web.BaseRequest
    path: str
    count: int
    release: asyncio.Event

    @property
    def is_ping(self) -> bool:
        return self.path == "/v2/"

    @property
    def is_list(self) -> bool:
        return self.path.endswith("/tags/list")

    @property
    def is_manifest(self) -> bool:
        return "/manifests/" in self.path


Fault = Callable[[Asked], Awaitable[web.StreamResponse | None]]


def status(code: int, **headers: str) -> Fault:
    """Every request but the ping gets this status."""

    async def fault(asked: Asked) -> web.StreamResponse | None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return None if asked.is_ping else web.Response(status=code, headers=named)

    return fault


def once(fault: Fault) -> Fault:
    """The fault only on the second request: the first one after the ping."""

    async def first(asked: Asked) -> web.StreamResponse | None:
        return await fault(asked) if asked.count == 2 else None

    return first


def later(seconds: float, form: str) -> Fault:
    """429 with Retry-After in one of its three forms."""

    async def fault(asked: Asked) -> web.StreamResponse | None:
        at = time.time() + seconds
        text = {
            "seconds": f"{seconds:g}",
            "date": formatdate(at, usegmt=True),
            "epoch": str(int(at)),
        }
        return await status(429, Retry_After=text[form])(asked)

    return fault


async def denied(asked: Asked) -> web.StreamResponse | None:
    return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="tests"'})


async def silent(asked: Asked) -> web.StreamResponse | None:
    if not asked.is_ping:
        await asked.release.wait()
    return None


async def html(asked: Asked) -> web.StreamResponse | None:
    return web.Response(text="<html>Please log in</html>", content_type="text/html")


async def html_manifest(asked: Asked) -> web.StreamResponse | None:
    if asked.is_manifest:
        return web.Response(text="<html>Please log in</html>", content_type="text/html")
    return None


async def not_json(asked: Asked) -> web.StreamResponse | None:
    if asked.is_list:
        return web.Response(text='{"tags": ["1.0", ', content_type="application/json")
    return None


async def lying_digest(asked: Asked) -> web.StreamResponse | None:
    if not asked.is_manifest:
        return None
    return web.Response(
        body=b'{"schemaVersion":2}',
        headers={
            "Content-Type": "application/vnd.oci.image.manifest.v1+json",
            "Docker-Content-Digest": ZEROS,
        },
    )


async def endless(asked: Asked) -> web.StreamResponse | None:
    if not asked.is_list:
        return None
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(asked.request)
    with suppress(ConnectionResetError):
        while not asked.release.is_set():
            await response.write(b" " * 2**16)
    return response


async def promised_huge(asked: Asked) -> web.StreamResponse | None:
    if asked.is_manifest and asked.request.method == "GET":
        headers = {"Content-Length": str(10 * 2**30), "Content-Type": "application/json"}
        response = web.StreamResponse(headers=headers)
        await response.prepare(asked.request)
        await asked.release.wait()
        return response
    return None


async def bomb(asked: Asked) -> web.StreamResponse | None:
    if not asked.is_list:
        return None
    return web.Response(body=BOMB, headers={"Content-Encoding": "gzip"})


async def paging_loop(asked: Asked) -> web.StreamResponse | None:
    if not asked.is_list:
        return None
    number = int(asked.request.query.get("page", "0"))
    link = f'<{asked.request.path}?page={(number + 1) % 3}>; rel="next"'
    return web.json_response({"tags": [f"1.{number}"]}, headers={"Link": link})


async def paging_for_ever(asked: Asked) -> web.StreamResponse | None:
    if not asked.is_list:
        return None
    number = int(asked.request.query.get("page", "0"))
    link = f'<{asked.request.path}?page={number + 1}>; rel="next"'
    return web.json_response({"tags": [f"1.{number}"]}, headers={"Link": link})


async def foreign_page(asked: Asked) -> web.StreamResponse | None:
    if not asked.is_list:
        return None
    link = '<https://elsewhere.example/v2/app/tags/list?last=1>; rel="next"'
    return web.json_response({"tags": ["1.0"]}, headers={"Link": link})


async def metadata_redirect(asked: Asked) -> web.StreamResponse | None:
    if asked.is_ping:
        return None
    return web.Response(status=302, headers={"Location": "http://169.254.169.254/latest/"})


async def redirect_loop(asked: Asked) -> web.StreamResponse | None:
    if asked.is_ping:
        return None
    return web.Response(status=307, headers={"Location": str(asked.request.rel_url)})


async def cut_off(asked: Asked) -> web.StreamResponse | None:
    if asked.is_ping:
        return None
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    with suppress(ConnectionResetError):
        await response.prepare(asked.request)
        await response.write(b'{"tags":')
    transport = asked.request.transport
    assert transport is not None
    transport.close()
    return response


async def evil_realm(asked: Asked) -> web.StreamResponse | None:
    realm = 'Bearer realm="http://169.254.169.254/token",service="s"'
    return web.Response(status=401, headers={"WWW-Authenticate": realm})


FAULTS: Mapping[str, Fault | None] = {
    "well": None,
    "slow": silent,
    "unauthorized": denied,
    "forbidden": status(403),
    "missing": status(404),
    "limited-seconds": later(3600, "seconds"),
    "limited-date": later(3600, "date"),
    "limited-epoch": later(3600, "epoch"),
    "busy-seconds": once(later(1, "seconds")),
    "busy-date": once(later(2, "date")),
    "busy-epoch": once(later(2, "epoch")),
    "failing": status(500),
    "html": html,
    "html-manifest": html_manifest,
    "not-json": not_json,
    "lying": lying_digest,
    "endless": endless,
    "huge": promised_huge,
    "bomb": bomb,
    "loop": paging_loop,
    "for-ever": paging_for_ever,
    "foreign-page": foreign_page,
    "metadata": metadata_redirect,
    "redirect-loop": redirect_loop,
    "cut-off": cut_off,
    "evil-realm": evil_realm,
}


@dataclass(slots=True)
class Misbehaving:
    """The running server. `asked` counts requests by registry.

    A path that contains `breaks` answers 500, whatever the registry. All serve the images of
    `shelf`, save that what `huge` has is its own: an image that another one told is not read again.
    """

    shelf: Shelf
    apart: Shelf = field(default_factory=lambda: small_shelf("another root"))
    faults: dict[str, Fault | None] = field(default_factory=lambda: dict(FAULTS))
    asked: Counter[str] = field(default_factory=Counter)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    breaks: str | None = None
    url: str = ""

    def registries(self, *names: str, **options: object) -> str:
        """Lines for `registries:` of tagwatch.yaml; hosts are `<name>.example`."""
        more = "".join(f", {key}: {value}" for key, value in options.items())
        return "".join(
            f"  {name}.example: {{endpoint: '{self.url}/{name}', credential: anonymous{more}}}\n"
            for name in names
        )

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        name, _, rest = request.path.removeprefix("/").partition("/")
        self.asked[name] += 1
        if self.breaks and self.breaks in request.path:
            return web.Response(status=500)
        fault = self.faults[name]
        if fault is not None:
            asked = Asked(request, f"/{rest}", self.asked[name], self.release)
            answer = await fault(asked)
            if answer is not None:
                return answer
        return self._well(f"/{rest}", self.apart if name == "huge" else self.shelf)

    def _well(self, path: str, shelf: Shelf) -> web.Response:
        if path == "/v2/":
            return web.json_response({})
        repository, _, asked = path.removeprefix("/v2/").partition("/manifests/")
        tags = shelf.tags.get("app", {})
        if asked:
            found = shelf.manifests.get(tags.get(asked, asked))  # type: ignore[call-overload]
            if found is None:
                return web.Response(status=404)
            headers = {"Content-Type": found.media_type, "Docker-Content-Digest": found.digest}
            return web.Response(body=found.raw, headers=headers)
        if path.endswith("/tags/list"):
            return web.json_response({"name": repository, "tags": sorted(tags)})
        raw = shelf.blobs.get(path.rpartition("/")[2])  # type: ignore[call-overload]
        return web.Response(body=raw) if raw is not None else web.Response(status=404)


def small_shelf(content: str = "root") -> Shelf:
    """`app` with tags 1.0 and 1, the same image."""
    shelf = Shelf()
    image = build(None, [Step(created_by="ADD rootfs", content=content)], day="2026-05-01")
    shelf.push("app", ("1.0", "1"), [image], "2026-05-01")
    return shelf


@asynccontextmanager
async def misbehaving(shelf: Shelf | None = None) -> AsyncIterator[Misbehaving]:
    """The server on loopback; what still waits in it is let go at the end."""
    server = Misbehaving(shelf or small_shelf())
    runner = web.ServerRunner(web.Server(server.answer, access_log=None))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield server
    finally:
        server.release.set()
        await runner.cleanup()
