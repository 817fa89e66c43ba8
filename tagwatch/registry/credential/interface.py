"""What a credential is, and what a source of credentials must offer."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Protocol, runtime_checkable

from yarl import URL

from tagwatch.registry.request.transport import Transport
from tagwatch.value import dataclass, field

__all__ = [
    "Credential",
    "CredentialContext",
    "CredentialKind",
    "CredentialSource",
    "RenewableSource",
]


class CredentialKind(StrEnum):
    """What the secret is, and so where it may be sent."""

    PASSWORD = "password"  # noqa: S105  # a kind, no secret
    """Basic, to the registry or its token server."""
    IDENTITY_TOKEN = "identity-token"  # noqa: S105
    """A refresh token: to the token server only."""
    REGISTRY_TOKEN = "registry-token"  # noqa: S105
    """A ready Bearer token: to the registry only."""
    ENTRA_TOKEN = "entra-token"  # noqa: S105
    """An access token of Microsoft Entra ID: to an Azure registry's token server, for a refresh
    token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A secret and where it was found. `origin` is for people: a file or helper, never a value.

    `is_ambient`: it was made for something wider than this registry, such as a `GITHUB_TOKEN`;
    where it is refused, what everybody may read is read without it.
    """

    secret: str = field(repr=False)
    origin: str
    username: str = ""
    kind: CredentialKind = CredentialKind.PASSWORD
    is_ambient: bool = False

    @property
    def identity(self) -> str:
        """A key for caches: equal only for the same user, secret and kind."""
        text = "\0".join((self.kind, self.username, self.secret))
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialContext:
    """What the shell gives a source: its factory takes one of these. `home`: the user's folder.

    `api(host, url)` is the way to a cloud's API that gives credentials for the registry `host`: it
    is at `url`, or where the operator's `catalogue_endpoint` says. Same limits, retries and counts.
    """

    environment: Mapping[str, str] = field(repr=False)
    home: Path
    api: Callable[[str, URL], tuple[URL, Transport]] | None = None


class CredentialSource(Protocol):
    """One way to find credentials; made once a run, asked for many hosts."""

    async def find(self, host: str, path: str) -> Credential | None:
        """The credential for the repository `path` at `host` (`docker.io` for Docker Hub).

        `host` carries its port where it has one. None: this source knows none. Raises
        `CredentialError` where a file or program that should know cannot be used.
        """


@runtime_checkable
class RenewableSource(Protocol):
    """A source whose secrets end: a cloud's passwords and tokens, what a helper program gives."""

    def forget(self) -> None:
        """Forget what was found: the next `find` asks again."""
