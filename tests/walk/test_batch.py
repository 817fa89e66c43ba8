"""Batches: what waits together is stored together, and nobody goes on before it is."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from tagwatch.errors import LedgerError
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import RepositorySnapshot, Scope
from tagwatch.walk.work import Batch

AT = datetime(2026, 11, 24, tzinfo=UTC)


def snapshot(number: int) -> RepositorySnapshot:
    home = Repository(registry="r.example", path=f"team/{number}")
    return RepositorySnapshot(repository=home, at=AT, scope=Scope.SELECTED, complete=True)


class Disk:
    """Where batches go; `full`: it refuses."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.full = False

    def write(self, snapshots: Sequence[RepositorySnapshot]) -> None:
        if self.full:
            raise LedgerError("the disk is full")
        self.batches.append([one.repository.path for one in snapshots])

    @property
    def stored(self) -> set[str]:
        return {path for batch in self.batches for path in batch}


async def test_what_arrives_together_is_stored_together_before_anybody_goes_on() -> None:
    disk = Disk()
    batch = Batch(disk.write)

    async def arrive(number: int) -> None:
        one = snapshot(number)
        await batch.add(one)
        assert one.repository.path in disk.stored

    async with asyncio.TaskGroup() as group:
        for number in range(5):
            group.create_task(arrive(number))
    assert disk.batches == [[f"team/{number}" for number in range(5)]]


async def test_half_of_an_engine_never_waits_for_the_other() -> None:
    disk = Disk()
    batch = Batch(disk.write)
    async with asyncio.TaskGroup() as group:
        for number in range(70):
            group.create_task(batch.add(snapshot(number)))
    assert [len(one) for one in disk.batches] == [32, 32, 6]


async def test_everybody_is_told_that_the_disk_refused() -> None:
    disk = Disk()
    disk.full = True
    batch = Batch(disk.write)
    told = await asyncio.gather(
        *(batch.add(snapshot(number)) for number in range(3)), return_exceptions=True
    )
    assert [type(one) for one in told] == [LedgerError] * 3
    batch.store()  # nothing is left to be stored, so that nothing is refused again


async def test_what_still_waits_is_stored_when_nobody_waits_any_more() -> None:
    disk = Disk()
    batch = Batch(disk.write)
    waiting = asyncio.create_task(batch.add(snapshot(1)))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert disk.batches == []
    batch.store()
    assert disk.batches == [["team/1"]]
    await asyncio.sleep(0.05)
    assert disk.batches == [["team/1"]], "and not once more"
