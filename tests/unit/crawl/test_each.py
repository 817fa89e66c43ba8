"""Work on many items: all of it is done, in order, and not all of it waits at once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tagwatch.crawl.image_reader import ImageReader, Ration, each
from tagwatch.crawl.task import CrawlTask
from tagwatch.image.reference import Repository
from tagwatch.registry.client import open_registries
from tagwatch.registry.interface import Crew, Crewed
from tagwatch.registry.settings import RegistrySettings

ITEMS = 2_000
AT = datetime(2026, 11, 24, tzinfo=UTC)


async def test_what_is_under_way_does_not_grow_with_the_items() -> None:
    begun: list[int] = []
    done: list[int] = []
    most = 0

    async def work(item: int) -> None:
        nonlocal most
        begun.append(item)
        await asyncio.sleep(0)
        most = max(most, len(asyncio.all_tasks()))
        done.append(item)

    await each(work, range(ITEMS), Crew(most=256))
    assert begun == list(range(ITEMS))
    assert sorted(done) == begun
    assert 100 < most <= 257, "many at once, and as many for a thousand times as many"


async def test_repositories_of_one_registry_share_a_crew() -> None:
    """64 of 100 tags each wait as so many, not as 6,400; and the last one has all turns."""
    crew, turns = Crew(most=16), asyncio.Semaphore(8)
    most_waiting = most_for_the_last = for_the_last = 0

    async def work(repository: int) -> None:
        nonlocal most_waiting, most_for_the_last, for_the_last
        most_waiting = max(most_waiting, crew.size)
        async with turns:
            for_the_last += repository == 63
            most_for_the_last = max(most_for_the_last, for_the_last)
            await asyncio.sleep(0)
            for_the_last -= repository == 63

    tags = [100] * 63 + [1_000]
    await asyncio.gather(*(each(work, [one] * tags[one], crew) for one in range(64)))
    assert 64 <= most_waiting <= 64 + crew.most
    assert most_for_the_last == 8, "whoever is left keeps the registry busy"
    assert crew.size == 0


async def test_who_waits_for_another_repository_leaves_it_room() -> None:
    """Else those that wait for the first repository would fill the crew that it asks with."""
    crew, is_done = Crew(most=16), asyncio.Event()
    under_way = most_under_way = 0

    async def wait(_: int) -> None:
        with crew.away():
            await is_done.wait()

    async def ask(_: int) -> None:
        nonlocal under_way, most_under_way
        under_way += 1
        most_under_way = max(most_under_way, under_way)
        await asyncio.sleep(0)
        under_way -= 1

    async def first() -> None:
        await asyncio.sleep(0.01)  # it has to list its tags, and comes to its images late
        await each(ask, range(200), crew)
        is_done.set()

    waiting = [each(wait, range(100), crew) for _ in range(20)]
    async with asyncio.timeout(30):
        await asyncio.gather(first(), *waiting)
    assert most_under_way >= 8, "it has all turns"
    assert crew.size == 0


async def test_one_registry_has_one_crew_and_every_task_asks_with_it(tmp_path: Path) -> None:
    settings = {"a.example": RegistrySettings(concurrency=5)}
    task = CrawlTask(repository=Repository.parse("a.example/app"), at=AT)

    async def nothing(_: object) -> None:
        return None

    async with open_registries(settings, environment={}, home=tmp_path) as opened:
        registry, other = opened.of("a.example"), opened.of("b.example")
        assert isinstance(registry, Crewed)
        with Ration().ticket() as ticket:
            readers = [
                ImageReader(task, one, nothing, ticket) for one in (registry, registry, other)
            ]
    first, second, third = (reader.crew for reader in readers)
    assert first is second is registry.crew
    assert third is not first
    assert first.most == 10, "for each turn one who has it, and one who comes next"


async def test_one_that_fails_ends_the_others() -> None:
    begun = []
    crew = Crew(most=256)

    async def work(item: int) -> None:
        begun.append(item)
        await asyncio.sleep(0)
        if item == 3:
            raise ValueError(item)

    with pytest.raises(ExceptionGroup):
        await each(work, range(ITEMS), crew)
    assert len(begun) < ITEMS
    assert crew.size == 0


async def test_of_none_there_is_nothing_to_do() -> None:
    async def work(item: int) -> None:
        raise AssertionError(item)

    await each(work, (), Crew(most=16))
