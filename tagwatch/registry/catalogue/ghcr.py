"""GitHub's Packages API: every version of a container package with its digest and all its tags.

`GET /orgs|users/<owner>/packages/container/<name>/versions` (REST API of 2022-11-28). It wants a
token, also for public packages; without one the tags list is read. Its order says nothing about
when a tag moved: the whole is read every time, 100 versions a request, untagged ones among them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from datetime import datetime
from urllib.parse import quote

import msgspec

from tagwatch.errors import DeniedError, RegistryError
from tagwatch.image.digest import Digest
from tagwatch.image.reference import Repository
from tagwatch.registry.catalogue.api import Api, named
from tagwatch.registry.catalogue.fallback import PlainList
from tagwatch.registry.catalogue.interface import CatalogueContext
from tagwatch.registry.catalogue.newest_first import (
    Entry,
    Page,
    endless,
    parse_time,
    read_newest_first,
)
from tagwatch.registry.credential.interface import CredentialKind
from tagwatch.registry.interface import Listing
from tagwatch.registry.login.token import is_header_safe
from tagwatch.registry.wire import decode, next_link

__all__ = ["GhcrCatalogue"]

_API = "https://api.github.com"
_HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
_MAX_PAGES = 1000
_PACKAGES = "?package_type=container&per_page=100"
_QUERY = "?state=active&per_page=100"


class _Owner(msgspec.Struct):
    type: str


class _Container(msgspec.Struct):
    tags: list[str] | None = None


class _Metadata(msgspec.Struct):
    container: _Container | None = None


class _Version(msgspec.Struct):
    name: str
    created_at: str | None = None
    metadata: _Metadata | None = None


class _Package(msgspec.Struct):
    name: str


class GhcrCatalogue:
    """100 versions a request, and one request an owner. See `Catalogue`, `RepositoryLister`."""

    has_digests = True

    def __init__(self, context: CatalogueContext) -> None:
        self._host = context.host
        self._oci = context.oci
        self._api = Api(context, place=_API)
        self._plain = PlainList(context)
        self._owners: dict[str, str] = {}
        self._asking = asyncio.Lock()

    async def list_tags(
        self,
        repository: Repository,
        *,
        watermark: str | None,  # noqa: ARG002  # the API has no order that a tag's move changes
        known: Mapping[str, Digest] | None,
        at: datetime,
    ) -> Listing:
        """See `Catalogue.list_tags`. Always the whole."""
        authorization = await self._authorization(repository.path)
        if authorization is None:
            return await self._plain.list_tags(
                repository, "GitHub's API wants a token that may read packages"
            )
        try:
            return await read_newest_first(
                lambda cursor: self._page(repository, cursor or _QUERY, authorization),
                host=self._host,
                watermark=None,
                known=known,
                at=at,
                head=lambda tag: self._oci.head(repository, tag),
            )
        except RegistryError as error:
            return await self._plain.after(error, repository)

    async def list_repositories(self, prefix: str) -> Collection[Repository]:
        """See `Registry.list_repositories`. One request for 100 packages of an owner."""
        owner = prefix.partition("/")[0]
        doing = f"listing the packages of {owner!r} by GitHub's API"
        authorization = await self._authorization(owner)
        if authorization is None:
            raise DeniedError(
                f"{self._host}: {doing}: GitHub's API wants a token that may read packages",
                hint="log in with a token that has read:packages, or name the repositories",
            )
        place = await self._place(owner, authorization)
        found: set[str] = set()
        query = _PACKAGES
        for _ in range(_MAX_PAGES):
            answer = await self._api.get(
                f"{place}/packages{query}",
                doing=doing,
                authorization=authorization,
                headers=_HEADERS,
            )
            page = decode(answer, list[_Package], host=self._host, doing=doing)
            found.update(f"{owner}/{package.name}".lower() for package in page)
            link = next_link(answer)
            if link is None:
                return named(self._host, found, prefix)
            query = f"?{link.raw_query_string}"
        raise endless(self._host, doing)

    async def _page(self, repository: Repository, query: str, authorization: str) -> Page:
        owner, _, package = repository.path.partition("/")
        doing = f"listing the versions of {repository.path!r} by GitHub's API"
        place = await self._place(owner, authorization)
        answer = await self._api.get(
            f"{place}/packages/container/{quote(package, safe='')}/versions{query}",
            doing=doing,
            authorization=authorization,
            headers=_HEADERS,
        )
        versions = decode(answer, list[_Version], host=self._host, doing=doing)
        link = next_link(answer)
        return Page(
            entries=tuple(entry for version in versions for entry in _entries(version)),
            next=f"?{link.raw_query_string}" if link is not None else None,
        )

    async def _place(self, owner: str, authorization: str) -> str:
        """Where an owner's packages are: organisations and users have different paths."""
        async with self._asking:
            if owner not in self._owners:
                doing = f"asking GitHub's API who {owner!r} is"
                answer = await self._api.get(
                    f"/users/{owner}", doing=doing, authorization=authorization, headers=_HEADERS
                )
                kind = decode(answer, _Owner, host=self._host, doing=doing).type
                self._owners[owner] = "orgs" if kind == "Organization" else "users"
        return f"/{self._owners[owner]}/{owner}"

    async def _authorization(self, path: str) -> str | None:
        """The token, which for `docker login` is the password."""
        credential = await self._api.credential(path)
        if credential is None or credential.kind is not CredentialKind.PASSWORD:
            return None
        return f"Bearer {credential.secret}" if is_header_safe(credential.secret) else None


def _entries(version: _Version) -> list[Entry]:
    container = version.metadata.container if version.metadata else None
    pushed = parse_time(version.created_at)
    return [
        Entry(tag=tag, digest=version.name, pushed_at=pushed)
        for tag in (container.tags if container else None) or ()
    ]
