"""Two memories side by side answer as one ledger into which the second was imported."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from tagwatch.audit.model.history import Interval, Seen
from tagwatch.audit.version.library_history import library_intervals
from tagwatch.image.digest import digest_of
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import RepositorySnapshot, Scope, TagObservation
from tagwatch.ledger.read import Reader
from tagwatch.ledger.timeline import joined
from tagwatch.ledger.write import Ledger
from tagwatch.source.library import LibraryBuild
from tagwatch.source.library_past import LibraryVersion

REDIS = Repository.parse("redis")
BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
TAGS = ("1.0", "1", "1.1")


def past(chance: Random) -> list[LibraryVersion]:
    """A library file that names the tags now and then, for some builds."""
    versions: list[LibraryVersion] = []
    day = 0
    for _ in range(chance.randrange(1, 7)):
        day += chance.randrange(1, 4)
        tags = tuple(tag for tag in TAGS if chance.random() < 0.6)
        build = LibraryBuild(tags=tags, commit=chance.choice("abc") * 40)
        versions.append((BEGIN + timedelta(days=day), (build,) if tags else ()))
    return versions


def remembered(ledger: Ledger, versions: list[LibraryVersion], chance: Random) -> None:
    """Store a part of the file's past, what a registry remembers, and what was seen, or none."""
    begin = chance.randrange(len(versions))
    part = versions[begin : chance.randrange(begin, len(versions)) + 1]
    if chance.random() < 0.6:
        ledger.import_history(REDIS, library_intervals(part, head_at=part[-1][0]))
    if chance.random() < 0.5:
        pushed = {tag: BEGIN + timedelta(days=chance.randrange(20)) for tag in TAGS}
        ledger.import_history(
            REDIS,
            [
                Interval(
                    tag=tag,
                    digest=digest_of(tag.encode()),
                    first_seen=at,
                    last_seen=at + timedelta(days=2),
                    kind=Seen.PUSHED,
                )
                for tag, at in pushed.items()
                if chance.random() < 0.5
            ],
        )
    day = chance.randrange(20)
    for _ in range(chance.randrange(3)):
        at = BEGIN + timedelta(days=day)
        served = {tag: digest_of(bytes([chance.randrange(3)])) for tag in TAGS}
        tags = tuple(
            TagObservation(tag=tag, digest=digest)
            for tag, digest in served.items()
            if chance.random() < 0.7
        )
        ledger.add(
            ledger.begin_run("scan", at),
            RepositorySnapshot(repository=REDIS, at=at, scope=Scope.FULL, tags=tags),
        )
        day += chance.randrange(1, 5)


@pytest.mark.parametrize("seeds", [range(20), range(20, 40)], ids=str)
def test_joined_is_what_an_import_gives(seeds: range, tmp_path: Path) -> None:
    compared = 0
    for seed in seeds:
        chance, path = Random(seed), tmp_path / f"{seed}.db"
        versions = past(chance)
        told = library_intervals(versions, head_at=versions[-1][0] + timedelta(days=seed % 3))
        with Ledger.open(path) as ledger:
            remembered(ledger, versions, chance)
        with Reader.open(path) as reader:
            known = reader.intervals(REDIS)
        with Ledger.open(path) as ledger:
            ledger.import_history(REDIS, told)
        with Reader.open(path) as reader:
            after = reader.intervals(REDIS)
        assert joined(known, told) == after, seed
        compared += known not in ((), after)
    assert compared >= 10, "most ledgers held something, and learned something"
