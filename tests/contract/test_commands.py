"""Every command of `family.COMMANDS`: its help, its place in README.md, and what it refuses."""

from __future__ import annotations

import argparse
import re

import pytest

from tagwatch.cli.command import load
from tagwatch.cli.main import main
from tagwatch.cli.parser import parser_for
from tagwatch.family import COMMAND_HELP, COMMANDS
from tests.paths import ROOT

NAMES = pytest.mark.parametrize("name", sorted(COMMANDS))


def actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Every argument and flag, also of subcommands."""
    found = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                found += actions(inner)
        else:
            found.append(action)
    return found


@NAMES
def test_help_is_an_answer(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    said = capsys.readouterr()
    assert ended.value.code == 0
    assert said.out.startswith(f"usage: tagwatch {name}")
    assert " ".join(COMMAND_HELP[name].split()) in " ".join(said.out.split())
    assert not said.err


@NAMES
def test_every_argument_says_what_it_is_for(name: str) -> None:
    silent = [action.dest for action in actions(parser_for(name, load(name))) if not action.help]
    assert not silent


@NAMES
def test_an_unknown_flag_is_refused(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--no-such-flag"]) == 2
    said = capsys.readouterr()
    assert said.err.startswith("tagwatch: error: ")
    assert f"`tagwatch {name} --help`" in said.err
    assert not said.out


@NAMES
def test_the_readme_tells_of_it(name: str) -> None:
    row = f"| `tagwatch {name}` | {COMMAND_HELP[name]} |"
    assert row in (ROOT / "README.md").read_text(encoding="utf-8")


@NAMES
def test_what_takes_a_format_answers_programs_too(name: str) -> None:
    formats = [one for one in actions(parser_for(name, load(name))) if one.dest == "format"]
    assert all("json" in (one.choices or ()) for one in formats)


def test_all_of_them_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(COMMAND_HELP) == list(COMMANDS)
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    for name in COMMANDS:
        assert re.search(rf"(?m)^    {name}(?: |$)", said)
    assert main([]) == 2


@pytest.mark.parametrize(("given", "hint"), [("chekc", "'check'"), ("xyzzy", "tagwatch --help")])
def test_no_such_command(given: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([given]) == 2
    said = capsys.readouterr()
    assert f"no command '{given}'" in said.err
    assert hint in said.err
    assert not said.out
