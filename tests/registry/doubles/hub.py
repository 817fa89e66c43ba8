"""Docker Hub: the registry and its tags API; `tests/data/registry/hub.json` shows its answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from aiohttp import web

from tests.paths import DATA
from tests.registry.doubles.warehouse import Double, Pushed, Warehouse, stamp

__all__ = ["SAMPLES", "HubDouble"]

_API = frozenset({"hub"})
"""What a token of the tags API opens."""
SAMPLES = json.loads((DATA / "registry" / "hub.json").read_text("utf-8"))


class HubDouble(Double):
    """`edit` changes an entry of the tags API before it is sent; `order` the order of names.

    `next_of` makes the URL of the next page from its number (default: as the Hub does).
    `anonymous_offset`: entries of a listing that nobody sees beyond without a login, as since
    2026-08-11 (1000 tags then, about 500 in October); `anonymous_repositories`: the same for
    lists of repositories. The refusal is the one that was recorded.
    """

    kind = "hub"

    def __init__(self, warehouse: Warehouse | None = None) -> None:
        super().__init__(warehouse)
        self.edit: Callable[[dict[str, Any]], None] = lambda entry: None
        self.order: Callable[[list[str]], list[str]] = list
        self.next_of: Callable[[str], str] = str
        self.count_of: Callable[[int], int] = int
        self.limit: dict[str, str] = {}
        self.anonymous_offset: int | None = None
        self.anonymous_repositories = 100

    async def api(self, request: web.BaseRequest, parts: Sequence[str]) -> web.Response | None:
        """See `Double.api`."""
        match parts:
            case ["v2", "auth", "token"] if request.method == "POST":
                return self.take_refusal("hub-login") or self._log_in(await request.json())
            case ["v2", "namespaces", namespace, "repositories", name, "tags"]:
                return self._listing(request, f"{namespace}/{name}")
            case ["v2", "namespaces", namespace, "repositories"]:
                return self.take_refusal("catalogue") or self._repositories(request, namespace)
        return None

    def _log_in(self, body: dict[str, str]) -> web.Response:
        if set(body) != {"identifier", "secret"}:
            return web.json_response(SAMPLES["bad_request"], status=400)
        if self.logins.get(body["identifier"]) != body["secret"]:
            return web.json_response(SAMPLES["unauthorized"], status=401)
        token = f"jwt-{len(self._tokens)}"
        self._tokens[token] = _API
        return web.json_response({"access_token": token})

    def _listing(self, request: web.BaseRequest, path: str) -> web.Response:
        refusal = self.take_refusal("catalogue")
        if refusal is not None:
            return refusal
        if request.method != "GET":
            return self.failed(request, "only GET lists")
        authorization = request.headers.get("Authorization")
        token = (authorization or "").removeprefix("Bearer ")
        if authorization and self._tokens.get(token) != _API:
            return web.json_response(SAMPLES["unauthorized"], status=401)
        if path not in self.warehouse.repositories or (path in self.private and not authorization):
            return web.json_response(SAMPLES["not_found"], status=404)
        if request.query.get("ordering") != "last_updated":
            return self.failed(request, "not newest first")
        names = self.order([tag for tag, _ in self.warehouse.newest_first(path)])
        tags = self.warehouse.repositories[path]
        beyond = self._beyond(request, self.anonymous_offset)
        return beyond or self._page(request, names, lambda name: self._tag(name, tags[name]))

    def _repositories(self, request: web.BaseRequest, namespace: str) -> web.Response:
        authorization = request.headers.get("Authorization", "")
        if authorization and self._tokens.get(authorization.removeprefix("Bearer ")) != _API:
            return web.json_response(SAMPLES["unauthorized"], status=401)
        if self.anonymous_offset is not None:
            beyond = self._beyond(request, self.anonymous_repositories)
            if beyond is not None:
                return beyond
        paths = sorted(self.warehouse.repositories)
        names = [path.partition("/")[2] for path in paths if path.startswith(f"{namespace}/")]
        entry = SAMPLES["repository"]
        return self._page(request, names, lambda name: {**entry, "name": name})

    def _beyond(self, request: web.BaseRequest, most: int | None) -> web.Response | None:
        """The refusal of a page that begins beyond what everybody may see."""
        number = int(request.query.get("page", "1"))
        offset = (number - 1) * min(int(request.query.get("page_size", "10")), 100)
        if most is None or offset < most or "Authorization" in request.headers:
            return None
        return web.json_response(SAMPLES["beyond"], status=403)

    def _page(
        self, request: web.BaseRequest, names: list[str], entry: Callable[[str], dict[str, Any]]
    ) -> web.Response:
        number = int(request.query.get("page", "1"))
        size = min(int(request.query.get("page_size", "10")), 100)
        page = [entry(name) for name in names[(number - 1) * size : number * size]]
        if not page and number > 1:
            return web.json_response(SAMPLES["not_found"], status=404)
        following = None
        if number * size < len(names):
            url = request.url.update_query(page=str(number + 1))
            following = self.next_of(str(url))
        document = {
            "count": self.count_of(len(names)),
            "next": following,
            "previous": None,
            "results": page,
        }
        return web.json_response(document, headers=self.limit)

    def _tag(self, name: str, pushed: Pushed) -> dict[str, Any]:
        entry: dict[str, Any] = json.loads(json.dumps(SAMPLES["tag"]))
        children = self.warehouse.children(pushed.digest)
        media_type, _ = self.warehouse.manifests[pushed.digest]
        platforms = [
            {
                **SAMPLES["image"],
                "digest": child["digest"],
                "architecture": child["platform"]["architecture"],
                "last_pushed": stamp(pushed.at),
            }
            for child in children
        ]
        entry |= {
            "name": name,
            "digest": pushed.digest,
            "media_type": media_type,
            "images": platforms,
            "last_updated": stamp(pushed.at),
            "tag_last_pushed": stamp(pushed.at),
        }
        self.edit(entry)
        return entry
