"""What a warm `check` imports: start-up is part of the design. Counted, never timed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from tagwatch.family import COMMANDS
from tests.paths import WARM_PATH, warm_path
from tests.pinned.pin import REGENERATE
from tests.walk.command import Workplace
from tests.walk.conftest import Shop

NEVER = {
    "_hashlib", "aiohttp", "apscheduler", "argparse", "ast", "asyncio", "click",
    "concurrent.futures", "dataclasses", "email", "gettext", "http", "importlib.metadata",
    "inspect", "jinja2", "logging", "msgspec", "pathspec", "pydantic", "rich", "shutil", "socket",
    "sqlite_utils", "ssl", "subprocess", "tempfile", "textwrap", "typing", "yaml",
}  # fmt: skip
HELP_NEEDS = {"cli", "errors", "family", "member", "value"}


async def imported(shop: Shop, *arguments: str) -> tuple[set[str], str]:
    """The modules that the real command imported, and its answer."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-X",
        "importtime",
        "-c",
        "from tagwatch.cli.main import entry; entry()",  # the console script: `-m` loads more
        *arguments,
        cwd=shop.folder,
        env=shop.variables(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    lines = [line for line in err.decode().splitlines() if line.startswith("import time:")]
    assert lines, err.decode()
    return {line.rpartition("|")[2].strip() for line in lines}, out.decode()


async def test_the_warm_path_is_what_its_list_says(shop: Shop) -> None:
    """The hook in a fresh clone; a check answered from the ledger, for people and machines; what a
    tag is, and was.
    """
    shop.write("Dockerfile", "FROM python:3.12-slim\nUSER 10001\nEXPOSE 8000\n")
    offline = ("check", "Dockerfile", "--offline")
    await shop.run(*offline)  # the configuration is checked once
    loaded, _ = await imported(shop, *offline)
    for _ in range(2):  # the second finds all that the first remembered
        await shop.run("check", "Dockerfile")
    await shop.run("resolve", "redis:7.2")
    for form in ("text", "json"):
        modules, out = await imported(shop, "check", "Dockerfile", "--all", "--format", form)
        assert "3.12.14" in out
        loaded |= modules
    for line in ("resolve redis:7.2", "history redis:7.2"):
        modules, out = await imported(shop, *line.split())
        assert "7.2.15" in out
        loaded |= modules
    ours = {name for name in loaded if name.partition(".")[0] == "tagwatch"}
    now = {name for name in ours if not name.startswith("tagwatch.audit.rule.")}
    now.add("tagwatch.audit.rule.*")
    if REGENERATE:
        lines = WARM_PATH.read_text(encoding="utf-8").splitlines()
        about = [line for line in lines if line.startswith("#")]
        WARM_PATH.write_text("\n".join([*about, *sorted(now), ""]), encoding="utf-8")
    listed, how = warm_path(), "once you know why, run this test with TAGWATCH_REGENERATE=1"
    more, fewer = sorted(now - listed), sorted(listed - now)
    assert not more, "\n".join(["loaded, and not in the list; is it needed?", *more, how])
    assert not fewer, "\n".join(["in the list, and no longer loaded:", *fewer, how])


HELPED = """
import contextlib, io, sys
from tagwatch.cli.main import main
from tagwatch.family import COMMANDS
for line in ([name, "--help"] for name in COMMANDS):
    with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.suppress(SystemExit):
        main(line)
    assert said.getvalue().startswith("usage: tagwatch"), line
print(*sorted(sys.modules))
"""


async def test_the_help_of_a_command_imports_the_parser_and_its_flags(tmp_path: Path) -> None:
    """Of each command its flags are all that is loaded."""
    done = await Workplace(tmp_path).python("-c", HELPED)
    loaded = set(done.out.split())
    ours = {name for name in loaded if name.partition(".")[0] == "tagwatch"}
    parser = {"command", "main", "parser", "plain_line", "shell", "question", "baseline_file"}
    ours -= {f"tagwatch.cli.{name}" for name in (*parser, *COMMANDS)}
    assert ours == {"tagwatch", *(f"tagwatch.{name}" for name in HELP_NEEDS)}, sorted(ours)
    assert loaded & (NEVER - {"argparse", "gettext", "textwrap", "typing"}) == set()


@pytest.mark.parametrize(
    ("line", "begins"), [("--version", "tagwatch "), ("--help", "usage: ")], ids=lambda one: one
)
async def test_version_and_help_import_next_to_nothing(shop: Shop, line: str, begins: str) -> None:
    """No parser, and not even `re`: that alone takes two thirds of what Python's start takes."""
    modules, out = await imported(shop, line)
    assert out.startswith(begins)
    assert modules & (NEVER | {"enum", "re", "tagwatch.cli.parser", "tagwatch.cli.check"}) == set()
    assert len([name for name in modules if name.startswith("tagwatch.")]) <= 10


ENTERED = """
import os, re, sys, threading  # `re` compiles two patterns of its own
import tagwatch
from tagwatch.cli.main import main
root, entered, patterns = os.path.dirname(tagwatch.__file__) + os.sep, set(), 0
def note(frame, event, argument):
    global patterns
    code = frame.f_code
    patterns += event == "call" and code.co_name == "compile" and "_compiler" in code.co_filename
    if event == "call" and code.co_flags & 1 and code.co_filename.startswith(root):
        entered.add(code.co_filename[len(root):].replace(os.sep, "/"))  # a function, no class body
threading.setprofile(note)
sys.setprofile(note)
main(sys.argv[1:])
sys.setprofile(None)
print(*sorted(entered), f"patterns: {patterns}", sep="\\n", file=sys.stderr)
"""


async def entered(shop: Shop, *arguments: str) -> list[str]:
    """The files of ours, beside rules, of which the command runs a function."""
    files = [line for line in await _noted(shop, *arguments) if line.endswith(".py")]
    assert len(files) > 30, files
    return [file for file in files if not file.startswith("audit/rule/")]


async def patterns(shop: Shop, *arguments: str) -> int:
    """How many regular expressions the command compiles, those of the standard library too."""
    *_, last = await _noted(shop, *arguments)
    return int(last.removeprefix("patterns: "))


async def _noted(shop: Shop, *arguments: str) -> list[str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        ENTERED,
        *arguments,
        cwd=shop.folder,
        env=shop.variables(),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, err = await process.communicate()
    return err.decode().splitlines()


async def test_how_many_files_a_reader_has_to_open(shop: Shop) -> None:
    """Whoever follows one value goes from file to file: so many are there to go to."""
    shop.write("Dockerfile", "FROM python:3.12-slim\nUSER 10001\nEXPOSE 8000\n")
    await shop.run("check", "Dockerfile")
    await shop.run("check", "Dockerfile", "--fix=pin")  # then nothing is left to say
    out = (await shop.run("check", "Dockerfile")).out
    assert out.startswith("Nothing to fix\n"), out
    files = await entered(shop, "check", "Dockerfile")
    assert len(files) <= 45, files
    assert 10 < await patterns(shop, "check", "Dockerfile") <= 21, "each costs as three modules do"
    assert len(await entered(shop, "check", "Dockerfile", "--offline")) <= 45
    shop.write("Dockerfile", "FROM python:3.12-slim\nUSER 10001\nEXPOSE 8000\n")
    await shop.run("check", "Dockerfile")
    files = await entered(shop, "check", "Dockerfile")
    assert "audit/verdict/hand.py" in files, "a fix is offered"
    assert len(files) <= 50, files
    files = await entered(shop, "resolve", "redis:7.2", "--refresh")
    assert {"registry/oci.py", "walk/round.py"} <= set(files), "it asks"
    assert len(files) <= 94, files


@pytest.mark.parametrize("form", ["text", "json"])
async def test_a_warm_check_of_a_dockerfile(shop: Shop, form: str) -> None:
    """Config and policy in YAML, a ledger that knows the images, registries that may be asked."""
    shop.write("Dockerfile", "FROM python:3.12-slim\nUSER 10001\nEXPOSE 8000\n")
    cold, _ = await imported(shop, "check", "Dockerfile", "--all", "--format", form)
    assert {"aiohttp", "yaml", "msgspec"} <= cold, "the test sees what is imported"
    await shop.run("check", "Dockerfile")
    warm, out = await imported(shop, "check", "Dockerfile", "--all", "--format", form)
    assert "3.12.14" in out
    assert warm & NEVER == set()
    ours = {name for name in warm if name.startswith("tagwatch")}
    assert len(ours) <= 102, sorted(ours)
    assert "contextlib" not in warm


async def test_an_offline_check_that_knows_nothing(shop: Shop) -> None:
    """The hook in a fresh clone: no network is even loaded."""
    await shop.run("check", "--offline", "Dockerfile")
    modules, _ = await imported(shop, "check", "--offline", "Dockerfile")
    assert modules & (NEVER - {"textwrap"}) == set()


async def test_an_offline_check_of_what_no_file_named_yet(shop: Shop) -> None:
    """It is answered from what the nights listed, and no network is loaded for it."""
    shop.configure(in_bulk=True)
    await shop.run("scan")
    shop.write("new/Dockerfile", "FROM redis:7.2\nUSER 10001\n")
    modules, out = await imported(shop, "check", "--offline", "new/Dockerfile")
    assert "7.2.15" in out
    network = {"aiohttp", "asyncio", "email", "http", "socket", "sqlite_utils", "ssl"}
    assert modules & network == set()


async def test_an_answer_from_memory_loads_no_network_and_no_parser(shop: Shop) -> None:
    """What is imported for asking is paid where something is asked."""
    for line in ("diff redis:7.2 redis:7.2", "base redis:7.2"):
        await shop.run(*line.split())
    for line in ("resolve redis:7.2", "history redis:7.2"):
        modules, out = await imported(shop, *line.split())
        assert "7.2.15" in out
        assert modules & NEVER == set(), line
        assert "tagwatch.audit.judge" not in modules, "nothing is judged"
    for line in ("base redis:7.2 --offline", "diff redis:7.2 redis:7.2 --offline"):
        modules, out = await imported(shop, *line.split())
        assert "redis:7.2" in out
        assert modules & {"aiohttp", "asyncio", "ssl", "subprocess"} == set(), line
