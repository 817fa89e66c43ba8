"""Every engine of `family.ENGINES` gives the same snapshots, and keeps to priorities and stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any

import pytest

from tagwatch.crawl.engine.interface import Slot
from tagwatch.crawl.engine.local import run
from tagwatch.crawl.image_reader import Recall, recall_nothing
from tagwatch.crawl.task import CrawlTask, Pattern
from tagwatch.errors import ConfigError
from tagwatch.family import ENGINES
from tagwatch.image.digest import Digest
from tagwatch.image.platform import LINUX_AMD64
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Document, RepositorySnapshot
from tagwatch.member import load_member
from tagwatch.registry.settings import RegistrySettings
from tagwatch.service.demo.images import Shelf, Step, build
from tagwatch.service.demo.show import serving
from tagwatch.value import replace
from tagwatch.walk.work import RegistrySlot, open_elsewhere
from tests.cluster import Cluster, serving_cluster
from tests.registry.harness import AT, registries

NAMES = pytest.mark.parametrize("name", sorted(ENGINES))
HOST = "registry.example"
REPOSITORIES = 20

OpenEngine = Callable[[RegistrySlot], AbstractAsyncContextManager[Slot]]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with serving_cluster(tmp_path_factory.mktemp("cluster"), 2) as found:
        yield found


@pytest.fixture
def open_engine(name: str, request: pytest.FixtureRequest) -> OpenEngine:
    found: Any = load_member("engines", name)
    if name == "dask":
        return partial(found, address=request.getfixturevalue("cluster").address)
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
async def home_of(
    shelf: Shelf, recall: Recall = recall_nothing, **settings: Any
) -> AsyncIterator[RegistrySlot]:
    async with serving(shelf) as address:
        chosen = {
            HOST: RegistrySettings(endpoint=address, credential="anonymous", **settings),
        }
        async with registries(chosen) as opened:
            yield RegistrySlot(opened, chosen, recall)


def keeping(found: list[RepositorySnapshot]) -> Callable[[RepositorySnapshot], Awaitable[None]]:
    async def sink(snapshot: RepositorySnapshot) -> None:
        found.append(snapshot)

    return sink


async def ordered(slot: Slot) -> list[RepositorySnapshot]:
    found: list[RepositorySnapshot] = []
    planned = sorted(tasks(), key=lambda task: task.priority)
    await run(iter(planned), slot.crawl, keeping(found))
    priorities = {task.repository: task.priority for task in planned}
    given = [priorities[snapshot.repository] for snapshot in found]
    assert given == sorted(given), "what matters most is finished first"
    return sorted(found, key=lambda snapshot: snapshot.repository)


@NAMES
async def test_the_same_snapshots_as_one_after_the_other(
    name: str, open_engine: OpenEngine, shelf: Shelf
) -> None:
    async with home_of(shelf) as home:
        plain = [await home.crawl(task) for task in tasks()]
    async with home_of(shelf) as home, open_engine(home) as slot:
        given = await ordered(slot)
        requests = slot.requests[HOST]
    assert given == plain
    assert sum(snapshot.complete for snapshot in plain) == REPOSITORIES
    assert all(len(snapshot.documents) > 1 for snapshot in plain if snapshot.complete)
    assert [failure.code for failure in plain[-1].failures] == ["not-found"]
    assert requests["tags"] == REPOSITORIES + 1
    assert requests["ping"] == 1


@NAMES
async def test_after_a_stop_no_task_begins(
    name: str, open_engine: OpenEngine, shelf: Shelf
) -> None:
    stop, found, drawn = asyncio.Event(), list[RepositorySnapshot](), list[CrawlTask]()

    def drawing() -> Iterator[CrawlTask]:
        for task in tasks():
            drawn.append(task)
            yield replace(task, priority=len(drawn))

    async def sink(snapshot: RepositorySnapshot) -> None:
        found.append(snapshot)
        stop.set()

    async with home_of(shelf) as home, open_engine(home) as slot:
        await run(drawing(), slot.crawl, sink, stop=stop)
    assert len(found) == 1
    assert len(drawn) <= 2


@NAMES
async def test_what_the_sink_raises_ends_the_run(
    name: str, open_engine: OpenEngine, shelf: Shelf
) -> None:
    async def sink(snapshot: RepositorySnapshot) -> None:
        raise ConfigError("the ledger is full")

    async with home_of(shelf) as home, open_engine(home) as slot:
        with pytest.raises(ConfigError, match="full"):
            await run(iter(tasks()), slot.crawl, sink)


@NAMES
async def test_what_is_stored_is_not_read_again(
    name: str, open_engine: OpenEngine, shelf: Shelf
) -> None:
    """Another repository may have the same images: the ledger knows their documents."""
    async with home_of(shelf) as home:
        plain = [await home.crawl(task) for task in tasks()[:3]]
    stored = {digest: one for snapshot in plain for digest, one in snapshot.documents.items()}
    asked = []

    async def recall(digest: Digest) -> Document | None:
        asked.append(digest)
        return stored.get(digest)

    async with home_of(shelf, recall) as home, open_engine(home) as slot:
        found = await asyncio.gather(*map(slot.crawl, tasks()[:3]))
        requests = slot.requests[HOST]
    assert [one.documents for one in found] == [one.documents for one in plain]
    assert {*asked} < stored.keys(), "a manifest that comes with its tag need not be known"
    assert "config" not in requests


@NAMES
async def test_counted_pulls_wait_for_others(
    name: str, open_engine: OpenEngine, shelf: Shelf
) -> None:
    """A budget goes to what matters first, and is one for all that is read of a registry."""
    done, late = asyncio.Event(), tasks()[0]
    async with home_of(shelf, budget=3) as home, open_engine(home) as slot:
        waiting = asyncio.create_task(slot.crawl(late, done.wait))
        first = await slot.crawl(tasks()[1])
        assert not waiting.done()
        done.set()
        second = await waiting
        requests = slot.requests[HOST]
    assert first.complete
    assert [one.code for one in second.failures] == ["budget"]
    assert requests["manifest"] <= 3


@NAMES
async def test_repositories_below_a_prefix(
    name: str, open_engine: OpenEngine, shelf: Shelf
) -> None:
    prefix = Repository(registry=HOST, path="shop")
    elsewhere = Repository(registry="127.0.0.1:1", path="shop")
    async with home_of(shelf) as home, open_engine(home) as slot:
        found = await slot.below(prefix, "shop/")
        refused = await slot.below(elsewhere, "shop/")
    assert [one.path for one in found.found] == [f"shop/app-{n:02}" for n in range(REPOSITORIES)]
    assert refused.failure is not None
    assert (refused.failure.code, refused.failure.repository) == ("unavailable", elsewhere)


async def test_what_is_sent_holds_no_secret() -> None:
    secret = "correct-horse"
    chosen = {HOST: RegistrySettings(endpoint="https://mirror.example", budget=9)}
    async with registries(chosen, {"GITHUB_TOKEN": secret}) as opened:
        packed = RegistrySlot(opened, chosen).packed(HOST, 4)
    assert secret.encode() not in packed
    assert b"mirror.example" in packed
    async with open_elsewhere(packed, recall_nothing) as slot:
        assert slot.packed(HOST, 0) == packed, "what is spent is taken off once"
