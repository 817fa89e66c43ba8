"""GHCR and GitHub's Packages API, as `tests/data/registry/ghcr.json` shows its answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from tests.registry.doubles.warehouse import PASSWORD, Double, Warehouse, stamp
from tests.registry.sample import samples

__all__ = ["GhcrDouble"]

_SAMPLES = samples("ghcr")
_QUERY = {"state", "per_page", "page"}


class GhcrDouble(Double):
    """Registry and API on one host. Owners are organisations, save those in `users`."""

    kind = "ghcr"

    def __init__(self, warehouse: Warehouse | None = None) -> None:
        super().__init__(warehouse)
        self.users: set[str] = set()

    async def api(self, request: web.BaseRequest, parts: Sequence[str]) -> web.Response | None:
        """See `Double.api`."""
        match parts:
            case ["users", owner]:
                return self._gate_api(request) or self._owner(owner)
            case ["users" | "orgs" as place, owner, "packages"]:
                if (place == "users") != (owner in self.users):
                    return self.failed(request, f"{owner} is not one of the {place}")
                return self._gate_api(request) or self._packages(request, owner)
            case ["users" | "orgs" as place, owner, "packages", "container", package, "versions"]:
                if (place == "users") != (owner in self.users):
                    return self.failed(request, f"{owner} is not one of the {place}")
                path = f"{owner}/{unquote(package)}"
                return self._gate_api(request) or self._versions(request, path)
        return None

    def _gate_api(self, request: web.BaseRequest) -> web.Response | None:
        refusal = self.take_refusal("catalogue")
        if refusal is not None:
            return refusal
        if request.headers.get("X-GitHub-Api-Version") != "2022-11-28":
            return self.failed(request, "no version of the API")
        if request.headers.get("Authorization") != f"Bearer {PASSWORD}":
            return web.json_response(_SAMPLES["unauthorized"], status=401)
        return None

    def _owner(self, owner: str) -> web.Response:
        kind = "User" if owner in self.users else "Organization"
        return web.json_response({**_SAMPLES["owner"], "login": owner, "type": kind})

    def _packages(self, request: web.BaseRequest, owner: str) -> web.Response:
        if request.query.get("package_type") != "container":
            return self.failed(request, "packages of every type")
        entry = _SAMPLES["packages"][0]
        names = [
            path.partition("/")[2]
            for path in sorted(self.warehouse.repositories)
            if path.startswith(f"{owner}/")
        ]
        return self._page(request, [{**entry, "name": name} for name in names])

    def _versions(self, request: web.BaseRequest, path: str) -> web.Response:
        if not set(request.query) <= _QUERY:
            return self.failed(request, "not how versions are asked for")
        if path not in self.warehouse.repositories:
            return web.json_response(_SAMPLES["not_found"], status=404)
        tags = self.warehouse.repositories[path]
        versions: list[dict[str, Any]] = []
        for digest, names in self.warehouse.tags_of(path).items():
            made = stamp(min(tags[name].at for name in names))
            versions.append(self._version(digest, names, made))
            children = [child["digest"] for child in self.warehouse.children(digest)]
            versions += [self._version(child, [], made) for child in children if child != digest]
        versions.sort(key=lambda version: str(version["created_at"]))
        return self._page(request, versions)

    def _version(self, digest: str, tags: list[str], made: str) -> dict[str, Any]:
        entry = _SAMPLES["versions"][0]
        metadata = {"package_type": "container", "container": {"tags": tags}}
        return {**entry, "name": digest, "created_at": made, "metadata": metadata}

    def _page(self, request: web.BaseRequest, entries: list[dict[str, Any]]) -> web.Response:
        """The Link names the owner by number, as GitHub's does."""
        size, number = int(request.query["per_page"]), int(request.query.get("page", "1"))
        headers = {}
        if size * number < len(entries):
            links = {"next": number + 1, "last": -(-len(entries) // size)}
            url = request.url.with_path("/organizations/1/x")
            headers["Link"] = ", ".join(
                f'<{url.with_query({**request.query, "page": str(page)})}>; rel="{rel}"'
                for rel, page in links.items()
            )
        return web.json_response(entries[size * (number - 1) : size * number], headers=headers)
