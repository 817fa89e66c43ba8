"""A Dask cluster that loses its parts: real processes, killed or stopped at a moment that counts.

What was read is not asked again, nothing is waited for without end, and nobody goes on asking for
a run that is gone.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tagwatch.crawl.engine.dask import open_engine
from tagwatch.crawl.engine.interface import Slot
from tagwatch.crawl.engine.local import run
from tagwatch.crawl.image_reader import Before, Recall
from tagwatch.crawl.task import CrawlTask, Pattern
from tagwatch.errors import ConfigError
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import RepositorySnapshot
from tagwatch.registry.settings import RegistrySettings
from tagwatch.walk.work import RegistrySlot, open_elsewhere
from tests.cluster import Cluster, Estate, serving_cluster, serving_estate
from tests.registry.harness import AT, registries
from tests.static_registry import Stock
from tests.walk.command import Workplace

STOCK = Stock(repositories=40, tags=2, delay_seconds=0.05)
A_REPOSITORY = 1 + 2 + 2
AT_ONCE = 4
LONG = 60.0
"""Seconds that nothing here takes: a cluster that is waited for comes back before."""
POISON = "team0/7"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with serving_cluster(tmp_path_factory.mktemp("cluster"), 0) as found:
        yield found


@pytest.fixture
def estate(tmp_path: Path) -> Iterator[Estate]:
    """One registry, far enough away that something can happen meanwhile."""
    with serving_estate(tmp_path / "estate", 1, STOCK) as found:
        yield found


@asynccontextmanager
async def home_of(
    estate: Estate, kind: type[RegistrySlot] = RegistrySlot
) -> AsyncIterator[RegistrySlot]:
    settings = {
        place.host: RegistrySettings(
            endpoint=place.url, credential="anonymous", concurrency=AT_ONCE
        )
        for place, _ in estate.places
    }
    async with registries(settings) as opened:
        yield kind(opened, settings)


def tasks(estate: Estate) -> list[CrawlTask]:
    return [
        CrawlTask(
            repository=Repository(registry=place.host, path=f"{stock.group}/{number}"),
            at=AT,
            patterns=(Pattern(selector="*"),),
        )
        for place, stock in estate.places
        for number in range(stock.repositories)
    ]


async def read(
    estate: Estate,
    cluster: Cluster,
    happens: Callable[[], Any] = lambda: None,
    *,
    after: int = STOCK.repositories // 2,
    wait_seconds: float = LONG,
    kind: type[RegistrySlot] = RegistrySlot,
) -> list[RepositorySnapshot]:
    """Read the estate, and let something happen once so many repositories are read."""
    found: list[RepositorySnapshot] = []

    async def sink(snapshot: RepositorySnapshot) -> None:
        found.append(snapshot)
        if len(found) == after:
            await asyncio.to_thread(happens)

    async with (
        home_of(estate, kind) as home,
        open_engine(home, address=cluster.address, wait_seconds=wait_seconds) as slot,
    ):
        await run(iter(tasks(estate)), slot.crawl, sink, concurrency=slot.lanes)
    return found


def is_whole(found: list[RepositorySnapshot]) -> bool:
    paths = {one.repository.path for one in found}
    return len(found) == len(paths) == STOCK.repositories and all(one.complete for one in found)


def requests(estate: Estate) -> int:
    (told,) = estate.stats()
    return sum(told["requests"].values())


def holder(cluster: Cluster, estate: Estate) -> Any:
    """The worker that is connected to the registry."""
    (place, _), *_ = estate.places
    port = f"{int(place.url.rpartition(':')[2]):04X}"
    sockets = {
        line.split()[9]
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
        if line.split()[2].endswith(f":{port}")
    }
    for worker in cluster.alive():
        for descriptor in Path(f"/proc/{worker.pid}/fd").iterdir():
            text = str(descriptor.readlink())
            if text.startswith("socket:[") and text[8:-1] in sockets:
                return worker
    raise AssertionError("no worker asks the registry")


async def test_a_killed_workers_registry_goes_to_another(shared: Cluster, estate: Estate) -> None:
    shared.ready(2)
    found = await read(estate, shared, lambda: shared.kill(holder(shared, estate)))
    assert is_whole(found)
    # begun again is what was under way: two repositories for each request at a time
    assert requests(estate) <= 2 * 1 + (STOCK.repositories + 2 * AT_ONCE) * A_REPOSITORY


async def test_a_silent_worker_is_left(shared: Cluster, estate: Estate) -> None:
    shared.ready(2)

    def stop() -> None:
        holder(shared, estate).send_signal(signal.SIGSTOP)

    try:
        found = await read(estate, shared, stop, wait_seconds=5)
    finally:
        for worker in shared.alive():
            worker.send_signal(signal.SIGCONT)
    assert is_whole(found)


async def test_a_restarted_scheduler_is_found_again(shared: Cluster, estate: Estate) -> None:
    shared.ready(1)

    def restart() -> None:
        shared.kill(shared.scheduler, *shared.alive())
        shared.ready(1)

    found = await read(estate, shared, restart)
    assert is_whole(found)


async def test_where_all_is_gone_what_is_unread_is_said(shared: Cluster, estate: Estate) -> None:
    shared.ready(1)
    assert is_whole(await read(estate, shared)), "however long the worker takes to begin"
    found = await read(estate, shared, lambda: shared.kill(*shared.alive()), wait_seconds=2)
    read_whole = [one for one in found if one.complete]
    unread = [one.failures[0] for one in found if not one.complete]
    assert len(found) == STOCK.repositories
    assert len(read_whole) >= STOCK.repositories // 2
    assert {one.code for one in unread} == {"unavailable"}
    assert shared.address in unread[0].message
    assert "2 s" in unread[0].message


async def test_what_kills_workers_is_left_alone(shared: Cluster, estate: Estate) -> None:
    """The others that were under way with it are read all the same."""
    shared.ready(4)
    found = await read(estate, shared, kind=Poisoned)
    unread = [one for one in found if not one.complete]
    assert [one.repository.path for one in unread] == [POISON]
    assert [one.code for one in unread[0].failures] == ["worker-failed"]
    assert len(found) == STOCK.repositories
    assert len(shared.alive()) == 1


async def test_a_workers_own_error_ends_the_run(shared: Cluster, estate: Estate) -> None:
    shared.ready(1)
    with pytest.raises(ConfigError, match="on a worker: no certificate here"):
        await read(estate, shared, kind=Unset)


class Poisoned(RegistrySlot):
    """A slot that dies elsewhere of one repository."""

    @property
    def opener(self) -> Any:
        return open_poisoned


@asynccontextmanager
async def open_poisoned(packed: bytes, recall: Recall) -> AsyncIterator[Slot]:
    class Dying(RegistrySlot):
        async def crawl(self, task: CrawlTask, before: Before | None = None) -> RepositorySnapshot:
            if task.repository.path == POISON:
                os._exit(3)
            return await super().crawl(task, before)

    async with open_elsewhere(packed, recall) as slot:
        slot.__class__ = Dying
        yield slot


class Unset(RegistrySlot):
    """A slot that cannot be opened elsewhere."""

    @property
    def opener(self) -> Any:
        return open_nothing


def open_nothing(packed: bytes, recall: Recall) -> AbstractAsyncContextManager[Slot]:
    raise ConfigError("no certificate here")


def scanning(estate: Estate, cluster: Cluster, wait: str) -> Workplace:
    estate.configure(f"{{dask: {{address: '{cluster.address}', wait: {wait}}}}}")
    return Workplace(estate.folder)


async def test_without_a_worker_a_scan_says_so(shared: Cluster, estate: Estate) -> None:
    shared.ready(0)
    done = await scanning(estate, shared, "1s").run("scan")
    said = done.is_clean_error(2)
    assert f"the Dask scheduler at '{shared.address}' had no worker within 1 s" in said
    shared.kill(shared.scheduler)
    done = await scanning(estate, shared, "1s").run("scan")
    assert f"no Dask scheduler answers at '{shared.address}'" in done.is_clean_error(2)
    assert requests(estate) == 0


async def test_a_scan_whose_scheduler_does_not_come_back(shared: Cluster, estate: Estate) -> None:
    """It says so in words of its own, and what to look after."""
    shared.ready(1)
    assert is_whole(await read(estate, shared)), "however long the worker takes to begin"
    requests(estate)
    scan = asyncio.create_task(
        scanning(estate, shared, "4s").run("scan", "--no-alerts", "--format", "json")
    )
    async with asyncio.timeout(LONG):
        while not (requests(estate) or scan.done()):  # noqa: ASYNC110  # of another process
            await asyncio.sleep(0.05)
    shared.kill(shared.scheduler)
    done = await scan
    assert {one["code"] for one in done.json["failures"]} == {"unavailable"}
    assert {one["hint"] for one in done.json["failures"]} == {
        f"see that scheduler and workers of the Dask cluster at '{shared.address}' run; "
        "what was read is remembered"
    }
    assert "distributed" not in done.err


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ("Metadata-Version: 2.1\nName: tagwatch\nVersion: 0.0.9\n", "has tagwatch 0.0.9, and this"),
        ("Metadata-Version: 2.1\nName: tagwatch\n", "has no tagwatch"),
    ],
    ids=["another version", "not installed"],
)
async def test_a_worker_of_another_version_is_refused_by_name(
    shared: Cluster, estate: Estate, tmp_path: Path, metadata: str, said: str
) -> None:
    shared.ready(0)
    folder = tmp_path / "other" / "tagwatch-0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(metadata)
    worker = shared.add_worker(PYTHONPATH=str(folder.parent))
    done = await scanning(estate, shared, "20s").run("scan")
    shared.kill(worker)
    text = done.is_clean_error(2)
    assert "the Dask worker at 'tcp://127.0.0.1:" in text
    assert said in text
    assert requests(estate) == 0


async def test_nobody_asks_on_for_a_killed_scan(shared: Cluster, tmp_path: Path) -> None:
    shared.ready(1)
    stock = Stock(repositories=200, tags=20, delay_seconds=0.05)
    with serving_estate(tmp_path / "estate", 1, stock) as estate:
        scan = await scanning(estate, shared, "20s").start("scan")
        async with asyncio.timeout(LONG):
            while not requests(estate):  # noqa: ASYNC110  # of another process
                await asyncio.sleep(0.05)
        scan.kill()
        await scan.wait()
        quiet = 0
        async with asyncio.timeout(LONG):
            while quiet < 3:  # at eight requests in 50 ms, a second is long
                await asyncio.sleep(0.5)
                quiet = 0 if requests(estate) else quiet + 1
        assert shared.alive(), "the worker is there for others"
