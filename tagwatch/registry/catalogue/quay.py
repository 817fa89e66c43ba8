"""Quay's tag API: every tag with its digest, newest first, and every digest it ever served.

`GET /api/v1/repository/<path>/tag/` (quay.io, Project Quay and Red Hat Quay; endpoints/api/tag.py
of github.com/quay/quay, read 2026-11: ordered by `start_ts`, newest first; a move is a new entry).
The API knows OAuth tokens (`$oauthtoken` as user name) and no robot accounts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from urllib.parse import quote

import msgspec

from tagwatch.errors import RegistryError
from tagwatch.image.digest import Digest, is_digest
from tagwatch.image.reference import Repository, is_tag
from tagwatch.image.snapshot import TagObservation
from tagwatch.registry.catalogue.api import Api, named
from tagwatch.registry.catalogue.fallback import PlainList
from tagwatch.registry.catalogue.interface import CatalogueContext
from tagwatch.registry.catalogue.newest_first import Entry, Page, endless, read_newest_first
from tagwatch.registry.interface import Listing
from tagwatch.registry.login.token import is_header_safe
from tagwatch.registry.wire import decode
from tagwatch.value import replace

__all__ = ["QuayCatalogue"]

_OAUTH_USER = "$oauthtoken"
_PAGE_SIZE = 100
_MAX_PAGES = 1000


class _Tag(msgspec.Struct):
    name: str
    manifest_digest: str | None = None
    size: int | None = None
    start_ts: int | None = None
    end_ts: int | None = None


class _Tags(msgspec.Struct):
    tags: list[_Tag]
    has_additional: bool = False


class _Repository(msgspec.Struct):
    namespace: str
    name: str


class _Repositories(msgspec.Struct):
    repositories: list[_Repository]
    next_page: str | None = None


class QuayCatalogue:
    """100 tags a request; an unchanged repository costs one.

    See `Catalogue`, `RepositoryLister`, `HistoryKeeper`.
    """

    has_digests = True

    def __init__(self, context: CatalogueContext) -> None:
        self._host = context.host
        self._oci = context.oci
        self._api = Api(context)
        self._plain = PlainList(context)

    async def list_tags(
        self,
        repository: Repository,
        *,
        watermark: str | None,
        known: Mapping[str, Digest] | None,
        at: datetime,
    ) -> Listing:
        """See `Catalogue.list_tags`. Tags that Quay is going to delete are a warning."""
        ends: dict[str, datetime] = {}

        async def fetch(cursor: str | None) -> Page:
            number = int(cursor or 1)
            found = await self._page(repository, number, active=True)
            ends.update(_ends(found.tags, at))
            return Page(
                entries=tuple(map(_entry, found.tags)),
                next=str(number + 1) if found.has_additional else None,
            )

        try:
            listing = await read_newest_first(
                fetch,
                host=self._host,
                watermark=watermark,
                known=known,
                at=at,
                head=lambda tag: self._oci.head(repository, tag),
            )
        except RegistryError as error:
            return await self._plain.after(error, repository)
        return replace(listing, warnings=(*listing.warnings, *_coming_ends(ends)))

    async def list_repositories(self, prefix: str) -> Collection[Repository]:
        """See `Registry.list_repositories`. One request a page of one namespace."""
        namespace = prefix.partition("/")[0]
        doing = f"listing the repositories of {namespace!r} by Quay's API"
        query = f"?namespace={namespace}&public=true"
        found: set[str] = set()
        after = ""
        try:
            for _ in range(_MAX_PAGES):
                answer = await self._api.get(
                    f"/api/v1/repository{query}{after}",
                    doing=doing,
                    authorization=await self._authorization(namespace),
                )
                page = decode(answer, _Repositories, host=self._host, doing=doing)
                found.update(f"{item.namespace}/{item.name}" for item in page.repositories)
                if not page.next_page:
                    return named(self._host, found, prefix)
                after = f"&next_page={quote(page.next_page, safe='')}"
        except RegistryError as error:
            return await self._plain.repositories_after(error, prefix)
        raise endless(self._host, doing)

    async def history(
        self, repository: Repository
    ) -> Collection[tuple[TagObservation, datetime | None]]:
        """See `Registry.history`. Quay keeps ended tags for its time machine's days, or longer."""
        found: list[tuple[TagObservation, datetime | None]] = []
        for number in range(1, _MAX_PAGES + 1):
            page = await self._page(repository, number, active=False)
            for tag in page.tags:
                begun = _time(tag.start_ts)
                if (
                    begun is None
                    or not is_tag(tag.name)
                    or not is_digest(tag.manifest_digest or "")
                ):
                    continue
                entry = TagObservation(
                    tag=tag.name, digest=Digest(tag.manifest_digest or ""), pushed_at=begun
                )
                found.append((entry, _time(tag.end_ts)))
            if not page.has_additional:
                return tuple(found)
        raise endless(self._host, f"reading the history of {repository.path!r}")

    async def _page(self, repository: Repository, number: int, *, active: bool) -> _Tags:
        doing = f"listing the tags of {repository.path!r} by Quay's API"
        only = "&onlyActiveTags=true" if active else ""
        answer = await self._api.get(
            f"/api/v1/repository/{repository.path}/tag/?limit={_PAGE_SIZE}&page={number}{only}",
            doing=doing,
            authorization=await self._authorization(repository.path),
        )
        return decode(answer, _Tags, host=self._host, doing=doing)

    async def _authorization(self, path: str) -> str | None:
        """The OAuth token, if there is one; a robot's password would only be refused."""
        credential = await self._api.credential(path)
        if credential is None or credential.username != _OAUTH_USER:
            return None
        return f"Bearer {credential.secret}" if is_header_safe(credential.secret) else None


def _ends(tags: Iterable[_Tag], at: datetime) -> Iterator[tuple[str, datetime]]:
    """The tags that end after `at`, and when."""
    for tag in tags:
        end = _time(tag.end_ts)
        if end is not None and end > at and is_tag(tag.name):
            yield tag.name, end


def _coming_ends(ends: Mapping[str, datetime]) -> tuple[str, ...]:
    """A listing's warning about tags that expire, the next one by name."""
    if not ends:
        return ()
    end, first = min((end, tag) for tag, end in ends.items())
    others = f", and {len(ends) - 1} more later" if len(ends) > 1 else ""
    return (f"Quay deletes {first!r} on {end:%Y-%m-%d}{others}: the tag expires",)


def _entry(tag: _Tag) -> Entry:
    begun = _time(tag.start_ts)
    return Entry(
        tag=tag.name, digest=tag.manifest_digest, moved_at=begun, pushed_at=begun, size=tag.size
    )


def _time(seconds: int | None) -> datetime | None:
    """A unix time; None where there is none, or none that a registry could mean."""
    if seconds is None or not 0 < seconds < 253_402_300_800:  # the year 10000
        return None
    return datetime.fromtimestamp(seconds, tz=UTC)
