"""Google's own login: an access token of the application default credentials.

They are a service account's file, `gcloud auth application-default login`, or the machine's own
(https://cloud.google.com/docs/authentication/application-default-credentials). google-auth finds
them, in a thread. What `docker login` stored (`_json_key`, `oauth2accesstoken`) needs none of it.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tagwatch.errors import CredentialError
from tagwatch.registry.credential.interface import Credential, CredentialContext

__all__ = ["GoogleCredential", "access_token", "is_google"]

_HOST = re.compile(r"(?:[a-z0-9-]+\.)?gcr\.io|[a-z0-9-]+-docker\.pkg\.dev", re.ASCII)
_SHOWS_WHY = "`gcloud auth application-default print-access-token` shows the reason"
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_SECONDS = 30.0
_MACHINE = Path("/sys/class/dmi/id/product_name")
_TOKEN_USER = "oauth2accesstoken"  # noqa: S105  # a user name
_KEY_USERS = ("_json_key", "_json_key_base64")
_VARIABLES = ("GOOGLE_APPLICATION_CREDENTIALS", "GCE_METADATA_HOST", "K_SERVICE")


def is_google(host: str) -> bool:
    """True for a registry of Google's.

    >>> is_google("europe-docker.pkg.dev"), is_google("gcr.io.evil.example")
    (True, False)
    """
    return _HOST.fullmatch(host) is not None


class GoogleCredential:
    """One token serves all of Google's registries; it is asked for once a run."""

    def __init__(self, context: CredentialContext) -> None:
        self._context = context
        self._asking = asyncio.Lock()
        self._found: Credential | CredentialError | None = None

    async def find(self, host: str, path: str) -> Credential | None:  # noqa: ARG002  # for a host
        """See `CredentialSource.find`. Nothing is searched where nothing speaks for a login."""
        if not is_google(host) or not self._has_login():
            return None
        async with self._asking:
            if self._found is None:
                self._found = await self._ask()
        if isinstance(self._found, CredentialError):
            raise self._found
        return self._found

    def forget(self) -> None:
        """See `RenewableSource.forget`."""
        self._found = None

    def _has_login(self) -> bool:
        """True where a file, a variable or the machine itself speaks for one."""
        environment = self._context.environment
        if any(environment.get(name) for name in _VARIABLES):
            return True
        named = environment.get("CLOUDSDK_CONFIG")
        folder = Path(named) if named else Path(self._context.home) / ".config" / "gcloud"
        if (folder / "application_default_credentials.json").is_file():
            return True
        try:
            return "Google" in _MACHINE.read_text("utf-8")
        except (OSError, ValueError):
            return False

    async def _ask(self) -> Credential | CredentialError:
        try:
            token, origin = await _run(_token)
        except CredentialError as error:
            return error
        return Credential(username=_TOKEN_USER, secret=token, origin=origin)


async def access_token(credential: Credential) -> str | None:
    """What Google's APIs take in a registry credential's place; None for what is no login of its.

    A service account's key is exchanged: one request to the token server that the key names.
    Raises `CredentialError`.
    """
    if credential.username == _TOKEN_USER:
        return credential.secret
    if credential.username not in _KEY_USERS:
        return None
    token, _ = await _run(_token_of_key, credential)
    return token


async def _run(work: Callable[..., tuple[str, str]], *arguments: Any) -> tuple[str, str]:
    """Run blocking work of google-auth in a thread; its failures are ours."""
    try:
        from google.auth.exceptions import GoogleAuthError
        from requests import RequestException
    except ImportError:
        raise CredentialError(
            "Google's login needs google-auth", hint="pip install 'tagwatch[google]'"
        ) from None
    try:
        async with asyncio.timeout(_SECONDS):
            return await asyncio.to_thread(work, *arguments)
    except TimeoutError:
        raise CredentialError(
            f"Google's login gave no answer within {_SECONDS:g} s", hint=_SHOWS_WHY
        ) from None
    except (GoogleAuthError, RequestException, OSError, ValueError) as error:
        # Its text may quote the key file: only its kind is told.
        raise CredentialError(
            f"Google's login cannot be used ({type(error).__name__})", hint=_SHOWS_WHY
        ) from None


def _token() -> tuple[str, str]:
    """A fresh access token, and where it comes from for people. Blocks."""
    import google.auth

    return _refreshed(google.auth.default(scopes=[_SCOPE])[0])


def _token_of_key(credential: Credential) -> tuple[str, str]:
    """A fresh access token for a service account's key. Blocks."""
    from google.oauth2.service_account import Credentials

    text = credential.secret
    if credential.username == "_json_key_base64":
        text = base64.b64decode(text, validate=True).decode()
    found: Any = Credentials
    return _refreshed(found.from_service_account_info(json.loads(text), scopes=[_SCOPE]))


def _refreshed(found: Any) -> tuple[str, str]:
    from google.auth.transport.requests import Request
    from requests import Session

    with Session() as session:
        found.refresh(Request(session))
    if not found.token:
        raise ValueError("no token")
    account = getattr(found, "service_account_email", "") or "application default credentials"
    return str(found.token), f"Google's login ({account})"
