"""What nights over a registry without a catalogue cost, counted by the registry: DESIGN 9, 11."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
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


def written(place: Place) -> list[tuple[int, ...]]:
    """Rows that a night without news must not add to."""
    tables = ("interval", "digest", "document", "move", "evidence")
    with sqlite3.connect(place.folder / "ledger.db") as connection:
        return [connection.execute(f"SELECT count(*) FROM {table}").fetchone() for table in tables]


def test_a_first_night_and_one_without_news(place: Place) -> None:
    assert place.scan().answer["coverage"]["read"] == TAGS
    first = place.stats()
    assert sum(first["requests"].values()) <= 2.4 * TAGS, first
    assert first["most_open"] <= CONCURRENCY + 1, "the question for these figures is one of them"
    rows = written(place)

    night = place.scan().answer
    second = place.stats()
    assert second["requests"] == {"ping": 1, "tags": STOCK.repositories, "head": TAGS}
    assert second["connections"] <= CONCURRENCY + 1, second
    assert night["requests"] == {place.host: second["requests"]}, "what it says is what it asked"
    assert night["coverage"]["read"] == TAGS
    assert written(place) == rows
