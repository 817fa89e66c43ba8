"""What nights over a registry without a catalogue cost, counted by the registry: DESIGN 9, 11."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.bench.crawl import Place, double, paths_of
from tests.static_registry import Stock

STOCK = Stock(repositories=20, tags=5)
TAGS = STOCK.repositories * STOCK.tags
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
            if name not in ("run", "part")
        }


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
