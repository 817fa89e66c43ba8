"""What is read under a budget follows from the plan, whichever answer is the first to come."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from tagwatch.crawl.engine.local import run
from tagwatch.crawl.image_reader import Ration, Recall, recall_nothing
from tagwatch.crawl.task import CrawlTask, Need
from tagwatch.errors import UnavailableError
from tagwatch.image.digest import Digest
from tagwatch.image.platform import LINUX_AMD64
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Document, RepositorySnapshot
from tagwatch.registry.request.pace import Meter
from tagwatch.registry.settings import RegistrySettings
from tagwatch.walk.work import RegistrySlot
from tests.registry.doubles.warehouse import Double, Pushed
from tests.registry.harness import AT, registries

HOST = "registry.example"
PATHS = [f"shop/app-{number}" for number in range(8)]
LONG = 30.0
"""Far more than anything takes: only what never comes is meant."""


class Late(Double):
    """A registry whose answers take some thousandths of a second, by chance, and overtake others.

    `most_pulls`: the most manifests that were asked for at once.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.chance = random.Random(seed)
        self.pulled: list[str] = []
        self.pulls_at_once = self.most_pulls = 0

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        *_, kind, reference = request.path.split("/")
        is_pull = request.method == "GET" and kind == "manifests"
        if is_pull:
            self.pulled.append(reference)
            self.pulls_at_once += 1
            self.most_pulls = max(self.most_pulls, self.pulls_at_once)
        await asyncio.sleep(self.chance.random() * 0.01)
        self.pulls_at_once -= is_pull
        return await super()._answer(request)


def stocked(seed: int) -> Late:
    """Eight repositories of an index and two manifests; every second has copies of the one before.

    Two indexes of one repository list the same manifests.
    """
    registry = Late(seed)
    stock = registry.warehouse
    for number, path in enumerate(PATHS):
        index = stock.push(path, "1")
        stock.push(path, "2", index=False)
        stock.repositories[path]["4"] = Pushed(digest=index, at=AT)
        if number % 2:
            stock.repositories[path] |= {"3": stock.repositories[PATHS[number - 1]]["1"]}
        else:
            stock.push(path, "3", index=False)
    return registry


def task(path: str, **said: object) -> CrawlTask:
    options = {"tags": frozenset("1234"), "platforms": (LINUX_AMD64,), **said}
    return CrawlTask(repository=Repository(registry=HOST, path=path), at=AT, **options)  # type: ignore[arg-type]


@asynccontextmanager
async def slot_of(
    registry: Late, budget: int | None, recall: Recall = recall_nothing
) -> AsyncIterator[RegistrySlot]:
    async with registry.serving():
        own = RegistrySettings(endpoint=registry.url, credential="anonymous", budget=budget)
        async with registries({HOST: own}) as opened:
            yield RegistrySlot(opened, {HOST: own}, recall)


Told = dict[str, tuple[frozenset[Digest], list[tuple[str | None, str]]]]


async def crawled(registry: Late, tasks: Sequence[CrawlTask], budget: int) -> Told:
    """What was read of each repository, and what was not and why."""
    found: Told = {}

    async def recall(_: Digest) -> None:
        """Look it up in vain, as a slot of a cluster does: that takes its time, too."""
        await asyncio.sleep(registry.chance.random() * 0.01)

    async def sink(snapshot: RepositorySnapshot) -> None:
        failures = sorted((one.tag, one.code) for one in snapshot.failures)
        unread = sorted((digest, one.code) for digest, one in snapshot.unread.items())
        documents = frozenset(snapshot.documents)
        found[snapshot.repository.path] = documents, [*failures, *unread]

    async with slot_of(registry, budget, recall) as slot:
        await run(tasks, slot.crawl, sink)
    return found


@pytest.mark.parametrize("budget", [1, 7, 12, 19])
async def test_chance_has_no_say_in_what_a_budget_reads(budget: int) -> None:
    """The same manifests are asked for, and the same are left, however late which answer is."""
    told, asked = [], []
    for seed in range(4):
        registry = stocked(seed)
        told.append(await crawled(registry, [task(path) for path in PATHS], budget))
        asked.append(sorted(registry.pulled))
    assert 0 < len(asked[0]) <= budget
    assert len(asked[0]) == len({*asked[0]}), "nothing is pulled twice"
    assert asked[1:] == asked[:-1]
    assert told[1:] == told[:-1]
    assert any(left for _, left in told[0].values()), "the budget is short"


async def test_parts_of_images_are_read_in_the_order_of_the_plan_too() -> None:
    told, asked = [], []
    for seed in range(4):
        registry = stocked(seed)
        parts = {
            path: frozenset(
                {(one.digest,) for one in registry.warehouse.repositories[path].values()}
            )
            for path in PATHS
        }
        tasks = [task(path, tags=frozenset(), parts=parts[path], needs=Need(0)) for path in PATHS]
        told.append(await crawled(registry, tasks, 7))
        asked.append(sorted(registry.pulled))
    assert len(asked[0]) == 7
    assert asked[1:] == asked[:-1]
    assert told[1:] == told[:-1]


@pytest.mark.parametrize("seed", range(3))
async def test_who_waits_for_others_has_pulls_when_these_are_done(seed: int) -> None:
    """The first in the plan are called last, and what waits takes what they leave."""
    registry, done = stocked(seed), asyncio.Event()
    async with slot_of(registry, 4) as slot:

        async def first() -> RepositorySnapshot:
            found = await slot.crawl(task(PATHS[0], tags=frozenset("1")))
            done.set()
            return found

        async with asyncio.timeout(LONG), asyncio.TaskGroup() as group:
            waits = [
                group.create_task(slot.crawl(task(path, tags=frozenset("1")), done.wait))
                for path in (PATHS[2], PATHS[4])
            ]
            other = group.create_task(first())
    assert other.result().complete
    assert [one.result().complete for one in waits] == [True, False]


