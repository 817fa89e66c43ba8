"""Nights without news write no pages: counted in files and bytes, over the real scan."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tagwatch.api import scan_async
from tagwatch.audit.model.knowledge import Knowledge
from tagwatch.config.settings import Retention
from tagwatch.ledger.read import Reader
from tagwatch.publish.quiet import NAME, read_memo
from tagwatch.service.demo.images import Shelf
from tagwatch.service.demo.nights import first_night, second_night
from tagwatch.service.demo.show import serving
from tagwatch.service.nightly import scan_and_publish
from tagwatch.walk.site import Site, open_site

FIRST = datetime(2026, 8, 20, 2, tzinfo=UTC)
DAY = timedelta(days=1)


class Estate:
    """A watch list over a registry that moves when a test says so, with reports in two formats."""

    def __init__(self, folder: Path, address: str, shelf: Shelf) -> None:
        self.folder = folder
        self.reports = folder / "reports"
        self.shelf = shelf
        endpoint = {"endpoint": address, "credential": "anonymous"}
        settings = {
            "version": 1,
            "database": "ledger.db",
            "sources": ["Dockerfile"],
            "watch": [{"image": "redis", "include": ["7*", "latest"]}],
            "reports": {"formats": ["html", "json"]},
            "registries": {"docker.io": {**endpoint, "catalogue_endpoint": address}},
        }
        (folder / "tagwatch.yaml").write_text(json.dumps(settings))
        (folder / "Dockerfile").write_text("FROM python:3.12-slim\nFROM redis:7\n")

    def site(self, at: datetime, retention: Retention | None = None) -> Site:
        environment = {"HOME": str(self.folder)}
        site = open_site(self.folder / "tagwatch.yaml", environment=environment, at=at)
        settings = replace(site.settings, retention=retention or site.settings.retention)
        return replace(site, knowledge=Knowledge(), settings=settings)

    async def night(self, number: int, retention: Retention | None = None) -> list[str]:
        """One night; the files that it wrote."""
        before = self.files()
        await scan_and_publish(self.site(FIRST + number * DAY, retention), send=False)
        after = self.files()
        written = {name for name, state in after.items() if before.get(name) != state}
        about = {name for name in written if ABOUT.fullmatch(name)}
        assert not about or {"by-image.html", "by-file.html", "rules.html"} <= about
        return sorted([*(written - about), *(["by-*"] if about else [])])

    def files(self) -> dict[str, tuple[int, int]]:
        return {
            path.relative_to(self.reports).as_posix(): (path.stat().st_mtime_ns, path.stat().st_ino)
            for path in self.reports.rglob("*")
            if path.is_file()
        }

    def bytes(self) -> int:
        return sum((self.reports / name).stat().st_size for name in self.files())

    def rows(self) -> list[str]:
        text = (self.reports / "index.html").read_text(encoding="utf-8")
        return [re.sub("<[^>]*>", "", row) for row in re.findall(r'<th scope="row".*?</th>', text)]


@pytest.fixture
async def estate(tmp_path: Path) -> AsyncIterator[Estate]:
    shelf = first_night()
    async with serving(shelf) as address:
        yield Estate(tmp_path, address, shelf)


ABOUT = re.compile(r"(?:by-.*|latest-.*|rules)\.html")
"""The pages about the latest run, beside `latest.html`: written with it, `by-*` in these tests."""


def pages(night: int) -> list[str]:
    stamp = f"{FIRST + night * DAY:%Y-%m-%dT%H%M%SZ}"
    return [f"run/{stamp}.html", f"run/{stamp}.json"]


OUTDATED = "outdated.html"
ALL = ["by-*", "index.html", "latest.html", "latest.json", OUTDATED, NAME]


async def test_a_quiet_night_writes_the_index_alone(estate: Estate) -> None:
    assert await estate.night(0) == [*ALL, *pages(0)]
    size = estate.bytes()
    for number in (1, 2, 3):
        assert await estate.night(number) == ["index.html", NAME], number
    assert estate.bytes() - size < 1_500, "a line of the index and one of the note"
    assert estate.rows() == ["3 quiet nights, 2026-08-21 to 2026-08-23", "2026-08-20 02:00 UTC"]
    index = (estate.reports / "index.html").read_text(encoding="utf-8")
    assert "Latest run: 2026-08-23 02:00 UTC" in index, "the last reading is told here alone"
    assert json.loads((estate.reports / "latest.json").read_bytes())["at"].startswith("2026-08-20")

    second_night(estate.shelf)
    assert await estate.night(4) == [*ALL, *pages(4)]
    assert await estate.night(5) == ["index.html", NAME]
    assert estate.rows() == [
        "1 quiet night, 2026-08-25",
        "2026-08-24 02:00 UTC",
        "3 quiet nights, 2026-08-21 to 2026-08-23",
        "2026-08-20 02:00 UTC",
    ]


async def test_what_differs_writes_pages(estate: Estate) -> None:
    await estate.night(0)
    (estate.folder / "Dockerfile").write_text("FROM python:3.12-slim\n")
    assert pages(1)[0] in await estate.night(1), "a target less"
    (estate.folder / "Dockerfile").write_text("# moved\nFROM python:3.12-slim\n")
    assert pages(2)[0] in await estate.night(2), "another line"
    assert await estate.night(3) == ["index.html", NAME]
    (estate.reports / "latest.json").unlink()
    assert pages(4)[1] in await estate.night(4), "a page that is missing"
    (estate.reports / NAME).write_text("no memo")
    assert await estate.night(5) == [*(one for one in ALL if one != OUTDATED), *pages(5)]


async def test_the_next_scan_writes_the_page_of_a_killed_one(estate: Estate) -> None:
    await estate.night(0)
    second_night(estate.shelf)
    await scan_async(estate.site(FIRST + DAY))  # finished, stored, and killed before its pages
    assert read_memo(estate.reports).newest == FIRST
    assert await estate.night(2) == [*ALL, *pages(1)]
    moved = json.loads((estate.reports / pages(1)[1]).read_bytes())["changes"]
    assert moved, "its news"
    assert estate.rows()[0] == "1 quiet night, 2026-08-22"


async def test_old_pages_are_removed_but_for_what_stands(estate: Estate) -> None:
    keep = Retention(runs=None, pages=3 * DAY)
    mine = estate.reports / "run" / "notes.txt"
    await estate.night(0, keep)
    mine.write_text("mine")
    second_night(estate.shelf)
    await estate.night(1, keep)
    await estate.night(3, keep)
    assert set(pages(0)) <= set(estate.files())
    assert pages(4)[0] in await estate.night(4, keep), "three days make the move known"
    assert not set(pages(0)) & set(estate.files())
    for number in (5, 6, 9):
        assert await estate.night(number, keep) == ["index.html", NAME]
    there = {name for name in estate.files() if not ABOUT.fullmatch(name)}
    assert there == {*ALL[1:], *pages(4), "run/notes.txt"}


async def test_runs_are_kept_for_400_days_and_a_few_more(estate: Estate) -> None:
    def runs() -> list[int]:
        site = estate.site(FIRST)
        with Reader.open(site.database, site.origins) as ledger:
            return sorted((run.at - FIRST).days for run in ledger.runs())

    await estate.night(0)
    await estate.night(3)
    await estate.night(4)
    await estate.night(405)
    assert runs() == [0, 3, 4, 405], "looking for what is old takes time: not for one run"
    await estate.night(413)
    assert runs() == [0, 405, 413], "since the first one findings stand"
