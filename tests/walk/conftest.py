"""The real command in a subprocess, beside an embedded registry in this process."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

import pytest

from tagwatch.service.demo.images import Shelf
from tagwatch.service.demo.nights import first_night
from tagwatch.service.demo.show import serving

HOSTS = ("docker.io", "registry.shop.example")


@dataclass(frozen=True, slots=True)
class Done:
    """What a finished command left."""

    code: int
    out: str
    err: str


@dataclass(slots=True)
class Shop:
    """A folder with the shop's files, configured to ask the embedded registry."""

    folder: Path
    shelf: Shelf
    address: str
    environment: dict[str, str] = field(default_factory=dict)

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tagwatch",
            *arguments,
            cwd=self.folder,
            env={**os.environ, "PYTHONWARNINGS": "error", **self.environment},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def run(self, *arguments: str, stdin: str | None = None) -> Done:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tagwatch",
            *arguments,
            cwd=self.folder,
            env={**os.environ, **self.environment},
            stdin=asyncio.subprocess.PIPE if stdin is not None else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(
            process.communicate(stdin.encode() if stdin is not None else None), 60
        )
        assert process.returncode is not None
        return Done(process.returncode, out.decode(), err.decode())

    def configure(self, more: str = "") -> None:
        """Write tagwatch.yaml: the demo's own, asking the embedded registry, and `more`."""
        text = (self.folder / "sample.yaml").read_text(encoding="utf-8")
        registries = "".join(
            f"  {host}: {{endpoint: '{self.address}', credential: anonymous}}\n" for host in HOSTS
        )
        (self.folder / "tagwatch.yaml").write_text(
            f"{text}registries:\n{registries}{more}", encoding="utf-8"
        )


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    folder = tmp_path / "shop"
    files = resources.files("tagwatch.service.demo") / "files"
    with resources.as_file(files) as source:
        shutil.copytree(source, folder, ignore=shutil.ignore_patterns("__pycache__", "*.py"))
    text = (folder / "tagwatch.yaml").read_text(encoding="utf-8")
    kept = [line for line in text.splitlines(keepends=True) if not line.startswith("alerts:")]
    (folder / "sample.yaml").write_text("".join(kept), encoding="utf-8")
    shelf = first_night()
    async with serving(shelf) as address:
        found = Shop(folder, shelf, address)
        found.configure()
        yield found
