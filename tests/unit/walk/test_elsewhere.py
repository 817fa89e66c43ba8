"""Where an image lives that is gone from its place, as far as the ledger knows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tagwatch.audit.model.history import Interval, Seen
from tagwatch.image.digest import Digest, digest_of
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import RepositorySnapshot, Scope, TagObservation
from tagwatch.ledger.write import Ledger
from tagwatch.walk.recall import recall_elsewhere, recall_offline

AT = datetime(2026, 1, 1, 2, tzinfo=UTC)
DAY = timedelta(days=1)
OWN = Repository.parse("bitnami/redis")


def digest(text: str) -> Digest:
    return digest_of(text.encode())


def snapshot(day: int, repository: str, **tags: str) -> RepositorySnapshot:
    return RepositorySnapshot(
        repository=Repository.parse(repository),
        at=AT + day * DAY,
        scope=Scope.FULL,
        tags=tuple(TagObservation(tag=tag, digest=digest(text)) for tag, text in tags.items()),
    )


def elsewhere(ledger: Ledger, text: str) -> list[str]:
    memory = recall_offline(ledger, OWN, AT + 9 * DAY)
    return [str(one) for one in recall_elsewhere(ledger, memory, digest(text))]


def test_who_serves_it_now_and_is_named_alike_comes_first(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "tagwatch.db") as ledger:
        run = ledger.begin_run("scan", AT)
        ledger.add(run, snapshot(0, "bitnami/redis", v7="a", v6="b", same="a"))
        ledger.add(run, snapshot(0, "acme/cache", v7="a"))
        ledger.add(run, snapshot(0, "bitnamilegacy/redis", v7="a", v6="b"))
        ledger.add(run, snapshot(0, "moved/redis", v7="a"))
        ledger.add(run, snapshot(1, "moved/redis", v7="other"))
        ledger.add(run, snapshot(1, "bitnami/redis", same="a"))
        built = Interval(
            tag="v6",
            digest=digest("b"),
            first_seen=AT,
            last_seen=AT,
            kind=Seen.COMMITTED,
        )
        ledger.import_history(Repository.parse("library/redis"), [built])
        assert elsewhere(ledger, "a") == [
            "bitnami/redis:same",
            "bitnamilegacy/redis:v7",
            "acme/cache:v7",
        ]
        assert elsewhere(ledger, "b") == ["bitnamilegacy/redis:v6"]
        assert elsewhere(ledger, "other") == ["moved/redis:v7"]
        assert elsewhere(ledger, "never") == []


def test_few_places_are_told_however_many_there_are(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "tagwatch.db") as ledger:
        run = ledger.begin_run("scan", AT)
        for number in range(9):
            ledger.add(run, snapshot(0, f"copy{number}/redis", v7="a"))
        assert elsewhere(ledger, "a") == [f"copy{number}/redis:v7" for number in range(5)]
