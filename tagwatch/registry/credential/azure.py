"""Logins to Azure Container Registry: a service principal's, or that of the Azure CLI.

The CLI's access token is exchanged for a refresh token by `registry.login.token`. A managed
identity or a workload identity works through `az login --identity`, or through a credential helper.
"""

from __future__ import annotations

import asyncio
import re
import shutil

import msgspec

from tagwatch.errors import CredentialError
from tagwatch.registry.credential.helper import run_program
from tagwatch.registry.credential.interface import Credential, CredentialContext, CredentialKind

__all__ = ["Azure"]

_HOST = re.compile(r"[a-z0-9-]+\.azurecr\.(?:io|us|cn)")
_COMMAND = ("account", "get-access-token", "--resource-type", "arm", "--output", "json")
_TIMEOUT_SECONDS = 30.0


class _Token(msgspec.Struct):
    access_token: str = msgspec.field(name="accessToken")


class Azure:
    """`AZURE_CLIENT_ID` with `AZURE_CLIENT_SECRET`, else `az account get-access-token`, asked once.

    Microsoft runs every host that it answers for, so that no secret reaches anybody else.
    """

    def __init__(self, context: CredentialContext) -> None:
        self._environment = context.environment
        self._asking = asyncio.Lock()
        self._asked: Credential | CredentialError | None = None

    async def find(self, host: str, path: str) -> Credential | None:  # noqa: ARG002
        """See `CredentialSource.find`."""
        if not _HOST.fullmatch(host):
            return None
        user = self._environment.get("AZURE_CLIENT_ID")
        secret = self._environment.get("AZURE_CLIENT_SECRET")
        if user and secret:
            return Credential(
                username=user, secret=secret, origin="AZURE_CLIENT_SECRET", is_ambient=True
            )
        program = shutil.which("az", path=self._environment.get("PATH"))
        if program is None:
            return None
        async with self._asking:
            if self._asked is None:
                try:
                    self._asked = await self._ask(program)
                except CredentialError as error:
                    self._asked = error
        if isinstance(self._asked, CredentialError):
            raise self._asked
        return self._asked

    def forget(self) -> None:
        """See `RenewableSource.forget`."""
        self._asked = None

    async def _ask(self, program: str) -> Credential:
        code, output = await run_program(
            (program, *_COMMAND), self._environment, seconds=_TIMEOUT_SECONDS
        )
        if code != 0:
            raise CredentialError(
                f"the Azure CLI gives no token (exit {code})", hint="run `az login`"
            )
        try:
            token = msgspec.json.decode(output, type=_Token).access_token
        except (msgspec.DecodeError, RecursionError):
            # Neither the output nor an error that quotes it is told: it may hold the token.
            raise CredentialError(
                "the answer of the Azure CLI is not understood", hint="update it"
            ) from None
        return Credential(
            secret=token,
            kind=CredentialKind.ENTRA_TOKEN,
            origin="az account get-access-token",
            is_ambient=True,
        )
