"""Azure's registry: its own tokens and tag API, as `tests/data/registry/acr.json` shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from tests.registry.doubles.warehouse import Double, Pushed, Warehouse, stamp
from tests.registry.sample import samples

__all__ = ["ENTRA_TOKEN", "REFRESH_TOKEN", "AcrDouble"]

ENTRA_TOKEN = "entra-correct-horse"
REFRESH_TOKEN = "acr-refresh-correct-horse"
_SAMPLES = samples("acr")
_QUERY = {"api-version", "orderby", "n", "last"}


class AcrDouble(Double):
    """Everything wants a token of the right scope, also what everybody may read.

    `largest`: tags a page at most, whatever `n` says. `takes_size` False: `n` is refused.
    """

    kind = "acr"

    def __init__(self, warehouse: Warehouse | None = None) -> None:
        super().__init__(warehouse)
        self.largest = 1000
        self.takes_size = True
        self._scopes: dict[str, str] = {}

    async def api(self, request: web.BaseRequest, parts: Sequence[str]) -> web.Response | None:
        """See `Double.api`."""
        match parts:
            case ["v2"]:
                self.counts["ping"] += 1
                return self._unauthorized("")
            case ["oauth2", "exchange"] if request.method == "POST":
                return self.take_refusal("token") or self._exchange(await request.post())
            case ["oauth2", "token"]:
                form: Mapping[str, Any] = await request.post()
                return self.take_refusal("token") or self._grant(request, form)
            case ["acr", "v1", *path, "_tags"]:
                return self.take_refusal("catalogue") or self._list(request, "/".join(path))
        return None

    def may_read(self, request: web.BaseRequest, path: str) -> bool:
        """See `Double.may_read`."""
        return self._has(request, f"repository:{path}:pull")

    def _has(self, request: web.BaseRequest, scope: str) -> bool:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return self._scopes.get(token) == scope

    def _challenge(self, path: str) -> str:
        scope = f',scope="repository:{path}:pull"' if path else ""
        return f'Bearer realm="{self.url}/oauth2/token",service="{self.host}"{scope}'

    def _unauthorized(self, scope: str) -> web.Response:
        challenge = f'Bearer realm="{self.url}/oauth2/token",service="{self.host}"'
        if scope:
            challenge += f',scope="{scope}",error="insufficient_scope"'
        return web.json_response(
            _SAMPLES["unauthorized"], status=401, headers={"WWW-Authenticate": challenge}
        )

    def _exchange(self, form: Mapping[str, Any]) -> web.Response:
        expected = {
            "grant_type": "access_token",
            "service": self.host,
            "access_token": ENTRA_TOKEN,
        }
        if dict(form) != expected:
            return web.json_response(_SAMPLES["unauthorized"], status=401)
        return web.json_response({"refresh_token": REFRESH_TOKEN})

    def _grant(self, request: web.BaseRequest, form: Mapping[str, Any]) -> web.Response:
        if request.method == "POST":
            known = form.get("refresh_token") == REFRESH_TOKEN
            scope = str(form.get("scope"))
        else:
            authorization = request.headers.get("Authorization", "")
            known = authorization.startswith("Basic ") and self.is_login(authorization[6:])
            scope = request.query.get("scope", "")
            if authorization and not known:
                return web.json_response(_SAMPLES["unauthorized"], status=401)
        path = scope.removeprefix("repository:").rpartition(":")[0]
        if path in self.private and not known:
            return web.json_response(_SAMPLES["unauthorized"], status=401)
        token = f"acr-{len(self._scopes)}"
        self._scopes[token] = scope
        return web.json_response({"access_token": token})

    def _list(self, request: web.BaseRequest, path: str) -> web.Response:
        query = request.query
        if not set(query) <= _QUERY or query.get("api-version") != "2021-07-01":
            return self.failed(request, "not how tags are asked for")
        scope = f"repository:{path}:metadata_read"
        if not self._has(request, scope):
            return self._unauthorized(scope)
        if path not in self.warehouse.repositories:
            return web.json_response(_SAMPLES["not_found"], status=404)
        if "n" in query and not self.takes_size:
            return web.json_response({"errors": [{"code": "PAGINATION"}]}, status=400)
        size = min(int(query.get("n", 100)), self.largest)
        entries = self.warehouse.newest_first(path)
        if query.get("orderby") != "timedesc":
            return self.failed(request, "not newest first")
        names = [tag for tag, _ in entries]
        begin = names.index(query["last"]) + 1 if "last" in query else 0
        page = [self._tag(tag, pushed) for tag, pushed in entries[begin : begin + size]]
        headers = {}
        if len(entries) > begin + size:
            last = names[begin + size - 1]
            target = f"/acr/v1/{path}/_tags?api-version=2021-07-01&last={last}&orderby=timedesc"
            headers["Link"] = f'<{target}>; rel="next"'
        document = {"registry": self.host, "imageName": path, "tags": page or None}
        return web.json_response(document, headers=headers)

    def _tag(self, tag: str, pushed: Pushed) -> dict[str, Any]:
        entry = _SAMPLES["tags"]["tags"][0]
        return {
            **entry,
            "name": tag,
            "digest": pushed.digest,
            "lastUpdateTime": stamp(pushed.at).replace("Z", "1Z"),
        }
