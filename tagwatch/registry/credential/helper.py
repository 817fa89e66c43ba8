"""Credential helper programs (github.com/docker/docker-credential-helpers)."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Mapping

import msgspec

from tagwatch.errors import CredentialError
from tagwatch.registry.credential.interface import Credential, CredentialKind

__all__ = ["ask_helper", "run_program"]

_SUFFIX = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}", re.ASCII)
_TIMEOUT_SECONDS = 20.0
_MAX_BYTES = 64 * 1024
_NOT_FOUND = b"credentials not found in native keychain"


class _Output(msgspec.Struct):
    username: str = msgspec.field(name="Username", default="")
    secret: str = msgspec.field(name="Secret", default="")


async def ask_helper(
    suffix: str, server: str, environment: Mapping[str, str], *, seconds: float = _TIMEOUT_SECONDS
) -> Credential | None:
    """What `docker-credential-<suffix> get` knows of `server`; None where it knows nothing.

    No shell is involved. Raises `CredentialError` for anything but an answer; the program's own
    output is never repeated: it may hold the secret.
    """
    name = f"docker-credential-{suffix}"
    if not _SUFFIX.fullmatch(suffix):
        raise CredentialError(
            f"{suffix[:80]!r} cannot be the name of a credential helper",
            hint="check credsStore and credHelpers of the docker config",
        )
    program = shutil.which(name, path=environment.get("PATH"))
    if program is None:
        raise CredentialError(
            f"the credential helper {name!r} is not installed",
            hint="install it, or take it out of credsStore and credHelpers of the docker config",
        )
    code, output = await run_program((program, "get"), environment, seconds=seconds, text=server)
    if code != 0:
        if _NOT_FOUND in output:
            return None
        raise CredentialError(
            f"the credential helper {name!r} failed (exit {code})",
            hint=f"try it: echo {server} | {name} get",
        )
    try:
        found = msgspec.json.decode(output, type=_Output)
    except (msgspec.DecodeError, RecursionError) as error:
        raise CredentialError(
            f"the answer of the credential helper {name!r} is not understood",
            hint="it should be JSON with Username and Secret",
        ) from error
    if not found.secret:
        return None
    token = found.username == "<token>"
    return Credential(
        username="" if token else found.username,
        secret=found.secret,
        kind=CredentialKind.IDENTITY_TOKEN if token else CredentialKind.PASSWORD,
        origin=name,
    )


async def run_program(
    command: tuple[str, ...], environment: Mapping[str, str], *, seconds: float, text: str = ""
) -> tuple[int, bytes]:
    """Exit code and output of a program that is given `text`; without a shell, and not for ever.

    Raises `CredentialError` where it cannot be run or does not end in time.
    """
    program = command[0]
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=dict(environment),
        )
    except OSError as error:
        raise CredentialError(
            f"the credential helper {program!r} cannot be run: {error.strerror}",
            hint="check its permissions",
        ) from error
    try:
        async with asyncio.timeout(seconds):
            output, _ = await process.communicate(text.encode())
    except TimeoutError as error:
        raise CredentialError(
            f"the credential helper {program!r} gave no answer within {seconds:g} s",
            hint="it may be waiting for a keychain to be unlocked",
        ) from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, output[:_MAX_BYTES]
