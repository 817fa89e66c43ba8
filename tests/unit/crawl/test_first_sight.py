"""A tag never seen before: one GET where pulls are free, else a HEAD and a GET an image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from tagwatch.crawl.crawler import crawl_repository
from tagwatch.crawl.task import CrawlTask, Pattern
from tagwatch.errors import HostileAnswerError, NotFoundError
from tagwatch.image.digest import Digest, digest_of
from tagwatch.image.manifest import OCI_MANIFEST
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Document, Quota, RepositorySnapshot, Scope, TagObservation
from tagwatch.registry.interface import Listing, Registry
from tests.static_registry import Image, Stock

AT = datetime(2026, 11, 24, tzinfo=UTC)
TEAM = Repository(registry="registry.example", path="team/1")
STOCK = Stock(tags=8, shared=4)
TAGS = frozenset(STOCK.names())
TASK = CrawlTask(repository=TEAM, at=AT, patterns=(Pattern(selector="*"),))


@dataclass
class Shelf:
    """A registry without a catalogue. `broken` tags answer a GET with what is no manifest."""

    pulls_are_free: bool
    broken: Collection[str] = ()
    missing: Collection[str] = ()
    has_catalogue: bool = False
    quota: Quota | None = None
    requests: Counter[str] = field(default_factory=Counter)

    def image(self, reference: str) -> Image:
        """By tag or digest."""
        if reference in self.missing:
            raise NotFoundError("gone", status=404)
        images = {tag: STOCK.image(TEAM.path, tag) for tag in TAGS}
        by_digest: dict[str, Image] = {digest_of(one.manifest): one for one in images.values()}
        return (images | by_digest)[reference]

    async def list_tags(
        self,
        repository: Repository,
        *,
        watermark: str | None = None,
        known: Mapping[str, Digest] | None = None,
        at: datetime,
    ) -> Listing:
        self.requests["tags"] += 1
        return Listing(scope=Scope.FULL, names=TAGS)

    async def head(self, repository: Repository, tag_or_digest: str) -> TagObservation | None:
        self.requests["head"] += 1
        if tag_or_digest in self.missing:
            return None
        digest = digest_of(self.image(tag_or_digest).manifest)
        return TagObservation(tag=tag_or_digest, digest=digest, media_type=OCI_MANIFEST)

    async def manifest(self, repository: Repository, tag_or_digest: str) -> Document:
        self.requests["manifest"] += 1
        raw = self.image(tag_or_digest).manifest
        if tag_or_digest in self.broken:
            raise HostileAnswerError("no manifest")
        return Document(digest=digest_of(raw), media_type=OCI_MANIFEST, raw=raw)

    async def blob(self, repository: Repository, digest: Digest, size: int) -> Document:
        self.requests["config"] += 1
        configs = (STOCK.image(TEAM.path, tag).config for tag in TAGS)
        raw = {digest_of(config): config for config in configs}[digest]
        return Document(digest=digest, media_type="", raw=raw)

    async def referrers(self, repository: Repository, digest: Digest) -> Document | None:
        raise AssertionError("nobody asked")

    async def list_repositories(self, prefix: str) -> Collection[Repository]:
        raise AssertionError("nobody asked")

    async def history(
        self, repository: Repository
    ) -> Collection[tuple[TagObservation, datetime | None]]:
        raise AssertionError("nobody asked")


async def crawl(shelf: Shelf, task: CrawlTask = TASK) -> RepositorySnapshot:
    registry: Registry = shelf
    return await crawl_repository(task, registry)


@pytest.mark.parametrize(
    ("free", "requests"),
    [
        (True, {"tags": 1, "manifest": 8, "config": 2}),
        (False, {"tags": 1, "head": 8, "manifest": 2, "config": 2}),
    ],
)
async def test_what_a_first_night_costs(free: bool, requests: dict[str, int]) -> None:
    shelf = Shelf(pulls_are_free=free)
    snapshot = await crawl(shelf)
    assert snapshot.complete
    assert shelf.requests == requests
    assert len(snapshot.tags) == 8
    assert len(snapshot.documents) == 4


async def test_both_ways_see_the_same() -> None:
    counted = await crawl(Shelf(pulls_are_free=False))
    assert await crawl(Shelf(pulls_are_free=True)) == counted


async def test_known_tags_are_asked_by_head_alone() -> None:
    first = await crawl(Shelf(pulls_are_free=True))
    known = {observation.tag: observation.digest for observation in first.tags}
    shelf = Shelf(pulls_are_free=True)
    task = replace(TASK, known=known, documents=frozenset(first.documents))
    assert (await crawl(shelf, task)).tags == first.tags
    assert shelf.requests == {"tags": 1, "head": 8}


async def test_a_tag_that_is_gone_is_asked_once_and_absent() -> None:
    gone = min(TAGS)
    shelf = Shelf(pulls_are_free=True, missing=[gone])
    snapshot = await crawl(shelf)
    assert snapshot.complete
    assert gone in snapshot.asked
    assert gone not in {observation.tag for observation in snapshot.tags}
    assert shelf.requests["head"] == 0


async def test_what_cannot_be_read_still_has_a_digest() -> None:
    odd = min(TAGS)
    snapshot = await crawl(Shelf(pulls_are_free=True, broken=[odd]))
    assert odd in {observation.tag for observation in snapshot.tags}
