"""Batches: what waits together is stored together; and what is stored, as slots look it up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tagwatch.errors import LedgerError
from tagwatch.image.digest import digest_of
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Document, RepositorySnapshot, Scope
from tagwatch.ledger.write import Ledger
from tagwatch.registry.settings import RegistrySettings
from tagwatch.value import replace
from tagwatch.walk.work import Batch, RegistrySlot, Shelf
from tests.registry.harness import registries

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


def with_document(number: int, raw: bytes) -> RepositorySnapshot:
    document = Document(digest=digest_of(raw), media_type="text/plain", raw=raw)
    return replace(snapshot(number), documents={document.digest: document})


async def test_where_pulls_are_counted_what_others_bring_meanwhile_is_not_known(
    tmp_path: Path,
) -> None:
    """Whether it has come already is chance, and a pull is spent or spared."""
    old, new = b"stored before", b"stored meanwhile"
    chosen = {
        "counted.example": RegistrySettings(budget=5),
        "free.example": RegistrySettings(),
    }
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        run_id = ledger.begin_run("scan", AT)
        ledger.add(run_id, with_document(1, old))
        shelf = Shelf(ledger)
        async with registries(chosen) as opened:
            slot = RegistrySlot(opened, chosen, shelf.now, shelf.before)

            async def known(host: str) -> list[bytes]:
                found = [await slot.recall(host)(digest_of(raw)) for raw in (old, new)]
                return [one.raw for one in found if one is not None]

            for host in ("counted.example", "docker.io", "free.example"):
                assert await known(host) == [old]
            ledger.add(run_id, with_document(2, new))
            assert await known("counted.example") == [old]
            assert await known("docker.io") == [old], "Docker Hub counts pulls, told or not"
            assert await known("free.example") == [old, new]
            shelf.begin()
            assert await known("counted.example") == [old, new], "asking began anew"
