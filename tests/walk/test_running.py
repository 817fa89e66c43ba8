"""`check --engine`: containers that run here, through a socket that speaks the engine's API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from tagwatch.service.demo.nights import second_night
from tests.walk.conftest import Shop

IMAGE = "sha256:" + "1" * 64
BUILT = "sha256:" + "2" * 64
PORTS = [
    {"PrivatePort": 6379, "PublicPort": 6379, "Type": "tcp", "IP": "0.0.0.0"},
    {"PrivatePort": 16379, "Type": "tcp"},
]


@asynccontextmanager
async def engine(folder: Path, answers: dict[str, Any]) -> AsyncIterator[str]:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        if request.path not in answers:
            return web.Response(status=404)
        return web.json_response(answers[request.path])

    runner = web.ServerRunner(web.Server(answer, access_log=None))
    await runner.setup()
    try:
        await web.UnixSite(runner, str(folder / "engine.sock")).start()
        yield f"unix://{folder}/engine.sock"
    finally:
        await runner.cleanup()


def container(name: str, image: str, image_id: str, ports: Any = ()) -> dict[str, Any]:
    return {
        "Id": name * 12,
        "Names": [f"/{name}"],
        "Image": image,
        "ImageID": image_id,
        "Created": 1767900000,
        "Ports": list(ports),
    }


def answers(digest: str) -> dict[str, Any]:
    return {
        "/containers/json": [
            container("cache", "redis:7", IMAGE, PORTS),
            container("own", "shop:dev", BUILT),
            container("lost", "sha256:" + "9" * 64, "sha256:" + "9" * 64),
        ],
        f"/images/{IMAGE}/json": {"Id": IMAGE, "RepoDigests": [f"redis@{digest}"]},
        f"/images/{BUILT}/json": {"Id": BUILT, "RepoDigests": []},
    }


async def test_a_container_is_judged_by_what_it_runs(shop: Shop, tmp_path: Path) -> None:
    digest = str(shop.shelf.tags["library/redis"]["7"])
    shop.write("Dockerfile", f"FROM redis:7@{digest}\nUSER 1\n")
    (shop.folder / "docker-compose.yaml").unlink()
    shop.permit()
    policy = (shop.folder / "policy.yaml").read_text()
    shop.write("policy.yaml", policy.replace("defaults:\n", "defaults:\n  stale_grace: 0s\n"))
    async with engine(tmp_path, answers(digest)) as host:
        shop.environment["DOCKER_HOST"] = host
        await shop.run("scan")
        fresh = await shop.run("check", "--engine", "Dockerfile", "--format", "json")
        told = [one for one in fresh.json["findings"] if one["location"]["path"] == "engine:cache"]
        assert {one["reference"] for one in told} == {f"docker.io/library/redis:7@{digest}"}
        ports = [one for one in told if one["rule"] == "port-all-interfaces"]
        assert len(ports) == 1, "what is only exposed is not published"
        assert "base-stale" not in {one["rule"] for one in told}
        assert fresh.json["coverage"]["unresolved"] == 1, "the image of `lost` has no name"
        assert not [one for one in fresh.json["findings"] if "shop:dev" in one["message"]]

        second_night(shop.shelf)
        await shop.run("scan")
        stale = await shop.run("check", "--engine", "Dockerfile", "--format", "json")
        rules = {
            one["rule"]
            for one in stale.json["findings"]
            if one["location"]["path"] == "engine:cache"
        }
        assert rules & {"base-stale", "pin-untagged"}, "the tag went on, the container did not"

        mended = await shop.run("check", "--engine", "--fix=pin", "Dockerfile")
        assert "fixed 1 place in Dockerfile" in mended.err


async def test_no_engine_is_a_note(shop: Shop, tmp_path: Path) -> None:
    shop.environment["DOCKER_HOST"] = f"unix://{tmp_path}/none.sock"
    plain = await shop.run("check", "--format", "json")
    done = await shop.run("check", "--engine", "--format", "json")
    assert done.code == plain.code
    (problem,) = [one for one in done.json["problems"] if "engine" in one["message"]]
    assert "none.sock" in problem["message"]
    assert done.json["findings"] == plain.json["findings"]
