"""A version that first appears in a repository we know: it cools down, whoever would write it.

The real command over nights, at moments of our choosing, beside a registry in this process: one
that lists names alone, and one whose tags API tells every digest.
"""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tagwatch.service.demo.images import Shelf
from tagwatch.service.demo.show import serving
from tests.golden.place import CLOCK
from tests.image_builder import Built
from tests.official import service
from tests.program import child as program
from tests.walk.command import Done, Workplace

FIRST = datetime.fromisoformat("2026-10-25T02:00:00+00:00")
SHOP = "registry.shop.example/shop/api"
HUB = "docker.io/shop/api"
POLICY = """\
version: 1
defaults: {cooldown: 3d}
rules:
  base-behind: {severity: warning, level: minor}
"""
NEW, BEHIND = "compose.yaml", "Dockerfile"
ENOUGH = "old enough from 2026-10-30 02:00 UTC"


@dataclass(slots=True)
class Nights(Workplace):
    """A folder in which every command runs at the moment `at`."""

    shelf: Shelf = field(default_factory=Shelf)
    at: datetime = FIRST

    async def start(self, *arguments: str, stdin: bool = False) -> asyncio.subprocess.Process:
        return await program.start(
            str(CLOCK),
            self.at.isoformat(),
            *arguments,
            cwd=self.folder,
            env=self.variables(),
            stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL,
        )

    def push(self, tag: str, image: Built) -> None:
        for document in image.documents.values():
            self.shelf.manifests[document.digest] = document
            self.shelf.blobs[document.digest] = document.raw
        self.shelf.blobs.update(image.blobs)
        self.shelf.tags.setdefault("shop/api", {})[tag] = image.digest
        self.shelf.pushed["shop/api", tag] = self.at.date().isoformat()

    async def night(self, number: float) -> Done:
        """Scan on a night."""
        self.at = FIRST + timedelta(days=number)
        return await self.run("scan")

    async def told(self, *paths: str, form: str = "text") -> str:
        """What a plain check tells, on one line."""
        done = await self.run("check", *paths, "--format", form)
        return " ".join(done.out.split())

    async def fixed(self, path: str, mode: str) -> tuple[str, Done]:
        """What a fix leaves in a file."""
        done = await self.run("check", path, f"--fix{mode}")
        return (self.folder / path).read_text(), done


@pytest.fixture(params=[SHOP, HUB], ids=["names", "digests"])
async def known(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[tuple[Nights, str]]:
    """A repository that was listed once, and a line that names its only version."""
    image = str(request.param)
    nights = Nights(tmp_path / "tree")
    async with serving(nights.shelf) as address:
        own = f"endpoint: '{address}', credential: anonymous"
        nights.write(
            "tagwatch.yaml",
            "version: 1\ndatabase: ledger.db\npolicy: policy.yaml\n"
            "sources: [Dockerfile, compose.yaml]\nreports: {formats: []}\nregistries:\n"
            f"  docker.io: {{{own}, catalogue_endpoint: '{address}'}}\n"
            f"  registry.shop.example: {{{own}}}\n",
        )
        nights.write("policy.yaml", POLICY)
        nights.write(BEHIND, f"FROM {image}:1.4.2\n")
        nights.push("1.4.2", service(0, "1.4.2"))
        nights.push("1.3.9", service(0, "1.3.9"))
        assert (await nights.night(0)).code in (0, 1)
        yield nights, image


async def test_a_new_version_cools_down_in_every_way_in(known: tuple[Nights, str]) -> None:
    nights, image = known
    await nights.night(1)
    nights.push("1.4.3", service(2, "1.4.3"))
    nights.write(NEW, f"services:\n  api:\n    image: {image}:1.4.3\n")
    await nights.night(2)

    short = image.removeprefix("docker.io/")
    cooling = f"{short}:1.4.3 is kept back: cooldown ({ENOUGH})"
    new = f"{short}:1.4.3 is a new tag, first listed on 2026-10-27, less than 3 days ago: {ENOUGH}"
    assert cooling in await nights.told(BEHIND)
    for form in ("text", "json"):
        assert new in await nights.told(NEW, BEHIND, form=form), form
    await nights.run("report", "--directory", "pages")
    pages = " ".join(html.unescape(one.read_text()) for one in nights.folder.glob("pages/*.html"))
    assert new in pages
    assert cooling in pages
    for path, mode in ((BEHIND, "=bump:minor"), (BEHIND, "=bump:patch"), (NEW, "=pin")):
        before = (nights.folder / path).read_text()
        after, done = await nights.fixed(path, mode)
        assert after == before, mode
        assert " is kept back: cooldown: " in done.err, mode
        assert "a new tag, first listed on 2026-10-27" in done.err, mode
        assert ENOUGH in done.err, mode

    nights.at += timedelta(days=3) - timedelta(minutes=1)
    assert (await nights.fixed(BEHIND, "=bump:minor"))[0] == f"FROM {image}:1.4.2\n"
    nights.at += timedelta(minutes=1)
    assert f" fix FROM {image}:1.4.3 " in await nights.told(BEHIND)
    assert "cooldown" not in await nights.told(NEW)
    assert (await nights.fixed(BEHIND, "=bump:minor"))[0] == f"FROM {image}:1.4.3\n"
    assert f"{image}:1.4.3@{service(2, '1.4.3').digest}" in (await nights.fixed(NEW, "=pin"))[0]


async def test_what_was_there_when_all_was_listed_first_is_not_called_new(
    known: tuple[Nights, str],
) -> None:
    """Its age is not known, and no age is invented: nothing keeps it back, and a policy is told."""
    nights, image = known
    nights.write(NEW, f"services:\n  api:\n    image: {image}:1.3.9\n")
    nights.at += timedelta(hours=1)
    assert "cooldown" not in await nights.told(NEW)
    assert (await nights.fixed(BEHIND, "=pin"))[0].startswith(f"FROM {image}:1.4.2@sha256:")
    assert (await nights.fixed(NEW, "=bump:minor"))[0].endswith(f"{image}:1.4.2\n")
    nights.write("policy.yaml", POLICY + "  cooldown: {severity: warning}\n")
    said = await nights.told(NEW)
    assert "1.4.2 is cannot be said yet" in said
    assert "its tag was there when all were listed first, on 2026-10-25" in said


async def test_message_and_fix_name_the_same_version(known: tuple[Nights, str]) -> None:
    """Of two new versions the older is old enough: both are named, and the same one is written."""
    nights, image = known
    await nights.night(1)
    nights.push("1.4.3", service(2, "1.4.3"))
    await nights.night(2)
    nights.push("1.4.4", service(5, "1.4.4"))
    await nights.night(5)
    short = image.removeprefix("docker.io/")
    told = await nights.told(BEHIND)
    why = "cooldown (old enough from 2026-11-02 02:00 UTC)"
    assert f"1.4.4 is the newest of its line; {short}:1.4.4 is kept back: {why}" in told
    assert f" fix FROM {image}:1.4.3 " in told
    assert re.search(rf"; {short}:1\.4\.4 is kept back: [^;]*, \S*1\.4\.3 passes now ", told)
    copy = (nights.folder / BEHIND).read_text()
    for mode in ("=bump:patch", ""):
        nights.write(BEHIND, copy)
        after, done = await nights.fixed(BEHIND, mode)
        assert after == f"FROM {image}:1.4.3\n", mode
        said = " ".join((done.out + done.err).split())
        assert f"{short}:1.4.4 is kept back" in said, mode
