"""A run that may not pull as much as it wants: what matters most goes first, the rest is said."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from tagwatch.crawl.engine.local import run
from tagwatch.crawl.plan import PlanSettings, Want, plan
from tagwatch.crawl.task import CrawlTask
from tagwatch.image.digest import Digest
from tagwatch.image.platform import LINUX_AMD64
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import RepositorySnapshot
from tagwatch.registry.settings import RegistrySettings
from tagwatch.value import replace
from tagwatch.walk.work import RegistrySlot
from tests.registry.doubles.hub import HubDouble
from tests.registry.doubles.warehouse import Double
from tests.registry.harness import AT, registries

HOST = "registry.example"
FILES, WATCHED, BASES = 0, 1, 2
# The names are in the opposite order of what matters.
PRIORITIES = {
    "a/base-1": BASES,
    "a/base-2": BASES,
    "b/watched-1": WATCHED,
    "b/watched-2": WATCHED,
    "c/file-1": FILES,
    "c/file-2": FILES,
}
TAGS = ("1", "2")
PULLS = len(TAGS)  # of one repository: a manifest a tag


class Nothing:
    """A memory without anything in it."""

    tags: dict[str, Digest] = {}  # never written to
    watermark = None
    full_at = None
    audited = None
    doubted_at = None
    listed: frozenset[str] = frozenset()
    failing: dict[str, int] = {}


def double() -> Double:
    found = Double()
    for path in PRIORITIES:
        for tag in TAGS:
            found.warehouse.push(path, tag, index=False)
    return found


def tasks() -> list[CrawlTask]:
    wants = [
        Want(
            repository=Repository(registry=HOST, path=path),
            tags=frozenset(TAGS),
            priority=priority,
        )
        for path, priority in PRIORITIES.items()
    ]
    settings = PlanSettings(at=AT, platforms=(LINUX_AMD64,))
    return list(plan(wants, lambda repository: Nothing(), lambda repository: frozenset(), settings))


async def crawl(
    registry: Double, wanted: Iterable[CrawlTask], budget: int | None = None
) -> dict[str, RepositorySnapshot]:
    """One run of its own, by path, in the order of arrival."""
    found: dict[str, RepositorySnapshot] = {}

    async def sink(snapshot: RepositorySnapshot) -> None:
        found[snapshot.repository.path] = snapshot

    settings = {
        HOST: RegistrySettings(endpoint=registry.url, credential="anonymous", budget=budget)
    }
    async with registries(settings) as opened:
        await run(wanted, RegistrySlot(opened, settings).crawl, sink)
    return found


def of_priority(found: dict[str, RepositorySnapshot], priority: int) -> list[RepositorySnapshot]:
    return [one for path, one in found.items() if PRIORITIES[path] == priority]


def manifests_of(snapshots: Iterable[RepositorySnapshot], registry: Double) -> int:
    return sum(
        digest in registry.warehouse.manifests for one in snapshots for digest in one.documents
    )


def all_is_told(found: dict[str, RepositorySnapshot], registry: Double) -> None:
    """Each manifest is there or a failure says that it was not read; each digest is known."""
    assert found.keys() == PRIORITIES.keys()
    for path, one in found.items():
        stored = registry.warehouse.repositories[path]
        assert {seen.tag: seen.digest for seen in one.tags} == {
            tag: pushed.digest for tag, pushed in stored.items()
        }, "what costs no pull is asked all the same"
        unread = {tag for tag, pushed in stored.items() if pushed.digest not in one.documents}
        assert {failure.tag for failure in one.failures} == unread
        assert {failure.code for failure in one.failures} <= {"budget"}
        assert {failure.repository for failure in one.failures} <= {one.repository}
        assert one.complete == (not unread)


@pytest.mark.parametrize("budget", [0, 1, 3, 4, 5, 8, 11, 12, 13])
async def test_what_matters_most_is_read_first_and_the_rest_is_not_checked(budget: int) -> None:
    registry = double()
    async with registry.serving():
        found = await crawl(registry, tasks(), budget)
    all_is_told(found, registry)
    left = budget
    for priority in (FILES, WATCHED, BASES):
        group = of_priority(found, priority)
        affordable = min(left, len(group) * PULLS)
        assert manifests_of(group, registry) == affordable
        left -= affordable
    assert registry.counts["manifest"] == min(budget, len(PRIORITIES) * PULLS)


async def test_a_failure_says_what_to_do() -> None:
    registry = double()
    async with registry.serving():
        found = await crawl(registry, tasks(), 4)
    (failure, _) = found["a/base-1"].failures
    assert (failure.code, failure.status) == ("budget", None)
    assert failure.message == f"{HOST}: the budget of 4 manifest requests a run is spent"
    assert "the next run goes on" in failure.hint


@pytest.mark.parametrize(("limit", "reserve"), [(10, 1), (20, 1), (100, 5)])
async def test_the_registrys_own_limit_keeps_a_reserve(limit: int, reserve: int) -> None:
    """Six pulls above the reserve: the files' four, and two of what is watched."""
    registry = double()
    registry.pulls = (limit, reserve + 6)
    async with registry.serving():
        found = await crawl(registry, tasks())
    all_is_told(found, registry)
    assert registry.pulls == (limit, reserve)
    counts = [manifests_of(of_priority(found, one), registry) for one in (FILES, WATCHED, BASES)]
    assert counts == [4, 2, 0]
    (quota,) = {one.quota for one in of_priority(found, BASES)}
    assert quota is not None
    assert (quota.limit, quota.remaining) == (limit, reserve)


