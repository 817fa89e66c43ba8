"""What stands on a terminal or in the log of a workflow: text that nobody takes for more."""

from __future__ import annotations

import json
import re

import pytest

from tests.hostile.promise import promised
from tests.hostile.served import config_of, served
from tests.hostile.tree import Tree, tree

__all__ = ["tree"]

COMMANDS = re.compile(r"(?m)^\s*::|##(?:vso|teamcity)?\[")
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
ESCAPES = "\x1b[31mred\x1b]0;title\x07 \u202egnp.exe\u2066 \x9b2J"
STOP = "::stop-commands::pwn ##[add-mask]x ##vso[task.setvariable variable=a]b ##teamcity[x]"


def harmless(text: str) -> None:
    assert not COMMANDS.search(text), COMMANDS.search(text)
    assert not UNSAFE.search(text), UNSAFE.search(text)


@promised("a tree", "names and text that begin a line with a workflow's command", "no line is one")
@pytest.mark.parametrize("form", ["text", "json", "sarif", "gitlab", "junit"])
async def test_no_line_is_a_command(tree: Tree, form: str) -> None:
    for pad in range(30, 75, 3):
        name = json.dumps("x" * pad + f" {STOP}")
        tree.write(
            f"{pad}/compose.yaml",
            f"services: {{{name}: {{image: 'redis:latest', ports: ['80:80']}}}}\n",
        )
    tree.write(f"{STOP}/Dockerfile", f"FROM redis:latest\n# {STOP}\nFROM {STOP}\n")
    done = await tree.check(".", "--format", form)
    assert done.code == 1
    assert "stop-commands" in done.out
    harmless(done.out)
    harmless(done.err)
    if form == "json":
        assert any("##[add-mask]" in one["location"]["path"] for one in done.json["findings"])


async def test_commands_of_our_own_are_left(tree: Tree) -> None:
    tree.write(f"{STOP}/Dockerfile", "FROM redis:latest\n")
    done = await tree.check(".", "--format", "github")
    lines = done.out.splitlines()
    assert any(line.startswith("::warning file=") for line in lines)
    assert not [line for line in lines if "stop-commands" in line and line[:2] != "::"]
    assert "##[" not in done.out


@promised("a tree", "escapes in a file that `--fix --dry-run` shows", "they are shown, not obeyed")
async def test_a_dry_run_is_cleaned(tree: Tree) -> None:
    tree.write(
        "Dockerfile",
        f"# {ESCAPES}\nFROM r.example/good:1.0\nRUN <<E\n{STOP}\nE\n# {ESCAPES}\r\n",
    )
    tree.environment["TAGWATCH_CONFIG"] = str(tree.folder.parent / "operator.yaml")
    async with served() as registry:
        registry.push("good", config_of())
        tree.write("../operator.yaml", registry.settings())
        done = await tree.run("check", ".", "--fix=pin", "--dry-run")
    assert "+FROM r.example/good:1.0@sha256:" in done.out, done.out + done.err
    harmless(done.out)
    harmless(done.err)


@promised("a tree", "names and text in errors, with line ends and escapes", "no line is a command")
async def test_errors_are_cleaned(tree: Tree) -> None:
    tree.write("Dockerfile", "FROM redis:7\n")
    for arguments in (
        ("check", f"a\n{STOP}{ESCAPES}"),
        ("resolve", "--offline", f"redis:1\n  {STOP}"),
        ("check", "--offline", "--config", f"x\n{STOP}", "."),
        ("history", f"\n{STOP}"),
        ("extract", "--build-arg", f"\n{STOP}", "."),
        ("explain", f"\n{STOP}"),
        (f"\n{STOP}",),
        ("check", f"--format=\n{STOP}"),
    ):
        done = await tree.run(*arguments)
        harmless(done.out)
        harmless(done.err)
