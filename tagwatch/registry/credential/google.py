"""Google's own login: an access token of the application default credentials.

They are a service account's file, `gcloud auth application-default login`, or the machine's own
(https://cloud.google.com/docs/authentication/application-default-credentials). google-auth finds
them, in a thread. What `docker login` stored (`_json_key`, `oauth2accesstoken`) needs none of it.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

from tagwatch.errors import CredentialError
from tagwatch.registry.credential.interface import Credential, CredentialContext

__all__ = ["GoogleCredential", "is_google"]

_HOST = re.compile(r"(?:[a-z0-9-]+\.)?gcr\.io|[a-z0-9-]+-docker\.pkg\.dev", re.ASCII)
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_SECONDS = 30.0
_MACHINE = Path("/sys/class/dmi/id/product_name")
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
            from google.auth.exceptions import GoogleAuthError
            from requests import RequestException
        except ImportError:
            return CredentialError(
                "Google's login needs google-auth", hint="pip install 'tagwatch[google]'"
            )
        try:
            async with asyncio.timeout(_SECONDS):
                token, origin = await asyncio.to_thread(_token)
        except TimeoutError:
            return CredentialError(
                f"Google's login gave no answer within {_SECONDS:g} s",
                hint="`gcloud auth application-default print-access-token` shows the reason",
            )
        except (GoogleAuthError, RequestException, OSError, ValueError) as error:
            # Its text may quote the key file: only its kind is told.
            return CredentialError(
                f"Google's login cannot be used ({type(error).__name__})",
                hint="`gcloud auth application-default print-access-token` shows the reason",
            )
        return Credential(username="oauth2accesstoken", secret=token, origin=origin)


def _token() -> tuple[str, str]:
    """A fresh access token, and where it comes from for people. Blocks."""
    import google.auth
    from google.auth.transport.requests import Request

    found: Any = google.auth.default(scopes=[_SCOPE])[0]
    found.refresh(Request())
    if not found.token:
        raise ValueError("no token")
    account = getattr(found, "service_account_email", "") or "application default credentials"
    return str(found.token), f"Google's login ({account})"
