"""Docker Hub's tags API: digests, pages, the watermark, logins, limits, and what it refuses."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tagwatch.errors import DeniedError, HostileAnswerError, NotFoundError
from tagwatch.image.digest import Digest
from tagwatch.image.manifest import OCI_INDEX, OCI_MANIFEST
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Scope
from tagwatch.registry.client import RegistryClient
from tagwatch.registry.interface import Listing
from tagwatch.registry.request.limit import Window
from tagwatch.registry.settings import RegistrySettings
from tests.registry.doubles.hub import SAMPLES, HubDouble
from tests.registry.doubles.warehouse import PASSWORD, USER, Refusal
from tests.registry.harness import AT, registries

APP = Repository(registry="docker.io", path="shop/app")
DIGEST = Digest("sha256:" + "a" * 64)


@asynccontextmanager
async def hub(
    double: HubDouble, environment: Mapping[str, str] | None = None, **more: Any
) -> AsyncIterator[RegistryClient]:
    settings = RegistrySettings(
        endpoint=double.url, catalogue_endpoint=double.url, timeout_seconds=5.0, **more
    )
    async with registries({"docker.io": settings}, environment) as opened:
        yield opened.client("docker.io")


def known_of(listing: Listing) -> dict[str, Digest]:
    return {one.tag: one.digest for one in listing.observations}


def login(double: HubDouble, password: str = PASSWORD) -> dict[str, str]:
    auth = base64.b64encode(f"{USER}:{password}".encode()).decode()
    return {"DOCKER_AUTH_CONFIG": json.dumps({"auths": {double.host: {"auth": auth}}})}


def full_of(count: int) -> HubDouble:
    double = HubDouble()
    for number in range(count):
        double.warehouse.push(APP.path, f"1.{number}")
    return double


async def listed(double: HubDouble, before: Listing | None = None, at: datetime = AT) -> Listing:
    async with hub(double) as registry:
        return await registry.list_tags(
            APP,
            watermark=before.watermark if before else None,
            known=known_of(before) if before else None,
            at=at,
        )


class TestEntries:
    """Every field has been seen null or missing."""

    @pytest.mark.parametrize(
        ("change", "digest"),
        [
            ({}, "its own"),
            ({"digest": None, "images": [{"digest": DIGEST}]}, DIGEST),
            ({"digest": "", "images": [{"digest": DIGEST, "architecture": "amd64"}]}, DIGEST),
            ({"digest": None, "images": [{"digest": DIGEST}, {"digest": DIGEST}]}, None),
            ({"digest": None, "images": [{"digest": DIGEST}, {"digest": None}]}, None),
            ({"digest": None, "images": [{"digest": DIGEST}], "media_type": OCI_INDEX}, None),
            ({"digest": None, "images": [{"digest": DIGEST, "architecture": "unknown"}]}, None),
            ({"digest": None, "images": [{"digest": None}]}, None),
            ({"digest": None, "images": []}, None),
            ({"digest": None, "images": None}, None),
            ({"digest": "sha256:../../x", "images": [{"digest": DIGEST}]}, None),
        ],
    )
    async def test_which_digest_a_tag_serves(
        self, change: dict[str, Any], digest: str | None
    ) -> None:
        double = HubDouble()
        own = double.warehouse.push(APP.path, "1.0")

        def edit(entry: dict[str, Any]) -> None:
            if change:
                entry |= {"media_type": SAMPLES["tag"]["media_type"], **change}

        double.edit = edit
        async with double.serving():
            listing = await listed(double)
        wanted = own if digest == "its own" else digest
        assert known_of(listing) == ({"1.0": wanted} if wanted else {})
        assert listing.undigested == (frozenset() if wanted else {"1.0"})
        assert listing.names == {"1.0"}

    async def test_what_is_read_beside_the_digest(self) -> None:
        double = HubDouble()
        at = datetime(2026, 11, 2, 7, 30, 1, 250000, tzinfo=UTC)
        double.warehouse.push(APP.path, "1.0", at=at)
        async with double.serving():
            (one,) = (await listed(double)).observations
        assert (one.media_type, one.pushed_at, one.size) == (OCI_INDEX, at, 25529703)

    async def test_null_dates_sizes_and_the_type_of_a_config(self) -> None:
        double = HubDouble()
        double.warehouse.push(APP.path, "1.0", index=False)
        nothing = {"last_updated": None, "tag_last_pushed": None, "full_size": None}
        double.edit = lambda entry: entry.update(nothing, media_type=SAMPLES["tag"]["media_type"])
        async with double.serving():
            listing = await listed(double)
        (one,) = listing.observations
        assert (one.media_type, one.pushed_at, one.size) == (None, None, None)
        assert listing.scope is Scope.FULL
        assert listing.watermark is None

    async def test_names_that_are_no_tags_are_counted(self) -> None:
        double = full_of(3)

        def edit(entry: dict[str, Any]) -> None:
            if entry["name"] == "1.1":
                entry["name"] = "<script>"
            if entry["name"] == "1.2":
                entry["name"] = None

        double.edit = edit
        async with double.serving():
            listing = await listed(double)
        assert listing.names == {"1.0"}
        assert listing.warnings == ("2 listed names cannot be tags and were passed over",)
        assert listing.scope is Scope.FULL


class TestPages:
    async def test_every_tag_of_many_pages(self) -> None:
        double = full_of(250)
        async with double.serving():
            listing = await listed(double)
        assert len(listing.names) == len(listing.observations) == 250
        assert listing.scope is Scope.FULL
        assert double.counts == {"catalogue": 3}
        assert not listing.gap

    async def test_an_empty_repository(self) -> None:
        double = HubDouble()
        double.warehouse.repositories[APP.path] = {}
        async with double.serving():
            listing = await listed(double)
        assert (listing.names, listing.scope) == (frozenset(), Scope.FULL)

    async def test_a_proxy_passes_on_the_hubs_own_address(self) -> None:
        double = full_of(150)
        double.next_of = lambda url: url.replace(double.url, "https://hub.docker.com")
        async with double.serving():
            assert len((await listed(double)).names) == 150

    @pytest.mark.parametrize(
        "elsewhere",
        ["https://evil.example/v2/x?page=2", "http://hub.docker.com/v2/x?page=2",
         "http://169.254.169.254/?page=2", "https://hub.docker.com.evil.example/?page=2",
         "//127.0.0.1:1/x?page=2"],
    )  # fmt: skip
    async def test_a_next_page_elsewhere_is_refused(self, elsewhere: str) -> None:
        double = full_of(150)
        double.next_of = lambda url: elsewhere
        async with double.serving():
            with pytest.raises(HostileAnswerError, match="on another host"):
                await listed(double)
        assert double.counts == {"catalogue": 1}

    async def test_pages_without_an_end(self) -> None:
        double = full_of(250)
        double.next_of = lambda url: url.replace("page=3", "page=2")
        async with double.serving():
            with pytest.raises(HostileAnswerError, match="without an end"):
                await listed(double)
        assert double.counts["catalogue"] == 2

    async def test_a_stale_next_after_a_short_page_is_the_end(self) -> None:
        double = full_of(150)
        add = "&page=3"
        double.warehouse.repositories[APP.path].pop("1.149")
        async with double.serving() as served:
            pages = served._page

            def page(request: Any, names: list[str], entry: Any) -> Any:
                answer = pages(request, names, entry)
                if answer.status == 200 and request.query["page"] == "2":
                    assert isinstance(answer.body, bytes)
                    document = json.loads(answer.body)
                    url = f"{served.url}{request.path}?page_size=100{add}&ordering=last_updated"
                    answer.body = json.dumps({**document, "next": url}).encode()
                return answer

            served._page = page  # type: ignore[method-assign]  # one answer of the double is bent
            listing = await listed(double)
        assert len(listing.names) == 149
        assert (listing.scope, listing.gap) == (Scope.FULL, "")
        assert double.counts == {"catalogue": 3}

    async def test_a_listing_that_breaks_off_says_so(self) -> None:
        double = full_of(250)
        gone = Refusal(status=404, body=json.dumps(SAMPLES["not_found"]).encode())
        async with double.serving():
            before = await listed(double)
            first = double._listing

            def listing(request: Any, path: str) -> Any:
                if request.query["page"] == "3":
                    double.refusals["catalogue"].append(gone)
                return first(request, path)

            double._listing = listing  # type: ignore[method-assign]  # a page is lost
            cut = await listed(double)
        assert len(before.names) == 250
        assert cut.gap == "only 200 of 250 tags could be listed"
        assert cut.scope is Scope.SINCE

    async def test_counted_and_not_listed_is_not_taken_for_deleted(self) -> None:
        double = full_of(5)
        async with double.serving():
            before = await listed(double)
            double.warehouse.repositories[APP.path].pop("1.3")
            double.count_of = lambda count: count + 1
            listing = await listed(double, before)
        assert listing.scope is Scope.SINCE
        assert listing.undigested == {"1.3"}
        assert "1.3" in listing.names
        assert listing.warnings == ("1 tags are counted and not listed: none is taken for deleted",)


class TestWatermark:
    async def test_an_unchanged_night_is_one_request(self) -> None:
        double = full_of(1000)
        async with double.serving():
            before = await listed(double)
            assert double.night() == {"catalogue": 10}
            listing = await listed(double, before)
        assert double.night() == {"catalogue": 1}
        assert listing.scope is Scope.SINCE
        assert listing.watermark == before.watermark
        assert not listing.undigested

    async def test_what_moved_is_on_the_first_page(self) -> None:
        double = HubDouble()
        for number in range(300):
            at = AT - timedelta(minutes=number + 1)
            double.warehouse.push(APP.path, f"1.{number}", at=at)
        async with double.serving():
            before = await listed(double)
            moved = double.warehouse.push(APP.path, "1.7", build="2", at=AT + timedelta(hours=5))
            listing = await listed(double, before, AT + timedelta(days=1))
        assert double.counts["catalogue"] == 3 + 1
        assert known_of(listing)["1.7"] == moved
        assert listing.watermark != before.watermark

    async def test_more_moves_than_a_page_holds(self) -> None:
        double = full_of(400)
        async with double.serving():
            before = await listed(double)
            later = AT + timedelta(hours=5)
            for number in range(150):
                at = later + timedelta(seconds=number)
                double.warehouse.push(APP.path, f"1.{number}", build="2", at=at)
            listing = await listed(double, before, AT + timedelta(days=1))
        changed = {
            tag for tag, digest in known_of(listing).items() if known_of(before)[tag] != digest
        }
        assert changed == {f"1.{number}" for number in range(150)}
        assert listing.scope is Scope.SINCE

    async def test_a_deletion_is_seen_the_same_night(self) -> None:
        double = full_of(300)
        async with double.serving():
            before = await listed(double)
            double.warehouse.repositories[APP.path].pop("1.5")
            listing = await listed(double, before)
        assert listing.scope is Scope.FULL
        assert "1.5" not in listing.names

    async def test_many_tags_with_the_same_date(self) -> None:
        """A tag that shows up late with the date of those around it is counted, and so found."""
        double = HubDouble()
        at = AT - timedelta(days=1)
        for number in range(300):
            double.warehouse.push(APP.path, f"1.{number:03}", at=at)
        async with double.serving():
            before = await listed(double)
            double.night()
            late = double.warehouse.push(APP.path, "0.late", at=at)  # the last of its date
            listing = await listed(double, before)
            assert known_of(listing)["0.late"] == late
            double.night()
            again = await listed(double, listing)
        assert double.night() == {"catalogue": 1}
        assert again.scope is Scope.SINCE

    async def test_a_push_with_a_date_a_little_before_the_watermark(self) -> None:
        double = full_of(300)
        async with double.serving():
            before = await listed(double)
            newest = double.warehouse.newest_first(APP.path)[0][1].at
            moved = double.warehouse.push(
                APP.path, "1.7", build="2", at=newest - timedelta(seconds=3)
            )
            listing = await listed(double, before)
        assert known_of(listing)["1.7"] == moved

    async def test_a_date_in_the_future_hides_nothing(self) -> None:
        double = full_of(300)
        for number in range(100):  # a whole page of them
            double.warehouse.push(APP.path, f"f{number}", at=AT + timedelta(days=900))
        async with double.serving():
            before = await listed(double)
            moved = double.warehouse.push(APP.path, "1.7", build="2", at=AT + timedelta(hours=1))
            listing = await listed(double, before, AT + timedelta(days=1))
        assert known_of(listing)["1.7"] == moved

    @pytest.mark.parametrize("order", [sorted, lambda names: names[::-1]])
    async def test_another_order_is_noticed(self, order: Callable[[list[str]], list[str]]) -> None:
        double = full_of(300)
        double.order = order
        async with double.serving():
            before = await listed(double)
            moved = double.warehouse.push(APP.path, "1.7", build="2", at=AT + timedelta(hours=1))
            listing = await listed(double, before, AT + timedelta(days=1))
        assert known_of(listing)["1.7"] == moved

    async def test_a_night_with_old_tags_that_have_no_digest(self) -> None:
        double = full_of(50)
        for number in range(60):
            double.warehouse.push(APP.path, f"old{number}", at=AT - timedelta(days=1))

        def edit(entry: dict[str, Any]) -> None:
            if entry["name"].startswith("old"):
                entry["digest"] = None

        double.edit = edit
        async with double.serving():
            before = await listed(double)
            assert len(before.undigested) == 60
            double.night()
            listing = await listed(double, before)
        assert double.night() == {"catalogue": 1}
        assert not listing.undigested

    @pytest.mark.parametrize("mark", ["yesterday", "2026-11-01T00:00:00 12", "", "x 1", "2026 x"])
    async def test_a_watermark_of_another_program(self, mark: str) -> None:
        double = full_of(150)
        async with double.serving(), hub(double) as registry:
            listing = await registry.list_tags(APP, watermark=mark, known={"1.0": DIGEST}, at=AT)
        assert listing.scope is Scope.FULL


class TestAccess:
    async def test_a_private_repository_with_a_login(self) -> None:
        double = full_of(250)
        double.private.add(APP.path)
        double.warehouse.push("shop/other", "1")
        double.private.add("shop/other")
        other = Repository(registry="docker.io", path="shop/other")
        async with double.serving(), hub(double, login(double)) as registry:
            listing = await registry.list_tags(APP, at=AT)
            assert (await registry.list_tags(other, at=AT)).names == {"1"}
        assert len(listing.names) == 250
        # One refusal and one login, then four pages; nothing is asked of the registry itself.
        assert double.counts == {"catalogue": 1 + 3 + 1, "hub-login": 1}

    async def test_a_wrong_password_falls_back_and_says_so(self) -> None:
        double = full_of(2)
        double.private.add(APP.path)
        async with double.serving(), hub(double, login(double, "wrong")) as registry:
            with pytest.raises(DeniedError, match="denied") as caught:
                await registry.list_tags(APP, at=AT)
        assert "wrong" not in str(caught.value)

    async def test_a_repository_that_does_not_exist(self) -> None:
        double = full_of(1)
        nowhere = Repository(registry="docker.io", path="shop/nowhere")
        async with double.serving(), hub(double) as registry:
            with pytest.raises(NotFoundError):
                await registry.list_tags(nowhere, at=AT)

    @pytest.mark.parametrize("status", [401, 403, 404])
    async def test_where_the_api_refuses_the_registry_answers(self, status: int) -> None:
        double = full_of(3)
        double.refusals["catalogue"] = [Refusal(status=status)]
        async with double.serving(), hub(double) as registry:
            listing = await registry.list_tags(APP, at=AT)
        assert listing.plain
        assert listing.names == {"1.0", "1.1", "1.2"}
        assert "Docker Hub's tags API" in listing.warnings[0]
        assert double.counts == {"catalogue": 1, "ping": 1, "tags": 1}

    async def test_where_the_api_sends_a_login_page(self) -> None:
        double = full_of(3)
        page = Refusal(status=200, headers={"Content-Type": "text/html"}, body=b"<html>log in")
        double.refusals["catalogue"] = [page]
        async with double.serving(), hub(double) as registry:
            listing = await registry.list_tags(APP, at=AT)
        assert listing.plain
        assert "login page" in listing.warnings[0]

    async def test_too_many_requests_are_waited_out_or_told(self) -> None:
        double = full_of(3)
        soon = {"X-Retry-After": str(int(time.time()))}
        body = json.dumps(SAMPLES["limited"]).encode()
        double.refusals["catalogue"] = [Refusal(status=429, headers=soon, body=body)]
        async with double.serving(), hub(double) as registry:
            assert len((await registry.list_tags(APP, at=AT)).names) == 3
            late = {"X-Retry-After": str(int(time.time()) + 900)}
            double.refusals["catalogue"] = [Refusal(status=429, headers=late, body=body)]
            assert (await registry.list_tags(APP, at=AT)).plain

    async def test_the_repositories_of_a_namespace(self) -> None:
        double = HubDouble()
        for number in range(120):
            double.warehouse.push(f"shop/app{number}", "1")
        double.warehouse.push("other/app", "1")
        async with double.serving(), hub(double) as registry:
            found = await registry.list_repositories("shop/app1")
        assert {one.path for one in found} == {
            f"shop/app{number}" for number in range(120) if str(number).startswith("1")
        }
        assert double.counts == {"catalogue": 2}

    async def test_a_mirror_is_asked_and_the_hub_is_not(self) -> None:
        double = full_of(3)
        async with double.serving():
            settings = {"docker.io": RegistrySettings(endpoint=double.url)}
            async with registries(settings) as opened:
                assert not opened.of("docker.io").has_catalogue
                assert len((await opened.of("docker.io").list_tags(APP, at=AT)).names) == 3
        assert double.counts == {"ping": 1, "tags": 1}

    @pytest.mark.parametrize(("credential", "logins"), [(None, 0), ("docker-config", 1)])
    async def test_a_login_goes_to_an_api_elsewhere_only_where_told(
        self, credential: str | None, logins: int
    ) -> None:
        double, api = full_of(1), HubDouble()
        double.private.add(APP.path)
        api.warehouse = double.warehouse
        api.private.add(APP.path)
        async with double.serving(), api.serving():
            settings = RegistrySettings(
                endpoint=double.url, catalogue_endpoint=api.url, credential=credential
            )
            async with registries({"docker.io": settings}, login(double)) as opened:
                assert (await opened.of("docker.io").list_tags(APP, at=AT)).names == {"1.0"}
        assert api.counts["hub-login"] == logins


class TestWindow:
    """`X-RateLimit-*`: waiting before a request that would be refused."""

    async def test_the_next_window_is_waited_for(self) -> None:
        window = Window()
        ends_at = int(time.time()) + 2
        window.note({"X-RateLimit-Remaining": "1", "X-RateLimit-Reset": str(ends_at)})
        await window.enter()
        assert time.time() < ends_at
        await window.enter()
        assert time.time() >= ends_at

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"X-RateLimit-Remaining": "0"},
            {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "soon"},
            {"X-RateLimit-Remaining": "-1", "X-RateLimit-Reset": "2000000000"},
            {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "99999999999"},
            {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1000000000"},
        ],
    )
    async def test_what_makes_no_sense_holds_nobody_up(self, headers: dict[str, str]) -> None:
        window = Window()
        window.note(headers)
        began = time.monotonic()
        await window.enter()
        assert time.monotonic() - began < 5


def test_the_double_knows_both_kinds_of_image() -> None:
    double = HubDouble()
    one = double.warehouse.push(APP.path, "one", index=False)
    two = double.warehouse.push(APP.path, "two")
    assert double.warehouse.manifests[one][0] == OCI_MANIFEST
    assert len(double.warehouse.children(two)) == 2
