"""What lies on a disk: who else has an account there reads no private image's config."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tagwatch.ledger.write import Ledger
from tests.extract import NIGHTLY, lines_of
from tests.hostile.promise import promised
from tests.hostile.served import Served, config_of, served
from tests.walk.command import Workplace

OTHERS = "another user of the machine"
SECRET = "pr1vateWord"

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.fixture
async def registry() -> AsyncIterator[Served]:
    async with served() as found:
        found.push("app", private())
        yield found


def private(**more: str) -> dict[str, object]:
    return config_of(
        config={
            "Cmd": ["run", SECRET],
            "Env": [f"PLACE={SECRET}"],
            "Labels": {"team": SECRET},
            "WorkingDir": f"/{SECRET}",
            "Volumes": {f"/{SECRET}": {}},
            **more,
        },
        history=[{"created_by": f"RUN {SECRET}"}],
        author=SECRET,
    )


@pytest.fixture
def place(tmp_path: Path, registry: Served) -> Workplace:
    found = Workplace(tmp_path / "here", {"FACTS_KEY": NIGHTLY.private})
    found.write(
        "tagwatch.yaml",
        "database: data/deep/tagwatch.db\nwatch: [{image: r.example/app, tags: ['*']}]\n"
        "reports: {directory: reports, formats: [json, html]}\n" + registry.settings(),
    )
    found.environment["TAGWATCH_CONFIG"] = str(found.folder / "tagwatch.yaml")
    return found


@promised(OTHERS, "reading the ledger, its logs and its backups", "they are their owner's alone")
async def test_the_ledger_is_its_owners(place: Workplace) -> None:
    with umask(0o022):
        await place.run("scan")
        database = place.folder / "data" / "deep" / "tagwatch.db"
        assert mode(database.parent) == 0o700
        assert mode(database) == 0o600
        with Ledger.open(database) as ledger:
            ledger.begin_run("scan", datetime.now(UTC))
            beside = {file.name: mode(file) for file in database.parent.iterdir()}
        assert {*beside.values()} == {0o600}
        assert "tagwatch.db-wal" in beside
        done = await place.run("ledger", "backup", str(place.folder / "copy.db"))
        assert done.code == 0, done.err
        assert mode(place.folder / "copy.db") == 0o600


@pytest.mark.parametrize(("before", "after"), [(0o644, 0o600), (0o664, 0o600), (0o640, 0o640)])
def test_an_older_ledger_is_taken_from_others(place: Workplace, before: int, after: int) -> None:
    database = place.folder / "tagwatch.db"
    Ledger.open(database).close()
    database.chmod(before)
    Ledger.open(database).close()
    assert mode(database) == after


async def test_a_file_of_another_program_is_left_alone(place: Workplace) -> None:
    database = place.folder / "data" / "deep" / "tagwatch.db"
    database.parent.mkdir(parents=True)
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE a (b)")
    database.chmod(0o644)
    (await place.run("scan")).is_clean_error(2)
    assert mode(database) == 0o644


@promised(OTHERS, "reading reports", "they are as wide as the umask says, and no wider")
@pytest.mark.parametrize(("mask", "expected"), [(0o077, 0o600), (0o022, 0o644)])
async def test_reports_are_as_the_umask_says(place: Workplace, mask: int, expected: int) -> None:
    with umask(mask):
        await place.run("scan")
    reports = [file for file in (place.folder / "reports").rglob("*") if file.is_file()]
    assert {"latest.json", "latest.html", "index.html"} <= {file.name for file in reports}
    assert {mode(file) for file in reports} == {expected}


@promised(
    "whoever may read an extract", "reading the configs of images that they may not pull",
    "an extract has what rules read, and no command, variable, label or build step",
)  # fmt: skip
async def test_an_extract_has_no_configs(place: Workplace, registry: Served) -> None:
    place.write("Dockerfile", "FROM r.example/app:1.0\n")
    place.environment["TAGWATCH_CONFIG"] = str(place.folder / "tagwatch.yaml")
    await place.run("scan")
    registry.push("app", private(User="root2", Label=SECRET + "2"))
    await place.run("scan")
    done = await place.run(
        "facts", "export", "--key-env", "FACTS_KEY", "--output", "facts.txt", "Dockerfile"
    )
    assert done.code == 0, done.err
    text = b"".join(lines_of((place.folder / "facts.txt").read_bytes())).decode()
    assert "r.example/app:1.0" in text
    assert "root2" in text  # the change of its user is told
    assert SECRET not in text
