"""`plain_options` against argparse, which it may only agree with or leave the line to."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tagwatch.cli.command import load
from tagwatch.cli.parser import parsed
from tagwatch.cli.plain_line import plain_options
from tagwatch.errors import UsageError
from tagwatch.family import COMMANDS

WORDS = [
    "a", "b/Dockerfile", "", "-", "--", "-1", "json", "text", "none", "5", "0.5", "--offline",
    "--offline=1", "--format", "--format=json", "--format=", "--max-time", "--max-time=3",
    "--max-time=x", "--config", "--config=a=b", "--fix", "--fix=pin", "--fix=bump:minor",
    "--dry-run", "--build-arg", "--build-arg=A=1", "--quiet", "--qui", "-q", "--help", "--no such",
    "--refresh", "--at", "--limit", "--output", "--output=x", "--key", "--baseline",
]  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(COMMANDS)), st.lists(st.sampled_from(WORDS), max_size=5))
@example("check", ["a", "--offline", "b"])
@example("check", ["--format", "json", "a", "b"])
@example("check", ["a", "--max-time", "-1"])
@example("diff", ["a", "--offline", "b"])
@example("diff", ["a", "b", "c"])
@example("diff", ["a"])
@example("history", ["--at", "a", "b"])
@example("history", ["a", "--limit", "5", "b"])
@example("history", [])
@example("resolve", ["--offline", "a", "--format=json", "b"])
def test_it_agrees_with_argparse_or_leaves_the_line_to_it(name: str, line: list[str]) -> None:
    command = load(name)
    plain = plain_options(command.arguments, line)
    if plain is None:
        return
    try:
        expected = vars(parsed(name, command, line))
    except (UsageError, SystemExit) as error:
        pytest.fail(f"{name} {line}: argparse refuses what was read as {plain}: {error}")
    assert vars(plain) == expected


@pytest.mark.parametrize(
    "line",
    [
        [],
        ["Dockerfile"],
        ["one/Dockerfile", "compose.yaml"],
        ["--offline", "Dockerfile"],
        ["Dockerfile", "--format", "json"],
        ["a", "--offline", "b"],
        ["--config=tagwatch.yaml", "--max-time", "20", "--quiet", "."],
    ],
    ids=" ".join,
)
def test_what_hooks_write_needs_no_argparse(line: list[str]) -> None:
    assert plain_options(load("check").arguments, line) is not None


@pytest.mark.parametrize(
    "line",
    [
        "resolve redis:7",
        "resolve redis:7 redis:6.2",
        "history redis:7 --limit 5",
        "history --at 2026-03-01 redis:7",
        "base python:3.12 --format json",
        "diff redis:7 redis:6.2",
        "outdated Dockerfile",
    ],
)
def test_what_people_ask_of_the_memory_needs_no_argparse(line: str) -> None:
    name, *words = line.split()
    assert plain_options(load(name).arguments, words) is not None


@pytest.mark.parametrize(
    "line",
    [
        ["--help"],
        ["--fix"],
        ["--format", "xml"],
        ["--max-time", "soon"],
        ["--offline=1"],
        ["--", "-a"],
        ["--config"],
        ["--build-arg", "A=1"],
        ["--of"],
    ],
    ids=" ".join,
)
def test_what_is_odd_is_left_to_argparse(line: list[str]) -> None:
    assert plain_options(load("check").arguments, line) is None
