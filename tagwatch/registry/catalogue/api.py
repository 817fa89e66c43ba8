"""A registry's own API beside `/v2/`: where it is, and how a request to it is authorised."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from yarl import URL

from tagwatch.errors import InvalidReferenceError
from tagwatch.image.reference import Repository
from tagwatch.registry.catalogue.interface import CatalogueContext
from tagwatch.registry.credential.interface import Credential
from tagwatch.registry.login.authorization import Grant
from tagwatch.registry.request.safety import origin_of
from tagwatch.registry.request.transport import Answer, Ask, Transport

__all__ = ["Api", "named"]

_JSON: Mapping[str, str] = {"Accept": "application/json"}
_PAGE_BYTES = 16 * 1024 * 1024


class Api:
    """GET requests to one registry's API, counted as `catalogue`.

    It is at `catalogue_endpoint`, else at `place`, else where the registry itself is. `limit_of`,
    `limit_seconds`: see `Ask`.
    """

    def __init__(
        self,
        context: CatalogueContext,
        *,
        place: str | None = None,
        limit_of: Callable[[Answer], str] | None = None,
        limit_seconds: float | None = None,
    ) -> None:
        self._context = context
        self._limit_of = limit_of
        self._limit_seconds = limit_seconds
        self._named = context.endpoint or (URL(place) if place else None)
        self._transport: Transport | None = None

    async def get(
        self,
        path: str,
        *,
        doing: str,
        authorization: str | None = None,
        headers: Mapping[str, str] = _JSON,
    ) -> Answer:
        """A success, with `authorization` as it stands. Raises `RegistryError` for all others."""
        transport, place = await self._way()
        return self._success(
            await self._send(transport, place + path, doing, authorization, headers), doing
        )

    async def get_granted(self, path: str, *, grant: Grant, doing: str) -> Answer:
        """A success, with a token of the registry's own for `grant`. Raises `RegistryError`."""
        oci = self._context.oci
        if self._named is None:
            answer = await oci.ask("GET", path, grant=grant, kind="catalogue", doing=doing)
            return self._success(answer, doing)
        origin = origin_of(URL(await oci.endpoint()))  # asked for its challenge's token server too
        transport, place = await self._way()
        if origin_of(self._named) != origin and self._context.settings.credential is None:
            # `credential` says that another place may be given what is for the registry
            return await self.get(path, doing=doing)
        value = await oci.authorizer.header(grant)
        answer = await self._send(transport, place + path, doing, value, _JSON)
        if answer.status == 401:
            renewed = await oci.authorizer.renew(answer, grant, value)
            if renewed is not None:
                answer = await self._send(transport, place + path, doing, renewed, _JSON)
        return self._success(answer, doing)

    async def credential(self, path: str) -> Credential | None:
        """The credential that serves the repository `path`."""
        return (await self._context.credentials.find(path)).credential

    async def _way(self) -> tuple[Transport, str]:
        if self._named is None:
            return self._context.oci.transport, await self._context.oci.place()
        if self._transport is None:
            self._transport = self._context.transport(self._named)
        return self._transport, str(self._named).rstrip("/")

    async def _send(
        self,
        transport: Transport,
        url: str,
        doing: str,
        authorization: str | None,
        headers: Mapping[str, str],
    ) -> Answer:
        return await transport.send(
            Ask(
                method="GET",
                url=URL(url, encoded=True),
                kind="catalogue",
                doing=doing,
                cap=_PAGE_BYTES,
                headers=headers,
                authorization=authorization,
                limit_of=self._limit_of,
                limit_seconds=self._limit_seconds,
                is_shared=self._limit_of is not None,
            )
        )

    def _success(self, answer: Answer, doing: str) -> Answer:
        if answer.status != 200:
            raise self._context.oci.transport.refusal(answer, doing)
        return answer


def named(host: str, paths: Iterable[str], prefix: str) -> tuple[Repository, ...]:
    """The repositories among `paths` that begin with `prefix`, sorted; what is no name is left."""
    found = []
    for path in sorted(paths):
        try:
            repository = Repository.parse(f"{host}/{path}")
        except InvalidReferenceError:
            continue
        if path.startswith(prefix) and repository.path == path:
            found.append(repository)
    return tuple(found)
