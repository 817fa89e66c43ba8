"""Docker Hub's listings that are cut off: by an offset without a login, or by their size."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from tagwatch.crawl.crawler import crawl_repository
from tagwatch.crawl.engine.message import Harvest, Parcel, decode_harvest, decode_parcel, encode
from tagwatch.errors import DeniedError
from tagwatch.image.digest import Digest
from tagwatch.image.snapshot import Scope
from tagwatch.registry.catalogue.hub_listing import Watermark
from tagwatch.registry.interface import Listing, Past, RepositoryNames
from tests.registry.doubles.hub import SAMPLES, HubDouble
from tests.registry.doubles.warehouse import stamp
from tests.registry.harness import AT
from tests.registry.night import first_task
from tests.unit.registry.test_hub import APP, hub, known_of, login

MORE = 100_500


def full_of(count: int) -> HubDouble:
    """Tags a minute apart: what moves within ten minutes of the newest is looked for longer."""
    double = HubDouble()
    for number in range(count):
        at = AT - timedelta(days=2) + timedelta(minutes=number)
        double.warehouse.push(APP.path, f"1.{number}", at=at)
    return double


async def again(
    double: HubDouble, before: Listing, *, known: Mapping[str, Digest] | None = None, **more: Any
) -> Listing:
    past = Past(
        watermark=before.watermark,
        known=known_of(before) if known is None else known,
        listed=before.undigested,
        **more,
    )
    async with hub(double) as registry:
        return await registry.list_again(APP, past, at=AT)


async def first(double: HubDouble) -> Listing:
    async with hub(double) as registry:
        return await registry.list_tags(APP, at=AT)


class TestOffset:
    def test_the_refusal_is_the_recorded_one(self) -> None:
        recorded = "pagination offset too large for anonymous requests; sign in to page further"
        assert SAMPLES["beyond"] == {"message": recorded}

    async def test_what_was_read_is_kept_and_the_rest_is_named(self) -> None:
        double = full_of(350)
        double.anonymous_offset = 200
        async with double.serving():
            listing = await first(double)
        assert double.counts == {"catalogue": 3, "ping": 1, "tags": 1}
        assert listing.scope is Scope.NEWEST
        assert not listing.holds, "nothing is known of before"
        assert listing.names == {f"1.{number}" for number in range(350)}
        assert known_of(listing).keys() == {f"1.{number}" for number in range(150, 350)}
        assert listing.undigested == {f"1.{number}" for number in range(150)}
        assert Watermark.parse(listing.watermark) is not None
        assert listing.gap == ""
        assert "only the 200 newest tags" in listing.unseen

    async def test_names_count_as_known(self) -> None:
        """Else the count would never add up when an old tag comes to the top."""
        double = full_of(350)
        double.anonymous_offset = 200
        async with double.serving():
            before = await first(double)
            moved = double.warehouse.push(APP.path, "1.3", build="2", at=AT - timedelta(hours=1))
            double.night()
            listing = await again(double, before)
        assert double.counts == {"catalogue": 1}
        assert listing.scope is Scope.SINCE
        assert known_of(listing)["1.3"] == moved
        assert listing.unseen == before.unseen, "every night says it"

    async def test_a_new_tag_and_a_deletion_in_one_night(self) -> None:
        """The count is as it was, and does not fit what the first page shows."""
        double = full_of(350)
        double.anonymous_offset = 200
        async with double.serving():
            before = await first(double)
            double.warehouse.push(APP.path, "2.0", at=AT - timedelta(hours=1))
            double.warehouse.repositories[APP.path].pop("1.170")
            double.night()
            listing = await again(double, before)
            assert double.night() == {"catalogue": 1, "ping": 1, "tags": 1}
            after = await again(double, replace(listing, undigested=before.undigested))
        assert double.counts["catalogue"] == 1
        assert listing.scope is Scope.NEWEST
        assert listing.holds
        assert listing.names >= {"2.0", "1.3"}
        assert "1.170" not in listing.names
        assert after.scope is Scope.SINCE or after.holds

    async def test_a_sweep_reads_every_page_and_keeps_what_holds(self) -> None:
        double = full_of(350)
        double.anonymous_offset = 200
        async with double.serving():
            before = await first(double)
            double.night()
            listing = await again(double, before, sweep=True)
        assert double.counts["catalogue"] == 3
        assert listing.scope is Scope.NEWEST
        assert listing.holds
        assert listing.watermark == before.watermark

    async def test_with_a_login_nothing_is_cut(self) -> None:
        double = full_of(350)
        double.anonymous_offset = 200
        async with double.serving(), hub(double, login(double)) as registry:
            listing = await registry.list_tags(APP, at=AT)
        assert listing.scope is Scope.FULL
        assert len(known_of(listing)) == 350
        assert listing.unseen == ""
        assert double.counts == {"catalogue": 5, "hub-login": 1}

    @pytest.mark.parametrize("name", ["offset", "offset-errinfo"])
    async def test_either_recorded_body_is_understood(self, name: str) -> None:
        assert "sign in to page further" in RECORDED[name]
        double = full_of(250)
        double.anonymous_offset = 100
        body = json.loads(RECORDED[name])
        beyond = double._beyond

        def other(request: Any, most: int | None) -> Any:
            return web.json_response(body, status=403) if beyond(request, most) else None

        double._beyond = other  # type: ignore[method-assign]  # another body of the same refusal
        async with double.serving():
            listing = await first(double)
        assert listing.scope is Scope.NEWEST

    async def test_a_namespace(self) -> None:
        double = HubDouble()
        double.anonymous_offset = 1000
        for number in range(250):
            double.warehouse.push(f"shop/app{number:03}", "1")
        async with double.serving():
            async with hub(double) as registry:
                cut = await registry.list_repositories("shop/")
            async with hub(double, login(double)) as registry:
                whole = await registry.list_repositories("shop/")
        assert isinstance(cut, RepositoryNames)
        assert len(cut) == 100
        assert "only 100 of the 250 repositories of 'shop'" in cut.gap
        assert "`docker login`" in cut.gap
        assert isinstance(whole, RepositoryNames)
        assert (len(whole), whole.gap) == (250, "")

    async def test_a_namespace_that_shows_nothing_is_denied(self) -> None:
        double = HubDouble()
        double.anonymous_offset, double.anonymous_repositories = 0, 0
        double.warehouse.push("shop/app", "1")
        async with double.serving(), hub(double) as registry:
            with pytest.raises(DeniedError):
                await registry.list_repositories("shop/")

    async def test_tasks_and_snapshots_travel(self) -> None:
        double = full_of(250)
        double.anonymous_offset = 100
        async with double.serving(), hub(double) as registry:
            task = replace(first_task(APP), listed=frozenset({"0.1"}), failing={"0.2": 404})
            assert decode_parcel(encode(Parcel(tasks={1: task}))).tasks == {1: task}
            snapshot = await crawl_repository(task, registry)
        found = decode_harvest(encode(Harvest(snapshots={1: snapshot})))
        assert found.snapshots == {1: snapshot}
        assert snapshot.scope is Scope.NEWEST
        assert snapshot.unseen


class Large(HubDouble):
    """A repository of more tags than anybody pages through; its entries hold what is needed."""

    def _listing(self, request: web.BaseRequest, path: str) -> web.Response:
        self.counts["catalogue"] += 1
        number = int(request.query["page"])
        places = range((number - 1) * 100, min(number * 100, MORE))
        entries = [
            {
                "name": f"t{place}",
                "digest": f"sha256:{place:064x}",
                "last_updated": stamp(AT - timedelta(seconds=place)),
            }
            for place in places
        ]
        following = str(request.url.update_query(page=str(number + 1)))
        return web.json_response({"count": MORE, "next": following, "results": entries})

    def tags(self, request: web.BaseRequest, path: str) -> web.Response:
        return web.json_response({"name": path, "tags": [f"t{place}" for place in range(MORE)]})


async def test_more_than_a_hundred_thousand_tags() -> None:
    """A login changes nothing here: so many pages are not read, and what was read is kept."""
    double = Large()
    double.warehouse.push(APP.path, "t0")
    async with double.serving():
        listing = await first(double)
        assert double.night() == {"catalogue": 1000, "ping": 1, "tags": 1}
        unchanged = await again(double, listing)
    assert double.night() == {"catalogue": 1}
    assert listing.scope is Scope.NEWEST
    assert len(listing.observations) == 100_000
    assert len(listing.names) == MORE
    assert listing.unseen == unchanged.unseen
    assert "of a repository of this size tagwatch reads only the 100,000 newest" in listing.unseen
    assert "login" not in listing.unseen
    assert unchanged.scope is Scope.SINCE


def _bodies() -> dict[str, str]:
    whole = json.dumps(SAMPLES["beyond"])
    return {"offset": whole, "offset-errinfo": whole.replace("}", ', "errinfo": {}}')}


RECORDED = _bodies()