async def test_the_next_run_goes_on() -> None:
    """What one run stored costs nothing in the next: three runs of four pulls read twelve."""
    registry = double()
    stored: dict[str, frozenset[Digest]] = dict.fromkeys(PRIORITIES, frozenset())
    complete: list[int] = []
    async with registry.serving():
        for _ in range(3):
            wanted = [replace(one, documents=stored[one.repository.path]) for one in tasks()]
            found = await crawl(registry, wanted, 4)
            for path, one in found.items():
                stored[path] |= one.documents.keys()
            complete.append(sum(one.complete for one in found.values()))
    assert complete == [2, 4, 6]
    assert registry.counts["manifest"] == 12


async def test_pulls_go_on_images_that_can_be_read_whole() -> None:
    """Ten indexes and six pulls a night: three images a night, and not ten times an index alone.

    What is left over (a seventh pull) is not spent on an index without its manifest.
    """
    registry = Double()
    paths = [f"shop/app{number}" for number in range(10)]
    for path in paths:
        registry.warehouse.push(path, "1")
    settings = PlanSettings(at=AT, platforms=(LINUX_AMD64,))
    stored: dict[str, frozenset[Digest]] = dict.fromkeys(paths, frozenset())
    complete: list[int] = []
    pulls: list[int] = []
    async with registry.serving():
        for _ in range(4):
            wants = [
                Want(repository=Repository(registry=HOST, path=path), tags=frozenset({"1"}))
                for path in paths
            ]
            wanted = plan(
                wants, lambda repository: Nothing(), lambda one: stored[one.path], settings
            )
            found = await crawl(registry, wanted, 7)
            complete.append(sum(one.complete for one in found.values()))
            pulls.append(registry.night()["manifest"])
            for path, one in found.items():
                stored[path] |= one.documents.keys()
    assert complete == [3, 6, 9, 10]
    assert pulls == [6, 6, 6, 2]


async def test_an_image_that_no_budget_pays_for_says_what_it_takes() -> None:
    registry = Double()
    registry.warehouse.push("c/file-1", "1")
    async with registry.serving():
        found = await crawl(registry, tasks()[:1], 1)
    failure = next(one for one in found["c/file-1"].failures if one.tag == "1")
    assert failure.message == (
        f"{HOST}: 1 left of the budget of 1 manifest requests a run: too few for an image of 2"
    )
    assert "this image takes 2" in failure.hint
    assert registry.counts["manifest"] == 0


async def test_one_image_is_asked_before_it_is_known_whether_pulls_are_short() -> None:
    """Docker Hub tells its limit with the first manifest: 120 were under way by then (2026-11)."""
    registry = HubDouble()
    registry.pulls = (100, 7 + 5)
    for number in range(20):
        registry.warehouse.push("shop/app", str(number))
    wanted = CrawlTask(
        repository=Repository(registry="docker.io", path="shop/app"),
        at=AT,
        tags=frozenset(map(str, range(20))),
        platforms=(LINUX_AMD64,),
    )
    async with registry.serving():
        settings = {
            "docker.io": RegistrySettings(
                endpoint=registry.url, catalogue_endpoint=registry.url, credential="anonymous"
            )
        }
        async with registries(settings) as opened:
            found = await RegistrySlot(opened, settings).crawl(wanted)
    assert registry.counts["manifest"] == 6
    assert registry.counts["config"] == 3
    assert {one.code for one in found.failures} == {"budget"}
    assert len(found.failures) == 17
