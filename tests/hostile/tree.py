"""A tree that a stranger wrote, and the real command in it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.walk.command import Done, Workplace

__all__ = ["Tree", "tree"]

LATEST = "FROM redis:latest\n"
"""A Dockerfile with a finding that needs no registry."""


@dataclass(slots=True)
class Tree(Workplace):
    """A folder under git."""

    def git(self, *arguments: str, expected: int = 0) -> str:
        """Run git in the tree; its output."""
        own = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        who = {
            f"GIT_{role}_{part}": "a@b"
            for role in ("AUTHOR", "COMMITTER")
            for part in ("NAME", "EMAIL")
        }
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            env={**os.environ, **own, **who},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == expected, done.stderr
        return done.stdout

    def commit(self, *forced: str) -> None:
        """Commit everything, and what `.gitignore` names, too."""
        self.git("add", "-A")
        if forced:
            self.git("add", "-f", *forced)
        self.git("commit", "-q", "--allow-empty", "-m", "x")

    async def check(self, *arguments: str) -> Done:
        """`check` without a network."""
        return await self.run("check", "--offline", *arguments)

    async def found(self, *arguments: str) -> set[str]:
        """The files that name an image by `latest`, as a check has it."""
        done = await self.check("--format", "json", *arguments)
        found = [one for one in done.json["findings"] if one["rule"] == "tag-latest"]
        return {one["location"]["path"] for one in found}


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """A repository with nothing in it."""
    found = Tree(tmp_path / "tree")
    found.folder.mkdir()
    found.git("init", "-q", "-b", "main")
    return found
