"""What nights over a registry without a catalogue cost, counted: DESIGN 9, 11. Never timed."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

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


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with double(STOCK, tmp_path / "place") as found:
        found.configure(paths_of(STOCK), CONCURRENCY)
        yield found


def written(place: Place) -> list[tuple[int, ...]]:
    """Rows that a night without news must not add to."""
    tables = ("interval", "digest", "document", "move", "evidence")
    with sqlite3.connect(place.folder / "ledger.db") as connection:
        return [connection.execute(f"SELECT count(*) FROM {table}").fetchone() for table in tables]


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
    rows = written(place)

    done, night = place.scan()
    assert done.requests == 1 + STOCK.repositories + TAGS
    assert done.connections is not None
    assert done.connections <= CONCURRENCY, done
    asked = {"ping": 1, "tags": STOCK.repositories, "head": TAGS}
    assert night["requests"] == {place.host: asked}, "what it says is what it asked"
    assert night["coverage"]["read"] == TAGS
    assert written(place) == rows
    assert first["requests"] == {}, "a scan's own count empties the registry's"


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
    assert asked <= 60 + 36 * STOCK.repositories, asked
    (place.folder / "Dockerfile").write_text(f"FROM {place.host}/team/0:1.0.0\n")
    measured(place.command("check", "check", "Dockerfile"))
    assert queries(place, "check", "Dockerfile") <= 10, "a check that asks nobody"
    large = Stock(repositories=STOCK.repositories, tags=4 * STOCK.tags)
    with double(large, tmp_path / "large") as other:
        other.configure(paths_of(large), CONCURRENCY)
        other.scan()
        assert queries(other, "scan") <= asked + large.repositories
