"""A real registry that tells `serve` of every push and every pull: one scan a push, and no more.

Row 35 of the table of 2026-11-29: what a scan itself read came back as pulls, and one push brought
62 scans in a minute, without end.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tagwatch.service.demo.images import Built, Step, build
from tests.registry.distribution import Distribution, distribution
from tests.walk.command import Workplace
from tests.walk.daemon import NEVER, SOON, Daemon, metric, scans, serving

SECRET = "planted-notification-secret"
REPOSITORIES = ("team/app", "team/web", "team/db")
FINISHED = 'tagwatch_scans_total{outcome="finished"}'


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
        yield session


async def push(
    session: aiohttp.ClientSession, registry: Distribution, path: str, tag: str, image: Built
) -> None:
    """Push an image as a client does: blobs, then the manifest."""
    for digest, raw in image.blobs.items():
        async with session.post(f"{registry.url}/v2/{path}/blobs/uploads/") as begun:
            assert begun.status == 202
            place = begun.headers["Location"]
        mark = "&" if "?" in place else "?"
        async with session.put(f"{place}{mark}digest={digest}", data=raw) as done:
            assert done.status == 201, await done.text()
    headers = {"Content-Type": image.manifest.media_type}
    address = f"{registry.url}/v2/{path}/manifests/{tag}"
    async with session.put(address, data=image.manifest.raw, headers=headers) as done:
        assert done.status == 201, await done.text()


def image(content: str) -> Built:
    return build(None, [Step(created_by="ADD rootfs", content=content)], day="2026-05-01")


async def heard(session: aiohttp.ClientSession, daemon: Daemon, outcome: str) -> float:
    name = f'tagwatch_webhook_deliveries_total{{outcome="{outcome}",webhook="here"}}'
    return await metric(session, daemon, name) or 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def place_of(folder: Path, host: str, kind: str = "distribution") -> Workplace:
    place = Workplace(folder, {"TOKEN": SECRET})
    hook = f"{{registry: '{host}', kind: {kind}, name: here, token_env: TOKEN}}"
    place.write(
        "tagwatch.yaml",
        f"database: tagwatch.db\nsources: [Dockerfile]\n{NEVER}serve: {{webhooks: [{hook}]}}\n"
        f"registries: {{'{host}': {{endpoint: 'http://{host}', credential: anonymous}}}}\n",
    )
    place.write("Dockerfile", "".join(f"FROM {host}/{path}:1.0\n" for path in REPOSITORIES))
    return place


async def test_rows_33_and_35_one_push_is_one_scan_of_one_repository(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    port = free_port()
    notified = {
        "url": f"http://127.0.0.1:{port}/webhook/here",
        "authorization": f"Bearer {SECRET}",
    }
    with distribution(tmp_path / "registry") as registry:  # it tells nobody of these
        for path in REPOSITORIES:
            await push(session, registry, path, "1.0", image("first"))
    with distribution(tmp_path / "registry", notified=notified) as registry:
        place = place_of(tmp_path, registry.host)
        async with serving(place, "--listen", f"127.0.0.1:{port}", "--now") as daemon:
            await scans(session, daemon, 1)
            for _ in range(100):  # the registry tells what the scan read
                if await heard(session, daemon, "nothing") >= 6:
                    break
                await asyncio.sleep(0.1)
            assert await heard(session, daemon, "nothing") >= 6, "pulls are told, and are no news"
            before = len(registry.requests())
            await push(session, registry, "team/app", "1.0", image("second"))
            await push(session, registry, "team/nobody", "1.0", image("unwatched"))
            await daemon.see(rf"scanning {re.escape(registry.host)}/team/app\n")
            await scans(session, daemon, 2)
            read = [
                line for line in registry.requests()[before:] if line.startswith(("GET", "HEAD"))
            ]
            assert any("/v2/team/app/" in line for line in read)
            assert not any("/team/web/" in line or "/team/db/" in line for line in read)
            assert await metric(session, daemon, "tagwatch_webhook_unwatched_total") == 1
            await asyncio.sleep(7)  # longer than what is gathered: nothing follows
            assert await metric(session, daemon, FINISHED) == 2
            assert await metric(session, daemon, "tagwatch_scan_running") == 0
            assert await daemon.stop() < SOON
    assert "could not be read" not in daemon.said
    moved = await place.run("history", f"{registry.host}/team/app:1.0", "--format", "json")
    assert len(moved.json["intervals"]) == 2


async def test_row_33_a_push_is_scanned_within_seconds(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    with distribution(tmp_path / "registry") as registry:
        place = place_of(tmp_path, registry.host, "hub")
        for path in REPOSITORIES:
            await push(session, registry, path, "1.0", image("first"))
        assert (await place.run("scan")).code == 0
        await push(session, registry, "team/app", "1.0", image("second"))
        pushed = {"push_data": {"tag": "1.0"}, "repository": {"repo_name": "team/app"}}
        clock = asyncio.get_running_loop().time
        async with serving(place) as daemon:
            begun = clock()
            for _ in range(6):
                address = f"{daemon.url}/webhook/here/{SECRET}"
                async with session.post(address, data=json.dumps(pushed)) as answer:
                    assert answer.status == 202
            assert clock() - begun < 5, "nothing is scanned while it is asked"
            await scans(session, daemon, 1)
            assert clock() - begun < 30, "five seconds of quiet, and the scan"
            result = await place.run("report", "--format", "json")
            assert {one["repository"] for one in result.json["changes"]} == {
                f"{registry.host}/team/app"
            }
            assert await daemon.stop() < SOON
