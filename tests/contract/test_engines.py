"""Every engine of `family.ENGINES` gives the same snapshots, and keeps to priorities and stops."""

from __future__ import annotations

import asyncio
import os
import pickle
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from tagwatch.crawl.engine.interface import Engine
from tagwatch.crawl.task import CrawlTask, Pattern
from tagwatch.errors import ConfigError
from tagwatch.family import ENGINES
from tagwatch.image.platform import LINUX_AMD64
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import RepositorySnapshot
from tagwatch.member import load_member
from tagwatch.registry.settings import RegistrySettings
from tagwatch.service.demo.images import Shelf, Step, build
from tagwatch.service.demo.show import serving
from tagwatch.value import replace
from tagwatch.walk.work import RegistryWork
from tests.registry.harness import AT, registries

NAMES = pytest.mark.parametrize("name", sorted(ENGINES))
HOST = "registry.example"
REPOSITORIES = 20


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a scheduler with two workers, both in processes of their own."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("DOCKER_"):
                patch.delenv(name)
        import dask
        from distributed import LocalCluster

        with (
            dask.config.set({"distributed.scheduler.allowed-failures": 0}),
            LocalCluster(  # type: ignore[no-untyped-call]  # of a package without types
                n_workers=2,
                threads_per_worker=2,
                processes=True,
                dashboard_address=None,
                host="127.0.0.1",
            ) as found,
        ):
            yield found.scheduler_address


@pytest.fixture
def engine(name: str, request: pytest.FixtureRequest) -> Engine:
    found: Any = load_member("engines", name)
    if name == "dask":
        return partial(found, address=request.getfixturevalue("cluster"))
    return found  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def shelf() -> Shelf:
    """Twenty repositories, each with three images under five tags."""
    found = Shelf()
    for number in range(REPOSITORIES):
        for minor in range(3):
            content = f"app {number} 1.{minor}"
            image = build(None, [Step(created_by="COPY app", content=content)], day="2026-01-01")
            floating = ("latest", "1") if minor == 2 else ()
            found.push(f"shop/app-{number:02}", (f"1.{minor}.0", *floating), [image], "2026-01-01")
    return found


def tasks() -> list[CrawlTask]:
    """One a repository that is there, and one for a repository that is not."""
    return [
        CrawlTask(
            repository=Repository(registry=HOST, path=f"shop/app-{number:02}"),
            at=AT,
            tags=frozenset({"latest", "gone"}),
            patterns=(Pattern(selector="1.x"),),
            platforms=(LINUX_AMD64,),
            priority=number % 3,
        )
        for number in range(REPOSITORIES + 1)
    ]


@asynccontextmanager
async def work_on(shelf: Shelf, **settings: Any) -> AsyncIterator[RegistryWork]:
    async with serving(shelf) as address:
        chosen = {
            HOST: RegistrySettings(endpoint=address, credential="anonymous", **settings),
        }
        async with registries(chosen) as opened:
            yield RegistryWork(opened, chosen)


def keeping(found: list[RepositorySnapshot]) -> Callable[[RepositorySnapshot], Awaitable[None]]:
    async def sink(snapshot: RepositorySnapshot) -> None:
        found.append(snapshot)

    return sink


async def ordered(engine: Engine, work: RegistryWork) -> list[RepositorySnapshot]:
    found: list[RepositorySnapshot] = []
    planned = sorted(tasks(), key=lambda task: task.priority)
    await engine(iter(planned), work, keeping(found))
    priorities = {task.repository: task.priority for task in planned}
    given = [priorities[snapshot.repository] for snapshot in found]
    assert given == sorted(given), "what matters most is finished first"
    return sorted(found, key=lambda snapshot: snapshot.repository)


@NAMES
async def test_the_same_snapshots_as_one_after_the_other(
    name: str, engine: Engine, shelf: Shelf
) -> None:
    async with work_on(shelf) as work:
        plain = [await work(task) for task in tasks()]
        given = await ordered(engine, work)
    assert [replace(one, requests={}) for one in given] == plain
    assert sum(snapshot.complete for snapshot in plain) == REPOSITORIES
    assert all(len(snapshot.documents) > 1 for snapshot in plain if snapshot.complete)
    assert [failure.code for failure in plain[-1].failures] == ["not-found"]


