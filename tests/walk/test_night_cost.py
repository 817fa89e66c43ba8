"""What nights over a registry without a catalogue cost, counted: DESIGN 9, 11. Never timed."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tagwatch.ledger.write import Ledger
from tests.bench.measure import Command, measured
from tests.bench.place import Place, double, paths_of
from tests.static_registry import Stock

STOCK = Stock(repositories=20, tags=5)
TAGS = STOCK.repositories * STOCK.tags
CONCURRENCY = 4
# Every question to SQLite, of every thread: what is run or asked, not what is fetched.
COUNTED = """
import sys, threading
from tagwatch.cli.main import main
asked = []
def note(frame, event, called):
    if event == "c_call" and called.__name__ in ("execute", "executemany"):
        asked.append(frame.f_code.co_filename)
threading.setprofile(note)
sys.setprofile(note)
code = main(sys.argv[1:])
sys.setprofile(None)
print(sum("tagwatch" in name for name in asked))
sys.exit(code)
"""
LOADED = """
import sys
from tagwatch.cli.main import main
code = main(sys.argv[1:])
print(*sorted(sys.modules))
sys.exit(code)
"""
# What brings the ledger up to date, goes to a cluster, makes evidence, matches bases, explains
# moves, offers what is newer, alerts, and writes pages: a night without news does none of it.
UNUSED = {
    "click", "jinja2", "sqlite_utils", "tagwatch.audit.base.match", "tagwatch.audit.change",
    "tagwatch.audit.fact.gather", "tagwatch.audit.reading.steps", "tagwatch.audit.verdict.outlook",
    "tagwatch.crawl.engine.message", "tagwatch.ledger.schema", "tagwatch.publish.notify.alert",
    "tagwatch.walk.prospect", "tagwatch.walk.unwatched", "tagwatch.walk.verdicts",
}  # fmt: skip
MODULES = 210
"""More of ours than this a night without news does not load; 197 are loaded (2026-11-30)."""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with double(STOCK, tmp_path / "place") as found:
        found.configure(paths_of(STOCK), CONCURRENCY)
        yield found


def written(place: Place) -> dict[str, int]:
    """Rows of every table; a night without news adds its run and the lists of its answer."""
    with closing(sqlite3.connect(place.folder / "ledger.db")) as connection:
        names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        return {
            name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
            for (name,) in names
            if name not in ("run", "part") and not name.startswith("sqlite_")
        }


def count_writes(place: Place) -> None:
    """Let the ledger count every row that is written from now on, by table."""
    with closing(sqlite3.connect(place.folder / "ledger.db")) as connection, connection:
        names = written(place)
        connection.execute("CREATE TABLE written (name TEXT PRIMARY KEY, count INTEGER NOT NULL)")
        for name in names:
            for what in ("INSERT", "UPDATE", "DELETE"):
                connection.execute(
                    f"CREATE TRIGGER count_{name}_{what} AFTER {what} ON {name} BEGIN "
                    f"INSERT INTO written VALUES ('{name}', 1) "
                    "ON CONFLICT DO UPDATE SET count = count + 1; END"
                )


def counted(place: Place) -> dict[str, int]:
    """Return how many rows of each table were written since, and begin anew."""
    with closing(sqlite3.connect(place.folder / "ledger.db")) as connection, connection:
        found = dict(connection.execute("SELECT name, count FROM written").fetchall())
        connection.execute("DELETE FROM written")
    return found


def stored_bytes(place: Place) -> int:
    """How much of the ledger's file is in use."""
    with closing(sqlite3.connect(place.folder / "ledger.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        (free,) = connection.execute("PRAGMA freelist_count").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    return int((pages - free) * size)


def pages(place: Place) -> dict[str, int]:
    """The reports by name, with the time at which each was written."""
    folder = place.folder / "reports"
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in files}


def queries(place: Place, *line: str) -> int:
    """How often the command asks SQLite."""
    run = (sys.executable, "-c", COUNTED, *line, "--format", "json")
    return int(measured(Command(name="counted", line=run, folder=place.folder)).out.split()[-1])


def test_a_first_night_and_one_without_news(place: Place) -> None:
    _, night = place.scan()
    assert night["coverage"]["read"] == TAGS
    first = place.stats()
    rows, size = written(place), stored_bytes(place)

    done, night = place.scan()
    assert done.requests == 1 + STOCK.repositories + TAGS
    assert done.connections is not None
    assert done.connections <= CONCURRENCY, done
    asked = {"ping": 1, "tags": STOCK.repositories, "head": TAGS}
    assert night["requests"] == {place.host: asked}, "what it says is what it asked"
    assert night["coverage"]["read"] == TAGS
    assert written(place) == rows
    assert stored_bytes(place) - size <= 8_192, "a run and its lists, however many tags there are"
    assert first["requests"] == {}, "a scan's own count empties the registry's"

    line = (sys.executable, "-c", LOADED, "scan", "--format", "json")
    told = measured(Command(name="loaded", line=line, folder=place.folder)).out
    loaded = set(told.splitlines()[-1].split())
    assert loaded & UNUSED == set()
    ours = [name for name in loaded if name.partition(".")[0] == "tagwatch"]
    assert 150 < len(ours) <= MODULES, len(ours)


def test_a_night_without_news_writes_no_row_of_a_tag(place: Place) -> None:
    _, first = place.scan()
    count_writes(place)
    for _ in range(2):  # the second one is like it
        _, night = place.scan()
        assert {**night, "at": "", "since": ""}.keys() == {**first, "at": "", "since": ""}.keys()
        rows = counted(place)
        assert rows.pop("repository") == STOCK.repositories, "until when all of it is known"
        assert rows.pop("judged") == STOCK.repositories, "and until when what was made of it holds"
        assert sum(rows.values()) <= 4, rows
    with closing(sqlite3.connect(place.folder / "ledger.db")) as connection:
        kept = connection.execute("SELECT count(*) FROM judged WHERE judgement IS NOT NULL")
        assert kept.fetchone() == (STOCK.repositories,), "what the rules said, too, is read back"


def test_what_is_stored_of_an_image(place: Place) -> None:
    """The evidence of an image is what the answer of the run lists of it, and stands there once."""
    place.scan()
    with closing(sqlite3.connect(place.folder / "ledger.db")) as connection:
        evidence = "SELECT count(body), count(piece_id) FROM evidence"
        assert connection.execute(evidence).fetchone() == (0, TAGS)
        (pieces,) = connection.execute("SELECT sum(length(body)) FROM piece").fetchone()
        (documents,) = connection.execute("SELECT sum(length(raw)) FROM document").fetchone()
    assert pieces <= 200 * TAGS
    assert documents <= 200 * TAGS, "a manifest and a config: three digests, and little more"


def test_what_the_ledger_takes_for_a_tag(tmp_path: Path) -> None:
    """The goal is 45 MB for 100,000 tags, ten to an image: 450 bytes each."""
    stock = Stock(repositories=10, tags=100, shared=10)
    with double(stock, tmp_path / "place") as place:
        place.configure(paths_of(stock), CONCURRENCY)
        place.scan()
        taken = (place.folder / "ledger.db").stat().st_size
    Ledger.open(tmp_path / "empty.db").close()
    empty = (tmp_path / "empty.db").stat().st_size
    assert taken - empty <= 420 * stock.repositories * stock.tags


def test_a_first_night_asks_each_image_once(place: Place) -> None:
    done, _ = place.scan()
    assert done.requests is not None
    assert done.connections is not None
    assert done.requests <= 2.4 * TAGS, done
    assert done.connections <= CONCURRENCY, done


def test_a_night_without_news_writes_few_pages(place: Place) -> None:
    """The run's own page and report, and what says which run is the last."""
    place.configure(paths_of(STOCK), CONCURRENCY, formats="html, json")
    place.scan()
    place.scan()
    before = pages(place)
    place.scan()
    after = pages(place)
    touched = sorted(name for name, at in after.items() if before.get(name) != at)
    assert len(touched) <= 5, touched
    assert before.keys() <= after.keys()


def test_how_often_the_ledger_is_asked(place: Place, tmp_path: Path) -> None:
    """In a night without news so often for a repository, and no oftener where it has many tags."""
    place.scan()
    asked = queries(place, "scan")
    # on a busy machine every repository is stored in a transaction of its own
    assert asked <= 60 + 32 * STOCK.repositories, asked
    (place.folder / "Dockerfile").write_text(f"FROM {place.host}/team/0:1.0.0\n")
    measured(place.command("check", "check", "Dockerfile"))
    assert queries(place, "check", "Dockerfile") <= 10, "a check that asks nobody"
    large = Stock(repositories=STOCK.repositories, tags=4 * STOCK.tags)
    with double(large, tmp_path / "large") as other:
        other.configure(paths_of(large), CONCURRENCY)
        other.scan()
        assert queries(other, "scan") <= 60 + 34 * large.repositories
