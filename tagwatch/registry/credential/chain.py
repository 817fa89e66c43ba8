"""The credential for a repository: the first that its registry's sources know."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from tagwatch.errors import CredentialError
from tagwatch.registry.credential.interface import Credential, CredentialSource, RenewableSource
from tagwatch.value import dataclass

__all__ = ["CredentialChain", "Found"]

log = logging.getLogger(__name__)

_YOUNG_SECONDS = 60.0
"""What was found so lately is not asked for again: it is refused for another reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was found, and what could not be asked on the way there."""

    credential: Credential | None = None
    problem: CredentialError | None = None


class CredentialChain:
    """Asks sources in order for the names a registry is known by, and remembers the answers."""

    def __init__(self, sources: Mapping[str, CredentialSource], hosts: tuple[str, ...]) -> None:
        self._sources = sources
        self._hosts = hosts
        self._found: dict[str, Found] = {}
        self._secrets: set[str] = set()
        self._asking = asyncio.Lock()
        self._asked_at = 0.0

    async def find(self, path: str) -> Found:
        """The credential for a repository's path; empty asks for the host's own.

        A source that cannot be used is no reason not to try anonymously: its error is logged,
        kept in `problem`, and told where access is then denied.
        """
        if path not in self._found:
            async with self._asking:  # helpers are programs: one at a time, and once
                if path not in self._found:
                    self._found[path] = await self._ask(path)
        return self._found[path]

    async def renew(self, path: str, refused: Credential) -> bool:
        """Ask once more where `refused` was found a while ago; True where there is another now.

        A cloud's token lasts an hour, a first night may last longer. Of many who were refused at
        once the first asks, and the others take what it found.
        """
        clock = asyncio.get_running_loop().time
        async with self._asking:
            known = self._found.get(path) or await self._ask(path)
            if known.credential in (None, refused) and clock() - self._asked_at >= _YOUNG_SECONDS:
                for source in self._sources.values():
                    if isinstance(source, RenewableSource):
                        source.forget()
                self._found.clear()
                known = await self._ask(path)
            self._found[path] = known
        return known.credential is not None and known.credential.identity != refused.identity

    def secrets(self) -> frozenset[str]:
        """The secrets found so far, for taking them out of a text; those that ended among them."""
        return frozenset(self._secrets)

    async def _ask(self, path: str) -> Found:
        problem: CredentialError | None = None
        if not self._found:
            self._asked_at = asyncio.get_running_loop().time()
        for source in self._sources.values():
            for host in self._hosts:
                try:
                    credential = await source.find(host, path)
                except CredentialError as error:
                    if problem is None:
                        log.warning("%s", error.message)
                    problem = problem or error
                    continue
                if credential is not None:
                    self._secrets.add(credential.secret)
                    return Found(credential=credential, problem=problem)
        return Found(problem=problem)
