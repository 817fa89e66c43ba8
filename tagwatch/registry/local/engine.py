"""What runs here: containers and images of a local engine, through its Unix socket.

Docker Engine API 1.40 and later (https://docs.docker.com/reference/api/engine/); podman's is alike.
Only reading requests are ever made: containers, and an image's settings and history. What an
engine stores is never exported.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import aiohttp
import msgspec

from tagwatch.errors import InvalidDigestError, UnavailableError
from tagwatch.image.digest import Digest, is_digest, parse_digest
from tagwatch.source.target import Port
from tagwatch.value import dataclass

__all__ = ["EngineImage", "LocalEngine", "RunningContainer", "StoredImage", "open_engine"]

T = TypeVar("T")

_TIMEOUT_SECONDS = 20.0
_MAX_BYTES = 64 * 1024 * 1024
_ID = re.compile(r"[0-9a-f]{64}")
_SETTING = re.compile(
    r"(?:/bin/sh -c #\(nop\)\s+)?"
    r"(?:ARG|CMD|ENTRYPOINT|ENV|EXPOSE|HEALTHCHECK|LABEL|MAINTAINER|ONBUILD|SHELL|STOPSIGNAL|USER"
    r"|VOLUME)\b"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningContainer:
    """A container that runs. `image` is the text it was started with, `image_id` a config digest.

    A tag in `image` may serve something else by now; `image_id` is what runs.
    """

    id: str
    name: str
    image: str
    image_id: Digest | None
    created_at: datetime
    ports: tuple[Port, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineImage:
    """An image the engine holds. `digests`: what registries served it as, `name@digest`."""

    id: Digest
    tags: tuple[str, ...]
    digests: tuple[str, ...]
    diff_ids: tuple[Digest, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredImage:
    """An image as the engine describes it. `config`: an image config made of the description.

    Its bytes are not the config's own, and its history's dates are whole seconds. `tags`: what it
    is called here; `digests`: what registries served it as, `name@digest`.
    """

    id: Digest
    tags: tuple[str, ...]
    digests: tuple[str, ...]
    config: bytes


class _Port(msgspec.Struct, rename="pascal"):
    private_port: int
    public_port: int | None = None
    type: str = "tcp"
    ip: str = msgspec.field(name="IP", default="")


class _Container(msgspec.Struct, rename="pascal"):
    id: str
    image: str
    image_id: str = msgspec.field(name="ImageID", default="")
    created: int = 0
    names: list[str] | None = None
    ports: list[_Port] | None = None


class _RootFS(msgspec.Struct, rename="pascal"):
    layers: list[str] | None = None


class _Image(msgspec.Struct, rename="pascal"):
    id: str
    repo_tags: list[str] | None = None
    repo_digests: list[str] | None = None
    root_fs: _RootFS | None = msgspec.field(name="RootFS", default=None)


class _Described(_Image, rename="pascal"):
    created: str | None = None
    os: str = "linux"
    os_version: str = ""
    architecture: str = ""
    variant: str = ""
    config: dict[str, Any] | None = None


class _Step(msgspec.Struct, rename="pascal"):
    created: int = 0
    created_by: str = ""
    size: int = 0
    comment: str = ""


class LocalEngine:
    """One engine. Every method raises `UnavailableError` where it gives no usable answer."""

    def __init__(self, session: aiohttp.ClientSession, name: str) -> None:
        self._session = session
        self._name = name

    async def containers(self) -> tuple[RunningContainer, ...]:
        """What runs, by name. One request."""
        found = await self._get("/containers/json", list[_Container])
        containers = (_container(entry) for entry in found or ())
        return tuple(sorted(containers, key=lambda container: (container.name, container.id)))

    async def image(self, image_id: Digest) -> EngineImage | None:
        """The image with this ID, or None where the engine no longer has it. One request."""
        found = await self._get(f"/images/{parse_digest(image_id)}/json", _Image)
        if found is None:
            return None
        try:
            return EngineImage(
                id=parse_digest(found.id),
                tags=tuple(found.repo_tags or ()),
                digests=tuple(found.repo_digests or ()),
                diff_ids=tuple(map(parse_digest, (found.root_fs or _RootFS()).layers or ())),
            )
        except InvalidDigestError as error:
            raise self._unusable() from error

    async def stored(self, name: str) -> StoredImage | None:
        """The image called `name` (a reference or an ID), or None. Two requests."""
        path = f"/images/{quote(name, safe='/:@')}"
        found = await self._get(f"{path}/json", _Described)
        steps = await self._get(f"{path}/history", list[_Step]) if found else None
        if found is None or steps is None:
            return None
        try:
            return StoredImage(
                id=parse_digest(f"sha256:{found.id}" if _ID.fullmatch(found.id) else found.id),
                tags=tuple(found.repo_tags or ()),
                digests=tuple(found.repo_digests or ()),
                config=_config_of(found, steps),
            )
        except InvalidDigestError as error:
            raise self._unusable() from error

    async def _get(self, path: str, kind: type[T]) -> T | None:
        try:
            async with (
                asyncio.timeout(_TIMEOUT_SECONDS),
                self._session.get(f"http://localhost{path}", allow_redirects=False) as answer,
            ):
                body = bytearray()
                async for chunk in answer.content.iter_any():
                    body += chunk
                    if len(body) > _MAX_BYTES:
                        raise self._unusable()
        except TimeoutError as error:
            raise UnavailableError(
                f"the engine at {self._name!r} gave no answer within {_TIMEOUT_SECONDS:g} s",
                hint="is it overloaded?",
            ) from error
        except (aiohttp.ClientError, OSError) as error:
            raise UnavailableError(
                f"no engine answers at {self._name!r}",
                hint="is it running, and may this user open its socket? "
                "DOCKER_HOST=unix:///path names another",
            ) from error
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise self._unusable(answer.status)
        try:
            return msgspec.json.decode(bytes(body), type=kind)
        except (msgspec.DecodeError, RecursionError) as error:
            raise self._unusable() from error

    def _unusable(self, status: int | None = None) -> UnavailableError:
        said = "" if status is None else f" ({status})"
        return UnavailableError(
            f"the engine at {self._name!r} gives no usable answer{said}",
            hint="tagwatch speaks the Docker Engine API 1.40 and later",
            status=status,
        )


@asynccontextmanager
async def open_engine(environment: Mapping[str, str]) -> AsyncIterator[LocalEngine]:
    """The engine that `DOCKER_HOST` names, else the first local socket there is.

    Raises `UnavailableError` for a host that is no Unix socket, or where there is none.
    """
    socket = _socket(environment)
    async with aiohttp.ClientSession(
        connector=aiohttp.UnixConnector(str(socket)), cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        yield LocalEngine(session, str(socket))


def _socket(environment: Mapping[str, str]) -> Path:
    named = environment.get("DOCKER_HOST", "")
    if named:
        if not named.startswith("unix://"):
            raise UnavailableError(
                "DOCKER_HOST does not name a Unix socket",
                hint="only a local engine is asked: DOCKER_HOST=unix:///path",
            )
        return Path(named.removeprefix("unix://"))
    places = [Path("/var/run/docker.sock"), Path("/run/podman/podman.sock")]
    if runtime := environment.get("XDG_RUNTIME_DIR"):
        places += [Path(runtime, "docker.sock"), Path(runtime, "podman/podman.sock")]
    for place in places:
        if place.is_socket():
            return place
    raise UnavailableError(
        "no container engine was found on this machine", hint="DOCKER_HOST=unix:///path names one"
    )


def _config_of(image: _Described, steps: Sequence[_Step]) -> bytes:
    """An image config (OCI image-spec, config.md) with what the engine tells of it."""
    layers = list((image.root_fs or _RootFS()).layers or ())
    history = [
        {
            "created": _moment(step.created),
            "created_by": step.created_by,
            "comment": step.comment,
            **({"empty_layer": True} if empty else {}),
        }
        for step, empty in zip(reversed(steps), _empty(steps, len(layers)), strict=True)
    ]
    document = {
        "created": image.created,
        "os": image.os,
        "architecture": image.architecture,
        "config": image.config,
        "rootfs": {"type": "layers", "diff_ids": layers},
        "history": history,
    }
    if image.variant:
        document["variant"] = image.variant
    if image.os_version:
        document["os.version"] = image.os_version
    return json.dumps(document).encode()


def _moment(seconds: int) -> str | None:
    """A time in a document; None for one that no calendar has."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat()
    except (OverflowError, OSError, ValueError):
        return None


