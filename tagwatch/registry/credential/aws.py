"""Amazon ECR's own login: a password that lasts twelve hours, from the machine's AWS login.

Amazon ECR API Reference, "GetAuthorizationToken"; ECR Public's answers with one object, not a list.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from pathlib import Path
from typing import Any

import msgspec

from tagwatch.errors import CredentialError, RegistryError
from tagwatch.registry.aws import AwsApi, AwsLogin, EcrPlace, ecr_place
from tagwatch.registry.credential.interface import Credential, CredentialContext

__all__ = ["AwsCredential"]


class _Data(msgspec.Struct):
    token: str = msgspec.field(name="authorizationToken", default="")


class _Answer(msgspec.Struct):
    data: list[_Data] | _Data | None = msgspec.field(name="authorizationData", default=None)


class AwsCredential:
    """One password a region serves every account's registry there that the login may read."""

    def __init__(self, context: CredentialContext) -> None:
        self._context = context
        self._login = AwsLogin()
        self._found: dict[str, Credential | None] = {}
        self._asking = asyncio.Lock()

    async def find(self, host: str, path: str) -> Credential | None:  # noqa: ARG002  # for a host
        """See `CredentialSource.find`. One request a region, where there is an AWS login."""
        place = ecr_place(host)
        if place is None or self._context.api is None:
            return None
        if not place.account and not self._has_settings():
            return None  # the gallery is read by everybody: no search for a login there
        origin = await self._login.origin()
        if origin is None:
            return None
        async with self._asking:
            try:
                return await self._ask(place, host, origin)
            except CredentialError:
                raise
            except RegistryError as error:
                raise CredentialError(error.message, hint=error.hint) from error

    def forget(self) -> None:
        """See `RenewableSource.forget`."""
        self._found.clear()

    async def _ask(self, place: EcrPlace, host: str, origin: str) -> Credential:
        assert self._context.api is not None
        own = await self._login.endpoint(place)
        url, transport = self._context.api(host, own)
        if (known := self._found.get(str(url))) is not None:
            return known
        api = AwsApi(self._login, place, url=url, transport=transport)
        parameters: dict[str, Any] = {}
        doing = "asking Amazon for a password"
        answer = await api.call(
            "GetAuthorizationToken", parameters, _Answer, count="token", doing=doing
        )
        data = answer.data[0] if isinstance(answer.data, list) and answer.data else answer.data
        token = data.token if isinstance(data, _Data) else ""
        credential = self._found[str(url)] = _credential(token, origin)
        return credential

    def _has_settings(self) -> bool:
        """True where the user has to do with AWS at all."""
        environment, home = self._context.environment, Path(self._context.home)
        return any(name.startswith("AWS_") for name in environment) or (home / ".aws").is_dir()


def _credential(token: str, origin: str) -> Credential:
    try:
        username, _, password = base64.b64decode(token, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        username = password = ""
    if not username or not password:
        raise CredentialError(
            "Amazon's answer holds no password", hint="`aws ecr get-login-password` shows more"
        )
    return Credential(username=username, secret=password, origin=origin)
