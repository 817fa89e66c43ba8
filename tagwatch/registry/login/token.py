"""Bearer tokens: fetched once a scope and credential, kept until they end.

Distribution's "Token Authentication Specification" (GET) and "OAuth2 Token Authentication" (POST);
Azure's exchange of an Entra token for a refresh token.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping

from yarl import URL

from tagwatch.errors import DeniedError, HostileAnswerError
from tagwatch.registry.credential.interface import Credential, CredentialKind
from tagwatch.registry.login.challenge import Challenge
from tagwatch.registry.request.transport import Answer, Ask, Transport
from tagwatch.registry.wire import RefreshToken, TokenAnswer, decode
from tagwatch.value import dataclass, field, replace

__all__ = ["TokenCache", "basic", "is_header_safe"]

_CLIENT = "tagwatch"
_TOKEN_BYTES = 64 * 1024
_SHORTEST_SECONDS = 60.0  # by specification where expires_in is missing; less is not believed
_LONGEST_SECONDS = 12 * 3600.0  # whoever says for ever is asked again all the same
_EARLY_SECONDS = 10.0
_REFUSED_SECONDS = 60.0  # a wrong password that is sent again and again may lock the account


@dataclass(frozen=True, slots=True)
class _Key:
    realm: str
    service: str
    scopes: tuple[str, ...]
    identity: str


@dataclass(slots=True)
class _Entry:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    token: str = field(default="", repr=False)
    ends_at: float = 0.0
    refusal: DeniedError | None = None
    refused_until: float = 0.0


def basic(username: str, secret: str) -> str:
    """The value of an `Authorization` header of the Basic scheme (RFC 7617, UTF-8)."""
    return "Basic " + base64.b64encode(f"{username}:{secret}".encode()).decode()


def is_header_safe(text: str) -> bool:
    """True where `text` can stand in a header: visible ASCII only."""
    return bool(text) and text.isascii() and text.isprintable() and " " not in text


class TokenCache:
    """Tokens of one registry, by realm, service, scopes and credential.

    Times are the local clock's: `issued_at` of a server whose clock is wrong would make a fresh
    token look expired.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._entries: dict[_Key, _Entry] = {}
        self._exchanged: dict[str, Credential] = {}
        self._exchanging = asyncio.Lock()

    async def token(
        self,
        challenge: Challenge,
        scopes: tuple[str, ...],
        credential: Credential | None,
        *,
        refused: str | None = None,
    ) -> tuple[str, float]:
        """A token for `scopes`, and the loop time until which it may be used.

        One request where none is kept, or where the kept one is `refused`; callers that ask for the
        same at once share it, also a refusal. Raises `RegistryError`.
        """
        key = _Key(
            challenge.realm,
            challenge.service,
            tuple(sorted(scopes)),
            credential.identity if credential else "",
        )
        entry = self._entries.setdefault(key, _Entry())
        async with entry.lock:
            now = asyncio.get_running_loop().time()
            if entry.refusal is not None and now < entry.refused_until:
                error = entry.refusal
                raise DeniedError(error.message, hint=error.hint, status=error.status)
            if not entry.token or entry.token == refused or now >= entry.ends_at:
                try:
                    entry.token, seconds = await self._fetch(challenge, scopes, credential)
                except DeniedError as error:
                    entry.refusal, entry.refused_until = error, now + _REFUSED_SECONDS
                    raise
                entry.ends_at = now + seconds - _EARLY_SECONDS
            return entry.token, entry.ends_at

    def takes_credentials(self, challenge: Challenge) -> bool:
        """True where the token server may be given the registry's credentials."""
        return self._transport.boundary.permit(self._realm(challenge)).credentials

    async def _fetch(
        self, challenge: Challenge, scopes: tuple[str, ...], credential: Credential | None
    ) -> tuple[str, float]:
        realm = self._realm(challenge)
        withheld = credential is not None and not self._transport.boundary.permit(realm).credentials
        if withheld:
            credential = None
        return await self._granted(realm, challenge.service, scopes, credential, withheld)

    async def _granted(
        self,
        realm: URL,
        service: str,
        scopes: tuple[str, ...],
        credential: Credential | None,
        withheld: bool,
    ) -> tuple[str, float]:
        answer = None
        if credential is not None and credential.kind is CredentialKind.ENTRA_TOKEN:
            credential = await self._refresh_token(realm, service, credential)
        if credential is not None and credential.kind is CredentialKind.IDENTITY_TOKEN:
            answer = await self._post(realm, service, scopes, credential)
            if answer.status in (404, 405):
                answer = None  # the server has no OAuth2
        if answer is None:
            answer = await self._get(realm, service, scopes, credential)
        if answer.status != 200:
            hint = _hint(realm, credential, withheld=withheld)
            if 300 <= answer.status < 400:
                hint = "it sends its client elsewhere: a login follows no redirect"
            raise self._transport.refusal(answer, _doing(realm), hint=hint)
        return self._read(answer, realm)

    async def _refresh_token(self, realm: URL, service: str, credential: Credential) -> Credential:
        """What an Azure registry gives for an Entra token: once a run, it lasts three hours."""
        async with self._exchanging:
            if credential.identity not in self._exchanged:
                form = {
                    "grant_type": "access_token",
                    "service": service,
                    "access_token": credential.secret,
                }
                answer = await self._send_form(realm.with_path("/oauth2/exchange"), form)
                if answer.status != 200:
                    hint = _hint(realm, credential, withheld=False)
                    raise self._transport.refusal(answer, _doing(realm), hint=hint)
                body = decode(answer, RefreshToken, host=self._transport.host, doing=_doing(realm))
                self._exchanged[credential.identity] = replace(
                    credential, secret=body.refresh_token, kind=CredentialKind.IDENTITY_TOKEN
                )
            return self._exchanged[credential.identity]

    def _realm(self, challenge: Challenge) -> URL:
        try:
            realm = URL(challenge.realm)
        except ValueError:
            realm = URL()
        if not realm.host or realm.user or realm.password:
            raise HostileAnswerError(
                f"{self._transport.host}: the registry names no usable token server",
                hint="the realm of its Bearer challenge is not a URL",
            )
        return realm.with_fragment(None)

    async def _get(
        self,
        realm: URL,
        service: str,
        scopes: tuple[str, ...],
        credential: Credential | None,
    ) -> Answer:
        query = [("service", service)] if service else []
        query += [("scope", scope) for scope in scopes]
        if credential is not None and credential.username:
            query.append(("account", credential.username))
        query.append(("client_id", _CLIENT))
        return await self._transport.send(
            Ask(
                method="GET",
                url=realm.extend_query(query),
                kind="token",
                doing=_doing(realm),
                cap=_TOKEN_BYTES,
                headers={"Accept": "application/json"},
                authorization=basic(credential.username, credential.secret) if credential else None,
                follow=False,
            )
        )

    async def _post(
        self, realm: URL, service: str, scopes: tuple[str, ...], credential: Credential
    ) -> Answer:
        form = {
            "grant_type": "refresh_token",
            "service": service,
            "client_id": _CLIENT,
            "scope": " ".join(scopes),
            "refresh_token": credential.secret,
        }
        return await self._send_form(realm, form)

    async def _send_form(self, url: URL, form: Mapping[str, str]) -> Answer:
        return await self._transport.send(
            Ask(
                method="POST",
                url=url,
                kind="token",
                doing=_doing(url),
                cap=_TOKEN_BYTES,
                headers={"Accept": "application/json"},
                form=form,
                follow=False,
            )
        )

    def _read(self, answer: Answer, realm: URL) -> tuple[str, float]:
        host = self._transport.host
        body = decode(answer, TokenAnswer, host=host, doing=_doing(realm))
        token = body.access_token or body.token or ""
        if not is_header_safe(token):
            raise DeniedError(
                f"{host}: {_doing(realm)}: the answer holds no token",
                hint="`tagwatch doctor` shows which credential was used",
                status=answer.status,
            )
        return token, min(max(_SHORTEST_SECONDS, body.seconds), _LONGEST_SECONDS)


def _doing(realm: URL) -> str:
    return f"fetching a token from {realm.host!r}"


def _hint(realm: URL, credential: Credential | None, *, withheld: bool) -> str:
    if withheld:
        place = realm.host if realm.is_default_port() else f"{realm.host}:{realm.port}"
        return (
            f"credentials were not sent to {place!r}: "
            "where that is the registry's token server, add it to the registry's token_hosts"
        )
    if credential is not None:
        return f"the token server refuses the credential from {credential.origin}; log in again"
    return "no credential is known for this registry; log in with `docker login` or `podman login`"
