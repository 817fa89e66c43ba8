"""Crawling one repository: what it asks, exactly, and what it makes of each answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from tagwatch.crawl.crawler import crawl_repository
from tagwatch.crawl.task import CrawlTask, Need, Pattern
from tagwatch.image.digest import Digest
from tagwatch.image.platform import LINUX_AMD64
from tagwatch.image.reference import DOCKER_HUB, Repository
from tagwatch.image.snapshot import RepositorySnapshot, Scope
from tagwatch.registry.settings import RegistrySettings
from tagwatch.service.demo.images import Shelf, Step, build
from tagwatch.service.demo.registry import application
from tagwatch.service.listen import address_of, listening
from tagwatch.value import replace
from tests.registry.harness import AT, registries

HOST = "registry.example"
APP = Repository(registry=HOST, path="shop/app")
Refusal = Callable[[web.Request], web.Response | None]


class Place:
    """A registry with one repository, what was asked of it, and crawls of it."""

    def __init__(self) -> None:
        self.shelf = Shelf()
        self.asked: list[str] = []
        self.refuses: Refusal = lambda request: None
        self.address = ""
        self.settings: dict[str, Any] = {}

    def push(self, *tags: str, content: str, path: str = "shop/app", arm: bool = False) -> Digest:
        """Put an image behind tags; with provenance, so that there is an index around it."""
        kinds = ("amd64", "arm64") if arm else ("amd64",)
        step = Step(created_by="COPY app /", content=content)
        images = [build(None, [step], day="2026-01-01", architecture=kind) for kind in kinds]
        self.shelf.push(path, tags, images, "2026-01-01")
        return self.shelf.tags[path][tags[0]]

    async def crawl(self, task: CrawlTask) -> RepositorySnapshot:
        """Crawl with connections of its own; `asked` holds the requests of this crawl alone."""
        self.asked.clear()
        is_hub = task.repository.host == DOCKER_HUB
        settings = RegistrySettings(
            endpoint=self.address,
            catalogue_endpoint=self.address if is_hub else None,
            credential="anonymous",
            **self.settings,
        )
        async with registries({task.repository.host: settings}) as opened:
            return await crawl_repository(task, opened.of(task.repository.host))

    def count(self, part: str) -> int:
        return sum(part in one for one in self.asked)


@asynccontextmanager
async def _open(place: Place) -> AsyncIterator[Place]:
    @web.middleware
    async def noting(request: web.Request, handler: Any) -> web.StreamResponse:
        refused = place.refuses(request)
        if request.path != "/v2/":
            place.asked.append(f"{request.method} {request.path.removeprefix('/v2/')}")
        answer: web.StreamResponse = refused or await handler(request)
        return answer

    app = application(place.shelf)
    app.middlewares.append(noting)
    async with listening(app, address_of("127.0.0.1:0")) as url:
        place.address = url.removesuffix("/")
        yield place


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with _open(Place()) as found:
        yield found


def task(*tags: str, **more: Any) -> CrawlTask:
    return CrawlTask(
        **{
            "repository": APP,
            "at": AT,
            "tags": frozenset(tags),
            "platforms": (LINUX_AMD64,),
            **more,
        }
    )


def next_night(task: CrawlTask, snapshot: RepositorySnapshot) -> CrawlTask:
    """The same wants, knowing what the ledger would know."""
    return replace(
        task,
        known={one.tag: one.digest for one in snapshot.tags},
        documents=frozenset(snapshot.documents),
        watermark=snapshot.watermark,
    )


def served(snapshot: RepositorySnapshot) -> dict[str, Digest]:
    return {one.tag: one.digest for one in snapshot.tags}


async def test_a_first_night_reads_each_document_once(place: Place) -> None:
    digest = place.push("1.0.0", "1.0", "1", content="a", arm=True)
    found = await place.crawl(task("1.0.0", "1.0", "1"))
    assert found.complete
    assert served(found) == dict.fromkeys(("1", "1.0", "1.0.0"), digest)
    assert place.count("tags/list") == 1
    assert place.count("manifests/1") == 3, "each tag is asked once, by HEAD or with its index"
    assert place.count("manifests/sha256:") == 1, "amd64, not arm64"
    assert place.count("GET shop/app/blobs/") == 1
    assert len(place.asked) == 6
    assert len(found.documents) == 3


async def test_an_unchanged_night_asks_the_watched_tags_and_nothing_else(place: Place) -> None:
    place.push("1.0.0", "1.0", content="a")
    place.push("2.0.0", content="b")
    wanted = task("1.0.0", "1.0")
    found = await place.crawl(next_night(wanted, await place.crawl(wanted)))
    assert sorted(place.asked) == [
        "GET shop/app/tags/list",
        "HEAD shop/app/manifests/1.0",
        "HEAD shop/app/manifests/1.0.0",
    ]
    assert found.complete
    assert not found.documents


async def test_a_moved_tag_costs_its_new_documents_and_its_name(place: Place) -> None:
    place.push("1.0.0", "1.0", content="a")
    wanted = task("1.0")
    known = next_night(wanted, await place.crawl(wanted))
    moved = place.push("1.0.1", "1.0", content="b")
    found = await place.crawl(known)
    assert served(found)["1.0"] == moved
    assert served(found)["1.0.1"] == moved, "the newest of its line is asked first"
    assert sorted(one for one in place.asked if one.startswith("HEAD")) == [
        "HEAD shop/app/manifests/1.0",
        "HEAD shop/app/manifests/1.0.1",
    ]
    assert place.count("GET shop/app/manifests/") == 2
    assert place.count("GET shop/app/blobs/") == 1


async def test_only_a_404_says_that_a_tag_is_gone(place: Place) -> None:
    place.push("1", "2", "3", content="a")
    wanted = task("1", "2", "3")
    known = next_night(wanted, await place.crawl(wanted))
    place.shelf.delete("shop/app", "2")

    def failing(request: web.Request) -> web.Response | None:
        return web.Response(status=403) if request.path.endswith("/3") else None

    place.refuses = failing
    found = await place.crawl(known)
    assert found.asked == {"1", "2"}
    assert set(served(found)) == {"1"}
    assert found.scope is Scope.SELECTED
    assert not found.complete
    assert [(one.tag, one.code) for one in found.failures] == [("3", "denied")]


async def test_a_known_tag_that_is_no_longer_listed_is_asked(place: Place) -> None:
    place.push("1", "2", content="a")
    known = next_night(task("1"), await place.crawl(task("1", "2")))
    place.shelf.delete("shop/app", "2")
    found = await place.crawl(known)
    assert place.count("HEAD shop/app/manifests/2") == 1
    assert "2" in found.asked - served(found).keys()


async def test_a_range_reads_its_best_tag_only(place: Place) -> None:
    for patch in range(5):
        place.push(f"1.2.{patch}", content=f"{patch}")
    place.push("1.3.0", content="other")
    found = await place.crawl(task(patterns=(Pattern(selector="1.2.x"),)))
    assert place.count("tags/list") == 1
    assert set(served(found)) >= {"1.2.4"}
    assert "1.3.0" not in served(found)
    assert place.count("GET shop/app/manifests/") == 2
    assert place.count("GET shop/app/blobs/") == 1


async def test_a_question_for_the_best_of_a_range_asks_a_few_and_says_so(place: Place) -> None:
    """A watch follows every tag of its range; a question wants to know the best."""
    for patch in range(25):
        place.push(f"1.2.{patch}", content=f"{patch}")
    asked = Pattern(selector="1.2.x", for_one=True)
    found = await place.crawl(task(patterns=(asked,)))
    assert "1.2.24" in served(found)
    assert len(served(found)) == 20
    told = ["the newest tags answered: 5 older ones were not asked"]
    assert [remark.message for remark in found.remarks] == told
    watched = await place.crawl(task(patterns=(replace(asked, for_one=False),)))
    assert (len(served(watched)), watched.remarks) == (25, ())


async def test_everything_is_read_where_every_tag_is_watched(place: Place) -> None:
    digests = {f"v{number}": place.push(f"v{number}", content=f"{number}") for number in range(4)}
    found = await place.crawl(task(patterns=(Pattern(selector="*", exclude=("v3",)),)))
    assert served(found) == {tag: digest for tag, digest in digests.items() if tag != "v3"}
    assert place.count("GET shop/app/manifests/") == 6
    assert place.count("GET shop/app/blobs/") == 3


async def test_more_tags_than_the_cap_are_left_and_said(place: Place) -> None:
    for number in range(5):
        place.push(f"1.{number}", content=f"{number}")
    found = await place.crawl(task(patterns=(Pattern(selector="*", max_tags=2),)))
    assert set(served(found)) == {"1.4", "1.3"}
    assert [failure.code for failure in found.failures] == ["too-many-tags"]
    assert "matches 5 tags; the newest 2 are read" in found.failures[0].message
    assert found.complete  # a limit that is kept is no failure: the next listing goes on from it


async def test_a_pin_is_free_where_a_tag_serves_it(place: Place) -> None:
    old = place.push("1", content="old")
    new = place.push("1", content="new")
    gone = Digest(f"sha256:{'0' * 64}")
    found = await place.crawl(task("1", pins=frozenset({old, new, gone})))
    assert found.pins == {old: True, new: True, gone: False}
    asked = [one for one in place.asked if one.startswith("HEAD") and "sha256:" in one]
    assert sorted(asked) == sorted(f"HEAD shop/app/manifests/{one}" for one in (old, gone))
    assert {old, new} <= found.documents.keys()


async def test_tags_are_asked_where_the_listing_is_refused(place: Place) -> None:
    digest = place.push("1", content="a")

    def no_list(request: web.Request) -> web.Response | None:
        return web.Response(status=400) if request.path.endswith("/tags/list") else None

    place.refuses = no_list
    found = await place.crawl(task("1"))
    assert served(found) == {"1": digest}
    assert found.documents
    assert found.names is None
    assert not found.complete
    assert len(found.failures) == 1


async def test_a_repository_that_is_not_there_costs_one_request(place: Place) -> None:
    found = await place.crawl(task("1", "2", pins=frozenset({Digest(f"sha256:{'0' * 64}")})))
    assert place.asked == ["GET shop/app/tags/list"]
    assert [one.code for one in found.failures] == ["not-found"]
    assert not found.complete
    assert not found.pins, "whether it is gone is not known"


async def test_a_config_that_fails_today_is_read_tomorrow(place: Place) -> None:
    place.push("1", content="a")

    def no_blobs(request: web.Request) -> web.Response | None:
        return web.Response(status=403) if "/blobs/" in request.path else None

    place.refuses = no_blobs
    first = await place.crawl(task("1"))
    assert not first.complete
    place.refuses = lambda request: None
    second = await place.crawl(next_night(task("1"), first))
    assert second.complete
    assert place.count("GET shop/app/blobs/") == 1
    assert len(first.documents.keys() | second.documents.keys()) == 3


async def test_documents_are_left_where_nobody_needs_them(place: Place) -> None:
    place.push("1", content="a")
    found = await place.crawl(task("1", needs=Need.NAMES))
    assert place.count("HEAD shop/app/manifests/1") == 1
    assert place.count("GET shop/app/manifests/") == place.count("GET shop/app/blobs/") == 0
    assert found.complete
    assert found.names == frozenset({"1"})


async def test_a_spent_budget_is_a_failure_and_the_digests_are_kept(place: Place) -> None:
    digests = {f"{number}": place.push(f"{number}", content=f"{number}") for number in range(4)}
    place.settings = {"budget": 4}
    found = await place.crawl(task(*digests))
    assert served(found) == digests
    assert place.count("GET shop/app/manifests/") <= 4
    assert {failure.code for failure in found.failures} == {"budget"}
    assert not found.complete


class TestWithCatalogue:
    """Docker Hub's listing has digests: what did not move costs nothing more."""

    REDIS = Repository(registry=DOCKER_HUB, path="library/redis")

    def task(self, *tags: str, **more: Any) -> CrawlTask:
        return task(*tags, repository=self.REDIS, **more)

    def push(self, place: Place, *tags: str, content: str) -> Digest:
        return place.push(*tags, content=content, path="library/redis")

    async def test_an_unchanged_night_is_one_request(self, place: Place) -> None:
        self.push(place, "6.2.24", "6.2", content="a")
        wanted = self.task("6.2", patterns=(Pattern(selector="6.2.x"),))
        first = await place.crawl(wanted)
        assert first.scope is Scope.FULL
        found = await place.crawl(next_night(wanted, first))
        assert len(place.asked) == 1, place.asked
        assert place.count("namespaces/library/repositories/redis/tags") == 1
        assert found.complete

    async def test_a_moved_tag_costs_its_documents_and_no_head(self, place: Place) -> None:
        self.push(place, "6.2.24", "6.2", content="a")
        wanted = self.task("6.2")
        known = next_night(wanted, await place.crawl(wanted))
        moved = self.push(place, "6.2.25", "6.2", content="b")
        found = await place.crawl(replace(known, watermark=None))
        assert served(found)["6.2"] == moved
        assert place.count("HEAD") == 0
        assert place.count("GET library/redis/manifests/") == 2
        assert place.count("GET library/redis/blobs/") == 1

    async def test_a_whole_listing_speaks_for_absent_tags(self, place: Place) -> None:
        self.push(place, "6.2", "7", content="a")
        wanted = self.task("6.2", "7")
        known = next_night(wanted, await place.crawl(wanted))
        place.shelf.delete("library/redis", "7")
        found = await place.crawl(replace(known, watermark=None))
        assert found.scope is Scope.FULL
        assert "7" not in served(found)
        assert place.count("HEAD") == 0
        assert found.complete
