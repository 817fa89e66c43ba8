"""What every double of a registry stands on: a store of images, `/v2/` in front of it, and counts.

A double answers what the facts of its registry say and nothing else: any other request is noted
in `wrong`, answered 418, and fails the test when the double is closed.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from aiohttp import web

from tagwatch.image.digest import Digest, digest_of
from tagwatch.image.manifest import OCI_CONFIG, OCI_INDEX, OCI_MANIFEST
from tests.registry.scripted import Seen

__all__ = ["PASSWORD", "USER", "Double", "Pushed", "Refusal", "Warehouse", "stamp"]

USER, PASSWORD = "reader", "dckr_pat_correct-horse"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
MORNING = datetime(2026, 11, 1, 6, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """What a tag serves, and since when."""

    digest: Digest
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An answer in place of the right one. `cut_off`: the connection ends in the midst of it."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b'{"errors":[{"code":"UNAVAILABLE","message":"no"}]}'
    cut_off: bool = False


def stamp(at: datetime) -> str:
    """A time as most registries write it: `2026-11-01T06:00:00.000000Z`."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Warehouse:
    """Repositories, their tags, and the images that these serve.

    `unlisted`: tags that can be pulled and that no catalogue lists, as in a pull-through cache.
    """

    def __init__(self) -> None:
        self.unlisted: set[str] = set()
        self.repositories: dict[str, dict[str, Pushed]] = {}
        self.manifests: dict[Digest, tuple[str, bytes]] = {}
        self.blobs: dict[Digest, bytes] = {}
        self._clock = MORNING

    def push(
        self,
        path: str,
        tag: str,
        *,
        at: datetime | None = None,
        build: str = "1",
        index: bool = True,
    ) -> Digest:
        """Push an image made for this tag and build: an index of amd64 and arm64, or one manifest.

        Without `at`, each push is a second later than the one before.
        """
        self._clock += timedelta(seconds=1)
        children = [
            self._image(f"{path}:{tag}:{build}:{architecture}", architecture)
            for architecture in (("amd64", "arm64") if index else ("amd64",))
        ]
        digest = children[0][0]
        if index:
            document = {
                "schemaVersion": 2,
                "mediaType": OCI_INDEX,
                "manifests": [
                    {
                        "mediaType": OCI_MANIFEST,
                        "digest": child,
                        "size": size,
                        "platform": {"os": "linux", "architecture": architecture},
                    }
                    for child, size, architecture in children
                ],
            }
            digest = self._keep(document, OCI_INDEX)
        self.repositories.setdefault(path, {})[tag] = Pushed(digest=digest, at=at or self._clock)
        return digest

    def children(self, digest: Digest) -> list[dict[str, Any]]:
        """The entries of an index; of a manifest, itself."""
        media_type, raw = self.manifests[digest]
        document = json.loads(raw)
        if media_type == OCI_INDEX:
            return list(document["manifests"])
        platform = {"os": "linux", "architecture": "amd64"}
        return [{"digest": digest, "size": len(raw), "platform": platform}]

    def tags_of(self, path: str) -> dict[Digest, list[str]]:
        """The tags of each digest that a tag serves."""
        found: dict[Digest, list[str]] = defaultdict(list)
        for tag, pushed in sorted(self.listed(path).items()):
            found[pushed.digest].append(tag)
        return found

    def listed(self, path: str) -> dict[str, Pushed]:
        """What a catalogue tells of."""
        tags = self.repositories[path].items()
        return {tag: pushed for tag, pushed in tags if tag not in self.unlisted}

    def newest_first(self, path: str) -> list[tuple[str, Pushed]]:
        """Tags by the time of their last push."""
        return sorted(
            self.listed(path).items(), key=lambda item: (item[1].at, item[0]), reverse=True
        )

    def _image(self, seed: str, architecture: str) -> tuple[Digest, int, str]:
        layer = hashlib.sha256(seed.encode()).hexdigest()
        config = {
            "architecture": architecture,
            "os": "linux",
            "config": {"Env": ["PATH=/bin"], "Labels": {"seed": seed}},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer}"]},
            "history": [{"created": "2026-11-01T00:00:00Z", "created_by": f"COPY {seed} /"}],
        }
        raw = json.dumps(config).encode()
        blob = digest_of(raw)
        self.blobs[blob] = raw
        manifest = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {"mediaType": OCI_CONFIG, "digest": blob, "size": len(raw)},
            "layers": [{"mediaType": LAYER, "digest": f"sha256:{layer}", "size": 1000}],
        }
        digest = self._keep(manifest, OCI_MANIFEST)
        return digest, len(self.manifests[digest][1]), architecture

    def _keep(self, document: dict[str, Any], media_type: str) -> Digest:
        raw = json.dumps(document).encode()
        digest = digest_of(raw)
        self.manifests[digest] = (media_type, raw)
        return digest


