"""The rows of the table: each builds its place, and yields groups of commands to run in turn.

The first command of a group is ours, the others are yardsticks and peers that do the same work.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from tests.bench.measure import PYTHON, TAGWATCH, Command, measured
from tests.bench.place import Place, certificates, double, paths_of, push
from tests.static_registry import Stock

__all__ = ["ROWS", "STUDIES", "Group", "Size", "known_files"]

STUDIES = (
    "cluster", "hub_offset", "ledger", "long_repository", "request", "requests", "service",
    "start_up", "year",
)  # fmt: skip
"""Modules that print tables of their own."""
FORMATS = "html, json, sarif"
IMAGES = ("python:3.12-slim", "redis:7", "redis:6.2.23", "node:22", "nginx:1.30-alpine")


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How large the rows are: whole, or `quick`, which proves that every row runs."""

    quick: bool = False
    rounds: int = 5
    counts: bool = True
    """Whether instructions are counted."""

    def of(self, number: int, quick: int) -> int:
        """The number, or the small one."""
        return quick if self.quick else number


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Commands to run in turn under one title. `tags` or files: what `growth` is about."""

    title: str
    commands: Sequence[Command]
    once: bool = False
    """A first night cannot be repeated."""
    size: int = 0
    series: str = ""
    """Groups of one series are one growth."""
    fixed: tuple[str, ...] = ()
    """The command whose cost stands at every size."""
    round_trip: float = 0.0
    """Seconds that every answer takes; 0: next to nothing."""
    at_once: int = 1
    """So many requests may be under way."""


Row = Callable[[Path, Size], Iterator[Group]]


def one_tag(folder: Path, size: Size) -> Iterator[Group]:
    """One tag, cold: what it is and its digest."""
    with double(Stock(repositories=1, tags=1), folder) as place:
        place.configure(["team/0"], None)
        image = f"{place.host}/team/0:1.0.0"
        yield Group(
            title="1 tag",
            commands=[
                place.command("tagwatch resolve", "resolve", image, "--refresh", counted=True),
                *single(place, image),
            ],
        )


def single(place: Place, image: str) -> list[Command]:
    """The peers that tell a tag's digest."""
    lines = {
        "crane": ("crane", "digest", "--insecure", image),
        "regctl": ("regctl", "--host", f"reg={place.host},tls=disabled", "image", "digest", image),
        "skopeo": ("skopeo", "inspect", "--tls-verify=false", "--no-tags", "--raw",
                   f"docker://{image}"),
    }  # fmt: skip
    return [
        Command(name=name, line=line, folder=place.folder, stats=place.stats, counted=True)
        for name, line in lines.items()
        if shutil.which(name)
    ]


def nights(folder: Path, size: Size) -> Iterator[Group]:
    """1,000 tags in 200 repositories, HTTP and TLS."""
    stock = Stock(repositories=size.of(200, 4), tags=size.of(5, 3))
    authority, pair = certificates(folder)
    yield from _nights("HTTP", stock, folder / "http", None)
    tls = _nights("TLS", replace(stock, tls=pair), folder / "tls", authority)
    yield from islice(tls, 1) if size.quick else tls


def _nights(name: str, stock: Stock, folder: Path, authority: Path | None) -> Iterator[Group]:
    folder.mkdir()
    tags = f"{stock.repositories * stock.tags:,} tags, {name}"
    with double(stock, folder, authority) as place:
        place.configure(paths_of(stock), None)
        peers = many(place, stock)
        yield Group(title=f"{tags}, first night", commands=[place.night(), *peers], once=True)
        crawlers = [place.crawler(one, stock, 8) for one in ("crawl", "bare")]
        yield Group(title=f"{tags}, unchanged", commands=[place.night(), *crawlers, *peers])
        place.configure(paths_of(stock), None, formats=FORMATS)
        yield Group(title=f"{tags}, unchanged, 3 reports", commands=[place.night(), *peers])


