"""A registry that costs next to nothing: documents made from their names, by a bare protocol.

Run: python -m tests.static_registry CONFIG   (the JSON of a `Stock`); it prints its port.
Being asked for `/stats` it tells what it was asked: requests by kind, the manifests that it gave,
connections, bytes sent, the most requests at once and in one second.
Being asked for `/move/N` it lets the next N tags serve other images, round and round.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from collections import Counter, deque
from dataclasses import asdict, dataclass
from functools import cache
from hashlib import sha256

__all__ = ["Image", "Stock", "digest_of"]

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
_KINDS = {"tags": "tags", "manifests": "manifest", "blobs": "config", "referrers": "referrers"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """`repositories` called `<group>/<n>` of `tags` tags each, `shared` tags to an image.

    `delay_seconds`: how long every answer is kept back; `scatter_seconds`: up to how much longer,
    which differs from one question to another, and with `seed`. `tls`: certificate and key.
    `a_second`: so many requests are answered in a second, the others refused; 0: all are answered.
    """

    repositories: int = 200
    tags: int = 5
    shared: int = 1
    delay_seconds: float = 0.0
    scatter_seconds: float = 0.0
    seed: int = 0
    tls: tuple[str, str] | None = None
    a_second: int = 0
    group: str = "team"

    @classmethod
    def parse(cls, text: str) -> Stock:
        """The stock that `str` gave."""
        return cls(**json.loads(text))

    def __str__(self) -> str:
        return json.dumps(asdict(self))

    def names(self) -> list[str]:
        """The tags of every repository: one line of versions."""
        return [f"1.{number // 100}.{number % 100}" for number in range(self.tags)]

    def delay(self, method: str, target: str) -> float:
        """How long the answer to a question is kept back."""
        if not self.scatter_seconds:
            return self.delay_seconds
        chance = sha256(f"{self.seed} {method} {target}".encode()).digest()[0] / 255
        return self.delay_seconds + chance * self.scatter_seconds

    def image(self, path: str, tag: str, moves: int = 0) -> Image:
        """What a tag serves that moved so often."""
        _, minor, patch = tag.split(".")
        number = (int(minor) * 100 + int(patch)) // self.shared
        return _image(path, number + moves * self.tags)


@dataclass(frozen=True, slots=True)
class Image:
    """A manifest and its blobs: the layer and the config."""

    manifest: bytes
    layer: bytes
    config: bytes
    media_type = _MANIFEST

    @property
    def blobs(self) -> list[tuple[bytes, str]]:
        """Each with its digest."""
        return [(blob, digest_of(blob)) for blob in (self.layer, self.config)]


@cache
def _image(path: str, number: int) -> Image:
    content = f"{path}/{number}".encode()
    layer = digest_of(content)
    config = _json(
        architecture="amd64",
        os="linux",
        created="2026-11-01T00:00:00Z",
        config={"Env": ["PATH=/usr/bin"], "Cmd": ["serve"], "User": "app"},
        rootfs={"type": "layers", "diff_ids": [layer]},
        history=[{"created": "2026-11-01T00:00:00Z", "created_by": f"COPY {number} /"}],
    )
    manifest = _json(
        schemaVersion=2,
        mediaType=_MANIFEST,
        config={"mediaType": _CONFIG, "digest": digest_of(config), "size": len(config)},
        layers=[{"mediaType": _LAYER, "digest": layer, "size": len(content)}],
    )
    return Image(manifest, content, config)


def _json(**fields: object) -> bytes:
    return json.dumps(fields).encode()


def digest_of(raw: bytes) -> str:
    """The digest as it stands in documents."""
    return f"sha256:{sha256(raw).hexdigest()}"


class _Server:
    """What is served, and what was asked."""

    def __init__(self, stock: Stock) -> None:
        self.stock = stock
        self.requests: Counter[str] = Counter()
        self.pulled: list[str] = []
        self.connections = 0
        self.open = 0
        self.most_open = 0
        self.bytes = 0
        self.at_once = self.most_at_once = self.most_a_second = 0
        self._recent: deque[float] = deque()
        self._moves: Counter[tuple[str, str]] = Counter()
        self._turn = 0
        self._heads: dict[str, bytes] = {}
        self._blobs: dict[str, bytes] = {}
        self._manifests: dict[str, bytes] = {}

    def answer(self, method: str, target: str) -> bytes:
        """The whole answer to one request."""
        if target == "/stats":
            body = _json(
                requests=self.requests,
                pulled=self.pulled,
                connections=self.connections,
                most_open=self.most_open,
                bytes=self.bytes,
                most_at_once=self.most_at_once,
                most_a_second=self.most_a_second,
            )
            self.requests.clear()
            self.pulled.clear()
            self.bytes = self.most_at_once = self.most_a_second = 0
            self.connections = self.most_open = self.open - 1
            return _response(body)
        if target.startswith("/move/"):
            self._move(int(target.rpartition("/")[2]))
            return _response(b"{}")
        if self._is_too_much():
            self.requests["refused"] += 1
            return _TOO_MANY
        if target == "/v2/":
            self.requests["ping"] += 1
            return _response(b"{}")
        path, kind, reference = target.removeprefix("/v2/").partition("?")[0].rsplit("/", 2)
        self.requests["head" if method == "HEAD" else _KINDS[kind]] += 1
        if method == "HEAD":
            if target not in self._heads:
                self._heads[target] = self._manifest(path, reference, head=True)
            return self._heads[target]
        match kind:
            case "tags":
                return _response(_json(name=path, tags=self.stock.names()))
            case "manifests":
                self.pulled.append(f"{path}@{reference}")
                return self._manifest(path, reference, head=False)
            case "referrers":
                return _response(_json(schemaVersion=2, mediaType=_INDEX, manifests=[]), "", _INDEX)
            case _:
                return _response(self._blobs[reference], reference)

    def _is_too_much(self) -> bool:
        """Count a request among those of the last second; True where that are too many."""
        now = asyncio.get_running_loop().time()
        while self._recent and now - self._recent[0] >= 1:
            self._recent.popleft()
        if self.stock.a_second and len(self._recent) >= self.stock.a_second:
            return True
        self._recent.append(now)
        self.most_a_second = max(self.most_a_second, len(self._recent))
        return False

    def _move(self, count: int) -> None:
        names, repositories = self.stock.names(), self.stock.repositories
        for turn in range(self._turn, self._turn + count):
            path, name = (
                f"{self.stock.group}/{turn % repositories}",
                names[turn // repositories % len(names)],
            )
            self._moves[path, name] += 1
            self._heads.pop(f"/v2/{path}/manifests/{name}", None)
        self._turn += count

    def _manifest(self, path: str, reference: str, *, head: bool) -> bytes:
        if reference in self._manifests:
            manifest = self._manifests[reference]
        else:
            image = self.stock.image(path, reference, self._moves[path, reference])
            manifest = image.manifest
            self._blobs |= {digest: blob for blob, digest in image.blobs}
            self._manifests[digest_of(manifest)] = manifest
        return _response(manifest, digest_of(manifest), _MANIFEST, head=head)


def _response(
    body: bytes, digest: str = "", media_type: str = "application/json", *, head: bool = False
) -> bytes:
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", f"Content-Type: {media_type}"]
    if digest:
        lines.append(f"Docker-Content-Digest: {digest}")
    return "\r\n".join([*lines, "", ""]).encode() + (b"" if head else body)


_TOO_MANY = b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\nRetry-After: 1\r\n\r\n"


class _Connection(asyncio.Protocol):
    """One connection; requests have no body."""

    def __init__(self, server: _Server) -> None:
        self._server = server
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        server = self._server
        server.connections += 1
        server.open += 1
        server.most_open = max(server.most_open, server.open)

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.open -= 1

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"\x16"):  # whoever tries TLS first shall not wait for an answer
            self._transport.close()
            return
        *requests, self._rest = (self._rest + data).split(b"\r\n\r\n")
        for request in requests:
            method, target, _ = request.split(b"\r\n", 1)[0].decode().split(" ")
            answer = self._server.answer(method, target)
            self._server.bytes += len(answer) if target != "/stats" else 0
            delay = self._server.stock.delay(method, target)
            if delay and target != "/stats":
                self._server.at_once += 1
                self._server.most_at_once = max(self._server.most_at_once, self._server.at_once)
                asyncio.get_running_loop().call_later(delay, self._write_late, answer)
            else:
                self._transport.write(answer)

    def _write_late(self, answer: bytes) -> None:
        self._server.at_once -= 1
        self._transport.write(answer)


async def _serve(stock: Stock) -> None:
    context = None
    if stock.tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*stock.tls)
    server = _Server(stock)
    listener = await asyncio.get_running_loop().create_server(
        lambda: _Connection(server), "127.0.0.1", 0, ssl=context
    )
    print(listener.sockets[0].getsockname()[1], flush=True)
    await listener.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(Stock.parse(sys.argv[1])))