async def test_images_of_several_tasks_are_read_side_by_side() -> None:
    """A task lets the next one pass once its images have room, long before they are read."""
    registry = stocked(0)
    told = await crawled(registry, [task(path, tags=frozenset("2")) for path in PATHS], 100)
    assert all(not left for _, left in told.values())
    assert registry.most_pulls > 2


async def test_a_registry_without_a_limit_makes_nobody_wait() -> None:
    """What the first task looks up is long in coming; the others are read whole all the same."""
    registry = stocked(0)
    looked_up, held = list[Digest](), asyncio.Event()

    async def recall(digest: Digest) -> Document | None:
        looked_up.append(digest)
        if len(looked_up) == 1:
            await held.wait()
        return None

    async with slot_of(registry, None, recall) as slot, asyncio.timeout(LONG):
        first = asyncio.create_task(slot.crawl(task(PATHS[0], tags=frozenset("2"))))
        found = [await slot.crawl(task(path)) for path in PATHS[2:4]]
        assert not first.done()
        held.set()
        found.append(await first)
    assert all(one.complete for one in found)


def digest(number: int) -> Digest:
    return Digest(f"sha256:{number:064x}")


def document(number: int, size: int = 10) -> Document:
    return Document(digest=digest(number), media_type="text/plain", raw=b"x" * size)


async def test_one_asks_for_all_and_the_next_where_it_fails() -> None:
    ration, asked = Ration(), 0

    async def ask() -> Document:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)
        if asked == 1:
            raise UnavailableError("registry.example: no answer")
        return document(1)

    answers = await asyncio.gather(
        *(ration.share(digest(1), ask) for _ in range(5)), return_exceptions=True
    )
    assert [isinstance(one, UnavailableError) for one in answers] == [True, *[False] * 4]
    assert asked == 2


async def test_what_is_kept_for_others_has_a_limit() -> None:
    ration, asked = Ration(), list[int]()
    for number in (1, 2, 3, 1, 2, 3):

        async def ask(number: int = number) -> Document:
            asked.append(number)
            return document(number, 15 * 1024 * 1024)

        assert await ration.share(digest(number), ask) == document(number, 15 * 1024 * 1024)
    assert asked == [1, 2, 3, 3], "the third found no room"


async def test_a_ticket_is_called_when_all_before_it_have_passed() -> None:
    ration, called, few = Ration(), list[str](), Meter(budget=1).has_ample_room
    with ration.ticket() as first, ration.ticket() as second, ration.ticket() as third:

        async def wait(name: str) -> None:
            await {"first": first, "third": third}[name].turn(few, 1)
            called.append(name)

        async with asyncio.timeout(LONG), asyncio.TaskGroup() as group:
            for name in ("third", "first"):
                group.create_task(wait(name))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert called == ["first"]
            second.pass_on()
            await second.turn(few, 1)
            assert called == ["first"], "the first has not passed; who passed waits for nobody"
            first.pass_on()
    assert called == ["first", "third"]


class Stuck(Late):
    """A registry that answers nothing about its first repository until it may."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.may_answer = asyncio.Event()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if f"/{PATHS[0]}/" in request.path:
            await self.may_answer.wait()
        return await super()._answer(request)


async def test_one_that_never_answers_keeps_nobody_from_what_is_there_for_all() -> None:
    registry, arrived = Stuck(1), dict[str, RepositorySnapshot]()
    for path in PATHS:
        registry.warehouse.push(path, "1")

    async def sink(snapshot: RepositorySnapshot) -> None:
        arrived[snapshot.repository.path] = snapshot
        if len(arrived) == len(PATHS) - 1:
            registry.may_answer.set()

    tasks = [task(path, tags=frozenset("1")) for path in PATHS]
    async with slot_of(registry, 2 * len(PATHS)) as slot, asyncio.timeout(LONG):
        await run(tasks, slot.crawl, sink)
    assert [len(arrived[path].documents) for path in PATHS] == [3] * len(PATHS)
    assert next(reversed(arrived)) == PATHS[0]


async def test_who_comes_later_takes_nothing_that_others_may_want() -> None:
    """Of ten pulls, those before it may want eight: so two may be had at once, and no third."""
    ration, plenty = Ration(), Meter(budget=10).has_ample_room
    first_task, second_task = (task(path, tags=frozenset("12")) for path in PATHS[:2])
    with (
        ration.ticket(task=first_task) as first,
        ration.ticket(task=second_task) as second,
        ration.ticket(task=second_task) as third,
    ):
        await asyncio.wait_for(third.turn(plenty, 2), LONG)
        waits = asyncio.ensure_future(third.turn(plenty, 3))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not waits.done()
        second.pass_on()
        await asyncio.wait_for(waits, LONG)
        assert not first.has_passed


async def test_where_nobody_says_how_many_there_are_one_waits_for_some_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tagwatch.crawl.image_reader._UNKNOWN_SECONDS", 0.0)
    ration, unknown = Ration(), Meter(counted=True).has_ample_room
    with ration.ticket(), ration.ticket() as second:
        await asyncio.wait_for(second.turn(unknown, 1), LONG)
