"""What stands in `Authorization` for one registry: nothing, Basic, or a token for a scope."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Iterable, Mapping

from yarl import URL

from tagwatch.errors import DeniedError, RateLimitedError, RegistryError, UnavailableError
from tagwatch.registry.credential.chain import CredentialChain, Found
from tagwatch.registry.credential.interface import Credential, CredentialKind
from tagwatch.registry.login.challenge import Challenge, best_challenge, parse_challenges
from tagwatch.registry.login.shared import LONGEST_TOKEN, Grant, SharedScopes
from tagwatch.registry.login.token import TokenCache, basic, is_header_safe
from tagwatch.registry.request.safety import Origin, origin_of
from tagwatch.registry.request.transport import Answer

__all__ = ["Authorizer", "Grant", "pull_grant"]

log = logging.getLogger(__name__)

_NOWHERE: Mapping[Origin, str] = {}
_SCOPE = re.compile(r"[a-z]+(?:\([a-z]+\))?:.+:[a-z*_,]+")


def pull_grant(path: str) -> Grant:
    """The grant to read one repository."""
    return Grant(path, f"repository:{path}:pull")


class Authorizer:
    """Answers a registry's challenges.

    The ping's, else the first one seen, serves all repositories of the host. One that names another
    realm is its own repository's alone: nvcr.io sends to authn.nvidia.com for some (2026).
    """

    def __init__(
        self,
        tokens: TokenCache,
        credentials: CredentialChain,
        *,
        shared: SharedScopes | None = None,
    ) -> None:
        """`shared`: where one token is asked for several repositories; None: nowhere."""
        self._tokens = tokens
        self._shared = shared
        self._of_several: dict[Grant, str | None] = {}
        """The last token for each that serves others, too: of several renewals each can tell."""
        self._credentials = credentials
        self._challenge: Challenge | None = None
        self._is_borrowed = False
        self._own: dict[str, Challenge] = {}
        self._ready: dict[Grant, tuple[str, float]] = {}
        self._onward: dict[Grant, dict[Origin, tuple[str, float]]] = {}
        self._without: dict[Grant, bool] = {}
        self._refused: dict[str, tuple[Credential, DeniedError]] = {}

    def expect(self, paths: Iterable[str]) -> None:
        """Take note of the repositories that will be asked, in their order."""
        if self._shared is not None:
            self._shared.plan(map(pull_grant, paths))

    def learn(self, answer: Answer, grant: Grant | None = None) -> None:
        """Take note of the challenge in a 401, if it holds one that can be answered.

        `grant`: what was asked for; None: the host itself. Where a redirect leads, another registry
        speaks for itself.
        """
        if answer.is_elsewhere:
            return
        challenge = best_challenge(parse_challenges(answer.headers.getall("WWW-Authenticate", ())))
        if challenge is None:
            return
        challenge = _absolute(challenge, answer.url)
        if grant is None or self._challenge is None:
            self._is_borrowed = grant is not None
        elif _place(challenge) != _place(self._challenge):
            self._own[grant.path] = challenge
            return
        self._challenge = challenge
        if grant is not None:
            self._own.pop(grant.path, None)

    def _challenge_of(self, grant: Grant) -> Challenge | None:
        return self._own.get(grant.path, self._challenge)

    @property
    def token_server(self) -> URL | None:
        """Where the last challenge sends for tokens; None where it names no such place."""
        if self._challenge is None or self._challenge.scheme != "bearer":
            return None
        try:
            realm = URL(self._challenge.realm)
        except ValueError:
            return None
        return realm if realm.host else None

    def ready(self, grant: Grant) -> str | None:
        """The header's value where it is known without asking anybody."""
        known = self._ready.get(grant)
        if known is None or asyncio.get_running_loop().time() >= known[1]:
            return None
        return known[0]

    def staleness(self, grant: Grant, value: str | None) -> Callable[[], bool] | None:
        """What tells whether `value` has ended, or was refused, since it was given out."""
        return None if value is None else lambda: self.ready(grant) != value

    async def header(self, grant: Grant) -> str | None:
        """The header's value for `grant`; None: go without. Perhaps one token request."""
        challenge = self._challenge_of(grant)
        if challenge is None or self._without.get(grant):
            return None
        try:
            return (
                self.ready(grant)
                or await self._together(grant, challenge)
                or await self._answer(grant, challenge, ())
            )
        except DeniedError:
            if self._is_borrowed and grant.path not in self._own:
                return None  # another repository's token server: this one's own answer tells
            raise

    async def renew(self, answer: Answer, grant: Grant, refused: str | None) -> str | None:
        """Another value after a 401 or 403 that used `refused`; None where there is no other.

        A 403 means that the login itself has ended (ECR), or that it may not read this.
        """
        self._ready.pop(grant, None)
        self.learn(answer, grant)  # gcr.io has answered 401 without one: then the ping's serves
        challenge = self._challenge_of(grant)
        if challenge is None:
            return None
        renewed = refused
        credential = (await self._credentials.find(grant.path)).credential
        was_shared = refused is not None and self._of_several.get(grant) == refused
        if self._shared is not None:
            self._shared.refuse(grant)
        if answer.status == 401 or challenge.scheme == "basic" or was_shared:
            renewed = await self._answer(grant, challenge, challenge.scopes, refused=refused)
        if renewed == refused and await self._log_in_again(grant, credential):
            renewed = await self._answer(grant, challenge, challenge.scopes, refused=refused)
        return renewed if renewed != refused else None

    def onward(self, grant: Grant) -> Mapping[Origin, str]:
        """Everybody's tokens for the places that redirects led to, as far as they last."""
        if not self._onward:  # few registries lead elsewhere
            return _NOWHERE
        now = asyncio.get_running_loop().time()
        known = self._onward.get(grant, {})
        return {origin: value for origin, (value, ends_at) in known.items() if now < ends_at}

    async def go_on(self, answer: Answer, grant: Grant) -> bool:
        """True where the registry that a redirect led to has a token for everybody, now `onward`.

        Vanity domains send their clients to a registry with a token server of its own. No login
        goes there: neither this registry's, nor the user's for that one.
        """
        challenge = best_challenge(parse_challenges(answer.headers.getall("WWW-Authenticate", ())))
        if challenge is None or challenge.scheme != "bearer":
            return False
        known = self._onward.setdefault(grant, {})
        origin = origin_of(answer.url)
        old = known.get(origin, ("", 0.0))[0].removeprefix("Bearer ")
        token, ends_at = await self._tokens.token(
            _absolute(challenge, answer.url),
            challenge.scopes or (grant.scope,),
            None,
            refused=old or None,
        )
        known[origin] = f"Bearer {token}", ends_at
        return token != old

    async def verify(self, path: str) -> str | None:
        """Log in as `docker login` does: the header's value that is left to try, if any.

        Asks for a token where the challenge wants one. Raises `DeniedError` where the login is
        refused, and `LookupError` with a sentence where nobody can say.
        """
        credential = (await self._credentials.find(path)).credential
        challenge = self._challenge
        if credential is None:
            return None
        if challenge is None:
            raise LookupError("the registry asks for no login, so it was not tried")
        if credential.kind is CredentialKind.REGISTRY_TOKEN:
            return _bearer(credential.secret)
        if challenge.scheme == "basic":
            return _basic(credential)
        if not self._tokens.takes_credentials(challenge):
            raise LookupError(
                f"the login was not tried: {_host(challenge)!r} gives the tokens, "
                "and is none of the registry's token_hosts"
            )
        scopes = _scopes(pull_grant(path), challenge, ()) if path else ()
        await self._tokens.token(challenge, scopes, credential)
        return None

    async def found(self, path: str) -> Found:
        """The credential that serves a repository."""
        return await self._credentials.find(path)

    async def may_go_without(self, answer: Answer, grant: Grant, refused: str | None) -> bool:
        """True where a login that a registry takes itself was `refused`: then it is left out, once.

        A stale password shall not hide what everybody may read.
        """
        if answer.status != 401 or refused is None or grant in self._without:
            return False
        credential = (await self._credentials.find(grant.path)).credential
        is_login = credential is not None and refused == _basic(credential)
        if is_login:
            self._without[grant] = False
        return is_login

    async def went_without(self, answer: Answer, refusal: DeniedError, grant: Grant) -> None:
        """Take note of the answer to a request whose login was left out for `refusal`."""
        credential = (await self._credentials.find(grant.path)).credential
        if answer.status not in (401, 403) and credential is not None:
            self._without[grant] = True
            self._ready.pop(grant, None)
            self._leave_out(grant, credential, refusal)

    def remark(self, path: str) -> str:
        """What people should know of a login that was left out; empty where there is nothing."""
        credential, _ = self._refused.get(path, (None, None))
        if credential is None or credential.is_ambient:
            return ""
        return f"the login from {credential.origin} is refused: it was read without one"

    def _leave_out(self, grant: Grant, credential: Credential, refusal: DeniedError) -> None:
        if not self._refused:
            level = logging.INFO if credential.is_ambient else logging.WARNING
            log.log(
                level,
                "%s: the login from %s is left out: what everybody may read is read without it",
                refusal.message,
                credential.origin,
            )
        self._refused[grant.path] = credential, refusal

    async def hint(self, grant: Grant) -> str:
        """What to do about a denial; empty where there is nothing better to say."""
        if grant.path in self._refused:
            return self._refused[grant.path][1].hint
        found = await self._credentials.find(grant.path)
        if found.problem is not None:
            return f"{found.problem.message}: {found.problem.hint}"
        if found.credential is not None:
            return f"the credential from {found.credential.origin} may not read this"
        return "no credential is known for it; log in with `docker login` or `podman login`"

    def scrub(self, text: str) -> str:
        """`text` of a server without what was sent to it: servers have been seen to echo."""
        secrets = {value.partition(" ")[2] for value, _ in self._ready.values()}
        for secret in secrets | self._credentials.secrets():
            text = text.replace(secret, "…")
        return text

    async def _log_in_again(self, grant: Grant, refused: Credential | None) -> bool:
        """True where the credential that was refused has another in its place."""
        return refused is not None and await self._credentials.renew(grant.path, refused)

    async def _answer(
        self,
        grant: Grant,
        challenge: Challenge,
        asked: tuple[str, ...],
        *,
        refused: str | None = None,
    ) -> str | None:
        credential = (await self._credentials.find(grant.path)).credential
        if credential is not None and credential.kind is CredentialKind.REGISTRY_TOKEN:
            return self._keep(grant, _bearer(credential.secret), float("inf"))
        if challenge.scheme == "basic":
            return self._keep(grant, _basic(credential), float("inf"))
        scopes = _scopes(grant, challenge, asked)
        old = refused.removeprefix("Bearer ") if refused else None
        token, ends_at = await self._token(grant, challenge, scopes, credential, old)
        return self._keep(grant, _bearer(token), ends_at)

    async def _together(self, grant: Grant, challenge: Challenge) -> str | None:
        """The header's value by a token that serves several repositories; None: there is none.

        The server may grant fewer scopes than it is asked for: then `renew` asks for this one.
        """
        if self._shared is None or challenge.scheme != "bearer" or grant.path in self._own:
            return None
        credential = (await self._credentials.find(grant.path)).credential
        if credential is not None and credential.kind is not CredentialKind.PASSWORD:
            return None
        if _scopes(grant, challenge, ()) != (grant.scope,):
            return None
        scopes = self._shared.scopes(grant)
        if len(scopes) < 2:
            return None
        try:
            token, ends_at = await self._tokens.token(challenge, scopes, credential)
        except (RateLimitedError, UnavailableError):
            raise
        except RegistryError:
            token, ends_at = "", 0.0
        if not 0 < len(token) <= LONGEST_TOKEN:
            self._shared.give_up()
            return None
        self._of_several[grant] = _bearer(token)
        return self._keep(grant, _bearer(token), ends_at)

    async def _token(
        self,
        grant: Grant,
        challenge: Challenge,
        scopes: tuple[str, ...],
        credential: Credential | None,
        old: str | None,
    ) -> tuple[str, float]:
        """A token by the login; where that is refused, by its successor, else everybody's."""
        try:
            return await self._tokens.token(challenge, scopes, credential, refused=old)
        except DeniedError as error:
            if credential is None:
                raise
            refusal = error
        if await self._log_in_again(grant, credential):
            credential = (await self._credentials.find(grant.path)).credential or credential
            try:
                return await self._tokens.token(challenge, scopes, credential, refused=old)
            except DeniedError as error:
                refusal = error
        if not self._tokens.takes_credentials(challenge):
            raise refusal  # it was asked without the login already
        try:
            found = await self._tokens.token(challenge, scopes, None, refused=old)
        except RegistryError:
            raise refusal from None
        self._leave_out(grant, credential, refusal)
        return found

    def _keep(self, grant: Grant, value: str | None, ends_at: float) -> str | None:
        if value is not None:
            self._ready[grant] = (value, ends_at)
        return value


