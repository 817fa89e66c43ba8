"""Work on many items: all of it is done, in order, and not all of it waits at once."""

from __future__ import annotations

import asyncio

import pytest

from tagwatch.crawl.image_reader import each

ITEMS = 2_000


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

    await each(work, range(ITEMS))
    assert begun == list(range(ITEMS))
    assert sorted(done) == begun
    assert 100 < most <= 257, "many at once, and as many for a thousand times as many"


async def test_one_that_fails_ends_the_others() -> None:
    begun = []

    async def work(item: int) -> None:
        begun.append(item)
        await asyncio.sleep(0)
        if item == 3:
            raise ValueError(item)

    with pytest.raises(ExceptionGroup):
        await each(work, range(ITEMS))
    assert len(begun) < ITEMS


async def test_of_none_there_is_nothing_to_do() -> None:
    async def work(item: int) -> None:
        raise AssertionError(item)

    await each(work, ())
