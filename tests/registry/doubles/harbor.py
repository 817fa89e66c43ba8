"""Harbor: the registry and its artifacts API, as `tests/data/registry/harbor.json` shows it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from tagwatch.image.digest import Digest
from tests.registry.doubles.warehouse import Double, Warehouse, stamp
from tests.registry.sample import samples

__all__ = ["HarborDouble"]

_SAMPLES = samples("harbor")
_QUERY = {"q", "sort", "with_tag", "page_size", "page"}


class HarborDouble(Double):
    """An artifact keeps the time of its first push, whatever tags are moved to it later.

    `proxies`: projects that are proxy caches. `tells_projects` False: nobody may read a project.
    """

    kind = "harbor"

    def __init__(self, warehouse: Warehouse | None = None) -> None:
        super().__init__(warehouse)
        self.proxies: set[str] = set()
        self.tells_projects = True
        self._made: dict[tuple[str, Digest], datetime] = {}

    async def api(self, request: web.BaseRequest, parts: Sequence[str]) -> web.Response | None:
        """See `Double.api`."""
        match parts:
            case ["api", "v2.0", "projects", project, "repositories", name, "artifacts"]:
                rest = unquote(unquote(name))
                if "/" in unquote(name):
                    return self.failed(request, "the name is not encoded twice")
                return self.take_refusal("catalogue") or self._list(request, f"{project}/{rest}")
            case ["api", "v2.0", "projects", project]:
                return self.take_refusal("project") or self._project(project)
            case ["api", "v2.0", "projects", project, "repositories"]:
                return self.take_refusal("catalogue") or self._repositories(request, project)
        return None

    def _project(self, project: str) -> web.Response:
        if not self.tells_projects:
            return web.json_response(_SAMPLES["unauthorized"], status=403)
        behind = {"registry_id": 4} if project in self.proxies else {}
        return web.json_response({**_SAMPLES["project"], "name": project, **behind})

    def _list(self, request: web.BaseRequest, path: str) -> web.Response:
        query = request.query
        if request.method != "GET" or not set(query) <= _QUERY or query.get("q") != "tags=*":
            return self.failed(request, "not how artifacts are asked for")
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        if scheme and (scheme != "Basic" or not self.is_login(value)):
            return web.json_response(_SAMPLES["unauthorized"], status=401)
        if path in self.private and not scheme:
            return web.json_response(_SAMPLES["unauthorized"], status=401)
        if path not in self.warehouse.repositories:
            return web.json_response(_SAMPLES["not_found"], status=404)
        return self._page(request, self._artifacts(path))

    def _artifacts(self, path: str) -> list[dict[str, Any]]:
        tags = self.warehouse.repositories[path]
        for pushed in tags.values():
            self._made.setdefault((path, pushed.digest), pushed.at)
        by_digest = self.warehouse.tags_of(path)
        ordered = sorted(by_digest, key=lambda digest: self._made[path, digest], reverse=True)
        artifact, tag = _SAMPLES["artifacts"][0], _SAMPLES["artifacts"][0]["tags"][0]
        return [
            {
                **artifact,
                "digest": digest,
                "push_time": stamp(self._made[path, digest]),
                "manifest_media_type": self.warehouse.manifests[digest][0],
                "tags": [
                    {**tag, "name": name, "push_time": stamp(tags[name].at)}
                    for name in by_digest[digest]
                ],
            }
            for digest in ordered
        ]

    def _repositories(self, request: web.BaseRequest, project: str) -> web.Response:
        entry = _SAMPLES["repositories"][0]
        paths = [path for path in sorted(self.warehouse.repositories) if path.startswith(project)]
        return self._page(request, [{**entry, "name": path} for path in paths])

    def _page(self, request: web.BaseRequest, entries: list[dict[str, Any]]) -> web.Response:
        size, number = int(request.query["page_size"]), int(request.query["page"])
        if size > 100:
            return self.failed(request, "pages of more than 100")
        headers = {"X-Total-Count": str(len(entries))}
        if size * number < len(entries):
            query = request.query_string.replace(f"&page={number}", f"&page={number + 1}")
            headers["Link"] = f'<{request.rel_url.raw_path}?{query}>; rel="next"'
        return web.json_response(entries[size * (number - 1) : size * number], headers=headers)
