"""Completion in real shells, and the manual page: they say what the parsers say."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tagwatch.family import COMMAND_HELP
from tests.shell_files import FOLDER, shell_files

GENEROUS_SECONDS = 60.0


def needs(program: str) -> str:
    """Return the program's path; without CI a missing one skips the test."""
    found = shutil.which(program)
    if found is None and not os.environ.get("CI"):
        pytest.skip(f"install {program}")
    assert found is not None, f"install {program}"
    return found


def test_the_files_are_those_of_the_parsers() -> None:
    for name, text in shell_files().items():
        kept = (FOLDER / name).read_text(encoding="utf-8")
        assert kept == text, f"{name}: run `python -m tests.shell_files`"


CASES = [
    ("outd", {"outdated"}),
    ("ledger res", {"restore"}),
    ("check --fix=b", {"--fix=bump:patch", "--fix=bump:minor"}),
    ("check --format sa", {"sarif"}),
    ("pr main.. --comment git", {"github", "gitlab", "gitea"}),
    ("schema po", {"policy"}),
    ("completion fi", {"fish"}),
    ("ledger backup --conf", {"--config", "--config-from"}),
]


@pytest.mark.parametrize(("typed", "expected"), CASES)
def test_bash(typed: str, expected: set[str]) -> None:
    words = ["tagwatch", *typed.split(" ")]
    script = (
        'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _tagwatch; '
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    command = [needs("bash"), "-c", script, "x", str(FOLDER / "tagwatch.bash"), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == expected
    assert done.stderr == ""


@pytest.mark.parametrize(("typed", "expected"), [one for one in CASES if "=" not in one[0]])
def test_fish(typed: str, expected: set[str], tmp_path: Path) -> None:
    script = f"source {FOLDER / 'tagwatch.fish'}; complete -C 'tagwatch {typed}'"
    done = subprocess.run(
        [needs("fish"), "--no-config", "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={**os.environ, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)},
    )
    found = {line.partition("\t")[0] for line in done.stdout.splitlines()}
    assert found == expected


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("outd", "outdated"),
        ("ledger rest", "restore"),
        ("check --format sa", "sarif"),
        ("schema po", "policy"),
        ("check --stdin", "--stdin-name"),
    ],
)
def test_zsh(typed: str, expected: str, tmp_path: Path) -> None:
    """Only a terminal completes in zsh: the key is pressed, and the line is read."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(tmp_path)
        variables = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TERM": "dumb"}
        os.execve(needs("zsh"), ["zsh", "-f", "-i"], {**variables, "PS1": "ready> "})
    try:
        said = _until(terminal, "", "ready> ")
        begin = (
            f"autoload -Uz compinit; compinit -u -D; source {FOLDER / '_tagwatch'}; echo be''gun\n"
        )
        os.write(terminal, begin.encode())
        said = _until(terminal, said, "begun")
        os.write(terminal, f"tagwatch {typed}\t".encode())
        said = _until(terminal, "", expected)
        assert expected in said
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(terminal)


def _until(terminal: int, said: str, wanted: str) -> str:
    """Read until it is said; fail where it is not after a generous time."""
    until = time.monotonic() + GENEROUS_SECONDS
    while wanted not in said:
        ready, _, _ = select.select([terminal], [], [], max(until - time.monotonic(), 0))
        assert ready, f"{wanted!r} is not in {said!r}"
        said += os.read(terminal, 65536).decode(errors="replace")
    return said


def test_the_manual_page_can_be_set() -> None:
    command = [needs("groff"), "-man", "-Tutf8", "-ww", "-z", str(FOLDER / "tagwatch.1")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    command = [needs("groff"), "-man", "-Tascii", "-P-c", str(FOLDER / "tagwatch.1")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    text = re.sub(r".\x08", "", done.stdout)
    for name in COMMAND_HELP:
        assert re.search(rf"(?m)^{name.upper()}$", text), name
