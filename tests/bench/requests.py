"""What three nights cost in requests, by kind of registry, counted by the servers.

Run: python -m tests.bench.requests [--repositories N] [--tags N] [KIND…]

Every repository is watched whole, three tags an image, two platforms. The first night knows
nothing; before the second nothing happens; before the third one tag in a hundred moves. The
registries are doubles: what they count is what a registry of the kind would be asked.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta

from tagwatch.crawl.crawler import crawl_repository
from tagwatch.crawl.task import CrawlTask
from tagwatch.image.snapshot import RepositorySnapshot
from tagwatch.registry.client import RegistryClient
from tests.registry.doubles.acr import AcrDouble
from tests.registry.doubles.ghcr import GhcrDouble
from tests.registry.doubles.gitlab import GitlabDouble
from tests.registry.doubles.google import GoogleDouble
from tests.registry.doubles.harbor import HarborDouble
from tests.registry.doubles.hub import HubDouble
from tests.registry.doubles.quay import QuayDouble
from tests.registry.doubles.warehouse import Double, Pushed
from tests.registry.harness import AT, repository
from tests.registry.night import PLATFORMS, first_task, next_task
from tests.unit.registry.catalogue.kinds import client_of

DOUBLES: dict[str, type[Double]] = {
    "hub": HubDouble,
    "google": GoogleDouble,
    "quay": QuayDouble,
    "harbor": HarborDouble,
    "acr": AcrDouble,
    "gitlab": GitlabDouble,
    "ghcr": GhcrDouble,
    "distribution": Double,
}
ONE_REQUEST = {"hub", "google", "quay", "harbor", "acr", "gitlab"}
TAGS_AN_IMAGE = 3
AT_ONCE = 8
COLUMNS = ("ping", "token", "project", "catalogue", "tags", "head", "manifest", "config")


def fill(double: Double, paths: Iterable[str], tags: int) -> None:
    """Images a day apart, each under some tags."""
    for path in paths:
        for number in range(tags):
            image, alias = divmod(number, TAGS_AN_IMAGE)
            name = f"1.{image}.{alias}"
            at = AT - timedelta(days=tags - image)
            if alias == 0:
                double.warehouse.push(path, name, at=at)
                continue
            named = double.warehouse.repositories[path]
            named[name] = Pushed(digest=named[f"1.{image}.0"].digest, at=at)


def move(double: Double, paths: list[str], count: int) -> None:
    """Push `count` tags again, each of another repository as far as there are any."""
    for number in range(count):
        path = paths[number % len(paths)]
        tag = sorted(double.warehouse.repositories[path])[number // len(paths)]
        double.warehouse.push(path, tag, build="2", at=AT + timedelta(hours=30))


async def night(double: Double, tasks: list[CrawlTask]) -> list[RepositorySnapshot]:
    """One run with a client of its own. Raises where a repository was not read whole."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(client: RegistryClient, task: CrawlTask) -> RepositorySnapshot:
        async with slots:
            return await crawl_repository(task, client)

    async with client_of(double) as client:
        found = await asyncio.gather(*(one(client, task) for task in tasks))
    for snapshot in found:
        if not snapshot.complete:
            raise RuntimeError(f"{double.kind}: {snapshot.failures[0].message}")
    return found


async def three_nights(double: Double, repositories: int, tags: int) -> list[Counter[str]]:
    """What the double counted in each night."""
    paths = [f"team/app{number}" for number in range(repositories)]
    fill(double, paths, tags)
    counts = []
    async with double.serving():
        tasks = [first_task(repository(double.host, path)) for path in paths]
        for number in range(3):
            if number == 2:
                move(double, paths, repositories * tags // 100)
            found = await night(double, tasks)
            counts.append(double.night())
            tasks = [next_task(*pair) for pair in zip(tasks, found, strict=True)]
    return counts


def missed(kind: str, counts: list[Counter[str]], repositories: int, tags: int) -> list[str]:
    """Which of the figures to reach were not."""
    _, quiet, loud = counts
    moved = repositories * tags // 100
    listing = quiet["catalogue"] + quiet["tags"] + quiet["head"]
    most = repositories if kind in ONE_REQUEST else repositories * (1 + tags)
    figures = {
        "manifests in an unchanged night": (quiet["manifest"], 0),
        "manifests of moved tags": (loud["manifest"], moved * (1 + len(PLATFORMS))),
        "configs of moved tags": (loud["config"], moved * len(PLATFORMS)),
        "listing of an unchanged night": (listing, most),
        "tokens": (quiet["token"], repositories),
        "pings": (quiet["ping"], 1),
    }
    return [f"{name}: {got}, not {to}" for name, (got, to) in figures.items() if got > to]


def main() -> int:
    """The table, and 1 where a figure is missed."""
    parser = argparse.ArgumentParser(description="requests of three nights, by kind of registry")
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(DOUBLES))
    parser.add_argument("--repositories", type=int, default=200)
    parser.add_argument("--tags", type=int, default=50)
    options = parser.parse_args()
    print(f"{options.repositories} repositories of {options.tags} tags")
    print(f"{'':14}{'':12}" + "".join(f"{name:>10}" for name in COLUMNS))
    failed = False
    for kind in options.kinds or DOUBLES:
        counts = asyncio.run(three_nights(DOUBLES[kind](), options.repositories, options.tags))
        for label, count in zip(("first", "unchanged", "1 % moved"), counts, strict=True):
            print(f"{kind:14}{label:12}" + "".join(f"{count[name]:>10}" for name in COLUMNS))
        for line in missed(kind, counts, options.repositories, options.tags):
            failed = True
            print(f"{kind:14}MISSED {line}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
