"""The GitLab container registry's own API: every tag with its digest, the last published first.

`GET /gitlab/v1/repositories/<path>/tags/list/` (docs/spec/gitlab/api.md of GitLab's container
registry). Only registries with the metadata database have it, GitLab.com's among them; it takes
the same tokens as `/v2/`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

import msgspec

from tagwatch.errors import NotFoundError, RegistryError
from tagwatch.image.digest import Digest
from tagwatch.image.reference import Repository
from tagwatch.registry.catalogue.api import Api
from tagwatch.registry.catalogue.fallback import PlainList
from tagwatch.registry.catalogue.gitlab_group import GitlabGroups
from tagwatch.registry.catalogue.interface import CatalogueContext
from tagwatch.registry.catalogue.newest_first import Entry, Page, parse_time, read_newest_first
from tagwatch.registry.interface import Listing
from tagwatch.registry.login.authorization import pull_grant
from tagwatch.registry.request.transport import Answer
from tagwatch.registry.wire import decode, is_html, next_link
from tagwatch.value import replace

__all__ = ["GitlabCatalogue"]

_NEWEST_FIRST = "?n=1000&sort=-published_at"
_BY_NAME = "?n=1000"


class _Tag(msgspec.Struct):
    name: str
    digest: str | None = None
    media_type: str | None = None
    size_bytes: int | None = None
    created_at: str | None = None
    updated_at: str | None = None
    published_at: str | None = None


class GitlabCatalogue:
    """Up to 1000 tags a request; an unchanged repository costs one.

    See `Catalogue`, `RepositoryLister`.
    """

    has_digests = True

    def __init__(self, context: CatalogueContext) -> None:
        self._host = context.host
        self._oci = context.oci
        # `catalogue_endpoint` may name GitLab itself: this API is the registry's own host's, then.
        self._api = Api(context)
        self._own = Api(replace(context, endpoint=None)) if context.endpoint else None
        self._plain = PlainList(context)
        self._groups = GitlabGroups(context)
        self._has_api: bool | None = None
        self._has_sort = True

    async def list_tags(
        self,
        repository: Repository,
        *,
        watermark: str | None,
        known: Mapping[str, Digest] | None,
        at: datetime,
    ) -> Listing:
        """See `Catalogue.list_tags`."""
        if self._has_api is False:
            return await self._plain.list_tags(repository, "the registry has no metadata database")
        api = self._api
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
            failure = error
        not_it = isinstance(failure, NotFoundError) or failure.status == 200  # GitLab's web site
        if not_it and await self._is_elsewhere(api, repository):
            return await self.list_tags(repository, watermark=watermark, known=known, at=at)
        return await self._plain.after(failure, repository)

    async def list_repositories(self, prefix: str) -> Collection[Repository]:
        """See `Registry.list_repositories`. One request for 100 repositories."""
        return await self._groups.repositories(prefix)

    async def _page(self, repository: Repository, cursor: str | None) -> Page:
        doing = f"listing the tags of {repository.path!r} by GitLab's API"
        answer = await self._answer(repository, cursor, doing)
        tags = decode(answer, list[_Tag], host=self._host, doing=doing)
        self._has_api = True
        link = next_link(answer)
        return Page(
            entries=tuple(_entry(tag, ordered=self._has_sort) for tag in tags),
            next=f"?{link.raw_query_string}" if link is not None else None,
        )

    async def _answer(self, repository: Repository, cursor: str | None, doing: str) -> Answer:
        """A page. Older registries refuse to sort by time: theirs are read to the end."""
        path = f"/gitlab/v1/repositories/{repository.path}/tags/list/"
        grant = pull_grant(repository.path)
        if cursor is None and self._has_sort:
            try:
                return await self._api.get_granted(path + _NEWEST_FIRST, grant=grant, doing=doing)
            except RegistryError as error:
                if error.status != 400:
                    raise
                self._has_sort = False
        return await self._api.get_granted(path + (cursor or _BY_NAME), grant=grant, doing=doing)

    async def _is_elsewhere(self, api: Api, repository: Repository) -> bool:
        """True where this API is not where it was asked for, and may be at another place.

        Where it is nowhere that is noted, so that no other repository asks for it in vain.
        """
        if self._has_api is None and await self._is_missing(api, repository) and api is self._api:
            if self._own is None:
                self._has_api = False
            else:
                self._api, self._own = self._own, None
        return api is not self._api

    async def _is_missing(self, api: Api, repository: Repository) -> bool:
        grant, doing = pull_grant(repository.path), "asking for GitLab's API"
        try:
            answer = await api.get_granted("/gitlab/v1/", grant=grant, doing=doing)
        except NotFoundError:
            return True
        except RegistryError:
            return False  # another repository's token may tell
        if is_html(answer):
            return True
        self._has_api = True
        return False


def _entry(tag: _Tag, *, ordered: bool) -> Entry:
    """`published_at` is missing in older versions; it is the later of the two others."""
    published = parse_time(tag.published_at or tag.updated_at or tag.created_at)
    return Entry(
        tag=tag.name,
        digest=tag.digest,
        moved_at=published if ordered else None,
        pushed_at=published,
        media_type=tag.media_type,
        size=tag.size_bytes,
    )
