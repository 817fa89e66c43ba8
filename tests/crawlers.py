"""Two crawlers without a ledger, for `tests.bench`: what of a night is network alone.

`crawl` runs the project's own tasks and keeps the snapshots' tags; `bare` is the yardstick, a
client that sends the HEADs with aiohttp and stores the answers in SQLite, and does nothing else.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sqlite3
import ssl
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from tagwatch.crawl.crawler import crawl_repository
from tagwatch.crawl.engine.local import run
from tagwatch.crawl.task import CrawlTask, Need, Pattern
from tagwatch.image.digest import digest_of
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import RepositorySnapshot
from tagwatch.registry.client import open_registries
from tagwatch.registry.settings import RegistrySettings
from tests.static_registry import Stock

AT = datetime(2026, 11, 24, tzinfo=UTC)


async def crawl(options: dict[str, Any], stock: Stock) -> int:
    """Ask every tag as an unchanged night does; the number of tags that answered."""
    host = options["url"].partition("://")[2]
    settings = RegistrySettings(
        endpoint=options["url"],
        credential="anonymous",
        concurrency=options["concurrency"],
        ca_file=options["ca_file"],
    )
    seen: dict[Repository, int] = {}

    async def store(snapshot: RepositorySnapshot) -> None:
        seen[snapshot.repository] = len(snapshot.tags)

    async with open_registries({host: settings}, environment={}, home=Path("/nowhere")) as found:

        async def work(task: CrawlTask) -> RepositorySnapshot:
            return await crawl_repository(task, found.of(host))

        await run(
            (task_of(host, number, stock) for number in range(stock.repositories)), work, store
        )
    return sum(seen.values())


def task_of(host: str, number: int, stock: Stock) -> CrawlTask:
    """One repository of which everything is known."""
    path = f"team/{number}"
    known = {tag: digest_of(stock.image(path, tag).manifest) for tag in stock.names()}
    return CrawlTask(
        repository=Repository(registry=host, path=path),
        at=AT,
        patterns=(Pattern(selector="*"),),
        needs=Need.NAMES | Need.DOCUMENTS,
        known=known,
        documents=frozenset(known.values()),
    )


async def bare(options: dict[str, Any], stock: Stock) -> int:
    """HEAD every tag, `concurrency` at once."""
    names = [
        f"/v2/team/{number}/manifests/{tag}"
        for number in range(stock.repositories)
        for tag in stock.names()
    ]
    queue, seen = iter(names), []
    trust = ssl.create_default_context(cafile=options["ca_file"])
    connector = aiohttp.TCPConnector(limit=0, ssl=trust)
    async with aiohttp.ClientSession(options["url"], connector=connector) as session:

        async def worker() -> None:
            for name in queue:
                async with session.head(name) as answer:
                    seen.append((name, answer.headers["Docker-Content-Digest"]))

        async with asyncio.TaskGroup() as group:
            for _ in range(options["concurrency"]):
                group.create_task(worker())
    with sqlite3.connect("bare.db") as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS seen (name PRIMARY KEY, digest)")
        connection.executemany("INSERT OR REPLACE INTO seen VALUES (?, ?)", seen)
    return len(seen)


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main(name: str, options: str, stock: Stock) -> None:
    for path in range(stock.repositories):  # made beforehand, so that it is not measured
        for tag in stock.names():
            stock.image(f"team/{path}", tag)
    work = {"crawl": crawl, "bare": bare}[name]
    cpu, wall = cpu_seconds(), time.perf_counter()
    tags = asyncio.run(work(json.loads(options), stock))
    answer = {"tags": tags, "cpu": cpu_seconds() - cpu, "wall": time.perf_counter() - wall}
    assert tags == stock.repositories * stock.tags
    print(json.dumps(answer))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Stock.parse(sys.argv[3]))
