"""`tagwatch scan`: two nights, alerts, interruptions."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tagwatch.service.demo.nights import second_night
from tests.walk.command import Workplace
from tests.walk.conftest import Shop
from tests.walk.hook import hook
from tests.walk.misbehaving import misbehaving, small_shelf


def intervals(shop: Shop) -> int:
    with sqlite3.connect(shop.folder / "tagwatch.db") as connection:
        return int(connection.execute("SELECT count(*) FROM interval").fetchone()[0])


async def test_the_second_night_tells_what_moved(shop: Shop) -> None:
    first = await shop.run("scan", "--format", "json")
    assert first.code == 1, first.err
    assert "Traceback" not in first.err
    document = json.loads(first.out)
    assert document["complete"] is True
    assert document["changes"] == []
    before = intervals(shop)

    unchanged = await shop.run("scan", "--format", "json")
    assert json.loads(unchanged.out)["changes"] == []
    assert intervals(shop) == before, "an unchanged night adds no interval"
    assert all("manifest" not in kinds for kinds in json.loads(unchanged.out)["requests"].values())

    second_night(shop.shelf)
    moved = json.loads((await shop.run("scan", "--format", "json")).out)
    verdicts = {
        (change["repository"].rpartition("/")[2], change["tag"]): change["verdict"]
        for change in moved["changes"]
    }
    assert verdicts["redis", "7"] == "upgraded"
    assert verdicts["api", "1.4.2"] == "replaced"
    assert verdicts["python", "3.12-slim"] == "rebuilt"
    rules = {finding["rule"] for finding in moved["findings"]}
    assert {"tag-replaced", "tag-deleted", "tag-missing"} <= rules
    assert (shop.folder / "reports" / "index.html").is_file()


async def test_one_alert_when_something_changed_and_none_else(shop: Shop) -> None:
    async with hook([200]) as (url, posted):
        shop.environment["HOOK"] = url
        shop.configure("alerts: {slack: {webhook_env: HOOK, allow_http: true}}\n")
        for _ in range(2):
            await shop.run("scan")
        assert len(posted) == 1, "the first night is news, the second is not"
        second_night(shop.shelf)
        done = await shop.run("scan")
        assert len(posted) == 2
        assert "shop/api:1.4.2" in json.dumps(posted[1])
        assert url not in done.out + done.err
        for page in (shop.folder / "reports").rglob("*.*"):
            assert url not in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("answers", "said", "states"),
    [
        ([429, 200], ["sent"], ["sent"]),
        ([500, 200], ["unsure whether it arrived; not sent again, the next one names it"],
         ["unsure"]),
        ([404, 200], ["refused; held until its address is mended"], ["held"]),
    ],
    ids=["429 is tried again at once", "500 is unsure", "404 is held"],
)  # fmt: skip
async def test_an_alert_that_was_not_taken(
    shop: Shop, answers: list[int], said: list[str], states: list[str]
) -> None:
    async with hook(answers) as (url, posted):
        shop.environment["HOOK"] = url
        shop.configure("alerts: {slack: {webhook_env: HOOK, allow_http: true}}\n")
        first = await shop.run("scan")
        assert [text for text in said if f"alert to slack: {text}" in first.err] == said
        await shop.run("scan")
        assert len(posted) == len([status for status in answers if status == 429]) + 1
        listed = await shop.run("alerts", "list", "--all", "--format", "json")
        assert [one["state"] for one in listed.json["alerts"]] == states


async def test_killed_scans_lose_nothing_and_alert_once(shop: Shop) -> None:
    """`kill -9` at 20 seeded moments; then one scan runs to its end."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    async with hook([200]) as (url, posted):
        shop.environment["HOOK"] = url
        shop.configure("alerts: {slack: {webhook_env: HOOK, allow_http: true}}\n")
        await shop.run("scan")
        second_night(shop.shelf)
        acknowledged: set[tuple[Any, ...]] = set()
        for _ in range(20):
            process = await shop.start("scan")
            await asyncio.sleep(dice.uniform(0.2, 1.6))
            if process.returncode is None:
                process.send_signal(signal.SIGKILL)
            await process.communicate()
            rows = _rows(shop)
            assert acknowledged <= rows, f"seed {seed}: acknowledged rows are gone"
            acknowledged = rows
        await shop.run("scan")
        check = await shop.run("ledger", "check")
        assert check.code == 0, check.out
        keys = [json.dumps(message, sort_keys=True) for message in posted]
        assert len(keys) == len(set(keys)), f"seed {seed}: an alert came twice"
        history = await shop.run("history", "redis:7", "--format", "json")
        assert len(json.loads(history.out)["intervals"]) == 2


