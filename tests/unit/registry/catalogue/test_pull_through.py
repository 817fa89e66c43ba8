"""Pull-through caches: what a catalogue does not list may be there all the same."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest

from tagwatch.crawl.crawler import crawl_repository
from tagwatch.crawl.task import CrawlTask, Need
from tagwatch.image.digest import Digest
from tagwatch.image.snapshot import FORGET_WATERMARK, RepositorySnapshot, Scope
from tests.bench.requests import DOUBLES
from tests.registry.doubles.ecr import ENVIRONMENT
from tests.registry.doubles.warehouse import Double, Refusal
from tests.registry.harness import AT, repository
from tests.unit.registry.catalogue.kinds import client_of

PATH = "mirror/app"
CACHES = ("acr", "ecr", "gitlab", "google", "harbor", "quay")


@pytest.fixture(params=CACHES)
def double(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Double:
    """`1.0` was pulled through it; `2.0` can be, and `3.0` is nowhere."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    made = DOUBLES[request.param]()
    for number, tag in enumerate(("1.0", "2.0")):
        made.warehouse.push(PATH, tag, at=AT - timedelta(days=9 - number))
    made.warehouse.unlisted.add("2.0")
    return made


async def crawl(
    double: Double, tags: set[str], known: Mapping[str, Digest] | None = None, **more: str | None
) -> RepositorySnapshot:
    task = CrawlTask(
        repository=repository(double.name, PATH),
        at=AT,
        tags=frozenset(tags),
        needs=Need.NAMES,
        known=known or {},
        watermark=more.get("watermark"),
    )
    async with client_of(double, patience_seconds=0) as client:
        return await crawl_repository(task, client)


def digests(snapshot: RepositorySnapshot) -> dict[str, Digest]:
    return {seen.tag: seen.digest for seen in snapshot.tags}


async def test_a_named_tag_is_asked_before_it_is_called_missing(double: Double) -> None:
    async with double.serving():
        snapshot = await crawl(double, {"1.0", "2.0", "3.0"})
        counts = double.night()
    assert digests(snapshot).keys() == {"1.0", "2.0"}
    assert snapshot.asked == {"2.0", "3.0"}
    assert snapshot.complete
    assert counts["head"] == 2


async def test_a_listing_that_was_not_all_speaks_for_nobody_else(double: Double) -> None:
    """Else every tag that it does not list would be over, and what it does not list never moves."""
    async with double.serving():
        partial = await crawl(double, {"2.0"})
        whole = await crawl(double, {"1.0", "3.0"})
    assert (partial.scope, partial.watermark) == (Scope.SELECTED, FORGET_WATERMARK)
    assert whole.scope is Scope.FULL
    assert whole.watermark != FORGET_WATERMARK


async def test_what_moved_behind_a_watermark_is_seen(double: Double) -> None:
    """A tag of the cache that is named later is not in a listing of what moved."""
    async with double.serving():
        first = await crawl(double, {"1.0"})
        known = digests(first)
        second = await crawl(double, {"1.0", "2.0"}, known, watermark=first.watermark)
        known |= digests(second)
        assert second.watermark == FORGET_WATERMARK
        double.warehouse.push(PATH, "2.0", build="2", at=AT - timedelta(days=8))
        third = await crawl(double, {"1.0", "2.0"}, known, watermark=None)
    assert digests(third)["2.0"] == double.warehouse.repositories[PATH]["2.0"].digest
    assert digests(third)["2.0"] != known["2.0"]


async def test_a_tag_that_could_not_be_asked_is_not_missing(double: Double) -> None:
    double.refusals["head"] = [Refusal(status=503)] * 4
    async with double.serving():
        snapshot = await crawl(double, {"3.0"}, {"3.0": Digest("sha256:" + "a" * 64)})
    assert not snapshot.complete
    assert [(failure.tag, failure.status) for failure in snapshot.failures] == [("3.0", 503)]
    assert "3.0" not in snapshot.asked


async def test_a_pattern_is_no_name_to_ask_for(double: Double) -> None:
    async with double.serving():
        snapshot = await crawl(double, {"1.x", "1.0"})
        assert double.night()["head"] == 0
    assert snapshot.scope is Scope.FULL


@pytest.mark.parametrize("kind", ["hub", "ghcr"])
async def test_what_is_no_cache_lists_everything(kind: str) -> None:
    double = DOUBLES[kind]()
    double.warehouse.push(PATH, "1.0")
    async with double.serving():
        snapshot = await crawl(double, {"1.0", "3.0"})
        counts = double.night()
    assert snapshot.scope is Scope.FULL
    assert counts["head"] == counts["manifest"] == 0
