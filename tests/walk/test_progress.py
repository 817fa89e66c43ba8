"""Progress on standard error: a line on a terminal, gone at the end; else one now and then."""

from __future__ import annotations

import asyncio
import os
import pty
import re
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from tagwatch.api import scan_async
from tagwatch.cli.progress import EVERY, Lines, Pace
from tagwatch.cli.shell import progress_shown
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import RepositorySnapshot, Scope
from tagwatch.walk.site import open_site
from tests.program import child as program
from tests.walk.conftest import Shop

READ = " repositories"


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


@pytest.mark.parametrize(
    "command", [("scan", "--no-alerts"), ("check", "Dockerfile"), ("resolve", "python:3.12-slim")]
)
async def test_a_terminal_is_told_what_was_read(shop: Shop, command: tuple[str, ...]) -> None:
    out, err = await on_a_terminal(shop, *command, "--format", "json")
    told = [(int(done), int(total)) for done, total in re.findall(r"(\d+) of (\d+) repositor", err)]
    assert told
    assert all(1 <= done <= total for done, total in told), told
    assert told[-1][0] == told[-1][1]
    assert "docker.io/library/" in err
    assert "left" not in err, "nobody knows the pace yet"
    assert "\x1b[" in err
    assert "\x1b" not in out
    assert " of " not in out.partition("{")[0]


async def test_no_color_is_honoured(shop: Shop) -> None:
    shop.environment["NO_COLOR"] = "1"
    _, err = await on_a_terminal(shop, "scan", "--no-alerts")
    assert READ in err
    assert "\x1b[3" not in err


async def test_the_quiet_a_dumb_terminal_and_a_short_run_are_told_nothing(shop: Shop) -> None:
    _, quiet = await on_a_terminal(shop, "scan", "--no-alerts", "--quiet")
    shop.environment["TERM"] = "dumb"
    _, err = await on_a_terminal(shop, "scan", "--no-alerts")
    done = await shop.run("scan", "--no-alerts")
    for said in (quiet, err, done.err):
        assert "\x1b" not in said
        assert READ not in said


@dataclass
class Clock:
    """A clock that goes when it is told to."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("seconds", "done", "total", "told"),
    [
        (4.9, 37, 412, "37 of 412 repositories"),
        (12, 37, 412, "37 of 412 repositories, about 2 min left"),
        (12, 2, 412, "2 of 412 repositories"),
        (30, 400, 412, "400 of 412 repositories, about 10 s left"),
        (30, 30, 100, "30 of 100 repositories, about 70 s left"),
        (60, 3, 412, "3 of 412 repositories, about 2 h left"),
        (60, 412, 412, "412 of 412 repositories"),
        (60, 1, 1, "1 of 1 repository"),
        (60, 0, 5, "0 of 5 repositories"),
    ],
)
def test_the_estimate_is_the_pace_so_far(seconds: float, done: int, total: int, told: str) -> None:
    clock = Clock()
    pace = Pace(clock)
    clock.now += seconds
    pace.done, pace.total = done, total
    assert str(pace) == told


def test_elsewhere_there_is_a_line_every_thirty_seconds() -> None:
    """Also while nothing arrives; and what is asked for besides counts from then on."""
    clock, said, waits = Clock(), list[str](), list[float]()

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        clock.now += seconds
        if len(waits) == 1:
            for snapshot in read:
                lines(snapshot)
        elif len(waits) == 3:
            lines.expect(20)
        return len(waits) == 4

    at = datetime(2026, 11, 30, tzinfo=UTC)
    repository = Repository.parse("docker.io/library/redis")
    snapshot = RepositorySnapshot(repository=repository, at=at, complete=True, scope=Scope.FULL)
    read = [snapshot] * 10
    lines = Lines(said.append, clock=clock, wait=wait)
    lines.expect(40)
    lines.end()
    assert waits == [EVERY] * 4
    assert said == [
        "tagwatch: 10 of 40 repositories, about 2 min left",
        "tagwatch: 10 of 40 repositories, about 3 min left",
        "tagwatch: 10 of 60 repositories, about 8 min left",
    ]


async def test_all_that_is_asked_is_told(shop: Shop) -> None:
    """A scan asks bases and a second round: each snapshot was expected before it came."""

    class Seen:
        done = 0
        total = 0

        def expect(self, repositories: int) -> None:
            self.total += repositories

        def __call__(self, _: RepositorySnapshot) -> None:
            self.done += 1
            assert self.done <= self.total

    seen = Seen()
    site = open_site(shop.folder / "tagwatch.yaml", environment=shop.variables())
    await scan_async(site, progress=seen)
    assert seen.done == seen.total > 3


async def test_a_scan_that_serve_starts_tells_none(shop: Shop) -> None:
    """Its standard error is the service's log, also on a terminal."""
    with progress_shown({"TERM": "xterm"}, is_shown=False) as progress:
        progress.expect(3)
        assert progress._shown is None