def many(place: Place, stock: Stock) -> list[Command]:
    """The peers that watch many tags; their settings are written beside ours."""
    if not shutil.which("diun"):
        return []
    images = [f"{place.host}/{path}:{tag}" for path in paths_of(stock) for tag in stock.names()]
    trust = "\n    insecureTLS: true"  # else it asks nobody by HTTP, either
    (place.folder / "images.yml").write_text(
        "".join(f"- name: {image}\n  regopt: double\n" for image in images)
    )
    (place.folder / "diun.yml").write_text(
        "db: {path: diun.db}\nwatch: {workers: 10, firstCheckNotif: false}\n"
        f"regopts:\n  - name: double\n    selector: name{trust}\n"
        "providers: {file: {filename: images.yml}}\n"
    )
    line = ("diun", "serve", "--config", "diun.yml", "--log-level", "error")
    return [Command(name="diun", line=line, folder=place.folder, stats=place.stats)]


def distribution(folder: Path, size: Size) -> Iterator[Group]:
    """The same against the CNCF registry, where it is installed."""
    if not shutil.which("docker-registry"):
        return
    from tests.registry.distribution import distribution

    stock = Stock(repositories=size.of(200, 2), tags=size.of(5, 2))
    with distribution(folder / "registry") as server:
        push(server.url, stock)
        place = Place(url=server.url, folder=folder / "place")
        place.configure(paths_of(stock), None)
        seen = 0

        def stats() -> dict[str, Any]:
            nonlocal seen
            before, seen = seen, len(server.requests())
            return {"requests": {"all": seen - before}}

        night = replace(place.night(), stats=stats)
        peers = [replace(one, stats=stats) for one in many(place, stock)]
        tags = f"{stock.repositories * stock.tags:,} tags, CNCF distribution"
        yield Group(title=f"{tags}, first night", commands=[night, *peers], once=True)
        yield Group(title=f"{tags}, unchanged", commands=[night, *peers])