def _rows(shop: Shop) -> set[tuple[Any, ...]]:
    with sqlite3.connect(shop.folder / "tagwatch.db") as connection:
        rows = connection.execute(
            "SELECT repository_id, tag_id, n, digest_id, first_seen FROM interval"
        )
        return set(rows)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_in_good_order(tmp_path: Path, number: signal.Signals) -> None:
    """In the middle of a scan: what was said is stored, what was not is told, and soon."""
    folder = tmp_path / "desk"
    folder.mkdir()
    place = Workplace(folder)
    async with misbehaving() as server:
        place.write(
            "tagwatch.yaml",
            "database: tagwatch.db\nsources: [Dockerfile]\npolicy: {on_unavailable: fail}\n"
            "watch: [{image: slow.example/shop/*}]\nregistries:\n"
            + server.registries("well", "slow", timeout_seconds=300, patience_seconds=300),
        )
        place.write("Dockerfile", "FROM well.example/app:1\nFROM slow.example/app:1\n")
        process = await place.start("scan", "--format", "json")
        for _ in range(600):
            if server.asked["slow"] >= 2:
                break
            await asyncio.sleep(0.05)
        clock = asyncio.get_running_loop().time
        begun = clock()
        process.send_signal(number)
        out, err = await asyncio.wait_for(process.communicate(), 30)
        assert clock() - begun < 10
        assert b"stopping: what is under way is stored first" in err
        assert b"Traceback" not in err
        assert process.returncode == 4, err.decode()
        assert json.loads(out)["complete"] is False
        assert (await place.run("ledger", "check")).code == 0
        server.release.set()
        again = await place.run("check", "Dockerfile", "--format", "json")
        assert again.json["complete"] is True


async def test_a_repository_of_twenty_thousand_tags(tmp_path: Path) -> None:
    """Watched by patterns: only what they select is asked, in little time and memory."""
    folder = tmp_path / "desk"
    folder.mkdir()
    place = Workplace(folder)
    shelf = small_shelf()
    digest = shelf.tags["app"]["1"]
    versions = [f"{number // 1000}.{number // 10 % 100}.{number % 10}" for number in range(19_990)]
    shelf.tags["app"] = dict.fromkeys([*versions, *(f"{major}" for major in range(10))], digest)
    async with misbehaving(shelf) as server:
        place.write(
            "tagwatch.yaml",
            "database: tagwatch.db\nsources: []\nreports: {formats: [json]}\nregistries:\n"
            + server.registries("well")
            + 'watch: [{image: well.example/app, tags: ["7.3.x", "/^19[.]99[.]/"]}]\n',
        )
        done = await place.run("scan", "--format", "json")
        assert done.code == 0, done.err
        answer = done.json
        assert answer["complete"] is True
        found = {one["input"]: one["tag"] for one in answer["resolutions"]}
        assert found["well.example/app:7.3.x"] == "7.3.9"
        asked = answer["requests"]["well.example"]
        assert asked["tags"] == 1
        assert asked["head"] <= 40, asked
        size = (folder / "tagwatch.db").stat().st_size
        assert size < 2**20, "a name that nobody watches costs nothing"
