"""What three nights cost in requests, by kind of registry, counted by the servers.

Run: python -m tests.bench.requests [--repositories N] [--tags N] [--logins] [KIND…]

Every repository is watched whole, three tags an image, two platforms. The first night knows
nothing, and is counted twice: for digests alone, and with the documents; before the second nothing
happens; before the third one tag in a hundred moves. The registries are doubles: what they count
is what a registry of the kind would be asked, tokens of what everybody may read included.

`--logins` prints requests a repository and night instead: of what everybody may read without a
login, and of private repositories with one.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from tagwatch.crawl.crawler import crawl_repository
from tagwatch.crawl.task import CrawlTask, Need
from tagwatch.image.snapshot import RepositorySnapshot
from tagwatch.registry.client import RegistryClient
from tests.registry.doubles.acr import AcrDouble
from tests.registry.doubles.ecr import ENVIRONMENT, EcrDouble
from tests.registry.doubles.ghcr import GhcrDouble
from tests.registry.doubles.gitlab import GitlabDouble
from tests.registry.doubles.google import GoogleDouble
from tests.registry.doubles.harbor import HarborDouble
from tests.registry.doubles.hub import HubDouble
from tests.registry.doubles.quay import QuayDouble
from tests.registry.doubles.warehouse import Double, Pushed
from tests.registry.harness import AT, repository
from tests.registry.night import PLATFORMS, first_task, next_task
from tests.unit.registry.catalogue.kinds import client_of, login

DOUBLES: dict[str, type[Double]] = {
    "hub": HubDouble,
    "ecr": EcrDouble,
    "google": GoogleDouble,
    "quay": QuayDouble,
    "harbor": HarborDouble,
    "acr": AcrDouble,
    "gitlab": GitlabDouble,
    "ghcr": GhcrDouble,
    "distribution": Double,
}
ONE_REQUEST = {"hub", "ecr", "google", "quay", "harbor", "acr", "gitlab"}
UNTOKENED = {"distribution"}
SCOPES = {"acr": 2}  # its API wants another one than pulling does
TAGS_AN_IMAGE = 3
AT_ONCE = 8
NIGHTS = ("first", "unchanged", "1 % moved")
COLUMNS = ("ping", "token", "project", "catalogue", "tags", "head", "manifest", "config", "all")


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


async def night(
    double: Double, tasks: list[CrawlTask], **settings: Any
) -> list[RepositorySnapshot]:
    """One run with a client of its own. Raises where a repository was not read whole."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(client: RegistryClient, task: CrawlTask) -> RepositorySnapshot:
        async with slots:
            return await crawl_repository(task, client)

    async with client_of(double, **settings) as client:
        found = await asyncio.gather(*(one(client, task) for task in tasks))
    for snapshot in found:
        if not snapshot.complete:
            raise RuntimeError(f"{double.kind}: {snapshot.failures[0].message}")
    return found


async def measured(
    kind: str, repositories: int, tags: int, *, has_login: bool | None = None
) -> dict[str, Counter[str]]:
    """What the double of a kind counted in each night, by the night's name.

    `has_login` None: as most people read that kind.
    """
    double = DOUBLES[kind]()
    double.tokened = kind not in UNTOKENED
    paths = [f"team/app{number}" for number in range(repositories)]
    fill(double, paths, tags)
    if has_login:
        double.private = set(paths)
    counts = {}
    async with double.serving():
        settings: dict[str, Any] = {} if has_login is None else {"environment": {}}
        if has_login:
            settings = {"environment": login(double.host)}
        tasks = [first_task(repository(double.name, path)) for path in paths]
        await night(double, [replace(task, needs=Need.NAMES) for task in tasks], **settings)
        counts["first, digests"] = counted(double)
        for label in NIGHTS:
            if label == "1 % moved":
                move(double, paths, repositories * tags // 100)
            found = await night(double, tasks, **settings)
            counts[label] = counted(double)
            tasks = [next_task(*pair) for pair in zip(tasks, found, strict=True)]
    return counts


def counted(double: Double) -> Counter[str]:
    """The counts of the night that ended, passwords and logins as the tokens they are."""
    counts = double.night()
    counts["token"] += counts.pop("api-token", 0) + counts.pop("hub-login", 0)
    counts["all"] = counts.total()
    return counts


def missed(kind: str, counts: dict[str, Counter[str]], repositories: int, tags: int) -> list[str]:
    """Which of the figures to reach were not."""
    digests, first, quiet, loud = counts.values()
    moved = repositories * tags // 100
    most = repositories if kind in ONE_REQUEST else repositories * (1 + tags)
    overhead = quiet["ping"] + quiet["token"]
    figures = {
        "requests of a first night for digests": (digests["all"], 1.3 * repositories * tags),
        "requests of a first night": (first["all"], 2.4 * repositories * tags),
        "manifests in an unchanged night": (quiet["manifest"], 0),
        "manifests of moved tags": (loud["manifest"], moved * (1 + len(PLATFORMS))),
        "configs of moved tags": (loud["config"], moved * len(PLATFORMS)),
        "requests of an unchanged night beside tokens": (quiet["all"] - overhead, most),
        "tokens": (
            max(night["token"] for night in counts.values()),
            repositories * SCOPES.get(kind, 1),
        ),
        "pings": (max(night["ping"] for night in counts.values()), 1),
    }
    return [f"{name}: {got}, not {to:g}" for name, (got, to) in figures.items() if got > to]


def compare_logins(kinds: Iterable[str], repositories: int, tags: int) -> None:
    """Print requests a repository and night, without a login and with one."""
    print(f"{repositories} repositories of {tags} tags: requests a repository and night")
    print(f"{'':14}{'':12}" + "".join(f"{label:>12}" for label in NIGHTS))
    for kind in kinds:
        for has_login in (False, True):
            if kind == "ecr" and not has_login:
                continue  # nobody reads it without
            counts = asyncio.run(measured(kind, repositories, tags, has_login=has_login))
            cells = "".join(f"{counts[label]['all'] / repositories:>12.2f}" for label in NIGHTS)
            print(f"{kind:14}{'logged in' if has_login else 'anonymous':12}{cells}", flush=True)


def main() -> int:
    """The table, and 1 where a figure is missed."""
    parser = argparse.ArgumentParser(description="requests of three nights, by kind of registry")
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(DOUBLES))
    parser.add_argument("--repositories", type=int, default=200)
    parser.add_argument("--tags", type=int, default=50)
    parser.add_argument("--logins", action="store_true", help="without a login and with one")
    options = parser.parse_args()
    os.environ.update(ENVIRONMENT)  # Amazon's login is the process's own
    if options.logins:
        compare_logins(options.kinds or DOUBLES, options.repositories, options.tags)
        return 0
    print(f"{options.repositories} repositories of {options.tags} tags")
    print(f"{'':14}{'':16}" + "".join(f"{name:>10}" for name in COLUMNS))
    failed = False
    for kind in options.kinds or DOUBLES:
        counts = asyncio.run(measured(kind, options.repositories, options.tags))
        for label, count in counts.items():
            print(f"{kind:14}{label:16}" + "".join(f"{count[name]:>10}" for name in COLUMNS))
        for line in missed(kind, counts, options.repositories, options.tags):
            failed = True
            print(f"{kind:14}MISSED {line}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
