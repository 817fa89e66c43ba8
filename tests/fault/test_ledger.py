"""A ledger that was damaged, cut, emptied, restored or could not be written: rows 6 to 16.

Each test is a fault, brought about for real on the ledger that two nights of a small estate left:
what people are told of it, what is mended, and that the next scan works.
"""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tagwatch.api import scan_async
from tagwatch.errors import LedgerError, LedgerFailedError
from tagwatch.ledger.codec import compress
from tagwatch.ledger.lock import waited_for
from tagwatch.ledger.maintenance import check, mend
from tagwatch.ledger.read import Reader
from tagwatch.ledger.restore import restore
from tagwatch.ledger.write import Ledger
from tagwatch.service.demo.show import serving
from tagwatch.walk.scan import ScanResult
from tagwatch.walk.site import open_site
from tests.fault.test_kill import FILES, MOVES, SHOP, first_night, intervals, second_night
from tests.ledger_origin import say_it_was
from tests.walk.command import Workplace

NIGHT = datetime(2026, 11, 1, 2, tzinfo=UTC)
DAY = timedelta(days=1)
WEB = f"{SHOP}/web:2"


@dataclass(slots=True)
class Estate:
    """A folder with its configuration and ledger, and a registry that serves it."""

    folder: Path

    @property
    def ledger(self) -> Path:
        return self.folder / "tagwatch.db"

    @property
    def desk(self) -> Workplace:
        home = {"HOME": str(self.folder), "SLACK": "", "WEBHOOK": ""}
        return Workplace(self.folder, home)

    def do(self, sql: str, *parameters: object) -> int:
        """Change the ledger behind its back; how many rows."""
        with closing(sqlite3.connect(self.ledger)) as connection:
            count = connection.execute(sql, parameters).rowcount
            connection.commit()
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert count
        return count

    def names(self, end: str = "") -> list[str]:
        """Return the names in the folder that end so."""
        return [one.name for one in self.folder.iterdir() if one.name.endswith(end)]

    def remove_beside(self) -> None:
        for end in ("-wal", "-shm"):
            self.ledger.with_name(self.ledger.name + end).unlink(missing_ok=True)

    async def night(self, number: int) -> ScanResult:
        site = open_site(
            self.folder / "tagwatch.yaml",
            environment={"HOME": str(self.folder)},
            at=NIGHT + number * DAY,
        )
        return await scan_async(site)


