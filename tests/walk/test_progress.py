"""Progress: on a terminal only, on standard error only, and gone when the work is done."""

from __future__ import annotations

import asyncio
import os
import pty

import pytest

from tests.program import child as program
from tests.walk.conftest import Shop


async def on_a_terminal(shop: Shop, *arguments: str) -> tuple[str, str]:
    """What a command says on standard output and, where that is a terminal, on standard error."""
    ours, theirs = pty.openpty()
    variables = {"TERM": "xterm", **shop.variables()}
    process = await program.start(
        "-m", "tagwatch", *arguments, cwd=shop.folder, env=variables, stderr=theirs
    )
    os.close(theirs)
    shown = asyncio.create_task(asyncio.to_thread(everything, ours))
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    return out.decode(), await shown


def everything(terminal: int) -> str:
    found = b""
    while True:
        try:
            read = os.read(terminal, 65536)
        except OSError:  # the other end is closed
            read = b""
        if not read:
            os.close(terminal)
            return found.decode()
        found += read


@pytest.mark.parametrize("command", [("scan", "--no-alerts"), ("check", "Dockerfile")])
async def test_a_terminal_is_told_what_was_read(shop: Shop, command: tuple[str, ...]) -> None:
    out, err = await on_a_terminal(shop, *command, "--format", "json")
    assert " read " in err
    assert "docker.io/library/" in err
    assert "\x1b[" in err
    assert "\x1b" not in out
    assert " read docker.io" not in out


async def test_no_color_is_honoured(shop: Shop) -> None:
    shop.environment["NO_COLOR"] = "1"
    _, err = await on_a_terminal(shop, "scan", "--no-alerts")
    assert " read " in err
    assert "\x1b[3" not in err


async def test_a_dumb_terminal_and_a_pipe_are_told_nothing(shop: Shop) -> None:
    shop.environment["TERM"] = "dumb"
    _, err = await on_a_terminal(shop, "scan", "--no-alerts")
    done = await shop.run("scan", "--no-alerts")
    for said in (err, done.err):
        assert "\x1b" not in said
        assert " read " not in said
