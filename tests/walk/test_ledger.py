"""`tagwatch ledger`: the real command on a ledger that is damaged, old, read only or in use."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tagwatch.ledger.connection import SCHEMA_VERSION
from tests.paths import DATA
from tests.walk.command import Workplace

OLDEST = (DATA / "ledger" / "v1.sql").read_text(encoding="utf-8")


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    """A desk with a ledger of the oldest schema."""
    folder = tmp_path / "desk"
    folder.mkdir()
    made = Workplace(folder)
    made.write("tagwatch.yaml", "version: 1\ndatabase: tagwatch.db\n")
    with closing(sqlite3.connect(folder / "tagwatch.db")) as connection:
        connection.executescript(OLDEST)
    return made


def schema(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


async def test_a_copy_of_before_the_upgrade(place: Workplace) -> None:
    done = await place.run("ledger", "backup", "copy.db")
    assert (done.code, done.out) == (0, "copied to copy.db\n")
    assert (await place.run("ledger", "forget", "--runs", "0d")).code == 0  # which upgrades
    assert schema(place.folder / "tagwatch.db") == SCHEMA_VERSION
    assert schema(place.folder / "copy.db") == 1
    (place.folder / "copy.db").replace(place.folder / "tagwatch.db")
    assert "7.4.1" in (await place.run("history", "redis:7")).out


async def test_what_only_reads_writes_nothing(place: Workplace) -> None:
    await place.run("history", "redis:7")  # upgrades it
    before = (place.folder / "tagwatch.db").read_bytes()
    assert (await place.run("ledger", "check")).out == "the ledger is whole\n"
    await place.run("ledger", "backup", "copy.db")
    assert (place.folder / "tagwatch.db").read_bytes() == before
    assert schema(place.folder / "copy.db") == SCHEMA_VERSION


async def test_damage_is_listed_and_what_can_be_read_is_not_lost(place: Workplace) -> None:
    await place.run("history", "redis:7")
    path = place.folder / "tagwatch.db"
    with closing(sqlite3.connect(path)) as connection:
        sql = "SELECT rootpage FROM sqlite_schema WHERE name = 'digest'"
        (page,) = connection.execute(sql).fetchone()
    raw = bytearray(path.read_bytes())
    raw[4096 * (page - 1) : 4096 * page] = b"\xff" * 4096
    path.write_bytes(raw)
    done = await place.run("ledger", "check")
    assert done.code == 1
    assert all(line.startswith("the file: ") for line in done.out.splitlines())
    backup = await place.run("ledger", "backup", "copy.db")
    assert "is damaged, and was not copied" in backup.is_clean_error(5)
    assert not (place.folder / "copy.db").exists()


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("backup", "tagwatch.db"), "cannot be its own backup"),
        (("backup", "nowhere/copy.db"), "its folder does not exist"),
        (("backup", "tagwatch.db/copy.db"), "its folder does not exist"),
        (("forget", "--history", "soon"), "not a duration: 'soon'"),
    ],
)
async def test_a_slip_is_told(place: Workplace, arguments: tuple[str, ...], what: str) -> None:
    assert what in (await place.run("ledger", *arguments)).is_clean_error(2)


async def test_to_forget_nothing_is_a_slip_and_400_days_of_runs_stay_by_default(
    place: Workplace,
) -> None:
    assert (await place.run("ledger", "forget")).code == 0
    config = place.folder / "tagwatch.yaml"
    config.write_text(f"{config.read_text('utf-8')}retention: {{runs: null}}\n", encoding="utf-8")
    slip = await place.run("ledger", "forget")
    assert "nothing says what to forget" in slip.is_clean_error(2)