def far(folder: Path, size: Size) -> Iterator[Group]:
    """50 ms of round trip: how near a scan comes to concurrency ÷ round trip."""
    for concurrency in (8,) if size.quick else (8, 32, 64):
        tags = max(5, concurrency // 2)  # many turns a slot
        yield from _far(folder / str(concurrency), size, tags, concurrency, 1)
    yield from _far(folder / "several", size, 32, 64, 2 if size.quick else 4)


def _far(folder: Path, size: Size, tags: int, concurrency: int, registries: int) -> Iterator[Group]:
    """A first and an unchanged night of 200 repositories, spread over some registries."""
    folder.mkdir()
    stock = Stock(
        repositories=size.of(200, 4) // registries, tags=size.of(tags, 2), delay_seconds=0.05
    )
    with ExitStack() as stack:
        places = [stack.enter_context(double(stock, folder / "place")) for _ in range(registries)]
        here, *others = places
        here.configure(paths_of(stock), concurrency // registries, beside=others)

        def stats() -> dict[str, Any]:
            each = [place.stats()["requests"] for place in places]
            return {"requests": {"all": sum(sum(one.values()) for one in each)}}

        night = replace(here.night(), stats=stats)
        title = f"50 ms, {stock.repositories * registries * stock.tags:,} tags"
        title += f", {concurrency} at once" + (f", {registries} registries" if others else "")
        bare = [here.crawler("bare", stock, concurrency)] if not others else []
        for name, commands in (("first night", [night]), ("unchanged", [night, *bare])):
            yield Group(
                title=f"{title}, {name}",
                commands=commands,
                once=name == "first night",
                round_trip=stock.delay_seconds,
                at_once=concurrency,
            )


def ten_thousand(folder: Path, size: Size) -> Iterator[Group]:
    """10,000 tags in 1,000 repositories."""
    yield from _large(folder, Stock(repositories=size.of(1_000, 3), tags=size.of(10, 2)))


def hundred_thousand(folder: Path, size: Size) -> Iterator[Group]:
    """100,000 tags in 1,000 repositories, ten tags to an image."""
    stock = Stock(repositories=size.of(1_000, 3), tags=size.of(100, 4), shared=size.of(10, 2))
    yield from _large(folder, stock)


def long_repository(folder: Path, size: Size) -> Iterator[Group]:
    """One repository of 20,000 tags."""
    yield from _large(folder, Stock(repositories=1, tags=size.of(20_000, 6)))


def _large(folder: Path, stock: Stock) -> Iterator[Group]:
    with double(stock, folder) as place:
        place.configure(paths_of(stock), 16, formats=FORMATS)
        tags = f"{stock.repositories * stock.tags:,} tags in {stock.repositories:,}"
        yield Group(title=f"{tags}, first night", commands=[place.night()], once=True)
        yield Group(title=f"{tags}, unchanged, 3 reports", commands=[place.night()], once=True)


def growth(folder: Path, size: Size) -> Iterator[Group]:
    """What costs grow with, over four doublings: tags, tags of one repository, images imported."""
    sizes = (20, 40) if size.quick else (1_250, 2_500, 5_000, 10_000, 20_000)
    yield from _estates(folder, sizes, size)
    yield from _repositories(folder, sizes, size)
    yield from _imports(folder, (2, 4) if size.quick else (5, 10, 20, 40, 80))


def _estates(folder: Path, sizes: Sequence[int], size: Size) -> Iterator[Group]:
    """Unchanged nights and reports, ten tags a repository."""
    stock = Stock(repositories=sizes[-1] // 10, tags=10)
    with double(stock, folder) as whole:
        for tags in sizes:
            place = replace(whole, folder=folder / str(tags))
            place.configure(paths_of(stock)[: tags // 10], 16)
            if not size.quick:
                place.scan()
            lines = {
                "scan": place.night(),
                "report": place.command("report", "report", "--format", "json", stats=None),
            }
            for name, command in lines.items():
                title = f"{name}, {tags:,} tags"
                yield Group(title=title, commands=[command], size=tags, series=name)


def _repositories(folder: Path, sizes: Sequence[int], size: Size) -> Iterator[Group]:
    """Unchanged nights over one repository."""
    for tags in sizes:
        with double(Stock(repositories=1, tags=tags), folder) as served:
            place = replace(served, folder=folder / f"one-{tags}")
            place.configure(["team/0"], 16)
            if not size.quick:
                place.scan()
            yield Group(
                title=f"scan, one repository of {tags:,} tags",
                commands=[place.night()],
                size=tags,
                series="scan of one repository",
            )


def _imports(folder: Path, sizes: Sequence[int]) -> Iterator[Group]:
    """The history of official images, imported from a checkout of as many."""
    for images in sizes:
        place = folder / f"import-{images}"
        place.mkdir()
        _write_library(place / "official-images", images)
        (place / "tagwatch.yaml").write_text("version: 1\ndatabase: ledger.db\n")
        line = (*TAGWATCH, "history", "import", "--library", "official-images")
        yield Group(
            title=f"import, {images:,} images of {_COMMITS} commits",
            commands=[Command(name="history import", line=line, folder=place)],
            once=True,
            size=images,
            series="import",
        )


_COMMITS = 100
_STANZA = "Maintainers: nobody\n\nTags: 1.{0}, 1, latest\nGitCommit: {1:040x}\n"


def _write_library(folder: Path, images: int) -> None:
    """Make a checkout of official-images in which each image has so many releases, one a commit."""
    subprocess.run(["git", "init", "-q", "-b", "master", folder], check=True)
    lines = []
    for number in range(images * _COMMITS):
        image, release = number % images, number // images
        text = _STANZA.format(release, number)
        at = 1_500_000_000 + number * 3_600
        lines += [
            "commit refs/heads/master",
            f"committer bench <bench@example.org> {at} +0000",
            f"data 3\nday\nM 644 inline library/image{image}",
            f"data {len(text)}\n{text}",
        ]
    written = "\n".join([*lines, ""]).encode()
    subprocess.run(["git", "-C", folder, "fast-import", "--quiet"], input=written, check=True)
    subprocess.run(["git", "-C", folder, "checkout", "-q", "-f", "master"], check=True)


def answers(folder: Path, size: Size) -> Iterator[Group]:
    """History, base, diff and report of a scanned estate, and help."""
    stock = Stock(repositories=size.of(200, 2), tags=5)
    with double(stock, folder) as place:
        place.configure(paths_of(stock), None, bases="team/1")
        place.scan()
        image = f"{place.host}/team/0:1.0.0"
        python = Command(name="python -c pass", line=PYTHON, folder=folder, counted=True)
        lines = {
            "history of a tag": ("history", image),
            "history of a repository": ("history", f"{place.host}/team/0"),
            "resolve, remembered": ("resolve", image),
            "base": ("base", image),
            "diff": ("diff", image, f"{place.host}/team/0:1.0.1"),
            "report": ("report", "--format", "json"),
            "help": ("--help",),
        }
        for title, line in lines.items():
            ours = place.command(f"tagwatch {line[0]}", *line, counted=True)
            yield Group(title=title, commands=[ours, python])


def checks(folder: Path, size: Size) -> Iterator[Group]:
    """Warm checks of Dockerfiles, answered from the ledger."""
    numbers = (1, 2) if size.quick else (1, 50, 2_000)
    known_files(folder, numbers)
    python = Command(name="python -c pass", line=PYTHON, folder=folder, counted=True)
    for number in numbers:
        ours = Command(
            name="tagwatch check",
            line=(*TAGWATCH, "check", str(number)),
            folder=folder,
            counted=number <= 50,
        )
        measured(ours)  # compiled, and the configuration checked
        files = sorted(str(path) for path in (folder / str(number)).iterdir())
        peers = [
            Command(name="hadolint", line=("hadolint", *files), folder=folder, counted=number <= 50)
        ]
        yield Group(
            title=f"check, {number:,} files",
            commands=[ours, python, *(peers if shutil.which("hadolint") else ())],
            size=number,
            series="check",
            fixed=("python -c pass",),
        )


def known_files(folder: Path, numbers: Sequence[int]) -> None:
    """Write folders of so many Dockerfiles, and a ledger that knows what they name."""
    for number in (*numbers, 5):
        _write_files(folder / str(number), number)
    asyncio.run(_fill_ledger(folder))


def _write_files(folder: Path, number: int) -> None:
    folder.mkdir(exist_ok=True)
    for index in range(number):
        image, other = IMAGES[index % len(IMAGES)], IMAGES[(index + 1) % len(IMAGES)]
        (folder / f"{index:04}.Dockerfile").write_text(
            f"FROM {image} AS build\nRUN make\nFROM {other}\nCOPY --from=build /x /x\n"
            "USER 10001\nEXPOSE 8000\n"
        )


async def _fill_ledger(folder: Path) -> None:
    """Ask the demo's registry for every image, then forget that there was one."""
    from tagwatch.service.demo.nights import first_night
    from tagwatch.service.demo.show import serving

    async with serving(first_night()) as address:
        config = "version: 1\ndatabase: ledger.db\npolicy: policy.yaml\n"
        asked = f"registries:\n  docker.io: {{endpoint: '{address}', credential: anonymous}}\n"
        (folder / "policy.yaml").write_text(
            "version: 1\nfail_on: error\nregistries:\n  allow: [docker.io]\n"
        )
        (folder / "tagwatch.yaml").write_text(config + asked)
        command = Command(name="check", line=(*TAGWATCH, "check", "5"), folder=folder)
        await asyncio.to_thread(measured, command)


ROWS: dict[str, Row] = {
    "tag": one_tag,
    "night": nights,
    "distribution": distribution,
    "far": far,
    "tags-10000": ten_thousand,
    "tags-100000": hundred_thousand,
    "repository-20000": long_repository,
    "growth": growth,
    "check": checks,
    "answers": answers,
}