@pytest.fixture(scope="module")
def seed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The ledger after two nights."""

    async def made(folder: Path) -> bytes:
        shelf = first_night()
        async with serving(shelf) as registry:
            estate = written(folder, registry)
            await estate.night(0)
            second_night(shelf)
            await estate.night(1)
        return estate.ledger.read_bytes()

    return asyncio.run(made(tmp_path_factory.mktemp("seed")))


def written(folder: Path, registry: str) -> Estate:
    for name, text in FILES.items():
        # the text of alerts is not what this is about
        text = text.replace("REGISTRY", registry).partition("alerts:")[0]
        (folder / name).write_text(text, encoding="utf-8")
    return Estate(folder)


@asynccontextmanager
async def estate_of(seed: bytes, folder: Path) -> AsyncIterator[Estate]:
    shelf = first_night()
    second_night(shelf)
    async with serving(shelf) as registry:
        estate = written(folder, registry)
        estate.ledger.write_bytes(seed)
        say_it_was(estate.ledger, registry)
        yield estate


def without_registry(seed: bytes, folder: Path) -> Estate:
    estate = written(folder, "http://127.0.0.1:9")
    estate.ledger.write_bytes(seed)
    return estate


# Row 13: flipped bits


async def test_row_13_a_scan_makes_a_flipped_evidence_row_again(
    seed: bytes, tmp_path: Path
) -> None:
    async with estate_of(seed, tmp_path) as estate:
        flip = "UPDATE evidence SET body = CAST(x'7bff' || coalesce(substr(body, 3), '') AS BLOB)"
        estate.do(f"{flip} WHERE key = ?", WEB)
        found = await estate.desk.run("ledger", "check")
        assert (found.code, found.out) == (
            1,
            f"evidence of {WEB!r} cannot be read; with --mend it is dropped, and the "
            "next scan makes it again\n",
        )
        night = await estate.desk.run("scan", "--format", "json")
        assert night.code in (0, 1), night.err
        assert WEB in night.out
        whole = await estate.desk.run("ledger", "check")
        assert (whole.code, whole.out) == (0, "the ledger is whole\n")


async def test_row_13_a_check_that_meets_flipped_evidence_asks_again(
    seed: bytes, tmp_path: Path
) -> None:
    async with estate_of(seed, tmp_path) as estate:
        estate.do("UPDATE evidence SET body = x'7b' WHERE key = ?", WEB)
        done = await estate.desk.run("check", "Dockerfile", "--format", "json")
        assert done.code in (0, 1), done.err
        assert done.json["coverage"]["unavailable"] == 0
        assert check(estate.ledger) == ()


DAMAGES = {
    "evidence": "UPDATE evidence SET body = x'5b5d'",
    "evidence of another form": f"UPDATE evidence SET body = x'{compress(b'[]').hex()}'",
    "imported evidence": "UPDATE evidence SET body = x'5b5d', source_id = 9; "
    "INSERT INTO source VALUES (9, 'facts.json')",
    "a source of evidence": "UPDATE source SET name = CAST(x'ff' AS TEXT)",
    "evidence that stands nowhere": "UPDATE evidence SET body = NULL, piece_id = NULL",
    "evidence's key": "UPDATE evidence SET key = CAST(x'ff' || key AS TEXT)",
    "evidence's time": "UPDATE evidence SET at = 9223372036854775807",
    "a document": "UPDATE document SET raw = CAST(x'00' || raw AS BLOB)",
    "what was made of a repository": "UPDATE judged SET listed = x'00'",
    "its time": "UPDATE judged SET at = 9223372036854775807",
    "whose it is": "UPDATE judged SET project = CAST(x'ff' AS TEXT)",
    "an answer": "UPDATE run SET result = substr(result, 1, 20)",
    "an answer of another form": f"UPDATE run SET result = x'{compress(b'[]').hex()}'",
    "a piece of answers": "UPDATE piece SET body = substr(body, 1, 20)",
    "a piece that is another": "UPDATE piece SET body = (SELECT max(body) FROM piece)",
    "a piece that is lost": "DELETE FROM piece WHERE id = (SELECT max(id) FROM piece)",
    "a finding that stands": "UPDATE standing SET body = x'00'",
    "a finding's rule": "UPDATE standing SET rule = CAST(x'ff' AS TEXT)",
    "a move's reason": "UPDATE move SET change = x'00' WHERE change IS NOT NULL",
    "a cached text": "INSERT INTO cache VALUES ('a', 'b', 0, CAST(x'ff' AS TEXT))",
    "an alert": "INSERT INTO outbox (dedup_key, channel, payload, state, at, next_at) "
    "VALUES ('k', 'slack', CAST(x'ff' AS TEXT), 'pending', 1, 1)",
    "a build of a base": "INSERT INTO base_build VALUES "
    "('docker.io/library/redis:7', 'linux/amd64', zeroblob(32), zeroblob(32), '', 1, 2, 0, x'00')",
    "an index": "an index",
}


def spoil_index(estate: Estate) -> None:
    """Let an index have another entry than its table."""
    with closing(sqlite3.connect(estate.ledger)) as connection:
        index = connection.execute("SELECT * FROM sqlite_schema WHERE name = 'move_run'").fetchone()
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("DELETE FROM sqlite_schema WHERE name = 'move_run'")
        connection.commit()
    estate.do("UPDATE move SET run_id = run_id + 1000")
    with closing(sqlite3.connect(estate.ledger)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("INSERT INTO sqlite_schema VALUES (?, ?, ?, ?, ?)", index)
        connection.commit()


@pytest.mark.parametrize("damage", DAMAGES)
async def test_row_13_what_can_be_made_again_is_mended(
    seed: bytes, tmp_path: Path, damage: str
) -> None:
    async with estate_of(seed, tmp_path) as estate:
        if damage == "an index":
            spoil_index(estate)
        else:
            for sql in DAMAGES[damage].split("; "):
                estate.do(sql)
        found = check(estate.ledger)
        assert found
        mended = mend(estate.ledger)
        assert len(mended) == len(found)
        assert (check(estate.ledger), mend(estate.ledger)) == ((), ())
        await estate.night(2)
        assert check(estate.ledger) == ()
        with Reader.open(estate.ledger) as reader:
            assert set(MOVES) < set(reader.evidence_keys())
            assert reader.unexplained_moves() == ()
            last = reader.last_result()
        assert last is not None
        assert not last.changes, "it was told, and is not told again"
        assert not last.gone


async def test_row_13_a_damaged_finding_that_still_stands_is_not_told_as_new(
    seed: bytes, tmp_path: Path
) -> None:
    async with estate_of(seed, tmp_path) as estate:
        assert (await estate.night(2)).result.findings
        estate.do("UPDATE standing SET body = x'00'")
        news = (await estate.night(3)).news
        assert (news.since.new, news.since.worse, news.since.fixed) == ((), (), ())
        assert check(estate.ledger) != (), "those that stood before are history"
        (tmp_path / "Dockerfile").write_text("FROM scratch\n", encoding="utf-8")
        estate.do("UPDATE standing SET body = x'00'")
        gone = (await estate.night(4)).news.since.fixed
        assert {one.message for one in gone} == {
            "the text of this finding was damaged in the ledger"
        }


def test_row_13_names_and_history_are_told_and_never_dropped(seed: bytes, tmp_path: Path) -> None:
    estate = without_registry(seed, tmp_path)
    estate.do("UPDATE tag SET name = CAST(x'ff' || name AS TEXT) WHERE name = 'edge'")
    estate.do("UPDATE interval SET first_seen = -5 WHERE n = 1 AND ended_at IS NULL")
    found = check(estate.ledger)
    assert any("'tag'" in sentence for sentence in found)
    assert any("'interval'" in sentence for sentence in found)
    before = estate.ledger.read_bytes()
    assert mend(estate.ledger) == ()
    assert check(estate.ledger) == found
    assert estate.ledger.read_bytes() == before


async def test_row_13_what_kills_a_scan_is_found(seed: bytes, tmp_path: Path) -> None:
    """Flip a bit anywhere: no error that nobody foresaw, and what is whole can be scanned."""
    chance = random.Random(20261129)
    found_any = mended_any = 0
    async with estate_of(seed, tmp_path) as estate:
        for _ in range(16):
            raw = bytearray(seed)
            for _ in range(3):
                raw[chance.randrange(100, len(raw))] ^= 1 << chance.randrange(8)
            estate.remove_beside()
            estate.ledger.write_bytes(raw)
            found = check(estate.ledger)
            mended = mend(estate.ledger)
            found_any += bool(found)
            mended_any += bool(mended)
            if check(estate.ledger) == ():
                await estate.night(2)
            else:
                assert found
    assert found_any >= mended_any > 0


def spoil_page(estate: Estate, name: str) -> bytes:
    """Overwrite the first page of a table or index; the file as it is then."""
    with closing(sqlite3.connect(estate.ledger)) as connection:
        sql = "SELECT rootpage FROM sqlite_schema WHERE name = ?"
        (page,) = connection.execute(sql, (name,)).fetchone()
    raw = bytearray(estate.ledger.read_bytes())
    raw[4096 * (page - 1) : 4096 * page] = b"\0" * 4096
    estate.ledger.write_bytes(raw)
    return bytes(raw)


AGAIN = (
    "evidence",
    "piece",
    "document",
    "base_build",
    "sqlite_autoindex_evidence_1",
    "digest_prefix",
)


@pytest.mark.parametrize("name", AGAIN)
async def test_row_13_a_damaged_page_of_what_can_be_made_again_is_mended(
    seed: bytes, tmp_path: Path, name: str
) -> None:
    async with estate_of(seed, tmp_path) as estate:
        before = intervals(estate.ledger)
        spoil_page(estate, name)
        found = check(estate.ledger)
        assert all(sentence.startswith("the file: ") for sentence in found)
        assert found
        done = await estate.desk.run("ledger", "check", "--mend")
        assert done.code == 0, done.out
        assert done.out.startswith("mended: ")
        assert done.out.endswith("\nthe ledger is whole\n")
        assert intervals(estate.ledger) == before
        night = await estate.night(2)
        assert night.run_id == 3, "numbers are not given twice"
        assert (night.result.changes, night.result.gone) == ((), ()), "it was told"
        assert (night.news.since.new, night.news.since.fixed) == ((), ())
        assert check(estate.ledger) == ()


@pytest.mark.parametrize("name", ["interval", "standing", "event"])
async def test_row_13_a_damaged_page_of_what_only_a_backup_has_is_left_alone(
    seed: bytes, tmp_path: Path, name: str
) -> None:
    estate = without_registry(seed, tmp_path)
    damaged = spoil_page(estate, name)
    done = await estate.desk.run("ledger", "check", "--mend")
    assert done.code == 1
    assert done.out.startswith("the file: ")
    assert estate.ledger.read_bytes() == damaged
    assert [one for one in estate.names() if "before" in one or "rebuilt" in one] == []


async def test_row_13_a_damaged_ledger_leaves_a_check_without_memory(
    seed: bytes, tmp_path: Path
) -> None:
    async with estate_of(seed, tmp_path) as estate:
        good = await estate.desk.run("check", "Dockerfile", "--format", "json")
        estate.ledger.write_bytes(b"no database at all, " * 1000)
        done = await estate.desk.run("check", "Dockerfile", "--format", "json")
        assert done.code == good.code
        assert done.err.count("\n") == 1
        assert "is damaged" in done.err
        assert done.err.endswith("; this check works without memory\n")
        assert done.json["coverage"]["unavailable"] == 0
        hook = await estate.desk.run("check", "Dockerfile", "--offline")
        assert hook.code in (0, 1), hook.err
        assert "works without memory" in hook.err
        assert estate.ledger.read_bytes().startswith(b"no database"), "nobody writes over it"
        assert "is damaged" in (await estate.desk.run("scan")).is_clean_error(5)


async def test_row_9_a_check_reads_a_copy_of_a_ledger_that_may_not_be_written(
    seed: bytes, tmp_path: Path
) -> None:
    """A pipeline that was given the ledger to read lost all that it knew: moves, and ends."""
    async with estate_of(seed, tmp_path) as estate:
        # A later form for those who write, which SQLite reads and does not write: as a file that
        # belongs to somebody else, and unlike that also for root.
        read_only = seed[:18] + b"\x03" + seed[19:]
        estate.ledger.write_bytes(read_only)
        assert runs_of(estate.ledger) == 2
        done = await estate.desk.run("check", "Dockerfile", "--format", "json")
        assert done.code in (0, 1), done.err
        assert done.err.count("\n") == 1
        assert "may not be written" in done.err
        assert done.err.endswith("; this check reads a copy of it, and remembers nothing\n")
        assert done.json["coverage"]["unavailable"] == 0
        assert estate.ledger.read_bytes() == read_only
        estate.ledger.write_bytes(seed)
        good = await estate.desk.run("check", "Dockerfile", "--format", "json")
        assert done.json["findings"] == good.json["findings"]


# Row 14: cut, emptied, foreign, and what lies beside


async def test_row_14_an_emptied_ledger_says_that_all_memory_is_gone(
    seed: bytes, tmp_path: Path
) -> None:
    async with estate_of(seed, tmp_path) as estate:
        estate.ledger.write_bytes(b"")
        found = await estate.desk.run("ledger", "check")
        assert (found.code, found.out) == (
            1,
            "the file is empty: all that it held is gone; `tagwatch ledger restore` takes a "
            "backup\n",
        )
        (tmp_path / "copy.db").write_bytes(seed)
        refused = await estate.desk.run("ledger", "backup", "copy.db")
        assert "is empty, and was not copied" in refused.is_clean_error(5)
        assert (tmp_path / "copy.db").read_bytes() == seed, "a good backup is not replaced by none"
        hook = await estate.desk.run("check", "Dockerfile", "--offline")
        assert hook.code in (0, 1), hook.err
        gone = f"the ledger {str(estate.ledger)!r} is empty: all that it remembered is gone"
        assert hook.err.startswith(f"tagwatch: warning: {gone}; this check works without memory\n")
        history = await estate.desk.run("history", WEB)
        assert gone in history.is_clean_error(5)
        assert estate.ledger.read_bytes() == b"", "only a scan begins a new one, and tells of it"
        night = await estate.desk.run("scan", "--no-alerts")
        assert "is empty: all memory is gone, this begins a new one" in night.err
        again = await estate.desk.run("scan", "--no-alerts")
        assert "memory" not in again.err


@pytest.mark.parametrize("length", [1, 50, 4096, 20_000])
def test_row_14_a_cut_ledger_is_a_clear_error(seed: bytes, tmp_path: Path, length: int) -> None:
    estate = without_registry(seed, tmp_path)
    estate.ledger.write_bytes(seed[:length])
    try:
        assert check(estate.ledger) != ()
    except LedgerFailedError as error:
        assert "damaged" in error.message
        assert "tagwatch ledger restore" in error.hint


async def test_row_14_a_log_beside_nothing_is_swept_by_the_next_writer(
    seed: bytes, tmp_path: Path
) -> None:
    async with estate_of(seed, tmp_path) as estate:
        with Ledger.open(estate.ledger) as ledger:  # its log holds a run, and is left behind
            ledger.begin_run("scan", NIGHT + 2 * DAY)
            log = estate.ledger.with_name("tagwatch.db-wal").read_bytes()
        assert log
        estate.ledger.unlink()
        estate.ledger.with_name("tagwatch.db-wal").write_bytes(log)
        estate.ledger.with_name("tagwatch.db-shm").write_bytes(b"x" * 32768)
        await estate.night(3)
        assert estate.names("-wal") == estate.names("-shm") == []
        assert check(estate.ledger) == ()
        with Reader.open(estate.ledger) as reader:
            assert [run.id for run in reader.runs()] == [1], "a new one"


# Restoring


def ledger_of(seed: bytes, path: Path, *, runs: int) -> Path:
    """Write a ledger that has so many runs beside those of the seed."""
    path.write_bytes(seed)
    with Ledger.open(path) as ledger:
        for number in range(runs):
            ledger.begin_run("check", NIGHT + (2 + number) * DAY, project="shop")
    return path


def runs_of(path: Path) -> int:
    with Reader.open(path) as reader:
        return len(reader.runs(99))


async def test_restoring_keeps_the_old_ledger_beside(seed: bytes, tmp_path: Path) -> None:
    async with estate_of(seed, tmp_path) as estate:
        ledger_of(seed, estate.ledger, runs=2)
        (tmp_path / "copy.db").write_bytes(seed)
        before = runs_of(estate.ledger)
        done = await estate.desk.run("ledger", "restore", "copy.db")
        assert done.code == 0, done.err
        (kept,) = (tmp_path / name for name in estate.names("Z"))
        assert done.out == (
            "restored 'copy.db': its newest run is of 2026-11-02 02:00 UTC; "
            f"the ledger of before is kept as {str(kept)!r}\n"
        )
        assert (runs_of(estate.ledger), runs_of(kept)) == (before - 2, before)
        assert (check(estate.ledger), check(kept)) == ((), ())
        assert (tmp_path / "copy.db").read_bytes() == seed, "the backup is only read"
        await estate.night(4)
        assert check(estate.ledger) == ()
        assert [name for name in estate.names() if "restoring" in name or "unfin" in name] == []


@pytest.mark.parametrize("old", ["no database", "cut", "pages", "empty", "nothing"])
def test_restoring_takes_the_place_of_whatever_is_there(
    seed: bytes, tmp_path: Path, old: str
) -> None:
    estate = without_registry(seed, tmp_path)
    damaged = bytearray(seed)
    damaged[8192:] = os.urandom(len(damaged) - 8192)
    stands = {
        "no database": b"no database, " * 900,
        "cut": seed[:9000],
        "pages": bytes(damaged),
        "empty": b"",
    }.get(old)
    estate.ledger.unlink()
    if stands is not None:
        estate.ledger.write_bytes(stands)
    for end in ("-wal", "-shm"):
        estate.ledger.with_name(f"tagwatch.db{end}").write_bytes(b"left behind" * 500)
    backup = tmp_path / "copy.db"
    backup.write_bytes(seed)
    done = restore(backup, estate.ledger, NIGHT)
    assert check(estate.ledger) == ()
    assert done.newest == NIGHT + DAY
    if stands:
        assert done.kept is not None
        assert done.kept.exists()
    else:
        assert done.kept is None
    with Ledger.open(estate.ledger) as ledger:
        assert len(ledger.runs()) == 2
        assert ledger.begin_run("scan", NIGHT + 9 * DAY, project="shop") == 3
    assert check(estate.ledger) == ()


def test_a_backup_that_is_no_good_is_refused_and_the_ledger_stays(
    seed: bytes, tmp_path: Path
) -> None:
    estate = without_registry(seed, tmp_path)
    bad = tmp_path / "bad.db"
    spoiled = bytearray(seed)
    spoiled[4096 * 3 : 4096 * 5] = os.urandom(8192)
    with closing(sqlite3.connect(tmp_path / "foreign.db")) as other:
        other.execute("CREATE TABLE moz_places (url TEXT)")
    for content in (b"", b"no database " * 99, bytes(spoiled)):
        bad.write_bytes(content)
        with pytest.raises(LedgerFailedError, match=r"the backup '.*bad\.db' is (empty|damaged)"):
            restore(bad, estate.ledger, NIGHT)
    for name in ("foreign.db", "missing.db", "tagwatch.db"):
        with pytest.raises(LedgerError):
            restore(tmp_path / name, estate.ledger, NIGHT)
    bad.write_bytes(seed)
    estate.ledger.unlink()
    (tmp_path / "foreign.db").replace(estate.ledger)
    with pytest.raises(LedgerError, match="another program"):
        restore(bad, estate.ledger, NIGHT)
    estate.ledger.write_bytes(seed)
    assert check(estate.ledger) == ()
    assert not list(tmp_path.glob("*before*"))


def test_a_backup_with_damage_that_can_be_mended_is_restored(seed: bytes, tmp_path: Path) -> None:
    estate = without_registry(seed, tmp_path)
    estate.do("UPDATE evidence SET body = x'5b5d' WHERE key = ?", WEB)
    backup = estate.ledger.replace(tmp_path / "copy.db")
    done = restore(backup, estate.ledger, NIGHT)
    assert [sentence.partition(";")[0] for sentence in done.mended] == [
        f"evidence of {WEB!r} cannot be read"
    ]
    assert check(estate.ledger) == ()


def test_who_has_the_ledger_open_sees_what_is_restored(seed: bytes, tmp_path: Path) -> None:
    """A scan that waits for its turn goes on with the restored ledger, not with a lost file."""
    estate = without_registry(seed, tmp_path)
    ledger_of(seed, estate.ledger, runs=3)
    backup = tmp_path / "copy.db"
    backup.write_bytes(seed)
    with Ledger.open(estate.ledger) as waiting, Reader.open(estate.ledger) as reader:
        assert len(reader.runs()) == 5
        restore(backup, estate.ledger, NIGHT)
        assert len(reader.runs()) == 2
        assert waiting.begin_run("scan", NIGHT + 9 * DAY, project="shop") == 3
    assert runs_of(estate.ledger) == 3
    assert check(estate.ledger) == ()


async def test_restoring_waits_for_the_scans_of_every_project(seed: bytes, tmp_path: Path) -> None:
    estate = without_registry(seed, tmp_path)
    (tmp_path / "copy.db").write_bytes(seed)
    with waited_for(estate.ledger, "another", wait_seconds=0, holder=str):
        done = await estate.desk.run("ledger", "restore", "copy.db", "--wait-lock", "0")
    assert "a scan that uses this ledger is at work" in done.is_clean_error(5)
    assert estate.names("Z") == []


# Rows 6 to 8 and 16: what a crash leaves, and exit code 5


async def test_row_6_what_a_killed_report_left_is_swept(seed: bytes, tmp_path: Path) -> None:
    async with estate_of(seed, tmp_path) as estate:
        run = tmp_path / "reports" / "run"
        run.mkdir(parents=True)
        old = [
            run / ".2026-11-01T020000Z.html.2irz0n01",
            run / ".2026-11-01T020000Z.json.abc_efgh",
            run / ".2026-11-01T020000Z.gitlab.json.0123456789abcdef",
            run.parent / ".pages.json.fedcba9876543210",
            run.parent / ".index.html.0000zzzz",
            run.parent / ".latest.sarif.json.0000zzzz",
        ]
        kept = [run / ".gitkeep", run / ".notes.html.12345678", run.parent / ".htaccess"]
        young = run / ".2026-11-02T020000Z.html.2irz0n02"
        for path in (*old, *kept, young):
            path.write_text("half a page", encoding="utf-8")
            if path is not young:
                os.utime(path, (time.time() - 90_000,) * 2)
        config = tmp_path / "tagwatch.yaml"
        text = config.read_text(encoding="utf-8").replace("formats: []", "formats: [json]")
        config.write_text(text, encoding="utf-8")
        done = await estate.desk.run("scan")
        assert done.code in (0, 1), done.err
        assert [path for path in old if path.exists()] == []
        assert all(path.exists() for path in (*kept, young))


def test_row_6_what_a_killed_backup_left_is_swept(seed: bytes, tmp_path: Path) -> None:
    from tagwatch.ledger.maintenance import back_up

    estate = without_registry(seed, tmp_path)
    left, young, other = (
        tmp_path / name
        for name in (".monday.db.unfinished", ".tuesday.db.unfinished", ".mine.db.unfinished")
    )
    for path, content in ((left, seed[:5000]), (young, seed), (other, b"a text of mine, kept")):
        path.write_bytes(content)
        if path is not young:
            os.utime(path, (time.time() - 90_000,) * 2)
    back_up(estate.ledger, tmp_path / "wednesday.db")
    assert [path.exists() for path in (left, young, other)] == [False, True, True]


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, ({bytes}, {bytes}))
from tagwatch.cli.main import main
sys.exit(main({arguments}))
"""
"""The command on a disk on which no file may grow beyond so many bytes."""


