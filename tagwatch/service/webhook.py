"""The webhooks that are configured: who may speak, and which repositories a delivery names."""

from __future__ import annotations

import json
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from time import monotonic
from typing import Any

from tagwatch.config.load import read_secret
from tagwatch.config.settings import RegistryWebhook
from tagwatch.errors import ConfigError, InvalidReferenceError
from tagwatch.family import NOTICES
from tagwatch.image.reference import Repository
from tagwatch.member import load_member
from tagwatch.service.notice.interface import Notice, Read
from tagwatch.service.notice.secret import is_authentic, is_token
from tagwatch.value import dataclass

__all__ = ["GENERAL", "RETRY_SECONDS", "WEBHOOK_TOKEN", "Heard", "Named", "Taken", "Webhooks"]

WEBHOOK_TOKEN = "TAGWATCH_WEBHOOK_TOKEN"  # noqa: S105  # a variable's name
GENERAL = "general"
"""What the webhook of `TAGWATCH_WEBHOOK_TOKEN`, which is bound to no registry, is counted as."""

RETRY_SECONDS = 60
"""In so many seconds a webhook refuses `_MOST_REFUSED` deliveries; more are told to wait."""
_MOST_REFUSED = 10
_LEAST_SECRET = 16
"""Characters of a secret: a shorter one is found by trying."""
_REMEMBERED = 2_000
"""Deliveries whose repetition is noticed."""


class Heard(StrEnum):
    """What a delivery was; each is counted."""

    NEWS = "news"
    """It names a repository in which something was pushed or deleted."""
    NOTHING = "nothing"
    """A pull, a ping, or an event of something else."""
    UNKNOWN = "unknown"
    """Nothing that this kind of registry sends."""
    REPEATED = "repeated"
    REFUSED = "refused"
    """It came without the secret."""
    LIMITED = "limited"
    """So did this one, and too many before it."""
    ASKED = "asked"
    """Somebody asked for a scan of everything."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Named:
    """A repository that a delivery names. `host` empty: a delivery that is bound to no registry."""

    host: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What becomes of a delivery: the answer's status, and what to scan."""

    webhook: str
    heard: Heard
    status: int = 202
    named: tuple[Named, ...] = ()


class Webhooks:
    """The addresses `/webhook/NAME`, and `/webhook` for whoever has the `general` token.

    Raises `ConfigError` where a secret cannot be read, or is too short.
    """

    def __init__(
        self,
        webhooks: Iterable[RegistryWebhook],
        general: str,
        environment: Mapping[str, str],
        *,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._bound = {one.name: (one, _secret(one, environment)) for one in webhooks}
        self._general = _long_enough(general, WEBHOOK_TOKEN) if general else ""
        self._clock = clock
        self._refused: dict[str, deque[float]] = {}
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()

    def has_secrets_of(self, other: Webhooks) -> bool:
        """Return True where the other ones are these, with the same secrets."""
        return self._bound == other._bound

    def take(self, name: str, token: str, headers: Mapping[str, str], raw: bytes) -> Taken:
        """Return what becomes of a delivery to `/webhook/NAME/TOKEN`; both may be empty.

        Whoever has the secret gets 202, whatever the delivery says: registries send again what is
        refused, some of them for ever and before all that follows. `headers`: names in lower case.
        """
        if name in self._bound:
            webhook, secret = self._bound[name]
            if not is_authentic(webhook.kind, secret, headers, token, raw):
                return self._refuse(name)
            return self._read(webhook, headers, _decoded(raw))
        if token or not self._general:
            return Taken(webhook=GENERAL, heard=Heard.REFUSED, status=404)
        if not is_token(self._general, headers, name):
            return self._refuse(GENERAL)
        payload = _decoded(raw)
        if not raw.strip() or payload == {}:
            return Taken(webhook=GENERAL, heard=Heard.ASKED)
        return self._guess(headers, payload)

    def _refuse(self, name: str) -> Taken:
        """Refuse a delivery without the secret; after too many, tell the sender to wait.

        Only the refused count: whoever has the secret is heard, however many guess beside them.
        """
        now, refused = self._clock(), self._refused.setdefault(name, deque())
        while refused and refused[0] <= now - RETRY_SECONDS:
            refused.popleft()
        if len(refused) >= _MOST_REFUSED:
            return Taken(webhook=name, heard=Heard.LIMITED, status=429)
        refused.append(now)
        return Taken(webhook=name, heard=Heard.REFUSED, status=403)

    def _read(self, webhook: RegistryWebhook, headers: Mapping[str, str], payload: Any) -> Taken:
        reader: Read = load_member("notices", webhook.kind)
        notices = reader(headers, payload)
        named = [
            place
            for notice in notices or ()
            if (place := _place(webhook, notice)) is not None
        ]  # fmt: skip
        return self._taken(webhook.name, notices, named)

    def _guess(self, headers: Mapping[str, str], payload: Any) -> Taken:
        """Read a delivery of any kind. Its repositories may be those of any registry."""
        for kind in NOTICES:
            reader: Read = load_member("notices", kind)
            notices = reader(headers, payload)
            if notices is not None:
                named = [Named(host=one.host.lower(), path=one.path) for one in notices]
                return self._taken(GENERAL, notices, named)
        return self._taken(GENERAL, None, [])

    def _taken(self, name: str, notices: tuple[Notice, ...] | None, named: list[Named]) -> Taken:
        if notices is None:
            return Taken(webhook=name, heard=Heard.UNKNOWN)
        if not named:
            return Taken(webhook=name, heard=Heard.NOTHING)
        new = [self._is_new(name, one.event) for one in notices]
        if not any(new):
            return Taken(webhook=name, heard=Heard.REPEATED)
        return Taken(webhook=name, heard=Heard.NEWS, named=tuple(dict.fromkeys(named)))

    def _is_new(self, name: str, event: str) -> bool:
        if not event:  # most kinds name no delivery
            return True
        is_new = (name, event) not in self._seen
        self._seen[name, event] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return is_new


def _place(webhook: RegistryWebhook, notice: Notice) -> Named | None:
    """Return the repository in the webhook's registry; None for one that is not in it."""
    path = notice.path
    if webhook.prefixes:
        if notice.within not in webhook.prefixes:
            return None
        path = f"{webhook.prefixes[notice.within]}/{path}"
    elif webhook.kind == "jfrog" and notice.within:  # the path method, JFrog's own default
        path = f"{notice.within}/{path}"
    try:
        repository = Repository.parse(f"{webhook.registry}/{path.strip('/')}").identity
    except InvalidReferenceError:
        return None
    if notice.host and notice.host.lower() != repository.host:
        return None
    return Named(host=repository.host, path=repository.path)


def _secret(webhook: RegistryWebhook, environment: Mapping[str, str]) -> str:
    try:
        secret = read_secret(webhook.env, webhook.file, environment)
        return _long_enough(secret, webhook.env or str(webhook.file))
    except ConfigError as error:
        raise ConfigError(
            f"serve.webhooks {webhook.name!r}: {error.message}",
            hint="it holds the secret that the registry sends",
        ) from error


def _long_enough(secret: str, place: str) -> str:
    if len(secret) < _LEAST_SECRET:
        raise ConfigError(
            f"the secret in {place} is shorter than {_LEAST_SECRET} characters",
            hint="`openssl rand -hex 32` makes one that nobody finds by trying",
        )
    return secret


def _decoded(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None
