"""Evidence that stands is what gathering would make again: compared night by night, to the byte."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tagwatch.api import resolve, scan_async
from tagwatch.audit.model.knowledge import Knowledge
from tagwatch.ledger.codec import encode, micros
from tagwatch.ledger.read import Reader
from tagwatch.service.demo.nights import first_night, second_night
from tagwatch.service.demo.show import serving
from tagwatch.walk.look_up import Asking
from tagwatch.walk.site import Site, open_site

FIRST = datetime(2026, 8, 20, 2, tzinfo=UTC)
DAY = timedelta(days=1)
SHOP = "registry.shop.example"
BASES = [{"ref": "docker.io/library/python", "tags": ["3.12-slim"]}]
WATCH = [
    {"image": "redis", "include": ["7*", "latest"]},
    {"image": "node", "tags": ["22.x", "22-alpine", "never-there"]},
    {"image": "nginx", "tags": ["/^1.30/"], "exclude": ["*-perl"]},
    {"image": f"{SHOP}/shop/api"},
    {"image": f"{SHOP}/shop/web"},
]
DOCKERFILE = f"FROM python:3.12-slim\nFROM redis:7\nFROM {SHOP}/shop/api:1.4\nFROM missing/one:1\n"


def site_at(folder: Path, address: str, at: datetime, *, policy: dict[str, object]) -> Site:
    """Where a night takes place: files, a watch list and a policy; the ledger is in the folder."""
    folder.mkdir(exist_ok=True)
    endpoint = {"endpoint": address, "credential": "anonymous"}
    settings = {
        "version": 1,
        "database": "ledger.db",
        "sources": ["Dockerfile"],
        "watch": WATCH,
        "policy": policy,
        "registries": {
            "docker.io": {**endpoint, "catalogue_endpoint": address},
            SHOP: endpoint,
        },
    }
    (folder / "tagwatch.yaml").write_text(json.dumps(settings))
    (folder / "Dockerfile").write_text(DOCKERFILE)
    site = open_site(folder / "tagwatch.yaml", environment={"HOME": str(folder)}, at=at)
    return replace(site, knowledge=Knowledge())


async def answer_of(site: Site) -> tuple[bytes, dict[str, bytes]]:
    """What a night finds, and the evidence that others read of it afterwards."""
    result = (await scan_async(site)).result
    with Reader.open(site.database, site.origins) as ledger:
        stored = ledger.evidence(ledger.evidence_keys())
    return encode(result), {key: encode(one) for key, one in sorted(stored.items())}


def rows(folder: Path, sql: str) -> int:
    """What a statement counts or changes in the ledger of a folder."""
    with closing(sqlite3.connect(folder / "ledger.db")) as connection, connection:
        cursor = connection.execute(sql)
        return int(cursor.fetchone()[0]) if sql.startswith("SELECT") else cursor.rowcount


def standing(folder: Path, at: datetime) -> int:
    """How much evidence was not written by the night `at`, and holds until then."""
    with closing(sqlite3.connect(folder / "ledger.db")) as connection:
        held = connection.execute(
            "SELECT count(*) FROM evidence JOIN evidence_now n ON n.id = evidence.rowid "
            "WHERE n.at = ?1 AND evidence.at < ?1",
            (micros(at),),
        )
        return int(held.fetchone()[0])


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[tuple[Path, str]]:
    shelf = first_night()
    async with serving(shelf) as address:
        for folder in ("one", "other"):
            await answer_of(site_at(tmp_path / folder, address, FIRST, policy={}))
        second_night(shelf)
        yield tmp_path, address


@pytest.mark.parametrize(
    "policy", [{}, {"bases": BASES, "rules": {"attestation-missing": {"severity": "note"}}}]
)
async def test_what_stands_is_what_would_be_gathered(
    place: tuple[Path, str], policy: dict[str, object]
) -> None:
    folder, address = place
    stood = []
    # the moves of one night, what comes of them, nothing new; frozen after a month; abandoned
    for days in (1, 2, 3, 34, 35, 131):
        at = FIRST + days * DAY
        shutil.copy(folder / "one" / "ledger.db", folder / "other" / "ledger.db")
        assert rows(folder / "other", "UPDATE evidence SET made_from = NULL")
        rows(folder / "other", "DELETE FROM judged")
        read_back = await answer_of(site_at(folder / "one", address, at, policy=policy))
        made_anew = await answer_of(site_at(folder / "other", address, at, policy=policy))
        assert read_back == made_anew, f"night {days}"
        assert standing(folder / "other", at) == 0
        stood.append(standing(folder / "one", at))
    assert stood[0] == 0, "a new build of a base may be anybody's"
    assert stood[2] > rows(folder / "one", "SELECT count(*) FROM evidence") / 2
    assert stood[3] < stood[4] == stood[2], "what time alone changes is written again, once"


DAMAGED = {
    "what the watch list came to": "UPDATE judged SET listed = x'00'",
    "evidence": "UPDATE evidence SET body = x'00'",
    "its text": "UPDATE piece SET body = x'00' WHERE id IN (SELECT piece_id FROM evidence)",
    "its text that is gone": "DELETE FROM piece WHERE id IN (SELECT piece_id FROM evidence)",
    "evidence that is gone": "DELETE FROM evidence WHERE key LIKE '%:1.30.4'",
    "evidence of nobody": "UPDATE evidence SET judged_id = NULL WHERE key LIKE '%:1.30.4'",
    "what it was made from": "UPDATE judged SET made_from = x'00'",
    "its time": "UPDATE judged SET again_at = at + 1",
    "its repository": "UPDATE repository SET revision = revision + 1",
}


@pytest.mark.parametrize("damage", DAMAGED)
async def test_what_is_not_whole_is_made_again(place: tuple[Path, str], damage: str) -> None:
    folder, address = place
    for days in (1, 2):
        await answer_of(site_at(folder / "one", address, FIRST + days * DAY, policy={}))
    shutil.copy(folder / "one" / "ledger.db", folder / "other" / "ledger.db")
    assert rows(folder / "other", DAMAGED[damage])
    at = FIRST + 3 * DAY
    read_back = await answer_of(site_at(folder / "one", address, at, policy={}))
    made_anew = await answer_of(site_at(folder / "other", address, at, policy={}))
    assert read_back == made_anew
    still = f"SELECT count(*) FROM judged WHERE at = {micros(at)}"
    assert rows(folder / "one", still) == rows(folder / "other", still) >= 3


async def test_a_check_in_between_leaves_what_holds(place: tuple[Path, str]) -> None:
    """It looks at a part of a repository, and must not let the rest hold for longer."""
    folder, address = place
    for days in (1, 2):
        await answer_of(site_at(folder / "one", address, FIRST + days * DAY, policy={}))
    shutil.copy(folder / "one" / "ledger.db", folder / "other" / "ledger.db")
    at = FIRST + 2 * DAY + DAY / 2
    site = site_at(folder / "one", address, at, policy={})
    await asyncio.to_thread(resolve, "nginx:1.30.4", site, asking=Asking(refresh=True))
    with Reader.open(site.database, site.origins) as ledger:
        seen = {key: one.at for key, one in ledger.evidence(ledger.evidence_keys()).items()}
    assert seen["docker.io/library/nginx:1.30.4"] == at
    assert seen["docker.io/library/nginx:1.30"] == FIRST + 2 * DAY
    night = [
        await answer_of(site_at(folder / name, address, FIRST + 3 * DAY, policy={}))
        for name in ("one", "other")
    ]
    assert night[0] == night[1]


async def test_another_policy_or_program_is_gathered_anew(
    place: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, address = place

    async def night(days: int, policy: dict[str, object]) -> int:
        at = FIRST + days * DAY
        await answer_of(site_at(folder / "one", address, at, policy=policy))
        return standing(folder / "one", at)

    plain: dict[str, object] = {}
    for days in (1, 2, 3):
        await night(days, plain)
    assert await night(4, plain) > 0
    assert await night(5, {"defaults": {"platforms": ["linux/arm64"]}}) == 0
    assert await night(6, {"bases": BASES}) == 0
    assert await night(7, {"bases": BASES}) > 0
    monkeypatch.setattr("tagwatch.walk.round.__version__", "999")
    assert await night(8, {"bases": BASES}) == 0
