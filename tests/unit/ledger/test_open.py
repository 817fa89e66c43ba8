"""Opening: what is missing, foreign, newer, older, damaged or in use; and what reading imports."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from tagwatch.audit.model.history import UNRECORDED
from tagwatch.errors import LedgerError, LedgerReadOnlyError
from tagwatch.image.reference import Repository
from tagwatch.ledger.connection import SCHEMA_VERSION, is_part_of
from tagwatch.ledger.maintenance import check
from tagwatch.ledger.read import Reader
from tagwatch.ledger.schema import MIGRATIONS
from tagwatch.ledger.write import Ledger
from tests.paths import DATA, ROOT

AT = datetime(2026, 1, 1, tzinfo=UTC)


def execute(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "tagwatch.db"


def test_the_file_and_its_folder_are_made(path: Path) -> None:
    with Ledger.open(path) as ledger:
        assert check(ledger.path) == ()
    with Reader.open(path) as reader:
        assert reader.runs() == ()


def test_a_missing_ledger_is_said_to_be_missing(path: Path) -> None:
    with pytest.raises(LedgerError, match="there is no ledger") as caught:
        Reader.open(path)
    assert "tagwatch scan" in caught.value.hint
    assert not path.exists()


def test_the_tables_are_those_of_the_newest_migration(path: Path) -> None:
    Ledger.open(path).close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize("kind", [Ledger, Reader])
def test_a_newer_ledger_is_left_alone(path: Path, kind: type[Reader]) -> None:
    Ledger.open(path).close()
    execute(path, f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    before = path.read_bytes()
    with pytest.raises(LedgerError, match="newer tagwatch") as caught:
        kind.open(path)
    assert "upgrade tagwatch" in caught.value.hint
    assert path.read_bytes() == before


@pytest.mark.parametrize("kind", [Ledger, Reader])
def test_another_programs_database_is_left_alone(path: Path, kind: type[Reader]) -> None:
    path.parent.mkdir()
    execute(path, "CREATE TABLE moz_places (url TEXT)")
    before = path.read_bytes()
    with pytest.raises(LedgerError, match="another program"):
        kind.open(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("kind", [Ledger, Reader])
def test_a_file_that_is_no_database_is_named(path: Path, kind: type[Reader]) -> None:
    path.parent.mkdir()
    path.write_bytes(b"version: 1\nwatch: []\n" * 100)
    with pytest.raises(LedgerError, match="damaged") as caught:
        kind.open(path)
    assert "backup" in caught.value.hint


def test_a_damaged_page_is_an_error_and_not_an_empty_answer(path: Path) -> None:
    with Ledger.open(path) as ledger:
        for _ in range(200):
            ledger.begin_run("scan", AT)
    raw = bytearray(path.read_bytes())
    raw[4096:] = os.urandom(len(raw) - 4096)
    path.write_bytes(raw)
    with pytest.raises(LedgerError, match="damaged"), Reader.open(path) as reader:
        reader.runs()


def test_a_folder_in_the_files_place_is_named(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(LedgerError, match="cannot be opened"):
        Ledger.open(path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file", encoding="utf-8")
    with pytest.raises(LedgerError, match="cannot be made"):
        Ledger.open(tmp_path / "data" / "tagwatch.db")


def test_an_older_ledger_is_upgraded_with_all_it_holds(path: Path) -> None:
    path.parent.mkdir()
    script = (DATA / "ledger" / "v1.sql").read_text(encoding="utf-8")
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    redis = Repository.parse("redis")
    with Reader.open(path) as reader:
        old, new = reader.intervals(redis, "7")
        assert (old.version, new.version) == ("7.4.0", "7.4.1")
        assert (old.ended_at, new.verdict) == (new.first_seen, "upgraded")
        # of nobody knows whom: it would hide what moved since
        assert (reader.origin(redis), reader.known(redis).watermark) == (UNRECORDED, None)
        assert [run.kind for run in reader.runs()] == ["scan", "scan"]
        assert reader.base_builds() == ()
    with Ledger.open(path) as ledger:
        assert check(ledger.path) == ()
        assert ledger.begin_run("scan", AT + timedelta(days=30)) == 3


def test_an_older_ledger_that_may_not_be_written_says_what_is_to_do(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((DATA / "ledger" / "v1.sql").read_text(encoding="utf-8"))
        connection.execute("PRAGMA journal_mode = WAL")
    raw = path.read_bytes()
    path.write_bytes(raw[:18] + b"\x03" + raw[19:])  # SQLite reads that form and never writes it
    with pytest.raises(LedgerReadOnlyError, match="is of an older tagwatch") as caught:
        Reader.open(path)
    assert "`tagwatch scan`" in caught.value.hint


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_a_ledger_of_every_earlier_schema_is_upgraded(path: Path, version: int) -> None:
    path.parent.mkdir()
    script = (DATA / "ledger" / "v1.sql").read_text(encoding="utf-8")
    names = [migration.name for migration in MIGRATIONS.pending(Database(memory=True))]
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(script)
        MIGRATIONS.apply(Database(connection), stop_before=names[version])
        assert connection.execute("PRAGMA user_version").fetchone() == (version,)
    with Reader.open(path) as reader:
        assert [one.version for one in reader.intervals(Repository.parse("redis"), "7")] == [
            "7.4.0",
            "7.4.1",
        ]
        assert [run.kind for run in reader.runs()] == ["scan", "scan"]
    with Ledger.open(path) as ledger:
        assert check(ledger.path) == ()
        (stored,) = ledger._connection.execute("PRAGMA user_version").fetchone()
        assert stored == SCHEMA_VERSION


UPGRADE_AND_DIE = """
import os, sqlite3, sys
from functools import partial
from pathlib import Path

