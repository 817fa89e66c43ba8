"""Old ledgers: what a scan of today stored is read by the program of tomorrow.

`ledger-v5.sql` is a ledger after two nights of a small part of the demo, with findings, a move and
two tags that are gone. It is frozen: a later schema gets a file of its own beside it.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.pinned.pin import PINNED, compare
from tests.walk.command import Workplace

NAMES = sorted(path.stem for path in PINNED.glob("ledger-v*.sql"))
API, WEB = (f"registry.shop.example/shop/{name}" for name in ("api", "web"))
SETTINGS = f"""\
version: 1
database: ledger.db
sources: [Dockerfile]
watch: [{{image: {WEB}, tags: ["1.9"]}}]
registries: {{registry.shop.example: {{endpoint: "http://127.0.0.1:1", patience_seconds: 0}}}}
reports: {{formats: [json]}}
"""
DOCKERFILE = f"FROM {WEB}:latest AS web\nFROM {API}:1.4\nUSER 10001\n"
ASKED = {
    "report.json": ("report", "--format", "json"),
    "report.md": ("report", "--format", "markdown"),
    "history.json": ("history", f"{API}:1.4", "--format", "json"),
    "resolve.json": ("resolve", "--offline", f"{API}:1.4", f"{WEB}:1.9", "--format", "json"),
    "diff.json": (
        "diff",
        "--offline",
        f"{API}:1.4@2026-08-21",
        f"{API}:1.4@2026-08-23",
        "--format",
        "json",
    ),
}
MEANING = "a ledger that an older tagwatch wrote is not understood as it was"


def desk(folder: Path, name: str) -> Workplace:
    """A folder with the ledger, and the files that it is about."""
    place = Workplace(folder, {"HOME": str(folder)})
    place.write("tagwatch.yaml", SETTINGS)
    place.write("Dockerfile", DOCKERFILE)
    with closing(sqlite3.connect(folder / "ledger.db")) as connection:
        connection.executescript((PINNED / f"{name}.sql").read_text(encoding="utf-8"))
    return place


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("file", ASKED)
async def test_what_is_answered_from_it(file: str, name: str, tmp_path: Path) -> None:
    done = await desk(tmp_path, name).run(*ASKED[file])
    assert done.err == ""
    compare(f"{name}-{file}", done.out, MEANING)


@pytest.mark.parametrize("name", NAMES)
async def test_the_next_night_is_compared_with_it(name: str, tmp_path: Path) -> None:
    """The registry is down: nothing is fixed by that, and what it told before is still known."""
    place = desk(tmp_path, name)
    done = await place.run("scan")
    assert (await place.run("ledger", "check")).out == "the ledger is whole\n"
    compare(f"{name}-next-night.txt", done.err, MEANING)


def test_today_s_ledger_is_here() -> None:
    assert "ledger-v5" in NAMES