@pytest.mark.skipif(sys.platform == "win32", reason="this system has no such limit")
async def test_row_7_a_full_disk_is_the_environments_failure(seed: bytes, tmp_path: Path) -> None:
    async with estate_of(seed, tmp_path) as estate:
        code = LIMITED.format(bytes=4096, arguments=["scan", "--no-alerts"])
        done = await estate.desk.python("-c", code)
        assert "could not be read or written" in done.is_clean_error(5)
        backup = LIMITED.format(bytes=4096, arguments=["ledger", "backup", "copy.db"])
        assert (await estate.desk.python("-c", backup)).is_clean_error(5)
        await estate.night(2)
        assert check(estate.ledger) == ()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
async def test_row_7_an_answer_that_cannot_be_written_is_the_environments_failure(
    seed: bytes, tmp_path: Path
) -> None:
    estate = without_registry(seed, tmp_path)
    code = (
        "import os, sys; os.dup2(os.open('/dev/full', os.O_WRONLY), 1);"
        "from tagwatch.cli.main import main; code = main(['schema', 'config']);"
        "sys.stderr.flush(); os._exit(code)"
    )
    done = await estate.desk.python("-c", code)
    assert "No space left on device" in done.is_clean_error(5)


async def test_row_8_a_report_that_cannot_be_written_is_the_environments_failure(
    seed: bytes, tmp_path: Path
) -> None:
    async with estate_of(seed, tmp_path) as estate:
        config = tmp_path / "tagwatch.yaml"
        text = config.read_text(encoding="utf-8").replace("formats: []", "formats: [json]")
        config.write_text(text, encoding="utf-8")
        (tmp_path / "reports").write_text("a file in its place", encoding="utf-8")
        assert "the report cannot be written" in (await estate.desk.run("scan")).is_clean_error(5)


async def test_row_10_a_scan_at_work_is_the_environments_failure(
    seed: bytes, tmp_path: Path
) -> None:
    estate = without_registry(seed, tmp_path)
    with waited_for(estate.ledger, "shop", wait_seconds=0, holder=str):
        done = await estate.desk.run("scan", "--wait-lock", "0")
    assert "another scan of this project is at work" in done.is_clean_error(5)


async def test_row_16_a_clock_behind_the_ledger_is_the_environments_failure(
    seed: bytes, tmp_path: Path
) -> None:
    estate = without_registry(seed, tmp_path)
    estate.do("UPDATE run SET at = at + 400 * 86400 * 1000000 * 10")
    for command in (("scan",), ("check", "Dockerfile", "--max-time", "0")):
        assert "ahead of the clock" in (await estate.desk.run(*command)).is_clean_error(5)
