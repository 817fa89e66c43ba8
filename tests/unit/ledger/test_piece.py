"""Lists in pieces: exactly what was stored comes back, and what was there before costs nothing."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from tagwatch.errors import LedgerError
from tagwatch.image.digest import digest_of
from tagwatch.ledger.codec import compress_alike, encode, expand
from tagwatch.ledger.dictionary import DICTIONARY
from tagwatch.ledger.piece import lines_in, reached, store_lines, sweep
from tagwatch.ledger.write import Ledger

AT = datetime(2026, 1, 1, 2, 0, 0, 12, tzinfo=UTC)
DAY = timedelta(days=1)
MANY = 2_500


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with Ledger.open(tmp_path / "tagwatch.db") as ledger:
        yield ledger._connection


def line(number: int, at: datetime = AT) -> bytes:
    """What a night says of one image, as long as evidence is."""
    facts = {"n": number, "digest": digest_of(str(number).encode()), "x": "x" * 500}
    return encode({"resolution": facts, "at": at, "history": [{"last_seen": at}]})


def pieces(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM piece").fetchone()[0])


def test_a_list_comes_back_in_its_order(connection: sqlite3.Connection) -> None:
    lines = [line(number) for number in range(MANY)]
    random.Random(1).shuffle(lines)
    number = store_lines(connection, iter(lines), AT)
    assert number is not None
    assert list(lines_in(connection, number, AT)) == lines
    assert store_lines(connection, (), AT) is None
    (depth,) = connection.execute("SELECT depth FROM piece WHERE id = ?", (number,)).fetchone()
    assert depth >= 2, "what lists the pieces is long, too"


def test_the_same_list_in_another_night_costs_nothing(connection: sqlite3.Connection) -> None:
    first = store_lines(connection, (line(number) for number in range(MANY)), AT)
    before = connection.total_changes
    later = AT + DAY
    again = store_lines(connection, (line(number, later) for number in range(MANY)), later)
    assert (again, connection.total_changes) == (first, before)
    assert again is not None
    told = list(lines_in(connection, again, later))
    assert told == [line(number, later) for number in range(MANY)]


@pytest.mark.parametrize("change", ["other", "more", "less"])
def test_one_line_costs_one_piece_on_each_floor(
    connection: sqlite3.Connection, change: str
) -> None:
    lines = [line(number) for number in range(MANY)]
    store_lines(connection, lines, AT)
    before = pieces(connection)
    if change == "less":
        del lines[MANY // 2]
    else:
        lines[MANY // 2 : MANY // 2 + (change == "other")] = [line(-1)]
    number = store_lines(connection, lines, AT)
    assert number is not None
    assert list(lines_in(connection, number, AT)) == lines
    assert 0 < pieces(connection) - before <= 9


def test_a_time_is_of_the_run_only_where_it_says_until_when_something_is_known(
    connection: sqlite3.Connection,
) -> None:
    lines = [
        encode({"change": {"after": "sha256:", "at": AT}, "first_seen": AT, "last_seen": AT}),
        encode({"text": f'"last_seen":{encode(AT).decode()}', "read_at": AT}),
    ]
    number = store_lines(connection, lines, AT)
    assert number is not None
    assert list(lines_in(connection, number, AT)) == lines
    later = encode(AT + DAY)
    told = list(lines_in(connection, number, AT + DAY))
    assert told[0] == lines[0].replace(b'"last_seen":' + encode(AT), b'"last_seen":' + later)
    assert told[1] == lines[1].replace(b'"read_at":' + encode(AT), b'"read_at":' + later)


def test_pieces_that_no_answer_holds_are_swept(connection: sqlite3.Connection) -> None:
    kept = store_lines(connection, [line(number) for number in range(100)], AT)
    assert kept is not None
    connection.execute("INSERT INTO run (id, kind, at, result) VALUES (1, 'scan', 0, x'00')")
    connection.execute("INSERT INTO part VALUES (1, 'evidence', ?)", (kept,))
    connection.execute("INSERT INTO part VALUES (2, 'evidence', ?)", (kept,))
    before = pieces(connection)
    other = store_lines(connection, [line(number) for number in range(50, 150)], AT)
    assert other is not None
    assert pieces(connection) > before
    sweep(connection)
    assert {one for (one,) in connection.execute("SELECT id FROM piece")} == reached(
        connection, [kept]
    )
    assert connection.execute("SELECT run_id FROM part").fetchall() == [(1,)]
    assert len(list(lines_in(connection, kept, AT))) == 100
    connection.execute("DELETE FROM run")
    sweep(connection)
    assert pieces(connection) == 0


def test_a_lost_piece_is_an_error_of_the_ledger(connection: sqlite3.Connection) -> None:
    number = store_lines(connection, [line(number) for number in range(100)], AT)
    assert number is not None
    connection.execute("DELETE FROM piece WHERE id = (SELECT min(id) FROM piece)")
    with pytest.raises(LedgerError, match="damaged"):
        list(lines_in(connection, number, AT))


TEXT = some.text(some.characters(exclude_categories=["Cs"]), max_size=60)
DIGEST = some.binary(max_size=4).map(digest_of)
LINE = some.dictionaries(TEXT, some.one_of(TEXT, DIGEST, some.just(AT)), max_size=5).map(encode)


@settings(max_examples=60, deadline=None)
@given(some.lists(LINE, max_size=30))
def test_any_lines_come_back(lines: list[bytes]) -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute(
        "CREATE TABLE piece (id INTEGER PRIMARY KEY, hash UNIQUE, depth INTEGER, body BLOB)"
    )
    number = store_lines(connection, lines, AT)
    assert (list(lines_in(connection, number, AT)) if number is not None else []) == lines
    connection.close()


@settings(max_examples=100, deadline=None)
@given(LINE, DIGEST)
def test_what_is_alike_comes_back(text: bytes, digest: str) -> None:
    for raw in (text, text + digest.encode() + b"0", text + b'"sha256:' + b"A" * 64):
        assert expand(compress_alike(raw)) == raw


def test_the_dictionary_is_the_one_that_ledgers_were_written_with() -> None:
    """It is never edited: what was stored with it could not be read any more."""
    assert len(DICTIONARY) < 1 << 14, "the window holds it beside a text"
    assert (
        digest_of(DICTIONARY)
        == "sha256:7aea0a10d6ac42166581edc65b593dabfb9a2d85cea2555915e1fdc11f35bc06"
    )
