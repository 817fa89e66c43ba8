"""Asking Docker Hub's API: its login, its limit a minute, and where its next page may be.

https://docs.docker.com/reference/api/hub/latest/ ("Authentication", "Rate limiting").
"""

from __future__ import annotations

import asyncio

import msgspec
from yarl import URL

from tagwatch.errors import DeniedError, HostileAnswerError
from tagwatch.registry.catalogue.hub_listing import HubPage
from tagwatch.registry.catalogue.interface import CatalogueContext
from tagwatch.registry.credential.interface import Credential, CredentialKind
from tagwatch.registry.login.token import is_header_safe
from tagwatch.registry.request.limit import Window
from tagwatch.registry.request.safety import origin_of
from tagwatch.registry.request.transport import Answer, Ask
from tagwatch.registry.wire import decode

__all__ = ["HubApi"]

_API = URL("https://hub.docker.com")
_ALIASES = frozenset({"hub.docker.com", "registry.hub.docker.com"})
_PAGE_BYTES = 8 * 1024 * 1024
_TOKEN_BYTES = 64 * 1024
_TOKEN_SECONDS = 9 * 60.0  # of the ten minutes that a token lives
_JSON = {"Accept": "application/json"}


class _Login(msgspec.Struct):
    access_token: str = ""


class HubApi:
    """One way to the API for all repositories. Anonymous until it refuses, then logged in."""

    def __init__(self, context: CatalogueContext) -> None:
        self._host = context.host
        self._url = context.endpoint or _API
        self._transport = context.transport(self._url)
        self._credentials = context.credentials
        self._window = Window()
        self._tokens: dict[str, tuple[str, float]] = {}
        self._login = asyncio.Lock()

    async def page(self, target: str, path: str, doing: str, *, first: bool) -> HubPage | None:
        """One page of a listing; None where a page after the first does not exist.

        `path`: the repository whose credential serves. Raises `RegistryError`.
        """
        token = self._token_of(path)
        answer = await self._get(target, doing, token)
        if answer.status in (401, 403, 404) and (first or answer.status != 404):
            renewed = await self._renew(path, token)
            if renewed is not None:
                answer = await self._get(target, doing, renewed)
        if answer.status == 404 and not first:
            return None
        if answer.status != 200:
            raise self._transport.refusal(answer, doing)
        return decode(answer, HubPage, host=self._host, doing=doing)

    async def may_log_in(self, path: str) -> bool:
        """True where there is a login that might show more of the repository's namespace."""
        credential = (await self._credentials.find(path)).credential
        return credential is not None and credential.kind is CredentialKind.PASSWORD

    def next_query(self, url: str, doing: str) -> str:
        """The query of a page's `next`. Raises `HostileAnswerError` where that is elsewhere.

        A proxy passes on the Hub's own address; only the query is used, on the host we asked.
        """
        try:
            following = self._url.join(URL(url, encoded=True))
            at_home = origin_of(following) == origin_of(self._url)
        except ValueError:
            at_home, following = False, URL()
        if not at_home and not (following.host in _ALIASES and following.scheme == "https"):
            raise HostileAnswerError(
                f"{self._host}: {doing}: the next page would be on another host",
                hint="Docker Hub's API, or a proxy before it, does not behave as one",
            )
        return f"?{following.raw_query_string}"

    async def _get(self, target: str, doing: str, token: str | None) -> Answer:
        await self._window.enter()
        ask = Ask(
            method="GET",
            url=URL(str(self._url).rstrip("/") + target, encoded=True),
            kind="catalogue",
            doing=doing,
            cap=_PAGE_BYTES,
            headers=_JSON,
            authorization=f"Bearer {token}" if token else None,
            is_shared=True,
        )
        answer = await self._transport.send(ask)
        self._window.note(answer.headers)
        return answer

    def _token_of(self, path: str) -> str | None:
        """A token that is known to serve the repository's namespace."""
        token, ends_at = self._tokens.get(_namespace(path), ("", 0.0))
        return token if asyncio.get_running_loop().time() < ends_at else None

    async def _renew(self, path: str, refused: str | None) -> str | None:
        """Another token after a refusal; None where there is none."""
        async with self._login:
            token = self._token_of(path)
            if token is not None and token != refused:
                return token
            if refused is not None:
                return None
            credential = (await self._credentials.find(path)).credential
            if credential is None or credential.kind is not CredentialKind.PASSWORD:
                return None
            token = await self._log_in(credential)
            ends_at = asyncio.get_running_loop().time() + _TOKEN_SECONDS
            self._tokens[_namespace(path)] = (token, ends_at)
            return token

    async def _log_in(self, credential: Credential) -> str:
        doing = "logging in to its API"
        answer = await self._transport.send(
            Ask(
                method="POST",
                url=URL(f"{str(self._url).rstrip('/')}/v2/auth/token", encoded=True),
                kind="token",
                doing=doing,
                cap=_TOKEN_BYTES,
                headers={**_JSON, "Content-Type": "application/json"},
                json=msgspec.json.encode(
                    {"identifier": credential.username, "secret": credential.secret}
                ),
                follow=False,
            )
        )
        if answer.status != 200:
            hint = f"it refuses the credential from {credential.origin}; log in again"
            raise self._transport.refusal(answer, doing, hint=hint)
        token = decode(answer, _Login, host=self._host, doing=doing).access_token
        if not is_header_safe(token):
            raise DeniedError(f"{self._host}: {doing}: the answer holds no token")
        return token


def _namespace(path: str) -> str:
    return path.partition("/")[0]
