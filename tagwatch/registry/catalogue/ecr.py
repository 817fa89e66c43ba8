"""Amazon ECR's DescribeImages: a thousand images a request, with all their tags and dates.

Amazon ECR API Reference, "DescribeImages" and "DescribeRepositories".
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

import msgspec

from tagwatch.errors import CredentialError, DeniedError, HostileAnswerError
from tagwatch.image.digest import Digest, is_digest
from tagwatch.image.reference import Repository, is_tag
from tagwatch.image.snapshot import Scope, TagObservation
from tagwatch.registry.aws import AwsApi, AwsLogin, ecr_place
from tagwatch.registry.catalogue.fallback import PlainList
from tagwatch.registry.catalogue.interface import CatalogueContext
from tagwatch.registry.catalogue.oci import dropped_warning
from tagwatch.registry.interface import Listing

__all__ = ["EcrCatalogue"]

_PAGE_SIZE = 1000
_MAX_PAGES = 1000


class _Image(msgspec.Struct, rename="camel"):
    image_digest: str = ""
    image_tags: list[str] | None = None
    image_size_in_bytes: int | None = None
    image_pushed_at: float | None = None
    image_manifest_media_type: str | None = None


class _Images(msgspec.Struct, rename="camel"):
    image_details: list[_Image] | None = None
    next_token: str | None = None


class _Name(msgspec.Struct, rename="camel"):
    repository_name: str = ""


class _Names(msgspec.Struct, rename="camel"):
    repositories: list[_Name] | None = None
    next_token: str | None = None


class _Page(Protocol):
    next_token: str | None


_PageT = TypeVar("_PageT", bound=_Page)


class EcrCatalogue:
    """Everything that has a tag, every time: there is no order to stop in.

    Without an AWS login, or where it may not list, the plain tags list is read and said so.
    """

    has_digests = True

    def __init__(self, context: CatalogueContext) -> None:
        self._place = ecr_place(context.host)
        self._context = context
        self._plain = PlainList(context)
        self._login = AwsLogin()
        self._api: AwsApi | None = None
        self._opening = asyncio.Lock()

    async def list_tags(
        self,
        repository: Repository,
        *,
        watermark: str | None,  # noqa: ARG002  # see the class
        known: Mapping[str, Digest] | None,  # noqa: ARG002
        at: datetime,  # noqa: ARG002
    ) -> Listing:
        """See `Catalogue.list_tags`. Cost: one request for 1000 tagged images."""
        found: dict[str, TagObservation] = {}
        undigested: set[str] = set()
        dropped = 0
        parameters = {"repositoryName": repository.path, "filter": {"tagStatus": "TAGGED"}}
        doing = f"listing the images of {repository.path!r}"
        try:
            async for page in self._pages("DescribeImages", parameters, _Images, doing):
                for image in page.image_details or ():
                    good = [tag for tag in image.image_tags or () if is_tag(tag)]
                    dropped += len(image.image_tags or ()) - len(good)
                    if is_digest(image.image_digest):
                        found |= {tag: _observation(tag, image) for tag in good}
                    else:
                        undigested.update(good)  # a tag that is listed is not gone
        except (DeniedError, CredentialError) as error:
            return await self._plain.list_tags(repository, error.message)
        return Listing(
            scope=Scope.FULL,
            names=frozenset(found) | undigested,
            observations=tuple(found.values()),
            undigested=frozenset(undigested - found.keys()),
            warnings=dropped_warning(dropped),
        )

    async def list_repositories(self, prefix: str) -> Collection[Repository]:
        """See `Registry.list_repositories`. Cost: one request for 1000 repositories."""
        doing = "listing the repositories"
        names: dict[str, None] = {}
        async for page in self._pages("DescribeRepositories", {}, _Names, doing):
            for entry in page.repositories or ():
                if entry.repository_name.startswith(prefix):
                    names[entry.repository_name] = None
        return tuple(Repository.parse(f"{self._context.host}/{name}") for name in names)

    async def _pages(
        self, operation: str, parameters: Mapping[str, Any], kind: type[_PageT], doing: str
    ) -> AsyncIterator[_PageT]:
        """The pages of a listing, each asked when it is wanted."""
        api = await self._open()
        token: str | None = None
        used: set[str | None] = set()
        while token not in used and len(used) < _MAX_PAGES:
            used.add(token)
            page = await api.call(
                operation,
                {
                    "registryId": api.place.account,
                    "maxResults": _PAGE_SIZE,
                    "nextToken": token,
                    **parameters,
                },
                kind,
                count="catalogue",
                doing=doing,
            )
            yield page
            token = page.next_token
            if not token:
                return
        raise HostileAnswerError(
            f"{self._context.host}: {doing}: pages without an end",
            hint="Amazon's API, or a proxy before it, repeats its pages",
        )

    async def _open(self) -> AwsApi:
        place = self._place
        if place is None:
            raise CredentialError(
                f"{self._context.host!r} does not say which account and region it is of",
                hint="Amazon's registries are called <account>.dkr.ecr.<region>.amazonaws.com",
            )
        async with self._opening:
            if self._api is None:
                url = self._context.endpoint or await self._login.endpoint(place)
                transport = self._context.transport(url)
                self._api = AwsApi(self._login, place, url=url, transport=transport)
            return self._api


def _observation(tag: str, image: _Image) -> TagObservation:
    return TagObservation(
        tag=tag,
        digest=Digest(image.image_digest),
        media_type=image.image_manifest_media_type,
        pushed_at=_time(image.image_pushed_at),
        size=image.image_size_in_bytes,
    )


def _time(seconds: float | None) -> datetime | None:
    """Seconds since 1970 as a time."""
    try:
        return datetime.fromtimestamp(seconds, UTC) if seconds is not None else None
    except (ValueError, OverflowError, OSError):
        return None
