"""Azure Container Registry's tag API: every tag with its digest, the last updated first.

`GET /acr/v1/<path>/_tags` (the data plane's API of 2021-07-01, as azure-containerregistry 1.2 asks
it). It takes the registry's own tokens, with the scope `metadata_read` in place of `pull`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from tagwatch.errors import RegistryError
from tagwatch.image.digest import Digest
from tagwatch.image.reference import Repository
from tagwatch.registry.catalogue.api import Api
from tagwatch.registry.catalogue.fallback import PlainList
from tagwatch.registry.catalogue.interface import CatalogueContext
from tagwatch.registry.catalogue.newest_first import Entry, Page, parse_time, read_newest_first
from tagwatch.registry.interface import Listing
from tagwatch.registry.login.authorization import Grant
from tagwatch.registry.request.transport import Answer
from tagwatch.registry.wire import decode, next_link

__all__ = ["AcrCatalogue"]

_NEWEST_FIRST = "?api-version=2021-07-01&orderby=timedesc"
_LARGE_PAGES = f"{_NEWEST_FIRST}&n=1000"


class _Tag(msgspec.Struct):
    name: str
    digest: str | None = None
    lastUpdateTime: str | None = None  # noqa: N815  # the wire's own name


class _Tags(msgspec.Struct):
    """An empty repository has `tags: null`, or no such key."""

    tags: list[_Tag] | None = None


class AcrCatalogue:
    """Up to 1000 tags a request; an unchanged repository costs one. See `Catalogue`."""

    has_digests = True

    def __init__(self, context: CatalogueContext) -> None:
        self._host = context.host
        self._oci = context.oci
        self._api = Api(context)
        self._plain = PlainList(context)
        self._large_pages = True

    async def list_tags(
        self,
        repository: Repository,
        *,
        watermark: str | None,
        known: Mapping[str, Digest] | None,
        at: datetime,
    ) -> Listing:
        """See `Catalogue.list_tags`. A tag that is locked or unlocked counts as updated."""
        try:
            return await read_newest_first(
                lambda cursor: self._page(repository, cursor),
                host=self._host,
                watermark=watermark,
                known=known,
                at=at,
                head=lambda tag: self._oci.head(repository, tag),
            )
        except RegistryError as error:
            return await self._plain.after(error, repository)

    async def _page(self, repository: Repository, cursor: str | None) -> Page:
        doing = f"listing the tags of {repository.path!r} by Azure's API"
        answer = await self._answer(repository, cursor, doing)
        tags = decode(answer, _Tags, host=self._host, doing=doing).tags or []
        link = next_link(answer)
        return Page(
            entries=tuple(map(_entry, tags)),
            next=f"?{link.raw_query_string}" if link is not None else None,
        )

    async def _answer(self, repository: Repository, cursor: str | None, doing: str) -> Answer:
        """A page; where its size is refused, the next are asked for without one."""
        path = f"/acr/v1/{repository.path}/_tags"
        grant = Grant(repository.path, f"repository:{repository.path}:metadata_read")
        if cursor is None and self._large_pages:
            try:
                return await self._api.get_granted(path + _LARGE_PAGES, grant=grant, doing=doing)
            except RegistryError as error:
                if error.status != 400:
                    raise
                self._large_pages = False
        return await self._api.get_granted(
            path + (cursor or _NEWEST_FIRST), grant=grant, doing=doing
        )


def _entry(tag: _Tag) -> Entry:
    updated = parse_time(tag.lastUpdateTime)
    return Entry(tag=tag.name, digest=tag.digest, moved_at=updated, pushed_at=updated)
