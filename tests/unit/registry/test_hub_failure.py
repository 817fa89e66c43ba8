"""Docker Hub's tags API fails in the midst of a listing: nothing is taken for deleted."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from tagwatch.crawl.crawler import crawl_repository
from tagwatch.crawl.task import Need
from tagwatch.errors import RateLimitedError
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Scope
from tagwatch.registry.client import RegistryClient
from tagwatch.registry.settings import RegistrySettings
from tests.registry.doubles.hub import HubDouble
from tests.registry.doubles.warehouse import Refusal
from tests.registry.harness import AT, registries
from tests.registry.night import first_task

APP = Repository(registry="docker.io", path="shop/app")


@asynccontextmanager
async def hub(double: HubDouble) -> AsyncIterator[RegistryClient]:
    """A client that has no patience: a failure is one."""
    settings = RegistrySettings(
        endpoint=double.url, catalogue_endpoint=double.url, patience_seconds=0
    )
    async with registries({"docker.io": settings}) as opened:
        yield opened.client("docker.io")


def full_of(count: int) -> HubDouble:
    double = HubDouble()
    for number in range(count):
        double.warehouse.push(APP.path, f"1.{number}", index=False)
    return double


@pytest.mark.parametrize("status", [429, 500, 502, 503])
@pytest.mark.parametrize("page", [0, 1, 2])
async def test_a_failure_in_the_midst_costs_no_tag(status: int, page: int) -> None:
    """What the pages told stands; the others are named by the registry, and asked of it."""
    double = full_of(300)
    later = {"Retry-After": "900"}
    pages = [None] * page + [Refusal(status=status, headers=later)] * 4
    async with double.serving(), hub(double) as registry:
        before = await registry.list_tags(APP, at=AT)
        double.night()
        double.refuse_from("catalogue", pages)
        listing = await registry.list_tags(APP, at=AT)
        known = {one.tag: one.digest for one in before.observations}
        double.refuse_from("catalogue", pages)
        task = replace(first_task(APP), known=known, needs=Need.NAMES)
        snapshot = await crawl_repository(task, registry)
    assert listing.plain
    assert listing.names == known.keys()
    assert len(listing.observations) == 100 * page
    assert len(listing.undigested) == 300 - 100 * page
    assert snapshot.scope is Scope.SELECTED
    assert snapshot.complete
    assert {one.tag: one.digest for one in snapshot.tags} == known
    assert str(status) in snapshot.remarks[0].message


async def test_a_great_many_tags_are_not_asked_one_by_one() -> None:
    double = full_of(700)
    double.warehouse.push(APP.path, "gone")
    async with double.serving(), hub(double) as registry:
        before = await registry.list_tags(APP, at=AT)
        known = {one.tag: one.digest for one in before.observations}
        double.warehouse.repositories[APP.path].pop("gone")
        double.night()
        double.refuse_from("catalogue", [None, *[Refusal(status=503)] * 4])
        task = replace(
            first_task(APP), known=known, needs=Need.NAMES, tags=frozenset({"1.0", "gone"})
        )
        snapshot = await crawl_repository(task, registry)
        counts = double.night()
    assert not snapshot.complete, "so that no interval ends"
    assert snapshot.scope is Scope.SINCE
    assert snapshot.watermark is None
    assert "600 tags are too many" in snapshot.failures[0].message
    assert len(snapshot.tags) == 101
    assert counts["head"] + counts["manifest"] <= 3, "what is named is asked all the same"
    assert snapshot.asked == {"1.0", "gone"}


async def test_who_said_when_is_not_asked_before() -> None:
    double = full_of(3)
    double.warehouse.push("shop/other", "1")
    late = {"X-Retry-After": str(int(time.time()) + 900)}
    double.refusals["catalogue"] = [Refusal(status=429, headers=late)]
    other = Repository(registry="docker.io", path="shop/other")
    async with double.serving(), hub(double) as registry:
        assert (await registry.list_tags(APP, at=AT)).plain
        assert (await registry.list_tags(other, at=AT)).plain
        with pytest.raises(RateLimitedError) as caught:
            await registry.list_repositories("shop/")
    assert double.counts["catalogue"] == 1
    assert caught.value.retry_after_seconds is not None
    assert 800 < caught.value.retry_after_seconds <= 900
