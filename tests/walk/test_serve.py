"""`tagwatch serve`: the schedule, pages, metrics, the webhook, and an end in good order."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.walk.command import Workplace
from tests.walk.conftest import Shop
from tests.walk.daemon import NEVER, SOON, TOKEN, asked, metric, scans, serving
from tests.walk.misbehaving import misbehaving


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    timeout = aiohttp.ClientTimeout(total=20)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        yield session


async def test_a_scan_its_pages_and_the_webhook(shop: Shop, session: aiohttp.ClientSession) -> None:
    shop.configure(NEVER)
    shop.environment["TAGWATCH_WEBHOOK_TOKEN"] = TOKEN
    async with serving(shop, "--now") as daemon:
        async with session.get(f"{daemon.url}/health") as answer:
            assert answer.status == 200
            assert (await answer.json())["status"] == "ok"
        await scans(session, daemon, 1)
        async with session.get(f"{daemon.url}/") as answer:
            page = await answer.text()
            assert answer.status == 200
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        run = re.search(r'href="(run/[^"]+)"', page)
        assert run is not None
        async with session.get(f"{daemon.url}/{run[1]}") as answer:
            assert "redis:6.2.23" in await answer.text()
        assert await metric(session, daemon, "tagwatch_scan_complete") == 1
        assert await metric(session, daemon, 'tagwatch_targets{state="read"}')

        wrong = {"Authorization": "Bearer wrong"}
        for path, headers, status in (
            ("/webhook", {}, 403),
            ("/webhook", wrong, 403),
            ("/webhook/wrong", {}, 403),
            ("/../tagwatch.yaml", {}, 405),
        ):
            async with session.post(f"{daemon.url}{path}", headers=headers, json={}) as answer:
                assert answer.status == status, path
        for path in ("/nothing.html", "/%2e%2e/tagwatch.yaml", "/..%2ftagwatch.db"):
            async with session.get(f"{daemon.url}{path}") as answer:
                assert answer.status == 404, path
        right = {"Authorization": f"Bearer {TOKEN}"}
        async with session.post(f"{daemon.url}/webhook", headers=right) as answer:
            assert answer.status == 202
        await scans(session, daemon, 2)
        assert await daemon.stop() < SOON
    assert daemon.process.returncode == 0
    assert "Traceback" not in daemon.said
    assert TOKEN not in daemon.said


async def test_without_a_token_there_is_no_webhook(
    shop: Shop, session: aiohttp.ClientSession
) -> None:
    shop.configure(NEVER)
    async with serving(shop) as daemon:
        async with session.post(f"{daemon.url}/webhook/{TOKEN}") as answer:
            assert answer.status == 404
            assert "TAGWATCH_WEBHOOK_TOKEN" in await answer.text()
        async with session.get(f"{daemon.url}/") as answer:
            assert answer.status == 404, "no scan has been made yet"
        assert await daemon.stop() < SOON
    assert daemon.process.returncode == 0


async def test_sigterm_in_the_middle_of_a_scan(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    """A registry that never answers holds nobody up, and what others said is stored."""
    folder = tmp_path / "desk"
    folder.mkdir()
    place = Workplace(folder)
    async with misbehaving() as server:
        place.write(
            "tagwatch.yaml",
            f"database: tagwatch.db\nsources: [Dockerfile]\n{NEVER}registries:\n"
            + server.registries("well", "slow", timeout_seconds=300, patience_seconds=300),
        )
        place.write("Dockerfile", "FROM well.example/app:1\nFROM slow.example/app:1\n")
        async with serving(place, "--now") as daemon:
            await asked(server, "slow", "well")
            for _ in range(2):  # one at a time: neither begins another scan
                async with session.post(f"{daemon.url}/webhook/x") as answer:
                    assert answer.status == 404
            assert server.asked["slow"] == 2
            assert await daemon.stop() < SOON
        assert daemon.process.returncode == 0, daemon.said
        assert "Traceback" not in daemon.said
        check = await place.run("ledger", "check")
        assert (check.code, check.out) == (0, "the ledger is whole\n")
        history = await place.run("history", "well.example/app:1", "--format", "json")
        assert len(history.json["intervals"]) == 1
        report = await place.run("report", "--format", "json")
        assert report.json["complete"] is False


async def test_a_failed_scan_does_not_end_the_daemon(
    shop: Shop, session: aiohttp.ClientSession
) -> None:
    shop.configure(NEVER)
    shop.environment["TAGWATCH_WEBHOOK_TOKEN"] = TOKEN
    (shop.folder / "reports").write_text("a file where a folder should be")
    async with serving(shop, "--now") as daemon:
        await daemon.until("the scan failed: ")
        assert await metric(session, daemon, 'tagwatch_scans_total{outcome="failed"}') == 1
        (shop.folder / "reports").unlink()
        async with session.post(f"{daemon.url}/webhook/{TOKEN}") as answer:
            assert answer.status == 202
        await scans(session, daemon, 1)
        assert await daemon.stop() < SOON
    assert daemon.process.returncode == 0


async def test_two_requests_for_a_scan_are_one(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    """Never two at a time: what asks while a scan goes on is answered by one more, after it."""
    folder = tmp_path / "desk"
    folder.mkdir()
    place = Workplace(folder, {"TAGWATCH_WEBHOOK_TOKEN": TOKEN})
    async with misbehaving() as server:
        place.write(
            "tagwatch.yaml",
            f"database: tagwatch.db\nsources: [Dockerfile]\n{NEVER}registries:\n"
            + server.registries("slow", timeout_seconds=300, patience_seconds=300),
        )
        place.write("Dockerfile", "FROM slow.example/app:1\n")
        async with serving(place, "--now") as daemon:
            await asked(server, "slow")
            for _ in range(3):
                async with session.post(f"{daemon.url}/webhook/{TOKEN}") as answer:
                    assert answer.status == 202
            await asyncio.sleep(0.5)
            assert server.asked["slow"] == 2
            server.release.set()
            await scans(session, daemon, 2)
            await asyncio.sleep(0.5)
            assert await metric(session, daemon, 'tagwatch_scans_total{outcome="finished"}') == 2
            assert await daemon.stop() < SOON
