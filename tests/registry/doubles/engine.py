"""A local engine behind a Unix socket: `ImageInspect` and `ImageHistory` of Docker Engine API 1.47.

Anything else that is asked is remembered in `failures`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from tests.image_builder import Built, config_digest

__all__ = ["EngineDouble", "HeldImage", "serving_engine"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldImage:
    """An image as an engine holds it. `digests`: what it was pulled by.

    `by_manifest`: the containerd image store identifies it by the manifest, not by the config.
    """

    image: Built
    tags: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    by_manifest: bool = False

    @property
    def id(self) -> str:
        return self.image.digest if self.by_manifest else config_digest(self.image)

    def inspect(self) -> dict[str, Any]:
        """The answer of `GET /images/{name}/json`."""
        config = self.image.config
        return {
            "Id": self.id,
            "RepoTags": list(self.tags),
            "RepoDigests": list(self.digests),
            "Parent": "",
            "Comment": "buildkit.dockerfile.v0",
            "Created": config.get("created"),
            "DockerVersion": "",
            "Author": "",
            "Config": {
                "Hostname": "",
                "AttachStdin": False,
                "ExposedPorts": None,
                "User": "",
                "Env": None,
                "Cmd": None,
                "Entrypoint": None,
                "Volumes": None,
                "Labels": None,
                "OnBuild": None,
                **config.get("config", {}),
            },
            "Architecture": config["architecture"],
            "Os": config["os"],
            "Size": sum(len(layer.tar) for layer in self.image.layers),
            "GraphDriver": {"Data": None, "Name": "overlay2"},
            "RootFS": {"Type": "layers", "Layers": list(config["rootfs"]["diff_ids"])},
            "Metadata": {"LastTagTime": "0001-01-01T00:00:00Z"},
        }

    def history(self) -> list[dict[str, Any]]:
        """The answer of `GET /images/{name}/history`: newest first, with sizes of what is held."""
        layers = iter(self.image.layers)
        steps = [
            {
                "Id": "<missing>",
                "Created": int(datetime.fromisoformat(entry["created"]).timestamp()),
                "CreatedBy": entry.get("created_by", ""),
                "Tags": None,
                "Size": 0 if entry.get("empty_layer") else len(next(layers).tar.rstrip(b"\0")),
                "Comment": entry.get("comment", ""),
            }
            for entry in self.image.config.get("history", [])
        ]
        return steps[::-1]


@dataclass(slots=True)
class EngineDouble:
    """Answers for images by every name they have, as references are written or by ID."""

    images: tuple[HeldImage, ...]
    asked: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Inspect or history; what nobody documents is a failure of the test."""
        self.asked.append(f"{request.method} {request.path}")
        name, _, what = unquote(request.path).removeprefix("/images/").rpartition("/")
        documented = request.path.startswith("/images/") and what in ("json", "history")
        body = await request.read()
        if request.method != "GET" or not documented or body or request.query_string:
            self.failures.append(self.asked[-1])
            return web.json_response({"message": "page not found"}, status=404)
        held = next((one for one in self.images if name in (*self._names(one),)), None)
        if held is None:
            return web.json_response({"message": f"No such image: {name}"}, status=404)
        return web.json_response(held.inspect() if what == "json" else held.history())

    def _names(self, held: HeldImage) -> tuple[str, ...]:
        short = held.id.removeprefix("sha256:")
        return (*held.tags, *held.digests, held.id, short, short[:12])


@asynccontextmanager
async def serving_engine(folder: Path, engine: EngineDouble) -> AsyncIterator[Mapping[str, str]]:
    """The environment in which `engine` answers."""
    runner = web.ServerRunner(web.Server(engine.answer, access_log=None))
    await runner.setup()
    path = folder / "docker.sock"
    try:
        await web.UnixSite(runner, str(path)).start()
        yield {"DOCKER_HOST": f"unix://{path}"}
    finally:
        await runner.cleanup()
    assert engine.failures == []