class CutOff(web.Response):
    """An answer that promises one byte more than it has."""

    async def cut(self, request: web.BaseRequest) -> web.StreamResponse:
        """Send it and hang up."""
        body = self.body if isinstance(self.body, bytes) else b""
        promise = {**self.headers, "Content-Length": str(len(body) + 1)}
        stream = web.StreamResponse(status=self.status, headers=promise)
        await stream.prepare(request)
        await stream.write(body)
        if request.transport is not None:
            request.transport.close()
        return stream


class Double:
    """A registry: `/v2/` as distribution answers it, on the same host whatever else a kind adds.

    `private`: repositories that need the login. `tokened`: also what everybody may read wants a
    token. `basic`: the registry takes Basic and has no token server. `states_digest` False: no
    `Docker-Content-Digest`. `refusals`: answers given in place of the right ones, by kind of
    request, in their order. `pulls`: the limit of manifest GETs that it tells, and how many are
    left of it. `failing`: tags and digests whose manifest gets this status. `skew`: how far the
    token server's clock is ahead. `most_scopes`: so many of those that a token is asked for are
    granted, the first; None: all; 0: to ask for several is an error, as some servers have it.
    """

    kind = "distribution"

    def __init__(self, warehouse: Warehouse | None = None) -> None:
        self.warehouse = warehouse or Warehouse()
        self.private: set[str] = set()
        self.tokened = False
        self.basic = False
        self.logins = {USER: PASSWORD}
        self.states_digest = True
        self.page_size = 1000
        self.refusals: dict[str, list[Refusal | None]] = defaultdict(list)
        self.pulls: tuple[int, int] | None = None
        self.skew = timedelta()
        self.failing: dict[str, int] = {}
        self.counts: Counter[str] = Counter()
        self.seen: list[Seen] = []
        self.wrong: list[str] = []
        self.url = ""
        self.most_scopes: int | None = None
        self._tokens: dict[str, frozenset[str]] = {}

    @property
    def host(self) -> str:
        """`127.0.0.1:<port>`."""
        return self.url.partition("://")[2]

    @property
    def name(self) -> str:
        """What people call the registry: its host, save where the name itself says something."""
        return self.host

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Self]:
        """The double on loopback; leaving the block fails where a request was wrong."""
        runner = web.ServerRunner(web.Server(self._answer, access_log=None))
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield self
        finally:
            await runner.cleanup()
        assert not self.wrong, "\n".join(self.wrong)

    def night(self) -> Counter[str]:
        """The counts since this was called last."""
        counts, self.counts = self.counts, Counter()
        return counts

    async def api(self, request: web.BaseRequest, parts: Sequence[str]) -> web.Response | None:
        """The answer of the kind's own API; None where the request is none of it."""
        return None

    def refuse_from(self, kind: str, answers: Sequence[Refusal | None]) -> None:
        """What the next requests of a kind get, in their order; None: the right answer."""
        self.refusals[kind] = list(answers)

    # What subclasses answer with

    def take_refusal(self, kind: str) -> web.Response | None:
        """Count a request of a kind; the refusal that a test ordered in place of its answer."""
        self.counts[kind] += 1
        if not self.refusals[kind]:
            return None
        refusal = self.refusals[kind].pop(0)
        if refusal is None:
            return None
        make = CutOff if refusal.cut_off else web.Response
        return make(status=refusal.status, headers=refusal.headers, body=refusal.body)

    def may_read(self, request: web.BaseRequest, path: str) -> bool:
        """True where the request's own credential opens the repository."""
        if path not in self.private and not self.tokened:
            return True
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        if scheme == "Basic" and self.basic:
            return self.is_login(value)
        return scheme == "Bearer" and path in self._tokens.get(value, ())

    def is_login(self, encoded: str) -> bool:
        """True for base64 of `user:password` that is one of `logins`."""
        user, _, password = base64.b64decode(encoded).decode().partition(":")
        return bool(password) and self.logins.get(user) == password

    def failed(self, request: web.BaseRequest, why: str) -> web.Response:
        """Note a request that no client of this registry should make."""
        self.wrong.append(f"{self.kind}: {why}: {request.method} {request.raw_path}")
        return web.Response(status=418, text=why)

    # /v2/

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        self.seen.append(
            Seen(method=request.method, path=request.raw_path, headers=request.headers, body=body)
        )
        parts = request.rel_url.raw_path.strip("/").split("/")
        answer = await self.api(request, parts)
        if answer is None:
            answer = self._registry(request, parts)
        if isinstance(answer, CutOff):
            return await answer.cut(request)
        return answer if answer is not None else self.failed(request, "unexpected")

    def _registry(self, request: web.BaseRequest, parts: Sequence[str]) -> web.Response | None:
        if request.method not in ("GET", "HEAD"):
            return None
        match parts:
            case ["token"] if request.method == "GET":
                return self.take_refusal("token") or self._token(request)
            case ["v2"]:
                return self.take_refusal("ping") or self._ping()
            case ["v2", "_catalog"] if self.kind == "distribution":
                return self.take_refusal("catalog") or self._catalog()
            case ["v2", *path, "tags", "list"]:
                name = "/".join(path)
                return self._gate(request, name, "tags") or self.tags(request, name)
            case ["v2", *path, "manifests", reference]:
                name = "/".join(path)
                kind = "head" if request.method == "HEAD" else "manifest"
                return self._gate(request, name, kind) or self._manifest(request, name, reference)
            case ["v2", *path, "blobs", digest]:
                name = "/".join(path)
                return self._gate(request, name, "config") or self._blob(digest)
            case ["v2", *path, "referrers", _]:  # as CNCF distribution: the API is missing
                return self._gate(request, "/".join(path), "referrers") or _error(
                    404, "UNSUPPORTED"
                )
        return None

    def _gate(self, request: web.BaseRequest, path: str, kind: str) -> web.Response | None:
        refusal = self.take_refusal(kind)
        if refusal is not None:
            return refusal
        if not self.may_read(request, path):
            return _error(401, "UNAUTHORIZED", {"WWW-Authenticate": self._challenge(path)})
        if path not in self.warehouse.repositories:
            return _error(404, "NAME_UNKNOWN")
        return None

    def _challenge(self, path: str) -> str:
        if self.basic:
            return f'Basic realm="{self.url}/"'
        scope = f',scope="repository:{path}:pull"' if path else ""
        return f'Bearer realm="{self.url}/token",service="double"{scope}'

    def _ping(self) -> web.Response:
        if not (self.private or self.tokened):
            return web.json_response({})
        return _error(401, "UNAUTHORIZED", {"WWW-Authenticate": self._challenge("")})

    def _token(self, request: web.BaseRequest) -> web.Response:
        scopes = request.query.getall("scope", [])
        if self.most_scopes == 0 and len(scopes) > 1:
            return _error(400, "UNSUPPORTED")
        scopes = scopes[: self.most_scopes or None]
        paths = [scope.removeprefix("repository:").removesuffix(":pull") for scope in scopes]
        authorization = request.headers.get("Authorization", "")
        known = authorization.startswith("Basic ") and self.is_login(authorization[6:])
        if authorization and not known:
            return _error(401, "UNAUTHORIZED")
        token = f"token-{len(self._tokens)}"
        granted = paths if known else [path for path in paths if path not in self.private]
        self._tokens[token] = frozenset(granted)
        issued_at = stamp(datetime.now(UTC) + self.skew)
        return web.json_response({"token": token, "expires_in": 300, "issued_at": issued_at})

    def _catalog(self) -> web.Response:
        return web.json_response({"repositories": sorted(self.warehouse.repositories)})

    def tags(self, request: web.BaseRequest, path: str) -> web.Response:
        """`tags/list`, by name, with a Link where there is more."""
        last = request.query.get("last", "")
        size = min(int(request.query.get("n", self.page_size)), self.page_size)
        names = [name for name in sorted(self.warehouse.repositories[path]) if name > last]
        headers = {}
        if len(names) > size:
            target = f"/v2/{path}/tags/list?last={names[size - 1]}&n={size}"
            headers["Link"] = f'<{target}>; rel="next"'
        return web.json_response({"name": path, "tags": names[:size]}, headers=headers)

    def _manifest(self, request: web.BaseRequest, path: str, reference: str) -> web.Response:
        pushed = self.warehouse.repositories[path].get(reference)
        digest = pushed.digest if pushed else Digest(reference)
        if reference in self.failing:
            return _error(self.failing[reference], "MANIFEST_UNKNOWN")
        if digest not in self.warehouse.manifests:
            return _error(404, "MANIFEST_UNKNOWN")
        media_type, raw = self.warehouse.manifests[digest]
        headers = {"Content-Type": media_type, **self._told_limit(request)}
        if self.states_digest:
            headers["Docker-Content-Digest"] = digest
        return web.Response(body=raw, headers=headers)

    def _told_limit(self, request: web.BaseRequest) -> dict[str, str]:
        """Docker Hub's headers, which a HEAD carries too without spending anything."""
        if self.pulls is None:
            return {}
        limit, left = self.pulls
        self.pulls = limit, left - (request.method == "GET")
        names = ("ratelimit-limit", "ratelimit-remaining")
        return {name: f"{count};w=21600" for name, count in zip(names, self.pulls, strict=True)}

    def _blob(self, digest: str) -> web.Response:
        raw = self.warehouse.blobs.get(Digest(digest))
        return _error(404, "BLOB_UNKNOWN") if raw is None else web.Response(body=raw)


def _error(status: int, code: str, headers: Mapping[str, str] | None = None) -> web.Response:
    body = {"errors": [{"code": code, "message": code.lower()}]}
    return web.json_response(body, status=status, headers=headers)
