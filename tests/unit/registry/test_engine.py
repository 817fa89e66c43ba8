"""A local engine behind a Unix socket: a server of the test's own, with the API's shapes.

Shapes: Docker Engine API 1.47, `ContainerList` and `ImageInspect`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tagwatch.errors import UnavailableError
from tagwatch.image.digest import Digest
from tagwatch.registry.local.engine import open_engine
from tagwatch.source.target import Port

IMAGE_ID = Digest("sha256:" + "1" * 64)
DIFF_ID = Digest("sha256:" + "2" * 64)
CONTAINERS = [
    {
        "Id": "f" * 64,
        "Names": ["/web/alias", "/web"],
        "Image": "nginx:1.25",
        "ImageID": IMAGE_ID,
        "Created": 1767900000,
        "Ports": [
            {"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
            {"IP": "::", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
            {"IP": "127.0.0.1", "PrivatePort": 443, "PublicPort": 8443, "Type": "tcp"},
            {"PrivatePort": 53, "Type": "udp"},
        ],
        "Labels": {"x": "y"},
        "State": "running",
    },
    {"Id": "a" * 64, "Image": "<none>", "ImageID": "nothing", "Names": None, "Ports": None},
]
IMAGE = {
    "Id": IMAGE_ID,
    "RepoTags": ["nginx:1.25"],
    "RepoDigests": ["nginx@sha256:" + "3" * 64],
    "RootFS": {"Type": "layers", "Layers": [DIFF_ID]},
}


@asynccontextmanager
async def engine(tmp_path: Path, answers: dict[str, Any]) -> AsyncIterator[dict[str, str]]:
    """An engine that answers these paths and 404 otherwise; the environment that names it."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        assert request.method == "GET"
        body = answers.get(request.path)
        if isinstance(body, web.Response):
            return body
        return web.json_response(body) if body is not None else web.Response(status=404)

    runner = web.ServerRunner(web.Server(answer, access_log=None))
    await runner.setup()
    path = tmp_path / "engine.sock"
    try:
        await web.UnixSite(runner, str(path)).start()
        yield {"DOCKER_HOST": f"unix://{path}"}
    finally:
        await runner.cleanup()


async def test_what_runs(tmp_path: Path) -> None:
    async with (
        engine(tmp_path, {"/containers/json": CONTAINERS}) as environment,
        open_engine(environment) as opened,
    ):
        nameless, web_ = await opened.containers()
    assert (nameless.name, nameless.image_id, nameless.ports) == ("", None, ())
    assert (web_.name, web_.image, web_.image_id) == ("web", "nginx:1.25", IMAGE_ID)
    assert web_.created_at == datetime(2026, 1, 8, 19, 20, tzinfo=UTC)
    assert web_.ports == (
        Port(container=80, host=8080),
        Port(container=443, host=8443, host_ip="127.0.0.1"),
        Port(container=53, protocol="udp"),
    )


async def test_an_image(tmp_path: Path) -> None:
    async with (
        engine(tmp_path, {f"/images/{IMAGE_ID}/json": IMAGE}) as environment,
        open_engine(environment) as opened,
    ):
        image = await opened.image(IMAGE_ID)
        assert image is not None
        assert (image.id, image.diff_ids) == (IMAGE_ID, (DIFF_ID,))
        assert image.digests == ("nginx@sha256:" + "3" * 64,)
        assert await opened.image(DIFF_ID) is None


@pytest.mark.parametrize(
    "body",
    [
        [{"Id": 5}],
        {"a": 1},
        web.Response(text="<html>"),
        web.Response(status=500),
        web.Response(status=307, headers={"Location": "http://127.0.0.1:1/"}),
    ],
)
async def test_answers_that_are_no_answer(tmp_path: Path, body: Any) -> None:
    async with (
        engine(tmp_path, {"/containers/json": body}) as environment,
        open_engine(environment) as opened,
    ):
        with pytest.raises(UnavailableError, match="no usable answer"):
            await opened.containers()


async def test_an_image_with_a_digest_that_is_none(tmp_path: Path) -> None:
    broken = {**IMAGE, "RootFS": {"Layers": ["sha256:../x"]}}
    async with (
        engine(tmp_path, {f"/images/{IMAGE_ID}/json": broken}) as environment,
        open_engine(environment) as opened,
    ):
        with pytest.raises(UnavailableError, match="no usable answer"):
            await opened.image(IMAGE_ID)


async def test_no_engine(tmp_path: Path) -> None:
    environment = {"DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    async with open_engine(environment) as opened:
        with pytest.raises(UnavailableError, match="no engine answers"):
            await opened.containers()


@pytest.mark.parametrize("host", ["tcp://10.0.0.1:2375", "ssh://host", "http://x"])
async def test_only_local_sockets(host: str) -> None:
    with pytest.raises(UnavailableError, match="Unix socket"):
        async with open_engine({"DOCKER_HOST": host}):
            pass


async def test_the_session_of_a_user_is_looked_in(tmp_path: Path) -> None:
    async with engine(tmp_path, {"/containers/json": []}):
        (tmp_path / "engine.sock").rename(tmp_path / "docker.sock")
        async with open_engine({"XDG_RUNTIME_DIR": str(tmp_path)}) as opened:
            assert await opened.containers() == ()
