"""Harbor's artifacts API: every tagged artifact with all its tags, the last pushed first.

`GET /api/v2.0/projects/<project>/repositories/<rest>/artifacts` (swagger.yaml of
github.com/goharbor/harbor, read 2026-11). It takes Basic, robot accounts among it.

The order is by the push of the artifact, not of the tag: a tag that is moved back to an old
artifact stays where that one is. So reading stops early only where the first page agrees with
everything known about its artifacts, and the count of tagged artifacts is what it should be.

A proxy cache's project lists only what was pulled through it, as it was then: it is not used.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from datetime import datetime
from urllib.parse import quote

import msgspec

from tagwatch.errors import DeniedError, NotFoundError, RegistryError
from tagwatch.image.digest import Digest
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Scope
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
from tagwatch.registry.login.token import basic
from tagwatch.registry.request.transport import Answer
from tagwatch.registry.wire import decode
from tagwatch.value import dataclass, field, replace

__all__ = ["HarborCatalogue"]

_PAGE_SIZE = 100
_MAX_PAGES = 1000
_QUERY = f"?q=tags%3D*&sort=-push_time&with_tag=true&page_size={_PAGE_SIZE}&page="


class _Tag(msgspec.Struct):
    name: str
    push_time: str | None = None


class _Artifact(msgspec.Struct):
    digest: str
    tags: list[_Tag] | None = None
    push_time: str | None = None
    manifest_media_type: str | None = None
    size: int | None = None


class _Project(msgspec.Struct):
    """`registry_id`: what a proxy cache stands before; 0 or absent elsewhere."""

    registry_id: int | None = None


class _Repository(msgspec.Struct):
    """`name` is the whole path, project and all."""

    name: str


class HarborCatalogue:
    """100 artifacts a request; an unchanged repository costs one.

    See `Catalogue`, `RepositoryLister`.
    """

    has_digests = True

    def __init__(self, context: CatalogueContext) -> None:
        self._host = context.host
        self._oci = context.oci
        self._api = Api(context)
        self._plain = PlainList(context)
        self._proxies: dict[str, bool] = {}
        self._asking = asyncio.Lock()

    async def list_tags(
        self,
        repository: Repository,
        *,
        watermark: str | None,
        known: Mapping[str, Digest] | None,
        at: datetime,
    ) -> Listing:
        """See `Catalogue.list_tags`.

        A tag moved between two artifacts that are both older than the newest 100 is seen at the
        next full sweep.
        """
        project = repository.path.partition("/")[0]
        # A project stays what it was made as, and only one that is no proxy gave a watermark.
        if watermark is None and await self._is_proxy(project):
            return await self._plain.list_tags(
                repository, f"the project {project!r} is a proxy cache"
            )
        reading = _Reading(known=known or {})

        async def fetch(cursor: str | None) -> Page:
            number = int(cursor or 1)
            answer = await self._ask(repository, number)
            artifacts = decode(answer, list[_Artifact], host=self._host, doing=_doing(repository))
            return reading.page(artifacts, number, _total(answer))

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
        return replace(listing, gap=reading.gap) if listing.scope is Scope.FULL else listing

    async def list_repositories(self, prefix: str) -> Collection[Repository]:
        """See `Registry.list_repositories`. One request for 100 repositories of a project."""
        project = prefix.partition("/")[0]
        doing = f"listing the repositories of {project!r} by Harbor's API"
        found: set[str] = set()
        try:
            for number in range(1, _MAX_PAGES + 1):
                answer = await self._api.get(
                    f"/api/v2.0/projects/{project}/repositories?page_size={_PAGE_SIZE}&page={number}",
                    doing=doing,
                    authorization=await self._authorization(project),
                )
                page = decode(answer, list[_Repository], host=self._host, doing=doing)
                found.update(item.name for item in page)
                if len(page) < _PAGE_SIZE:
                    return named(self._host, found, prefix)
        except RegistryError as error:
            return await self._plain.repositories_after(error, prefix)
        raise endless(self._host, doing)

    async def _is_proxy(self, project: str) -> bool:
        """One request a project. A robot that may not read projects is not told: then False."""
        async with self._asking:
            if project not in self._proxies:
                doing = f"asking what the project {project!r} is by Harbor's API"
                try:
                    answer = await self._api.get(
                        f"/api/v2.0/projects/{project}",
                        doing=doing,
                        authorization=await self._authorization(project),
                    )
                except (DeniedError, NotFoundError):
                    self._proxies[project] = False
                else:
                    found = decode(answer, _Project, host=self._host, doing=doing)
                    self._proxies[project] = bool(found.registry_id)
            return self._proxies[project]

    async def _ask(self, repository: Repository, number: int) -> Answer:
        project, _, rest = repository.path.partition("/")
        name = quote(quote(rest, safe=""), safe="")  # a/b is asked for as a%252Fb
        return await self._api.get(
            f"/api/v2.0/projects/{project}/repositories/{name}/artifacts{_QUERY}{number}",
            doing=_doing(repository),
            authorization=await self._authorization(repository.path),
        )

    async def _authorization(self, path: str) -> str | None:
        credential = await self._api.credential(path)
        if credential is None or credential.kind is not CredentialKind.PASSWORD:
            return None
        return basic(credential.username, credential.secret)


@dataclass(slots=True, kw_only=True)
class _Reading:
    """One listing's pages, compared with what is known."""

    known: Mapping[str, Digest]
    served: dict[str, str] = field(default_factory=dict)
    read: int = 0
    total: int | None = None

    @property
    def gap(self) -> str:
        """Why the pages that were read to the end are not all; empty where they are."""
        if self.total is None or self.read >= self.total:
            return ""
        return f"Harbor counts {self.total} artifacts with tags, and lists {self.read}"

    def page(self, artifacts: list[_Artifact], number: int, total: int | None) -> Page:
        """A page as entries, one a tag."""
        listed = {tag.name: item.digest for item in artifacts for tag in item.tags or []}
        self.read += len(artifacts)
        self.total = total
        self.served = listed | self.served
        more = self.read < total if total is not None else len(artifacts) == _PAGE_SIZE
        return Page(
            entries=tuple(_entry(item, tag) for item in artifacts for tag in item.tags or []),
            next=str(number + 1) if more and artifacts else None,
            settled=self._agrees(artifacts, listed, total),
        )

    def _agrees(
        self, artifacts: list[_Artifact], listed: Mapping[str, str], total: int | None
    ) -> bool:
        """True where nothing shows that a tag beyond this page was moved or deleted."""
        digests = {item.digest for item in artifacts}
        lost = any(
            digest in digests and listed.get(tag) is None and tag not in self.served
            for tag, digest in self.known.items()
        )
        return not lost and total == len({*{**self.known, **self.served}.values()})


def _entry(artifact: _Artifact, tag: _Tag) -> Entry:
    return Entry(
        tag=tag.name,
        digest=artifact.digest,
        moved_at=parse_time(artifact.push_time),
        pushed_at=parse_time(tag.push_time) or parse_time(artifact.push_time),
        media_type=artifact.manifest_media_type,
        size=artifact.size,
    )


def _total(answer: Answer) -> int | None:
    text = answer.headers.get("X-Total-Count", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _doing(repository: Repository) -> str:
    return f"listing the artifacts of {repository.path!r} by Harbor's API"