def _empty(steps: Sequence[_Step], layers: int) -> Iterable[bool]:
    """Which steps made no layer, oldest first: the engine tells sizes, and a layer may have none.

    Where the sizes do not tell, settings made no layer and anything else did.
    """
    oldest_first = list(reversed(steps))
    by_size = [not step.size for step in oldest_first]
    if by_size.count(False) == layers:
        return by_size
    return [not step.size and bool(_SETTING.match(step.created_by)) for step in oldest_first]


def _container(entry: _Container) -> RunningContainer:
    # A port on every interface is listed twice, for IPv4 and IPv6.
    ports = dict.fromkeys(_port(port) for port in entry.ports or ())
    return RunningContainer(
        id=entry.id,
        name=min(entry.names or [""], key=len).removeprefix("/"),
        image=entry.image,
        image_id=Digest(entry.image_id) if is_digest(entry.image_id) else None,
        created_at=datetime.fromtimestamp(entry.created, UTC),
        ports=tuple(ports),
    )


def _port(port: _Port) -> Port:
    everywhere = port.ip in ("0.0.0.0", "::")  # noqa: S104  # compared, not listened on
    return Port(
        container=port.private_port,
        host=port.public_port,
        host_ip="" if everywhere else port.ip,
        protocol=port.type,
    )
