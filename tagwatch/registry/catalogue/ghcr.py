"""GitHub's Packages API: every version of a container package with its digest and all its tags.

`GET /orgs|users/<owner>/packages/container/<name>/versions` (REST API of 2022-11-28). It wants a
token, also for public packages; without one the tags list is read. Its order says nothing about
when a tag moved: the whole is read every time, 100 versions a request, untagged ones among them. So
a package of many versions (46 pages have been seen) is cheaper to read by its tags list.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Mapping
from datetime import datetime
from urllib.parse import quote

import msgspec

from tagwatch.errors import DeniedError, RateLimitedError, RegistryError
from tagwatch.image.digest import Digest, is_digest
from tagwatch.image.reference import Repository, is_tag
from tagwatch.image.snapshot import TagObservation
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
from tagwatch.registry.request.transport import Answer
from tagwatch.registry.wire import decode, next_link

__all__ = ["GhcrCatalogue"]

_API = "https://api.github.com"
_HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
_MAX_PAGES = 1000
_MOST_PAGES = 10  # of a package that is read by this API; more cost more than a HEAD a watched tag
_LAST = re.compile(r"[?&]page=(\d{1,6})[^<>]*>\s*;\s*rel=\"last\"", re.ASCII)
_LIMIT_SECONDS = 60.0  # what GitHub wants where its secondary limit tells no time
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
        self._api = Api(context, place=_API, limit_of=_limit_of, limit_seconds=_LIMIT_SECONDS)
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
        """See `Catalogue.list_tags`. Always the whole.

        Of a package with many pages of versions the first and the tags list.
        """
        authorization = await self._authorization(repository.path)
        if authorization is None:
            return await self._plain.list_tags(
                repository, "GitHub's API wants a token that may read packages"
            )
        try:
            first, pages = await self._page(repository, _QUERY, authorization)
            if pages > _MOST_PAGES:
                return await self._plain.list_tags(
                    repository,
                    f"its package has {pages} pages of versions",
                    read=_observations(first),
                )

            async def fetch(cursor: str | None) -> Page:
                if cursor is None:
                    return first
                return (await self._page(repository, cursor, authorization))[0]

            return await read_newest_first(
                fetch,
                host=self._host,
                watermark=None,
                known=known,
                at=at,
                head=lambda tag: self._oci.head(repository, tag),
            )
        except RateLimitedError as error:
            return await self._plain.list_tags(
                repository, f"GitHub's API limits requests: {error.hint}"
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

    async def _page(
        self, repository: Repository, query: str, authorization: str
    ) -> tuple[Page, int]:
        """A page, and how many there are."""
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
        page = Page(
            entries=tuple(entry for version in versions for entry in _entries(version)),
            next=f"?{link.raw_query_string}" if link is not None else None,
        )
        last = _LAST.search(answer.headers.get("Link", ""))
        return page, int(last[1]) if last else 1

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


def _limit_of(answer: Answer) -> str:
    """What GitHub's limits are called: most come with 403 (REST API, "Rate limits")."""
    if answer.status not in (403, 429):
        return ""
    is_spent = answer.headers.get("X-RateLimit-Remaining", "").strip() == "0"
    return "rate limit" if is_spent or b"rate limit" in answer.body.lower() else ""


def _observations(page: Page) -> tuple[TagObservation, ...]:
    """What a page tells: a tag is one version's at a time."""
    return tuple(
        TagObservation(tag=entry.tag, digest=Digest(entry.digest), pushed_at=entry.pushed_at)
        for entry in {entry.tag: entry for entry in reversed(page.entries)}.values()
        if is_tag(entry.tag) and entry.digest is not None and is_digest(entry.digest)
    )


def _entries(version: _Version) -> list[Entry]:
    container = version.metadata.container if version.metadata else None
    pushed = parse_time(version.created_at)
    return [
        Entry(tag=tag, digest=version.name, pushed_at=pushed)
        for tag in (container.tags if container else None) or ()
    ]
