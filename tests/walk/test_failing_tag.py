"""Tags that cannot be read do not cost their tries every night, and spoil no listing."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tagwatch import ScanResult, open_site
from tagwatch.api import scan_async
from tests.registry.doubles.hub import HubDouble
from tests.registry.harness import AT
from tests.walk.command import Workplace

PATH = "shop/app"


def configure(
    place: Workplace, double: HubDouble, *, named: str = "", budget: int = 10_000
) -> None:
    place.write(
        "tagwatch.yaml",
        "database: tagwatch.db\nsources: [Dockerfile]\nwatch: [{image: shop/app, tags: ['*']}]\n"
        f"registries: {{docker.io: {{endpoint: '{double.url}', catalogue_endpoint: '{double.url}',"
        f" credential: anonymous, patience_seconds: 30, budget: {budget}}}}}\n",
    )
    place.write("Dockerfile", f"FROM {named}\n" if named else "FROM scratch\n")


async def night(place: Workplace, at: datetime) -> ScanResult:
    environment = {"HOME": str(place.folder)}
    return await scan_async(
        open_site(place.folder / "tagwatch.yaml", environment=environment, at=at)
    )


def old(double: HubDouble, count: int) -> None:
    """Tags of the 2018 form: the API tells no digest of them."""
    for number in range(count):
        at = AT - timedelta(days=9, minutes=number)
        double.warehouse.push(PATH, f"0.{number}", at=at, index=False)

    def edit(entry: dict[str, Any]) -> None:
        if entry["name"].startswith("0."):
            entry["digest"], entry["images"] = None, []

    double.edit = edit


@pytest.mark.parametrize("new", [30, 150], ids=["one page", "two pages"])
async def test_old_tags_without_digest_are_asked_once(tmp_path: Path, new: int) -> None:
    place, double = Workplace(tmp_path), HubDouble()
    for number in range(new):
        at = AT - timedelta(days=2, minutes=number)
        double.warehouse.push(PATH, f"1.{number}", at=at, index=False)
    old(double, 60)
    async with double.serving():
        configure(place, double)
        first = await night(place, AT)
        assert double.night()["head"] == 60
        second = await night(place, AT + timedelta(days=1))
        assert double.night() == {"catalogue": 1}
        double.warehouse.push(PATH, "0.7", build="2", at=AT + timedelta(days=1, hours=1))
        third = await night(place, AT + timedelta(days=2))
        assert double.night()["head"] == 1, "it was pushed again"
    assert second.result.coverage == first.result.coverage
    assert [one.change.tag for one in third.result.changes] == ["0.7"]


async def test_old_tags_that_the_registry_does_not_have(tmp_path: Path) -> None:
    """The API lists them and the registry answers 404: asked once, until all is listed again."""
    place, double = Workplace(tmp_path), HubDouble()
    for number in range(150):
        at = AT - timedelta(days=2, minutes=number)
        double.warehouse.push(PATH, f"1.{number}", at=at, index=False)
    old(double, 10)
    async with double.serving():
        configure(place, double, named="shop/app:0.3")
        for number in range(10):
            double.failing[f"0.{number}"] = 404
        first = await night(place, AT)
        assert double.night()["head"] >= 10
        second = await night(place, AT + timedelta(days=1))
        assert double.night() == {"catalogue": 1, "head": 1, "ping": 1, "manifest": 1}, (
            "the named one"
        )
        await night(place, AT + timedelta(days=8))
        assert double.night()["head"] == 10
    assert second.result.coverage == first.result.coverage


@pytest.mark.parametrize("tags", [30, 250])
async def test_a_manifest_that_keeps_failing_is_asked_once_a_night(
    tmp_path: Path, tags: int
) -> None:
    place, double = Workplace(tmp_path), HubDouble()
    for number in range(tags):
        at = AT - timedelta(days=2, minutes=number)
        double.warehouse.push(PATH, f"1.{number}", at=at, index=False)
    bad = double.warehouse.repositories[PATH]["1.5"].digest
    async with double.serving():
        configure(place, double, named="shop/app:1.5")
        double.failing[bad] = 503
        first = await night(place, AT)
        counts = double.night()
        assert counts["manifest"] == tags + 3
        second = await night(place, AT + timedelta(days=1))
        counts = double.night()
        assert (counts["catalogue"], counts["manifest"]) == (1, 1)
        assert counts["head"] == 0, "what the tag serves is known"
        double.warehouse.push(
            PATH, "1.9", build="2", at=AT + timedelta(days=1, hours=1), index=False
        )
        third = await night(place, AT + timedelta(days=2))
        assert double.night()["catalogue"] == 1
        double.failing.clear()
        fourth = await night(place, AT + timedelta(days=3))
        counts = double.night()
        assert (counts["manifest"], counts["head"]) == (1, 0)
        fifth = await night(place, AT + timedelta(days=4))
        assert double.night() == {"catalogue": 1}
    assert [one.change.tag for one in third.result.changes] == ["1.9"]
    for found in (first, second, third):
        assert [one.tag for one in found.result.failures] == ["1.5"]
    assert fourth.result.complete
    assert fifth.result.complete


async def test_a_night_without_pulls_left_goes_on_the_next(tmp_path: Path) -> None:
    """The listing was whole: what is left to read is known, and no page is read for it again."""
    place, double = Workplace(tmp_path), HubDouble()
    for number in range(130):
        at = AT - timedelta(days=2, minutes=number)
        double.warehouse.push(PATH, f"1.{number}", at=at, index=False)
    async with double.serving():
        configure(place, double, budget=60)
        for number, pulls in enumerate((60, 60, 10, 0)):
            found = await night(place, AT + timedelta(days=number))
            counts = double.night()
            assert counts["manifest"] == pulls
            assert counts["catalogue"] == (1 if number else 2)
            assert counts["head"] == 0
            assert found.result.complete == (number >= 2)
