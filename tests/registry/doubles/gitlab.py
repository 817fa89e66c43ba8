"""GitLab's registry and its own API, as `tests/data/registry/gitlab.json` shows its answers."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from tests.registry.doubles.warehouse import Double, Pushed, Warehouse, stamp
from tests.registry.sample import samples

__all__ = ["GitlabDouble"]

_SAMPLES = samples("gitlab")
_QUERY = {"n", "sort", "last"}


class GitlabDouble(Double):
    """`has_database` False: the registry has no API. `has_sort` False: only by name.

    `access_tokens`: what GitLab's own API takes, on the same host, two repositories a page;
    `groups`: which paths are groups there, `projects` which are projects.
    """

    kind = "gitlab"

    def __init__(self, warehouse: Warehouse | None = None) -> None:
        super().__init__(warehouse)
        self.has_database = True
        self.has_sort = True
        self.largest = 1000
        self.access_tokens: set[str] = set()
        self.groups: set[str] = set()
        self.projects: set[str] = set()

    async def api(self, request: web.BaseRequest, parts: Sequence[str]) -> web.Response | None:
        """See `Double.api`."""
        match parts:
            case ["gitlab", "v1"] if request.method == "GET":
                refusal = self.take_refusal("catalogue")
                return refusal or web.Response(status=200 if self.has_database else 404)
            case ["gitlab", "v1", "repositories", *path, "tags", "list"]:
                return self.take_refusal("catalogue") or self._list(request, "/".join(path))
            case ["api", "v4", ("groups" | "projects") as kind, path, "registry", "repositories"]:
                refusal = self.take_refusal("catalogue")
                return refusal or self._repositories(request, kind, unquote(path))
        return None

    def _repositories(self, request: web.BaseRequest, kind: str, path: str) -> web.Response:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if request.method != "GET" or not set(request.query) <= {"per_page", "page"}:
            return self.failed(request, "not how repositories are asked for")
        if scheme != "Bearer":
            return self.failed(request, "without an access token")
        if token not in self.access_tokens:
            return web.json_response(_SAMPLES["forbidden"], status=403)
        if path not in getattr(self, kind):
            return web.json_response(_SAMPLES["group_not_found"], status=404)
        below = [
            name
            for name in sorted(self.warehouse.repositories)
            if name.startswith(f"{path}/") or (kind == "projects" and name == path)
        ]
        number = int(request.query.get("page", "1"))
        entries = [{**_SAMPLES["repositories"][0], "path": name} for name in below]
        headers = {}
        if len(entries) > number * 2:
            following = request.url.with_query({**request.query, "page": str(number + 1)})
            headers["Link"] = f'<{following}>; rel="next"'
        return web.json_response(entries[number * 2 - 2 : number * 2], headers=headers)

    def _list(self, request: web.BaseRequest, path: str) -> web.Response:
        query = request.query
        if not self.has_database:
            return web.Response(status=404)
        if not request.path.endswith("/list/") or not set(query) <= _QUERY:
            return self.failed(request, "not how tags are asked for")
        if not self.may_read(request, path):
            headers = {"WWW-Authenticate": self._challenge(path)}
            return web.json_response({"errors": []}, status=401, headers=headers)
        if path not in self.warehouse.repositories:
            return web.json_response(_SAMPLES["not_found"], status=404)
        if query.get("sort") == "-published_at" and not self.has_sort:
            return web.json_response(_SAMPLES["invalid_sort"], status=400)
        return self._page(request, path)

    def _page(self, request: web.BaseRequest, path: str) -> web.Response:
        query = request.query
        size = min(int(query.get("n", "100")), self.largest)
        if "sort" in query:
            entries = self.warehouse.newest_first(path)
        else:
            entries = sorted(self.warehouse.repositories[path].items())
        last = (
            base64.b64decode(query["last"]).decode().rpartition("|")[2] if "last" in query else ""
        )
        begin = [tag for tag, _ in entries].index(last) + 1 if last else 0
        page = entries[begin : begin + size]
        headers = {}
        if len(entries) > begin + size:
            marker = f"{stamp(page[-1][1].at)}|{page[-1][0]}".encode()
            following = {**query, "last": base64.b64encode(marker).decode()}
            url = request.url.with_query(following)
            previous = request.url.with_query({**query, "before": "x"})
            headers["Link"] = f'<{previous}>; rel="previous", <{url}>; rel="next"'
        return web.json_response([self._tag(*item) for item in page], headers=headers)

    def _tag(self, tag: str, pushed: Pushed) -> dict[str, Any]:
        entry = {
            **_SAMPLES["tags"][0],
            "name": tag,
            "digest": pushed.digest,
            "media_type": self.warehouse.manifests[pushed.digest][0],
            "updated_at": stamp(pushed.at),
            "published_at": stamp(pushed.at),
        }
        if not self.has_sort:
            del entry["published_at"]  # as old as that
        return entry
