"""Credentials that `docker login` and `podman login` stored.

Docker's `config.json` and containers-auth.json(5). Files are asked in this order, the first that
knows the repository wins: `DOCKER_AUTH_CONFIG` (the JSON itself), `REGISTRY_AUTH_FILE`, Docker's
`config.json`, podman's `auth.json` of the session, then of the user, `.dockercfg`.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from tagwatch.errors import CredentialError
from tagwatch.image.reference import DOCKER_HUB
from tagwatch.registry.credential.helper import ask_helper
from tagwatch.registry.credential.interface import (
    Credential,
    CredentialContext,
    CredentialKind,
)
from tagwatch.registry.host import HUB_ALIASES
from tagwatch.value import dataclass

__all__ = ["DockerConfig"]

_HUB_SERVER = "https://index.docker.io/v1/"
_MAX_BYTES = 4 * 1024 * 1024


class _Auth(msgspec.Struct):
    auth: str | None = None
    username: str | None = None
    password: str | None = None
    identitytoken: str | None = None
    registrytoken: str | None = None


class _Config(msgspec.Struct):
    auths: dict[str, _Auth | None] | None = None
    credsStore: str | None = None  # noqa: N815  # the file's own names
    credHelpers: dict[str, str] | None = None  # noqa: N815


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where a config stands: a file, or a variable's text. `bare`: its top level are the auths."""

    name: str
    path: Path | None = None
    text: str | None = None
    bare: bool = False


class DockerConfig:
    """The stored logins of the user; files are read once a run."""

    def __init__(self, context: CredentialContext) -> None:
        self._environment = context.environment
        self._places = tuple(_places(context))
        self._configs: dict[str, _Config | CredentialError | None] = {}
        self._helped: dict[tuple[str, str], Credential | CredentialError | None] = {}

    async def find(self, host: str, path: str) -> Credential | None:
        """See `CredentialSource.find`.

        A file's helper is asked before its `auths`, and a path's own entry before its host's. A
        place that cannot be used is an error only if no other place knows the repository.
        """
        problem: CredentialError | None = None
        for place in self._places:
            try:
                credential = await self._find_in(place, host, path)
            except CredentialError as error:
                problem = problem or error
                continue
            if credential is not None:
                return credential
        if problem is not None:
            raise problem
        return None

    def forget(self) -> None:
        """See `RenewableSource.forget`."""
        self._configs.clear()
        self._helped.clear()

    async def _find_in(self, place: _Place, host: str, path: str) -> Credential | None:
        config = self._config(place)
        if config is None:
            return None
        suffix = _helper(config, host)
        problem: CredentialError | None = None
        if suffix:
            try:
                credential = await self._help(suffix, _server(host))
            except CredentialError as error:
                problem = error
            else:
                if credential is not None:
                    return credential
        for key, auth in _entries(config.auths or {}, host, path):
            credential = _decode(auth, f"{place.name} ({key})")
            if credential is not None:
                return credential
        if problem is not None:
            raise problem
        return None

    async def _help(self, suffix: str, server: str) -> Credential | None:
        key = (suffix, server)
        if key not in self._helped:
            try:
                self._helped[key] = await ask_helper(suffix, server, self._environment)
            except CredentialError as error:
                self._helped[key] = error
        answer = self._helped[key]
        if isinstance(answer, CredentialError):
            raise answer
        return answer

    def _config(self, place: _Place) -> _Config | None:
        if place.name not in self._configs:
            try:
                self._configs[place.name] = _read(place)
            except CredentialError as error:
                self._configs[place.name] = error
        config = self._configs[place.name]
        if isinstance(config, CredentialError):
            raise config
        return config


def _places(context: CredentialContext) -> Iterator[_Place]:
    environment, home = context.environment, context.home
    if text := environment.get("DOCKER_AUTH_CONFIG"):
        yield _Place(name="DOCKER_AUTH_CONFIG", text=text)
    user = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
    docker = Path(environment.get("DOCKER_CONFIG") or home / ".docker")
    paths = [docker / "config.json", *_session(environment), user / "containers" / "auth.json"]
    if named := environment.get("REGISTRY_AUTH_FILE"):
        paths.insert(0, Path(named))
    yield from (_Place(name=str(path), path=path) for path in paths)
    legacy = home / ".dockercfg"
    yield _Place(name=str(legacy), path=legacy, bare=True)


