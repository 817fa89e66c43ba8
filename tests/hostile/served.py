"""A registry whose images are a stranger's, beside images that must stay right."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Served", "config_of", "digest_of", "served"]

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def digest_of(raw: bytes) -> str:
    """The digest of these bytes."""
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


def config_of(**more: Any) -> dict[str, Any]:
    """A config that a builder would write, with `more` in it; `config` is merged."""
    layer = digest_of(b"layer")
    inner = {"Cmd": ["sh"], "User": "app", "Env": ["V=1.2.3"], **more.pop("config", {})}
    return {
        "created": "2026-05-01T00:00:00Z",
        "os": "linux",
        "architecture": "amd64",
        "rootfs": {"type": "layers", "diff_ids": [layer]},
        "history": [{"created_by": "ADD rootfs /", "created": "2026-05-01T00:00:00Z"}],
        "config": inner,
        **more,
    }


@dataclass(slots=True)
class Served:
    """What the registry holds; `url` is where it listens. `asked` are the paths of requests."""

    url: str = ""
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    headers: list[bytes] = field(default_factory=list)
    """Lines that go with every answer."""

    def push(self, repository: str, config: Any, *, tag: str = "1.0", **manifest: Any) -> str:
        """Add an image with this config (a value, or bytes); the digest of its manifest."""
        raw = config if isinstance(config, bytes) else json.dumps(config).encode()
        self.blobs[digest_of(raw)] = raw
        described = {"mediaType": CONFIG, "digest": digest_of(raw), "size": len(raw)}
        layer = {"mediaType": LAYER, "digest": digest_of(b"layer"), "size": 5}
        document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": described}
        return self.put(repository, {**document, "layers": [layer], **manifest}, tag=tag)

    def put(self, repository: str, document: Any, *, tag: str | None, sent: str = "") -> str:
        """Add a manifest or index, sent as this type; its digest."""
        raw = document if isinstance(document, bytes) else json.dumps(document).encode()
        kind = sent or (document["mediaType"] if isinstance(document, Mapping) else MANIFEST)
        digest = digest_of(raw)
        self.manifests[digest] = (kind, raw)
        if tag is not None:
            self.tags.setdefault(repository, {})[tag] = digest
        return digest

    def settings(self, host: str = "r.example", **options: object) -> str:
        """The lines of `registries:` that lead here."""
        more = "".join(f", {key}: {value}" for key, value in options.items())
        return f"registries: {{{host}: {{endpoint: '{self.url}', credential: anonymous{more}}}}}\n"

    def found(self, path: str) -> tuple[str, bytes] | None:
        """The type and bytes of what is at a path; None where nothing is."""
        self.asked.append(path)
        path = path.removeprefix("/v2/")
        if not path:
            return "application/json", b"{}"
        if path.endswith("/tags/list"):
            names = sorted(self.tags.get(path.removesuffix("/tags/list"), {}))
            return "application/json", json.dumps({"tags": names}).encode()
        repository, _, asked = path.partition("/manifests/")
        if asked:
            return self.manifests.get(self.tags.get(repository, {}).get(asked, asked))
        raw = self.blobs.get(path.rpartition("/")[2])
        return None if raw is None else ("application/octet-stream", raw)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer requests in bytes: no library for servers sends a header that is no text."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                method, path, _ = head.decode().split(" ", 2)
                found = self.found(path.partition("?")[0])
                kind, raw = found or ("text/plain", b"")
                lines = [
                    b"HTTP/1.1 200 OK" if found else b"HTTP/1.1 404 Not Found",
                    b"Content-Type: " + kind.encode(errors="surrogateescape"),
                    b"Content-Length: %d" % len(raw),
                    b"Docker-Content-Digest: " + digest_of(raw).encode(),
                    *self.headers,
                ]
                if "/manifests/" not in path:
                    del lines[3]
                writer.write(b"\r\n".join(lines) + b"\r\n\r\n" + (raw if method == "GET" else b""))
                await writer.drain()
        writer.close()


@asynccontextmanager
async def served() -> AsyncIterator[Served]:
    """The registry on loopback."""
    found = Served()
    server = await asyncio.start_server(found.answer, "127.0.0.1", 0)
    found.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield found
