"""How every command answers: `--output`, `--color`, `-q`, `-v`, `help`; the line of a finding."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tagwatch.publish.excerpt import excerpt
from tagwatch.source.target import Location
from tests.walk.command import Workplace
from tests.walk.misbehaving import Misbehaving, misbehaving


@pytest.fixture
async def server() -> AsyncIterator[Misbehaving]:
    async with misbehaving() as server:
        yield server


@pytest.fixture
def place(tmp_path: Path, server: Misbehaving) -> Workplace:
    place = Workplace(tmp_path)
    place.write(
        "tagwatch.yaml",
        f"database: tagwatch.db\nsources: [Dockerfile]\nregistries:\n{server.registries('well')}",
    )
    place.write("Dockerfile", "FROM well.example/app:latest\nADD http://a.example/x /x\n")
    return place


async def test_an_answer_goes_to_a_file_whole(place: Workplace) -> None:
    there = await place.run("check", "--format", "json")
    file = place.folder / "answer.json"
    done = await place.run("check", "--format", "json", "--output", "answer.json")
    assert (done.out, done.code) == ("", there.code)
    assert json.loads(file.read_text())["findings"] == there.json["findings"]
    assert [one.name for one in place.folder.glob(".answer*")] == [], "no draft is left"


async def test_a_run_that_fails_leaves_the_file_alone(place: Workplace) -> None:
    place.write("answer.txt", "of yesterday")
    await place.run("resolve", "not a reference", "--output", "answer.txt")
    assert (place.folder / "answer.txt").read_text() == "of yesterday"


async def test_a_file_that_cannot_be_written_is_told_before_anything_is_asked(
    place: Workplace, server: Misbehaving
) -> None:
    done = await place.run("check", "--output", "nowhere/answer.txt")
    assert "its folder is not there" in done.is_clean_error(2)
    assert not server.asked


@pytest.mark.parametrize(
    ("flags", "environment", "is_colored"),
    [
        ((), {}, False),
        ((), {"FORCE_COLOR": "1"}, True),
        (("--color", "always"), {"NO_COLOR": "1"}, True),
        (("--color=never",), {"FORCE_COLOR": "1"}, False),
        (("--color=always", "--format", "compact"), {}, True),
        (("--color=always", "--format", "json"), {}, False),
    ],
)
async def test_colours(
    place: Workplace, flags: tuple[str, ...], environment: dict[str, str], is_colored: bool
) -> None:
    place = Workplace(place.folder, environment)
    done = await place.run("check", "--offline", "Dockerfile", *flags)
    assert ("\x1b[" in done.out) is is_colored


async def test_quiet_leaves_the_answer_alone(place: Workplace) -> None:
    loud = await place.run("scan")
    quiet = await place.run("scan", "-q")
    assert "report:" in loud.err
    assert (quiet.err, quiet.code) == ("", loud.code)
    assert quiet.out == loud.out


async def test_verbose_says_each_request_without_its_secrets(place: Workplace) -> None:
    done = await place.run("check", "-v", "Dockerfile")
    asked = re.findall(r"debug (GET|HEAD) (\S+): (\d+)", done.err)
    assert any("/v2/" in url for _, url, _ in asked)
    assert not any("?" in url or "@" in url for _, url, _ in asked)
    assert "debug" not in (await place.run("check", "--refresh", "Dockerfile")).err


async def test_compact_is_one_line_a_finding(place: Workplace) -> None:
    done = await place.run("check", "--format", "compact", "Dockerfile")
    *lines, last = done.out.splitlines()
    assert last == "1 thing to fix, 1 to look at, 1 note"
    assert all(
        re.match(r"Dockerfile:\d+:\d+: (error|warning|note): .+ \[[a-z-]+", one) for one in lines
    )
    assert lines == sorted(lines, key=lambda one: int(one.split(":")[1]))


async def test_markdown_of_a_check(place: Workplace) -> None:
    done = await place.run("check", "--format", "markdown", "Dockerfile")
    assert "| warning | `Dockerfile:1:6` | `tag-latest` |" in done.out


async def test_help_of_a_command(place: Workplace) -> None:
    assert (await place.run("help", "check")).out == (await place.run("check", "--help")).out
    assert (await place.run("help")).out == (await place.run("--help")).out
    assert "did you mean 'check'?" in (await place.run("help", "chek")).is_clean_error(2)


async def test_history_of_moves_and_of_the_last(place: Workplace) -> None:
    place.write("Dockerfile", "FROM well.example/app:1\nFROM well.example/app:1.0\n")
    await place.run("scan")
    whole = await place.run("history", "well.example/app", "--format", "json")
    assert len(whole.json["intervals"]) > 1
    moved = await place.run("history", "well.example/app", "--moves")
    assert (moved.code, "lines are not shown" in moved.err) == (0, True)
    last = await place.run("history", "well.example/app", "--limit", "1", "--format", "json")
    assert len(last.json["intervals"]) == 1
    wrong = await place.run("history", "well.example/app", "--limit", "0")
    assert "shows nothing" in wrong.is_clean_error(2)
    none = await place.run("history", "well.example/other")
    assert none.code == 1
    assert "tagwatch history import" in none.err


# The line of a finding


def marks(line: str, start: int, end: int, width: int = 60) -> list[str]:
    at = Location(path="x", line=1, column=start, end_line=1, end_column=end)
    return list(excerpt([line], at, width))


def test_the_marks_stand_under_what_is_meant() -> None:
    assert marks("FROM redis:6.2", 6, 15) == [
        "        1 | FROM redis:6.2",
        "          |      ^^^^^^^^^",
    ]
    assert marks("# 水 redis", 5, 10)[1].endswith("|      ^^^^^"), "wide characters take two"


def test_a_long_line_is_cut_around_the_place() -> None:
    line = "x" * 300 + "redis:6.2" + "y" * 300
    shown, mark = marks(line, 301, 310)
    assert len(shown) <= 60
    assert shown[mark.index("^") : mark.rindex("^") + 1] == "redis:6.2"


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ENV DB_PASSWORD=hunter22hunter22",
        "RUN curl -u user:hunter22 https://a.example",
        "image: https://user:hunter22@a.example/x",
        "docker login --password hunter22",
    ],
)
def test_a_line_that_may_tell_a_secret_is_not_shown(line: str) -> None:
    assert marks(line, 1, 3) == []


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("FROM redis:7 AS cache", "redis:7"),
        ("FROM --platform=$BUILDPLATFORM redis:7", "redis:7"),
        ("    image: 'redis:7'", "redis:7"),
        ('- image: "redis:7",', "redis:7"),
        ("COPY --from=redis:7 /a /b", "redis:7"),
        ("  - {target: 80, published: 80}", "{target: 80, published: 80}"),
    ],
)
def test_a_line_that_names_an_image_is_shown(line: str, named: str) -> None:
    start = line.index(named) + 1
    assert marks(line, start, start + len(named)) != []


async def test_a_fix_shows_no_secret_of_its_line(place: Workplace) -> None:
    place.write(
        "compose.yaml",
        "services: {a: {image: 'well.example/app:1', environment: {DB_PASSWORD: hunter2leak}}}\n",
    )
    for form in ("text", "compact", "json", "sarif", "github", "gitlab", "junit", "markdown"):
        done = await place.run("check", "compose.yaml", "--format", form)
        assert "hunter2leak" not in done.out + done.err, form
    assert "well.example/app:1@sha256:" in (await place.run("check", "compose.yaml", "--all")).out


async def test_nothing_is_shown_of_what_could_not_be_understood(place: Workplace) -> None:
    place.write("compose.yaml", "services:\n  a:\n    DB_PASSWORD: hunter2:leak: x\n")
    place.write("Dockerfile", "ENV PASSWORD=hunter2\n".encode("utf-16"))
    done = await place.run("check", "compose.yaml", "Dockerfile", "--offline")
    assert "hunter2" not in done.out.replace(" ", "")


async def test_quiet_machines_get_their_answer(place: Workplace) -> None:
    place.write("Dockerfile", "FROM well.example/app:1\n")
    for form in ("json", "sarif", "gitlab"):
        done = await place.run("check", "-q", "--format", form, "Dockerfile")
        assert (done.code, done.err) == (0, "")
        assert json.loads(done.out) is not None
    await place.run("check", "-q", "--output", "answer.txt", "Dockerfile")
    assert (place.folder / "answer.txt").read_text() != ""
    assert (await place.run("check", "-q", "Dockerfile")).out == ""


def test_what_a_stranger_wrote_commands_no_terminal() -> None:
    shown = "".join(marks("FROM a\x1b[2J\u202eb\rc", 6, 7))
    assert shown.isprintable()


def test_a_place_outside_of_the_file_shows_nothing() -> None:
    below = Location(path="x", line=7, column=1, end_line=7, end_column=2)
    assert list(excerpt(["FROM a"], below, 60)) == []
    assert marks("FROM a", 40, 41) == []