def _session(environment: Mapping[str, str]) -> Iterator[Path]:
    """Where podman keeps the logins of a session; nowhere on a system without user numbers."""
    if runtime := environment.get("XDG_RUNTIME_DIR"):
        yield Path(runtime) / "containers" / "auth.json"
    elif hasattr(os, "getuid"):
        yield Path(f"/run/containers/{os.getuid()}/auth.json")


def _read(place: _Place) -> _Config | None:
    """The config at `place`, or None where there is no file. Raises `CredentialError`."""
    try:
        raw = place.text.encode() if place.text is not None else _bytes(place.path)
        if raw is None:
            return None
        if place.bare:
            return _Config(auths=msgspec.json.decode(raw, type=dict[str, _Auth | None]))
        return msgspec.json.decode(raw, type=_Config) if raw.strip() else None
    except OSError as error:
        raise CredentialError(
            f"{place.name}: cannot be read: {error.strerror}", hint="check its permissions"
        ) from error
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        # The error's own text may quote the file: only its kind is told.
        raise CredentialError(
            f"{place.name}: not a valid docker config ({type(error).__name__})",
            hint="it should be JSON as `docker login` writes it",
        ) from None


def _bytes(path: Path | None) -> bytes | None:
    assert path is not None
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if len(raw) > _MAX_BYTES:
        raise ValueError("too large")
    return raw


def _helper(config: _Config, host: str) -> str | None:
    for key, suffix in (config.credHelpers or {}).items():
        if _host_of(key) == host:
            return suffix
    return config.credsStore or None


def _server(host: str) -> str:
    """What a helper knows a host by."""
    return _HUB_SERVER if host == DOCKER_HUB else host


def _entries(
    auths: Mapping[str, _Auth | None], host: str, path: str
) -> Iterator[tuple[str, _Auth]]:
    """The entries that may serve a repository, most exact first.

    Keys may be scoped to a path (`quay.io/team`, containers-auth.json(5)); such a key serves
    nothing outside it. A key that is a URL (`https://host/v1/`) serves its whole host.
    """
    names = HUB_ALIASES if host == DOCKER_HUB else {host}
    parts = path.split("/") if path else []
    for length in range(len(parts), -1, -1):
        for name in sorted(names):
            key = "/".join((name, *parts[:length]))
            if (auth := auths.get(key)) is not None:
                yield key, auth
    for key, auth in auths.items():
        if auth is not None and key not in names and _host_of(key) == host and _is_whole(key):
            yield key, auth


def _host_of(key: str) -> str:
    host = key.removeprefix("https://").removeprefix("http://").partition("/")[0].lower()
    return DOCKER_HUB if host in HUB_ALIASES else host


def _is_whole(key: str) -> bool:
    """True for keys that mean a host: URLs, and `host/v1/` of old."""
    rest = key.partition("/")[2].strip("/")
    return "://" in key or rest in ("", "v1", "v2")


def _decode(auth: _Auth, origin: str) -> Credential | None:
    """The credential of an entry; None for `{}`, which means that a helper has it."""
    username, password = auth.username or "", auth.password or ""
    if auth.auth:
        try:
            text = base64.b64decode(auth.auth, validate=True).decode()
        except (binascii.Error, ValueError):
            raise CredentialError(
                f"{origin}: `auth` is not base64 of user:password",
                hint="log in again",
            ) from None
        username, _, password = text.partition(":")
        password = password.rstrip("\0")
    if auth.registrytoken:
        kind, secret = CredentialKind.REGISTRY_TOKEN, auth.registrytoken
    elif auth.identitytoken:
        kind, secret = CredentialKind.IDENTITY_TOKEN, auth.identitytoken
    else:
        kind, secret = CredentialKind.PASSWORD, password
        if not username or not password:
            return None
    return Credential(username=username, secret=secret, kind=kind, origin=origin)
