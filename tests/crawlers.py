"""Crawlers without a ledger, for `tests.bench`: what of a night is network alone.

`crawl` runs the project's own tasks and keeps the snapshots' tags; `bare` is the yardstick, a
client that sends the HEADs with aiohttp and stores the answers in SQLite, and does nothing else.
`socket` is what no client that uses asyncio gets below: it writes to connections, and looks for the
end of each answer. `nothing` asks nobody.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sqlite3
import ssl
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

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


async def nothing(options: dict[str, Any], stock: Stock) -> int:
    """Ask nobody: what is made beforehand, for who counts that, too."""
    return stock.repositories * stock.tags


class _Talk(asyncio.Protocol):
    """One connection that asks for the next name when an answer has come."""

    def __init__(self, names: Iterator[str], host: str, seen: list[bytes]) -> None:
        self.ended = asyncio.get_running_loop().create_future()
        self._names, self._host, self._seen = names, host, seen

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        assert data.endswith(b"\r\n\r\n")  # a loopback delivers a head whole
        self._seen.append(data)
        self._ask()

    def _ask(self) -> None:
        name = next(self._names, None)
        if name is None:
            self._transport.close()
            self.ended.set_result(None)
            return
        head = f"HEAD {name} HTTP/1.1\r\nHost: {self._host}\r\nAccept: */*\r\n\r\n"
        self._transport.write(head.encode())


async def socket(options: dict[str, Any], stock: Stock) -> int:
    """HEAD every tag, `concurrency` at once, without a client."""
    names = (
        f"/v2/team/{number}/manifests/{tag}"
        for number in range(stock.repositories)
        for tag in stock.names()
    )
    url, seen = urlsplit(options["url"]), list[bytes]()
    loop = asyncio.get_running_loop()
    talks = [
        await loop.create_connection(
            partial(_Talk, names, url.netloc, seen), url.hostname, url.port
        )
        for _ in range(options["concurrency"])
    ]
    await asyncio.gather(*(talk.ended for _, talk in talks))
    return len(seen)


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main(name: str, options: str, stock: Stock) -> None:
    for path in range(stock.repositories):  # made beforehand, so that it is not measured
        for tag in stock.names():
            stock.image(f"team/{path}", tag)
    work = {"crawl": crawl, "bare": bare, "socket": socket, "nothing": nothing}[name]
    cpu, wall = cpu_seconds(), time.perf_counter()
    tags = asyncio.run(work(json.loads(options), stock))
    answer = {"tags": tags, "cpu": cpu_seconds() - cpu, "wall": time.perf_counter() - wall}
    assert tags == stock.repositories * stock.tags
    print(json.dumps(answer))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Stock.parse(sys.argv[3]))
