"""GitLab's own API: the container repositories of a group with its subgroups, or of a project.

`GET /api/v4/groups/<path>/registry/repositories`, and `projects/` (GitLab, "Container registry
API"). It is where the token server is, and takes access tokens with `read_api`; a deploy token or a
job's may read images and not this.
"""

from __future__ import annotations

from urllib.parse import quote

import msgspec
from yarl import URL

from tagwatch.errors import DeniedError, NotFoundError, RegistryError
from tagwatch.image.reference import Repository
from tagwatch.registry.catalogue.api import Api, named
from tagwatch.registry.catalogue.interface import CatalogueContext
from tagwatch.registry.credential.interface import CredentialKind
from tagwatch.registry.login.token import is_header_safe
from tagwatch.registry.request.transport import Answer
from tagwatch.registry.wire import decode, read_pages

__all__ = ["GitlabGroups"]

_HINT = (
    "log in with an access token that has read_api and read_registry, "
    "or name the repositories one by one in the watch list"
)


class _Repository(msgspec.Struct):
    """`path` is the whole path, group and project and all."""

    path: str


class GitlabGroups:
    """Lists repositories; 100 a request."""

    def __init__(self, context: CatalogueContext) -> None:
        self._context = context
        self._api: Api | None = None

    async def repositories(self, prefix: str) -> tuple[Repository, ...]:
        """Those whose path starts with `prefix`. Raises `RegistryError` that says what it takes."""
        path = prefix.rstrip("/")
        doing = f"listing the repositories of {path!r} by GitLab's API"
        try:
            authorization = await self._authorization(path)
            try:
                found = await self._read("groups", path, doing, authorization)
            except NotFoundError:  # a project is no group
                found = await self._read("projects", path, doing, authorization)
        except (DeniedError, NotFoundError) as error:
            raise type(error)(error.message, hint=_HINT, status=error.status) from error
        return named(self._context.host, found, prefix)

    async def _read(self, kind: str, path: str, doing: str, authorization: str) -> set[str]:
        api = await self._way(doing)
        target = f"/api/v4/{kind}/{quote(path, safe='')}/registry/repositories"
        found: set[str] = set()

        async def ask(query: str) -> Answer:
            return await api.get(target + query, doing=doing, authorization=authorization)

        async for answer in read_pages(lambda: ask("?per_page=100"), ask, lambda _: None):
            page = decode(answer, list[_Repository], host=self._context.host, doing=doing)
            found.update(item.path for item in page)
        return found

    async def _authorization(self, path: str) -> str:
        credential = (await self._context.credentials.find(path)).credential
        usable = credential is not None and credential.kind is CredentialKind.PASSWORD
        if credential is None or not usable or not is_header_safe(credential.secret):
            raise DeniedError(
                f"{self._context.host}: listing the repositories of {path!r}: "
                "GitLab's API wants an access token"
            )
        return f"Bearer {credential.secret}"

    async def _way(self, doing: str) -> Api:
        """The API: where the operator says, else beside the token server that is trusted."""
        if self._api is None:
            place = self._context.endpoint or await self._beside_token_server()
            if place is None:
                raise RegistryError(
                    f"{self._context.host}: {doing}: it is not known where the API is",
                    hint="name GitLab itself as catalogue_endpoint of this registry, "
                    "and `credential`, so that it may be given the login",
                )
            self._api = Api(self._context, place=str(place))
        return self._api

    async def _beside_token_server(self) -> URL | None:
        """The token server's origin, where it may have this registry's credentials."""
        oci = self._context.oci
        await oci.endpoint()
        realm = oci.authorizer.token_server
        if realm is None or not oci.transport.boundary.permit(realm).credentials:
            return None
        return realm.origin()
