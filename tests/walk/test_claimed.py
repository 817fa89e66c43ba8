"""A version that only the image itself states: told, remembered, and never called behind."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from tagwatch.ledger.codec import text_of
from tagwatch.service.demo.images import Step, build
from tests.walk.conftest import Shop

DAYS = ("2026-08-20", "2026-08-21")


def put(shop: Shop, day: str, version: str, *tags: str) -> None:
    steps = [
        Step(created_by=f"ENV CACHE_VERSION={version}"),
        Step(created_by="RUN make", content=f"{version} {day}"),
    ]
    image = build(None, steps, day=day, config={"Env": [f"CACHE_VERSION={version}"]})
    shop.shelf.push("library/cache", tags, [image], day)


async def test_a_rebuilt_tag_that_lost_its_full_name(shop: Shop) -> None:
    """`5.0` is 5.0.1 by its alias, then by its variable; its history says 5.0.1 throughout."""
    (shop.folder / "Dockerfile").write_text("FROM cache:5.0\n", encoding="utf-8")
    sample = shop.folder / "sample.yaml"
    sample.write_text(
        "version: 1\ndatabase: tagwatch.db\nwatch: [{image: cache}]\n", encoding="utf-8"
    )
    shop.configure(in_bulk=True)
    put(shop, DAYS[0], "5.0.1", "5.0", "5.0.1")
    await shop.run("scan")
    put(shop, DAYS[1], "5.0.1", "5.0")
    for _night in range(2):
        await shop.run("scan")
        told = (await shop.run("history", "cache:5.0", "--format", "json")).json["intervals"]
        assert [one["version"] for one in told] == ["5.0.1", "5.0.1"]
    (found,) = (await shop.run("resolve", "cache:5.0", "--format", "json")).json["resolutions"]
    assert (found["tag"], found["version"], found["basis"]) == ("5.0", "5.0.1", "env")
    assert found["newer"] == {"patch": None, "minor": None, "major": None}
    assert "cache:5.0  5.0.1 · sha256:" in (await shop.run("resolve", "cache:5.0")).out
    done = await shop.run("check", "Dockerfile", "--format", "json")
    assert "base-behind" not in {one["rule"] for one in done.json["findings"]}


async def test_the_night_after_makes_nothing_again(shop: Shop) -> None:
    """What an image states of its version is a part of what its evidence is made of at once."""
    put(shop, DAYS[0], "5.0.1", "5.0")
    (shop.folder / "Dockerfile").write_text("FROM cache:5.0\n", encoding="utf-8")
    shop.configure(in_bulk=True)
    await shop.run("scan")
    first = made(shop)
    assert b'"version":"5.0.1"' in first[0][-1].partition(b'"history":')[2]
    await shop.run("scan")
    assert made(shop) == first


def made(shop: Shop) -> list[tuple[int, bytes, bytes]]:
    """What stands of the evidence: when it was made, from what, and what it says."""
    with closing(sqlite3.connect(shop.folder / "tagwatch.db")) as connection:
        rows = connection.execute(
            "SELECT e.at, e.made_from, e.key, e.body, n.piece, e.at FROM evidence e "
            "JOIN evidence_now n ON n.id = e.rowid ORDER BY e.key"
        )
        return [(at, made_from, text_of(*text)) for at, made_from, *text in rows.fetchall()]