count = 0

class Counted(sqlite3.Connection):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.set_trace_callback(self.trace)

    def trace(self, statement):
        global count
        count += 1
        if count == int(sys.argv[2]):
            os._exit(9)

sqlite3.connect = partial(sqlite3.connect, factory=Counted)
from tagwatch.ledger.write import Ledger
Ledger.open(Path(sys.argv[1])).close()
"""


@pytest.mark.parametrize("statement", [12, 40, 60, 75, 156, 162, 173])
def test_an_upgrade_that_is_killed_leaves_the_old_ledger(path: Path, statement: int) -> None:
    path.parent.mkdir()
    script = (DATA / "ledger" / "v5.sql").read_text(encoding="utf-8")
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    command = [sys.executable, "-c", UPGRADE_AND_DIE, str(path), str(statement)]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 9
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (5,)
    with Ledger.open(path) as ledger:
        assert check(ledger.path) == ()
        assert ledger.last_result() is not None


def test_the_first_project_that_scans_gets_what_an_older_ledger_holds(path: Path) -> None:
    """The findings that stood, the runs, the messages, and the moves that nobody told."""
    path.parent.mkdir()
    script = (DATA / "ledger" / "v5.sql").read_text(encoding="utf-8")
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    with Ledger.open(path) as ledger:
        last = ledger.last_result()
        assert last is not None
        assert last.findings
        (move,) = ledger.unexplained_moves()
        later = AT + timedelta(days=9000)
        first = ledger.begin_run("scan", later, project="first")
        assert {one.fingerprint for one in ledger.stood("first")} == {
            one.fingerprint for one in last.findings
        }
        assert [fact.happened for fact in ledger.facts("first")] == [move]
        assert {run.project for run in ledger.runs(99)} == {"first"}
        assert ledger.messages(project="first")
        assert not ledger.messages()
        second = ledger.begin_run("scan", later, project="second")
        assert (ledger.stood("second"), ledger.facts("second")) == ((), ())
        again = replace(last, at=later)
        news = ledger.news(first, again)
        assert (news.since.new, news.since.fixed, news.is_first) == ((), (), False)
        assert ledger.news(second, again).is_first


def test_two_openers_of_a_new_ledger_both_get_it(path: Path) -> None:
    code = (
        "from pathlib import Path; from tagwatch.ledger.write import Ledger;"
        f"Ledger.open(Path({str(path)!r})).close()"
    )
    openers = [subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) for _ in range(3)]
    assert [opener.wait(60) for opener in openers] == [0, 0, 0]
    with Ledger.open(path) as ledger:
        assert check(ledger.path) == ()


def test_a_locked_ledger_is_said_to_be_locked(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Ledger.open(path) as ledger, closing(sqlite3.connect(path)) as other:
        ledger._connection.execute("PRAGMA busy_timeout = 20")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match="locked") as caught:
            ledger.begin_run("scan", AT)
        assert "another tagwatch" in caught.value.hint
        other.rollback()
        assert ledger.begin_run("scan", AT) == 1


@pytest.mark.skipif(not hasattr(os, "setuid") or os.getuid() != 0, reason="needs root to drop it")
@pytest.mark.parametrize("mode", [0o555, 0o755])
def test_a_ledger_in_a_folder_of_somebody_else_is_read(tmp_path: Path, mode: int) -> None:
    folder = Path("/tmp") / f"tagwatch-{os.getpid()}-{mode:o}"
    folder.mkdir()
    try:
        with Ledger.open(folder / "l.db") as ledger:
            ledger.begin_run("scan", AT)
        (folder / "l.db").chmod(0o644)  # as its owner wants it: we make it 0600
        (folder / "l.db-wal").touch()  # as one who only read it leaves
        folder.chmod(mode)
        code = (
            "import os, sys, typing, urllib.parse; sys.path.insert(0, sys.argv[2]);"
            "from pathlib import Path; from tagwatch.ledger.read import Reader;"
            "os.setgid(65534); os.setuid(65534);"
            "print(len(Reader.open(Path(sys.argv[1])).runs()))"
        )
        answer = subprocess.run(
            [sys.executable, "-c", code, str(folder / "l.db"), str(ROOT)],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert answer.stdout == "1\n"
    finally:
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()


def test_reading_loads_nothing_heavy(path: Path) -> None:
    Ledger.open(path).close()
    code = (
        "import sys; from pathlib import Path; from tagwatch.ledger.read import Reader\n"
        f"with Reader.open(Path({str(path)!r})) as reader: reader.evidence(['a']), reader.runs()\n"
        "print(*sorted(name for name in sys.modules if '.' not in name))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(answer.stdout.split())
    assert "sqlite3" in loaded
    heavy = {"sqlite_utils", "msgspec", "asyncio", "aiohttp", "ssl", "yaml", "jinja2", "click"}
    assert loaded & (heavy | {"apscheduler", "rich", "pluggy", "logging"}) == set()


def test_what_is_beside_a_ledger_and_part_of_it(tmp_path: Path) -> None:
    """A source pattern such as `**/*` matches them, and they name no image."""
    ledger = tmp_path / "tagwatch.db"
    parts = ("tagwatch.db", "tagwatch.db-wal", "tagwatch.db-shm", "tagwatch.db.0123.lock")
    others = ("tagwatch.db.yaml", "tagwatch.dbx", "Dockerfile", "lock", "a/tagwatch.db")
    assert all(is_part_of(ledger, tmp_path / name) for name in parts)
    assert not any(is_part_of(ledger, tmp_path / name) for name in others)
