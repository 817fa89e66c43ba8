"""Where a registry's API answers: one `GET /v2/` a host and run (distribution-spec, "end-1")."""

from __future__ import annotations

import asyncio

from aiohttp import ClientSSLError
from yarl import URL

from tagwatch.errors import RegistryError, UnavailableError
from tagwatch.registry.login.authorization import Authorizer
from tagwatch.registry.request.transport import Ask, Transport

__all__ = ["Endpoint"]

_BODY_BYTES = 1024 * 1024
_FAILED_SECONDS = 60.0


class Endpoint:
    """The first of some places that speaks; its challenge teaches the authorizer."""

    def __init__(
        self, transport: Transport, authorizer: Authorizer, places: tuple[URL, ...]
    ) -> None:
        self.found = ""
        self._transport = transport
        self._authorizer = authorizer
        self._places = places
        self._lock = asyncio.Lock()
        self._failed: tuple[float, RegistryError] | None = None

    async def place(self) -> str:
        """Like `find`, but nobody is asked where there is only one place.

        For a registry's other APIs, which need none of what the ping's answer teaches.
        """
        if len(self._places) == 1:
            return str(self._places[0]).rstrip("/")
        return await self.find()

    async def find(self) -> str:
        """`scheme://host[:port][/prefix]`, without a slash at its end. Raises `RegistryError`.

        A host that failed a moment ago is not asked again by everyone who waited for it.
        """
        async with self._lock:
            if self.found:
                return self.found
            clock = asyncio.get_running_loop().time
            if self._failed is not None and clock() < self._failed[0]:
                error = self._failed[1]
                raise type(error)(error.message, hint=error.hint, status=error.status)
            try:
                self.found = await self._first()
            except RegistryError as error:
                self._failed = (clock() + _FAILED_SECONDS, error)
                raise
            return self.found

    async def _first(self) -> str:
        for place in self._places:
            try:
                await self._ping(place)
            except UnavailableError as error:
                if place is self._places[-1] or not _may_be_plain(place, error):
                    raise
                self._transport.forget_down()
            else:
                return str(place).rstrip("/")
        raise AssertionError("a registry has at least one place")

    async def _ping(self, place: URL) -> None:
        answer = await self._transport.send(
            Ask(
                method="GET",
                url=URL(f"{str(place).rstrip('/')}/v2/", encoded=True),
                kind="ping",
                doing="asking for the registry API",
                cap=_BODY_BYTES,
                headers={"Accept": "application/json"},
            )
        )
        if answer.status == 404:
            raise RegistryError(
                f"{self._transport.host}: there is no registry: /v2/ was not found",
                hint="check the registry's name, and its endpoint in the configuration",
                status=404,
            )
        if answer.status == 401:
            self._authorizer.learn(answer)


def _may_be_plain(place: URL, error: UnavailableError) -> bool:
    """True where plain HTTP may answer although https did not: another port, or no TLS here."""
    return bool(place.is_default_port()) or isinstance(error.__cause__, ClientSSLError)
