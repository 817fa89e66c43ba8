"""What the crawl makes of these catalogues: the nights' costs, and what a refusal leaves."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tagwatch.crawl.crawler import crawl_repository
from tagwatch.crawl.task import CrawlTask, Need
from tagwatch.image.digest import Digest
from tagwatch.image.snapshot import RepositorySnapshot, Scope
from tests.bench import requests
from tests.registry.doubles.ecr import ENVIRONMENT
from tests.registry.doubles.warehouse import Double, Refusal
from tests.registry.harness import AT, repository
from tests.registry.night import PLATFORMS, first_task, next_task
from tests.unit.registry.catalogue.kinds import DOUBLES, client_of, truth

ONE_REQUEST = {"acr", "gitlab", "harbor", "quay"}
PATHS = tuple(f"team/app{number}" for number in range(4))


@pytest.fixture(params=sorted(DOUBLES))
def double(request: pytest.FixtureRequest) -> Double:
    """Four repositories of 50 tags."""
    made = DOUBLES[request.param]()
    for path in PATHS:
        for number in range(50):
            made.warehouse.push(path, f"1.{number}", at=AT - timedelta(days=60 - number))
    return made


async def nights(double: Double, tasks: list[CrawlTask]) -> list[RepositorySnapshot]:
    """One run: a client of its own."""
    async with client_of(double) as client:
        return [await crawl_repository(task, client) for task in tasks]


async def test_an_unchanged_night_and_one_with_a_moved_tag(double: Double) -> None:
    async with double.serving():
        tasks = [first_task(repository(double.host, path)) for path in PATHS]
        snapshots = await nights(double, tasks)
        first = double.night()
        tasks = [next_task(task, snapshot) for task, snapshot in zip(tasks, snapshots, strict=True)]
        quiet = await nights(double, tasks)
        unchanged = double.night()
        moved = double.warehouse.push(PATHS[0], "1.7", build="2", at=AT + timedelta(hours=1))
        loud = await nights(double, tasks)
        one_moved = double.night()
    assert all(snapshot.complete for snapshot in (*snapshots, *quiet, *loud))
    assert first["manifest"] == len(PATHS) * 50 * 3
    assert first["head"] == 0
    assert unchanged["manifest"] == unchanged["config"] == unchanged["head"] == 0
    if double.kind in ONE_REQUEST:
        assert unchanged["catalogue"] == len(PATHS)
    assert unchanged["token"] <= len(PATHS)
    assert unchanged["ping"] <= 1
    assert one_moved["manifest"] == 1 + len(PLATFORMS)
    assert one_moved["config"] == len(PLATFORMS)
    assert one_moved["head"] == 0
    assert {seen.tag: seen.digest for seen in loud[0].tags}["1.7"] == moved


class TestRefused:
    """The API answers 403 to everything: names from the tags list, digests by HEAD."""

    @pytest.fixture(autouse=True)
    def refuse(self, double: Double) -> None:
        double.refusals["catalogue"] = [Refusal(status=403)] * 99

    def task(self, double: Double, known: dict[str, Digest]) -> CrawlTask:
        return CrawlTask(
            repository=repository(double.host, PATHS[0]),
            at=AT,
            tags=frozenset({"1.3", "1.4", "9.9"}),
            needs=Need.NAMES,
            known=known,
        )

    async def test_only_watched_tags_are_asked(self, double: Double) -> None:
        known = truth(double, PATHS[0])
        async with double.serving():
            (snapshot,) = await nights(double, [self.task(double, known)])
            counts = double.night()
        assert snapshot.complete
        assert snapshot.scope is Scope.SELECTED
        assert {seen.tag for seen in snapshot.tags} == {"1.3", "1.4"}
        assert snapshot.asked == {"1.3", "1.4", "9.9"}
        assert counts["head"] == 3

    async def test_a_tag_is_gone_when_the_registry_says_so(self, double: Double) -> None:
        """A plain list may be cut short: what is missing from it is asked for."""
        known = {**truth(double, PATHS[0]), "gone": Digest("sha256:" + "0" * 64)}
        async with double.serving():
            (snapshot,) = await nights(double, [self.task(double, known)])
        assert "gone" in snapshot.asked
        assert "gone" not in {seen.tag for seen in snapshot.tags}
        assert snapshot.watermark is None


@pytest.mark.parametrize("kind", sorted(requests.DOUBLES))
async def test_the_benchmarks_figures_hold_in_small(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)  # Amazon's login is the process's own
    counts = await requests.measured(kind, 5, 24)
    assert requests.missed(kind, counts, 5, 24) == []
    assert counts["1 % moved"]["manifest"] == 1 + len(PLATFORMS)
