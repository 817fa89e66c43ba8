"""Artifact Registry's own API: every tag of an image, also beyond what its tags list tells.

`GET /v1/projects/<p>/locations/<l>/repositories/<r>/packages/<image>/tags` (REST reference of
Artifact Registry, v1): a thousand tags a request with their digests, and no dates. It wants an
access token; `gcr.io` names are repositories of that name ("Transition from Container Registry").
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote

import msgspec

from tagwatch.errors import CredentialError
from tagwatch.image.digest import Digest, is_digest
from tagwatch.image.reference import Repository, is_tag
from tagwatch.registry.catalogue.api import Api
from tagwatch.registry.catalogue.interface import CatalogueContext
from tagwatch.registry.catalogue.newest_first import endless
from tagwatch.registry.credential.google import access_token
from tagwatch.registry.wire import decode

__all__ = ["ArtifactRegistry", "Place", "place_of"]

_API = "https://artifactregistry.googleapis.com"
_PAGE_SIZE = 1000
_MAX_PAGES = 1000
_HOST = re.compile(r"([a-z0-9-]+)-docker\.pkg\.dev", re.ASCII)
_GCR = {
    "gcr.io": "us",
    "us.gcr.io": "us",
    "eu.gcr.io": "europe",
    "asia.gcr.io": "asia",
}


class _Tag(msgspec.Struct):
    """Resource names: `…/tags/<tag>` and `…/versions/<digest>`."""

    name: str
    version: str = ""


class _Tags(msgspec.Struct, rename="camel"):
    tags: list[_Tag] | None = None
    next_page_token: str | None = None


class Place(NamedTuple):
    """Where an image is by the API's own names."""

    project: str
    location: str
    repository: str
    package: str

    @property
    def path(self) -> str:
        """The path of its tags; a name's own slashes are escaped."""
        project, location, repository, package = (quote(part, safe="") for part in self)
        return (
            f"/v1/projects/{project}/locations/{location}/repositories/{repository}"
            f"/packages/{package}/tags"
        )


def place_of(repository: Repository) -> Place | None:
    """The place of an image; None where its name is too short to be one.

    >>> place_of(Repository(registry="eu.gcr.io", path="shop/web/api"))
    Place(project='shop', location='europe', repository='eu.gcr.io', package='web/api')
    """
    parts = repository.path.split("/")
    if "." in parts[0]:  # a project of a domain's: example.com:shop is written example.com/shop
        parts[:2] = [":".join(parts[:2])]
    if (location := _GCR.get(repository.host)) is not None:
        parts.insert(1, repository.host)
    elif (match := _HOST.fullmatch(repository.host)) is not None:
        location = match[1]
    if location is None or len(parts) < 3:
        return None
    return Place(parts[0], location, parts[1], "/".join(parts[2:]))


class ArtifactRegistry:
    """The API, for who has a login of Google's."""

    def __init__(self, context: CatalogueContext) -> None:
        self._host = context.host
        self._api = Api(context, place=_API)

    async def tags(self, repository: Repository) -> dict[str, Digest | None]:
        """Every tag with its digest; None where that is not told. One request for 1000 tags.

        Raises `RegistryError`: `CredentialError` where no login gives a token for it.
        """
        place = place_of(repository)
        credential = await self._api.credential(repository.path)
        token = await access_token(credential) if credential is not None else None
        if place is None or token is None:
            raise CredentialError(
                "Artifact Registry's API, which lists them all, wants a Google login",
                hint="`gcloud auth application-default login`, or a service account's key",
            )
        doing = f"listing the tags of {repository.path!r} by Artifact Registry's API"
        found: dict[str, Digest | None] = {}
        following, used = "", {""}
        for _ in range(_MAX_PAGES):
            more = f"&pageToken={quote(following, safe='')}" if following else ""
            answer = await self._api.get(
                f"{place.path}?pageSize={_PAGE_SIZE}{more}",
                doing=doing,
                authorization=f"Bearer {token}",
            )
            page = decode(answer, _Tags, host=self._host, doing=doing)
            found.update(_digest_of(tag) for tag in page.tags or ())
            following = page.next_page_token or ""
            if not following:
                return {tag: digest for tag, digest in found.items() if is_tag(tag)}
            if following in used:
                break
            used.add(following)
        raise endless(self._host, doing)


def _digest_of(tag: _Tag) -> tuple[str, Digest | None]:
    digest = tag.version.rpartition("/")[2]
    return tag.name.rpartition("/")[2], Digest(digest) if is_digest(digest) else None
