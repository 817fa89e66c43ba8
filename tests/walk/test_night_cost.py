"""What nights over a registry without a catalogue cost, counted by the registry: DESIGN 9, 11."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bench.crawl import Place, double, measured, paths_of
from tests.static_registry import Stock

STOCK = Stock(repositories=20, tags=5)
TAGS = STOCK.repositories * STOCK.tags
ASK = """
import sys
from collections import Counter
from pathlib import Path

asked = Counter()

opened = []

def note(event, arguments):
    while opened:  # one that is opened now is not made yet: the next event comes soon
        count = lambda sql: asked.update([sql.split()[0].upper()])
        opened.pop().set_trace_callback(count)
    if event == "sqlite3.connect/handle":
        opened.append(arguments[0])

sys.addaudithook(note)
from tagwatch.api import scan
from tagwatch.walk.site import open_site

scan(open_site(Path("tagwatch.yaml")))
print(sum(asked[word] for word in ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")))
"""
"""A scan that counts the statements which its ledger is asked."""
CONCURRENCY = 4


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


def test_a_first_night_and_one_without_news(place: Place) -> None:
    assert place.scan().answer["coverage"]["read"] == TAGS
    first = place.stats()
    assert sum(first["requests"].values()) <= 2.4 * TAGS, first
    assert first["most_open"] <= CONCURRENCY + 1, "the question for these figures is one of them"
    rows, size = written(place), stored_bytes(place)

    night = place.scan().answer
    second = place.stats()
    assert second["requests"] == {"ping": 1, "tags": STOCK.repositories, "head": TAGS}
    assert second["connections"] <= CONCURRENCY + 1, second
    assert night["requests"] == {place.host: second["requests"]}, "what it says is what it asked"
    assert night["coverage"]["read"] == TAGS
    assert written(place) == rows
    assert stored_bytes(place) - size <= 8_192, "a run and its lists, however many tags there are"


def test_a_night_without_news_writes_no_row_of_a_tag(place: Place) -> None:
    first = place.scan().answer
    count_writes(place)
    for _ in range(2):  # the second one is like it
        night = place.scan().answer
        assert {**night, "at": "", "since": ""}.keys() == {**first, "at": "", "since": ""}.keys()
        rows = counted(place)
        assert rows.pop("repository") == STOCK.repositories, "until when all of it is known"
        assert rows.pop("judged") == STOCK.repositories, "and until when what was made of it holds"
        assert sum(rows.values()) <= 4, rows


def statements_of_a_night(stock: Stock, folder: Path) -> int:
    """How many statements the ledger is asked in a night without news."""
    with double(stock, folder) as place:
        place.configure(paths_of(stock), CONCURRENCY)
        for _ in range(2):
            place.scan()
        return int(measured("-c", ASK, cwd=place.folder).answer)


def test_what_the_ledger_is_asked_does_not_grow_with_tags(tmp_path: Path) -> None:
    few, many = (
        statements_of_a_night(replace(STOCK, repositories=10, tags=tags), tmp_path / str(tags))
        for tags in (3, 12)
    )
    assert few == many
    assert many <= 10 * 24 + 60, "so many a repository, and a run"


def test_what_is_stored_of_an_image(place: Place) -> None:
    """The goal is 300 bytes of evidence; the answer of the run shares what is alike."""
    place.scan()
    with closing(sqlite3.connect(place.folder / "ledger.db")) as connection:
        evidence = "SELECT sum(length(body)), count(*) FROM evidence"
        size, count = connection.execute(evidence).fetchone()
        (pieces,) = connection.execute("SELECT sum(length(body)) FROM piece").fetchone()
    assert count == TAGS
    assert size <= 240 * TAGS
    assert pieces <= 150 * TAGS