def _place(challenge: Challenge) -> tuple[str, str]:
    """What makes a challenge another one; the realm of Basic is text."""
    return challenge.scheme, challenge.realm if challenge.scheme == "bearer" else ""


def _host(challenge: Challenge) -> str:
    return URL(challenge.realm).host or ""


def _scopes(grant: Grant, challenge: Challenge, asked: tuple[str, ...]) -> tuple[str, ...]:
    """The scopes to ask for: what was asked comes first, some servers read no other.

    A registry whose scopes have a form of their own (`aws`, `*`) means the whole registry.
    """
    if challenge.scopes and not any(_SCOPE.fullmatch(scope) for scope in challenge.scopes):
        return challenge.scopes
    return tuple(dict.fromkeys((*asked, grant.scope)))


def _basic(credential: Credential | None) -> str | None:
    """Basic with a password; a refresh token never goes to a registry."""
    if credential is None or credential.kind is not CredentialKind.PASSWORD:
        return None
    return basic(credential.username, credential.secret)


def _bearer(token: str) -> str | None:
    return f"Bearer {token}" if is_header_safe(token) else None


def _absolute(challenge: Challenge, asked: URL) -> Challenge:
    """A relative realm is meant from the URL that answered (regclient reads it so)."""
    if challenge.scheme != "bearer" or not challenge.realm.startswith("/"):
        return challenge
    try:
        realm = str(asked.join(URL(challenge.realm)))
    except ValueError:
        return challenge
    return Challenge(scheme="bearer", parameters={**challenge.parameters, "realm": realm})
