"""Answers for people are as wide as the terminal; what goes into a pipe keeps a line a row."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import struct
import termios

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagwatch.cli.fit import fitted
from tests.program import child as program
from tests.walk.conftest import Shop
from tests.walk.test_progress import everything

ANSWERS = (
    "resolve python:3.12-slim redis:6.2 redis:>=6 nosuch.example/a:1",
    "history redis:6.2 --why",
    "history python",
    "base python:3.12-slim registry.shop.example/shop/web:2.0",
    "diff redis:7 redis:6.2",
    "doctor",
    "extract .",
    "policy explain redis:7",
    "alerts list",
    "knowledge",
    "explain",
    "explain tag-replaced",
)


async def in_columns(shop: Shop, width: int, *arguments: str) -> str:
    """What a command answers on a terminal so wide."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    variables = {"TERM": "xterm", "NO_COLOR": "1", **shop.variables()}
    process = await program.start(
        "-m", "tagwatch", *arguments, cwd=shop.folder, env=variables, stdout=theirs
    )
    os.close(theirs)
    shown = asyncio.create_task(asyncio.to_thread(everything, ours))
    await asyncio.wait_for(process.communicate(), 60)
    return (await shown).replace("\r\n", "\n")


async def test_every_answer_fits_its_terminal(shop: Shop) -> None:
    await shop.run("scan", "--no-alerts")
    for width in (80, 120):
        for line in ANSWERS:
            said = await in_columns(shop, width, *line.split())
            assert said.strip()
            assert "Traceback" not in said
            assert [row for row in said.splitlines() if len(row) > width] == [], line


@pytest.mark.parametrize(
    "line", ["base registry.shop.example/shop/web:2.0", "explain tag-replaced"]
)
async def test_a_terminal_is_told_what_a_pipe_is(shop: Shop, line: str) -> None:
    await shop.run("check", ".")
    piped = (await shop.run(*line.split())).out
    assert max(map(len, piped.splitlines())) > 80
    assert (await in_columns(shop, 80, *line.split())).split() == piped.split()


def test_what_follows_stands_below_its_column() -> None:
    text = "  do         write a version's tag, and let the policy say which ones are approved\n"
    assert fitted(text, 50) == (
        "  do         write a version's tag, and let the\n"
        "             policy say which ones are approved\n"
    )


def test_a_command_to_copy_stands_whole() -> None:
    command = "tagwatch diff redis:6.2@2026-03-01 redis:6.2@2026-03-02"
    assert fitted(f"  all of the last move: {command}\n", 60) == (
        f"  all of the last move:\n    {command}\n"
    )
    assert "`tagwatch history redis:7`" in fitted(f"{'x ' * 12}`tagwatch history redis:7` more", 40)


@given(st.text(alphabet="ab`: \n\u00fc", max_size=200), st.integers(0, 60), st.booleans())
def test_no_word_is_lost(text: str, width: int, flows: bool) -> None:
    said = fitted(text, width, flows=flows)
    assert said.split() == text.split()
    assert fitted(said, 1000) == said
    if "`" not in text:
        longest = max(map(len, text.split()), default=0)
        deepest = max((len(line) - len(line.lstrip()) for line in text.split("\n")), default=0)
        assert max(map(len, said.split("\n"))) <= max(width, 40) + longest + deepest
