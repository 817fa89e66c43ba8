"""Google's registries: `tags/list` with a `manifest` map (`tests/data/registry/google.json`)."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from tests.paths import DATA
from tests.registry.doubles.warehouse import Double, Warehouse

__all__ = ["SAMPLES", "GoogleDouble"]

SAMPLES = json.loads((DATA / "registry" / "google.json").read_text("utf-8"))


class GoogleDouble(Double):
    """`edit` changes the whole answer before it is sent; `most`: entries that it holds at most.

    Artifact Registry's own API is on the same host, for who brings one of `access_tokens`.
    """

    kind = "google"

    def __init__(self, warehouse: Warehouse | None = None) -> None:
        super().__init__(warehouse)
        self.edit: Callable[[dict[str, Any]], None] = lambda answer: None
        self.most = 10_000
        self.access_tokens: set[str] = set()
        self.next_token: Callable[[int], str] = str

    async def api(self, request: web.BaseRequest, parts: Sequence[str]) -> web.Response | None:
        """See `Double.api`."""
        match parts[:5], parts[5:]:
            case (
                ["v1", "projects", project, "locations", "europe"],
                ["repositories", repository, "packages", package, "tags"],
            ):
                refusal = self.take_refusal("catalogue")
                path = f"{project}/{repository}/{unquote(package)}"
                return refusal or self._rest(request, path)
        return None

    def _rest(self, request: web.BaseRequest, path: str) -> web.Response:
        if set(request.query) - {"pageSize", "pageToken"} or request.method != "GET":
            return self.failed(request, "not how tags are asked for")
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or token not in self.access_tokens:
            return web.json_response(SAMPLES["denied"], status=403)
        entry = SAMPLES["tags"]["tags"][0]
        parent = entry["name"].rpartition("/tags/")[0]
        tags = sorted(self.warehouse.repositories[path].items())
        begin = int(request.query.get("pageToken", "0"))
        size = min(int(request.query.get("pageSize", "35")), 1000)
        page = [
            {"name": f"{parent}/tags/{tag}", "version": f"{parent}/versions/{pushed.digest}"}
            for tag, pushed in tags[begin : begin + size]
        ]
        more = begin + size < len(tags)
        return web.json_response(
            {"tags": page, "nextPageToken": self.next_token(begin + size) if more else ""}
        )

    def tags(self, request: web.BaseRequest, path: str) -> web.Response:
        """Never paged: what is beyond the limit is left out, and nothing says so."""
        whole = sorted(self.warehouse.listed(path).items())
        tags = dict(whole[: self.most // 2])
        manifests = {
            digest: {
                **SAMPLES["manifest"],
                "mediaType": self.warehouse.manifests[digest][0],
                "tag": names,
                "timeUploadedMs": str(int(tags[names[0]].at.timestamp() * 1000)),
            }
            for digest, all_names in self.warehouse.tags_of(path).items()
            if (names := [name for name in all_names if name in tags])
        }
        below = {
            other.removeprefix(f"{path}/").partition("/")[0]
            for other in self.warehouse.repositories
            if other.startswith(f"{path}/")
        }
        answer = {
            "name": path,
            "child": sorted(below),
            "tags": sorted(tags),
            "manifest": manifests,
        }
        self.edit(answer)
        return web.json_response(answer)
