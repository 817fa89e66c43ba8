"""The real command in a subprocess, beside an embedded registry in this process."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

import pytest

from tagwatch.service.demo.images import Shelf
from tagwatch.service.demo.nights import first_night
from tagwatch.service.demo.show import serving
from tests.walk.command import Workplace

HOSTS = ("docker.io", "registry.shop.example")


@dataclass(slots=True)
class Shop(Workplace):
    """A folder with the shop's files, configured to ask the embedded registry."""

    shelf: Shelf = field(default_factory=Shelf)
    address: str = ""

    def permit(self) -> None:
        """Let the policy approve every base, and every image be as young as it is."""
        path = self.folder / "policy.yaml"
        head, _, bases = path.read_text().partition("bases:")
        path.write_text(
            head.replace("defaults:\n", "defaults:\n  cooldown: 0d\n")
            + bases[bases.index("\ntags:") :]
        )

    def configure(self, more: str = "", *, in_bulk: bool = False) -> None:
        """Write tagwatch.yaml: the demo's own, asking the embedded registry, and `more`.

        `in_bulk`: Docker Hub's tags API is there, too, so that a listing tells every digest.
        """
        text = (self.folder / "sample.yaml").read_text(encoding="utf-8")
        bulk = f", catalogue_endpoint: '{self.address}'" if in_bulk else ""
        registries = "".join(
            f"  {host}: {{endpoint: '{self.address}', credential: anonymous{more}}}\n"
            for host, more in zip(HOSTS, (bulk, ""), strict=True)
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
        found = Shop(folder, shelf=shelf, address=address)
        found.configure()
        yield found
