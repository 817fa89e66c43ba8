"""Ledgers of earlier programs: what today's says of each is pinned, byte for byte.

`tests/data/ledger/answers/<ledger>/` holds a file for each question: the command line, the exit
code, stdout and stderr. Write them anew with

    TAGWATCH_REGENERATE=1 python -m pytest tests/walk/test_old_ledger.py

and read the difference: it is what people see change after an upgrade.
"""

from __future__ import annotations

import os
import shlex
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import tagwatch
from tagwatch.ledger.connection import SCHEMA_VERSION
from tagwatch.ledger.write import Ledger
from tests.walk.command import Done, Workplace
from tests.walk.make_old_ledger import LEDGERS, write_desk, write_shop

REGENERATE = os.environ.get("TAGWATCH_REGENERATE") == "1"  # a test's own environment is scrubbed
EVERY = sorted(path.stem for path in LEDGERS.glob("*.sql"))
ANSWERS = LEDGERS / "answers"
NIGHT = datetime(2026, 8, 22, 20, 5, tzinfo=UTC)
STATES = [
    ("slack", "sent", True),
    ("webhook", "held", True),  # it was called failed, and nobody was to hear of it any more
    ("slack", "sent", True),
    ("slack", "sending", True),
    ("slack", "unsure", True),
    ("webhook", "pending", True),
]
API = "registry.shop.example/shop/api"
WEB = "registry.shop.example/shop/web"
OF_EVERY = {
    "check-before": "ledger check",  # as it is: nothing is upgraded
    "history-tag": "history redis:7",
    "history-tag-json": "history redis:7 --format json",
    "history-repository": "history redis",
    "report": "report --format text",
    "report-json": "report --format json",
    "check": "ledger check",
}
OF_TWO_NIGHTS = {
    "history-imported": "history node",
    "history-replaced": f"history {API}:1.4.2",
    "history-repository-json": f"history {API} --format json",
    "history-gone": f"history {WEB}:1.9.4",
    "history-unexplained": f"history {WEB}:2",
    "history-unexplained-json": f"history {WEB}:2 --format json",
    "history-date": f"history {API} --at 2026-08-21",
    "diff": f"diff {API}:1.4.2@2026-08-21 {API}:1.4.2 --offline",
    "diff-json": f"diff {API}:1.4.2@2026-08-21 {API}:1.4.2 --offline --format json",
    "diff-rebuilt": "diff python:3.12-slim@2026-08-21 python:3.12-slim --offline",
    "report-markdown": "report --format markdown",
    "report-sarif": "report --format sarif",
    "report-desk": "report --format text",
    "report-desk-json": "report --format json",
}


def questions(ledger: str) -> dict[str, str]:
    """The questions that a ledger is asked, in order. The first schema's is two nights of redis."""
    if ledger == "v1":
        return OF_EVERY
    first, *others, last = OF_EVERY.items()
    return dict([first, *others, *OF_TWO_NIGHTS.items(), last])


def told(arguments: str, done: Done, folder: Path) -> str:
    """An answer as it is pinned; placeholders for the folder and the program's version."""
    text = f"$ tagwatch {arguments}\n{done.out}"
    if done.err:
        text += f"-- on stderr --\n{done.err}"
    for shown, placeholder in ((str(folder), "{folder}"), (tagwatch.__version__, "{version}")):
        text = text.replace(shown, placeholder)
    return f"{text}-- exit code {done.code} --\n"


def load(ledger: str, folder: Path) -> Path:
    """Load a dump into a new file."""
    path = folder / "tagwatch.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((LEDGERS / f"{ledger}.sql").read_text(encoding="utf-8"))
    return path


async def ask(ledger: str, folder: Path) -> dict[str, str]:
    """Load a dump, and ask of it everything."""
    write_shop(folder / "shop")
    write_desk(folder / "desk")
    path = load(ledger, folder)
    answers = {}
    for name, arguments in questions(ledger).items():
        place = Workplace(folder / ("desk" if "-desk" in name else "shop"))
        answers[name] = told(arguments, await place.run(*shlex.split(arguments)), folder)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    return answers


@pytest.mark.parametrize("ledger", EVERY)
async def test_an_old_ledger_tells_what_it_told(ledger: str, tmp_path: Path) -> None:
    answers = await ask(ledger, tmp_path)
    pinned = ANSWERS / ledger
    if REGENERATE:
        pinned.mkdir(parents=True, exist_ok=True)
        for path in pinned.iterdir():
            path.unlink()
        for name, text in answers.items():
            (pinned / f"{name}.txt").write_text(text, encoding="utf-8")
    assert sorted(path.stem for path in pinned.iterdir()) == sorted(answers)
    for name, text in answers.items():
        assert text == (pinned / f"{name}.txt").read_text(encoding="utf-8"), name


@pytest.mark.parametrize("ledger", [name for name in EVERY if name != "v1"])
def test_what_an_old_ledger_owes_is_owed(ledger: str, tmp_path: Path) -> None:
    """Its alerts are where they were, and the moves of its interrupted night unexplained."""
    path = load(ledger, tmp_path)
    with Ledger.open(path) as opened:
        (move,) = opened.unexplained_moves()
        assert (str(move.repository), move.tag) == (WEB, "2")
        both = {"slack": False, "webhook": True}
        assert opened.outbox.due(NIGHT, both) == ()
        (due,) = opened.outbox.due(NIGHT + timedelta(days=1), both)
        assert (due.channel, due.tries, due.error) == ("webhook", 1, "webhook: answered HTTP 429")
        assert "1.4.2" in due.payload
        states = [(one.receiver, one.state, one.headline != "") for one in opened.messages()]
        assert states == STATES
        assert opened.outbox.expire(NIGHT, both) == ()
        (interrupted,) = opened.outbox.expire(NIGHT + timedelta(days=1), both)
        assert (interrupted.channel, "redis:7" in interrupted.payload) == ("slack", True)
