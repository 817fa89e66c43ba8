"""The first hour of somebody who has just met the command: slips, odd machines, odd names."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sqlite3
import sys
from pathlib import Path

import pytest

from tests.walk.command import Workplace
from tests.walk.conftest import Shop

SLIPS = {
    ("check", "--ofline"): "did you mean '--offline'?",
    ("chekc",): "did you mean 'check'?",
    ("check", "--fix=all"): "it does not take 'all'",
    ("check", "--format", "yaml"): "choose from 'text'",
    ("--offline", "check"): "flags follow the command's name",
    ("resolve",): "`tagwatch resolve --help`",
    ("ledger", "chek"): "did you mean 'check'?",
    ("explain", "tag-latst"): "did you mean 'tag-latest'?",
    ("check", "--config", "nowhere.yaml"): "`tagwatch init` writes one",
}


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    """A folder with one Dockerfile and a home of its own."""
    found = Workplace(tmp_path / "work", {"HOME": str(tmp_path / "home")})
    found.write("Dockerfile", "FROM redis:6.2\n")
    return found


@pytest.mark.parametrize("words", SLIPS, ids=" ".join)
async def test_a_slip_is_one_error_with_a_hint(place: Workplace, words: tuple[str, ...]) -> None:
    said = (await place.run(*words)).is_clean_error(2)
    assert SLIPS[words] in said
    assert said.count("\n") == 2


async def test_extract_and_check_read_the_current_folder(place: Workplace) -> None:
    extracted = await place.run("extract")
    assert extracted.out == "Dockerfile:1:6  from  docker.io/library/redis:6.2\n"
    checked = await place.run("check", "--offline")
    assert checked.code == 0
    assert "run once without --offline" in checked.out


async def test_the_demo_reads_only_its_own_files(place: Workplace) -> None:
    """Also in a folder called `config`, whose tagwatch.yaml is else for the folder above."""
    done = await place.run("demo", "--directory", "config")
    assert done.code == 0, done.err
    assert done.out.startswith("Dockerfile\n  error    Dockerfile:10:13  tag-missing\n")
    assert "15 of 15 image references read" in done.err


async def test_a_configuration_that_is_nowhere(place: Workplace) -> None:
    place.environment["TAGWATCH_CONFIG"] = "/nowhere/tagwatch.yaml"
    assert "/nowhere/tagwatch.yaml" in (await place.run("check", "--offline")).is_clean_error(2)


async def test_a_database_of_another_program(place: Workplace) -> None:
    file = place.folder / "other.db"
    with sqlite3.connect(file) as other:
        other.execute("create table users(name)")
    other.close()
    before = file.read_bytes()
    place.write("tagwatch.yaml", "version: 1\ndatabase: other.db\nsources: [Dockerfile]\n")
    for command in ("check", "scan", "report"):
        assert "another program" in (await place.run(command)).is_clean_error(2)
    assert file.read_bytes() == before


async def test_a_home_that_is_no_folder_stops_no_check(place: Workplace) -> None:
    place.environment["HOME"] = str(place.write("file", ""))
    assert (await place.run("check", "--offline")).code == 0
    asked = await place.run("check", "--format", "json")
    assert asked.code == 0, asked.err
    assert "is not remembered" in asked.err
    assert asked.json["coverage"]["unavailable"] == 1


@pytest.mark.parametrize("locale", ["C", "POSIX", "de_DE.ISO-8859-1"])
async def test_odd_names_in_a_locale_of_bytes(place: Workplace, locale: str) -> None:
    place.environment |= {"LC_ALL": locale, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for name in ("a b/Dockerfile", "über/Dockerfile.größe", "line\nfeed/Dockerfile"):
        place.write(name, "FROM node\n")
    text = await place.run("check", "--offline")
    assert text.code == 0, text.err
    assert "über/Dockerfile.größe:1:6" in text.out
    assert "line feed/Dockerfile:1:6" in text.out
    machine = await place.run("check", "--offline", "--format", "json")
    paths = {finding["location"]["path"] for finding in machine.json["findings"]}
    assert {"a b/Dockerfile", "line\nfeed/Dockerfile", "über/Dockerfile.größe"} <= paths


async def test_a_name_that_is_no_text(place: Workplace) -> None:
    raw = os.fsencode(place.folder) + b"/Dockerfile.\xff"
    place.write(os.fsdecode(raw), b"FROM node\n")
    for form in ("text", "json", "sarif", "github", "gitlab", "junit"):
        done = await place.run("check", "--offline", "--format", form)
        assert done.code == 0, done.err
        assert "Dockerfile." in done.out


async def test_a_reader_that_leaves_early(place: Workplace) -> None:
    place.write("Dockerfile", "FROM node\n" * 5_000)
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-o",
        "pipefail",
        "-c",
        f"{sys.executable} -m tagwatch extract Dockerfile | true",
        cwd=place.folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    answered = await asyncio.wait_for(process.communicate(), 30)
    assert (process.returncode, *answered) == (141, b"", b"")


async def test_ctrl_c_ends_a_check_with_one_line(shop: Shop) -> None:
    """Whatever was under way, no trace is shown."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        shop.address = f"http://127.0.0.1:{server.getsockname()[1]}"
        shop.configure()
        process = await shop.start("check", "--max-time", "0")
        asked = asyncio.get_running_loop().sock_accept(server)
        silent, _ = await asyncio.wait_for(asked, 30)  # now it is at work, and stays so
        process.send_signal(signal.SIGINT)
        _, err = await asyncio.wait_for(process.communicate(), 30)
        silent.close()
    assert b"Traceback" not in err
    assert b"internal error" not in err


async def test_the_terminal_is_narrow_and_without_colour(place: Workplace) -> None:
    place.environment |= {"COLUMNS": "60", "NO_COLOR": "1", "FORCE_COLOR": "1"}
    place.write("compose.yaml", 'services:\n  db: {image: "postgres:16.4", ports: ["5432:5432"]}\n')
    done = await place.run("check", "--offline")
    assert "\x1b" not in done.out
    assert "db publishes 5432:5432" in done.out