@NAMES
async def test_after_a_stop_no_task_begins(name: str, engine: Engine, shelf: Shelf) -> None:
    stop, found, drawn = asyncio.Event(), list[RepositorySnapshot](), list[CrawlTask]()

    def drawing() -> Iterator[CrawlTask]:
        for task in tasks():
            drawn.append(task)
            yield replace(task, priority=len(drawn))

    async def sink(snapshot: RepositorySnapshot) -> None:
        found.append(snapshot)
        stop.set()

    async with work_on(shelf) as work:
        await engine(drawing(), work, sink, stop=stop)
    assert len(found) == 1
    assert len(drawn) <= 2


@NAMES
async def test_what_the_sink_raises_ends_the_run(name: str, engine: Engine, shelf: Shelf) -> None:
    async def sink(snapshot: RepositorySnapshot) -> None:
        raise ConfigError("the ledger is full")

    async with work_on(shelf) as work:
        with pytest.raises(ConfigError, match="full"):
            await engine(iter(tasks()), work, sink)


class Broken:
    """Work that fails everywhere but here."""

    def __init__(self, elsewhere: Callable[[bytes], bytes]) -> None:
        self.elsewhere = elsewhere

    async def __call__(self, task: CrawlTask) -> RepositorySnapshot:
        raise AssertionError("a cluster's work is not done here")


@pytest.mark.parametrize("name", ["dask"])
@pytest.mark.parametrize(
    ("elsewhere", "said"),
    [
        (lambda raw: {}[raw], "KeyError"),
        (lambda raw: raw[:1], "Error"),
        (lambda raw: os._exit(3), "KilledWorker"),
    ],
    ids=["raises", "answers nonsense", "dies"],
)
async def test_a_worker_that_fails_is_a_failure_in_the_snapshot(
    name: str, engine: Engine, elsewhere: Callable[[bytes], bytes], said: str
) -> None:
    found: list[RepositorySnapshot] = []
    await engine(iter(tasks()[:1]), Broken(elsewhere), keeping(found))
    assert [snapshot.repository for snapshot in found] == [tasks()[0].repository]
    assert not found[0].complete
    assert [failure.code for failure in found[0].failures] == ["worker-failed"]
    assert said in found[0].failures[0].message


@pytest.mark.parametrize("name", ["dask"])
async def test_requests_that_workers_make_are_told(name: str, engine: Engine, shelf: Shelf) -> None:
    async with work_on(shelf) as work:
        found = await ordered(engine, work)
    assert all(snapshot.requests["tags"] == 1 for snapshot in found)
    assert all(snapshot.requests["head"] for snapshot in found if snapshot.complete)


async def test_work_for_elsewhere_holds_no_secret(shelf: Shelf) -> None:
    secret = "correct-horse"
    chosen = {HOST: RegistrySettings(endpoint="https://mirror.example")}
    async with registries(chosen, {"GITHUB_TOKEN": secret}) as opened:
        raw = pickle.dumps(RegistryWork(opened, chosen).elsewhere)
    assert secret.encode() not in raw
    assert b"mirror.example" in raw


async def test_a_budget_is_not_promised_where_it_cannot_be_kept(shelf: Shelf) -> None:
    async with work_on(shelf, budget=5) as work:
        with pytest.raises(ConfigError, match="budget"):
            pickle.dumps(work.elsewhere)


async def test_a_cluster_that_is_not_there_is_told(shelf: Shelf) -> None:
    import dask

    run: Any = load_member("engines", "dask")
    async with work_on(shelf) as work:
        with (
            dask.config.set({"distributed.comm.timeouts.connect": "1s"}),
            pytest.raises(ConfigError, match="no Dask scheduler answers at 'tcp:"),
        ):
            await run(iter(tasks()), work, keeping([]), address="tcp://127.0.0.1:1")
