"""The real command in a subprocess, and what it left."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.program import child as program

__all__ = ["Done", "Workplace"]


@dataclass(frozen=True, slots=True)
class Done:
    """What a finished command left."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The answer of `--format json`; the error's text where there is none."""
        assert self.out, self.err
        return json.loads(self.out)

    def is_clean_error(self, code: int) -> str:
        """Assert an error as people should see one: its code, no trace, nothing on stdout."""
        assert self.code == code, f"{self.code}: {self.out}{self.err}"
        assert self.out == ""
        assert "Traceback" not in self.err
        assert "internal error" not in self.err
        assert self.err.startswith("tagwatch: error: "), self.err
        return self.err


@dataclass(slots=True)
class Workplace:
    """A folder in which the command runs, with an environment of its own."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    is_operators: bool = True
    """Whether the folder's configuration is the operator's word; else it is the tree's."""

    def variables(self) -> dict[str, str]:
        """The environment of a command here."""
        names = ("tagwatch.yaml", ".tagwatch.yaml", "config/tagwatch.yaml")
        found = next((name for name in names if (self.folder / name).is_file()), None)
        own = {"TAGWATCH_CONFIG": str(self.folder / found)} if self.is_operators and found else {}
        return {**os.environ, "PYTHONWARNINGS": "error", **own, **self.environment}

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file; its folders are made."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    async def start(self, *arguments: str, stdin: bool = False) -> asyncio.subprocess.Process:
        """Begin a command. A warning inside it is an error."""
        return await program.start(
            "-m",
            "tagwatch",
            *arguments,
            cwd=self.folder,
            env=self.variables(),
            stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL,
        )

    async def run(self, *arguments: str, stdin: str | bytes | None = None) -> Done:
        """Run a command to its end."""
        process = await self.start(*arguments, stdin=stdin is not None)
        return await self._ended(process, stdin.encode() if isinstance(stdin, str) else stdin)

    async def python(self, *arguments: str) -> Done:
        """Run Python on a program of a user's, which imports us."""
        process = await program.new_process(*arguments, cwd=self.folder, env=self.variables())
        return await self._ended(process)

    async def _ended(self, process: asyncio.subprocess.Process, stdin: bytes | None = None) -> Done:
        out, err = await asyncio.wait_for(process.communicate(stdin), 60)
        assert process.returncode is not None
        return Done(process.returncode, out.decode(), err.decode())
