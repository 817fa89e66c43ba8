"""Quay: the registry and its tag API, as `tests/data/registry/quay.json` shows its answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import web

from tagwatch.image.digest import Digest
from tagwatch.image.manifest import OCI_INDEX
from tests.registry.doubles.warehouse import Double, Pushed, Warehouse
from tests.registry.sample import samples

__all__ = ["OAUTH_TOKEN", "Ended", "QuayDouble"]

OAUTH_TOKEN = "quay-oauth-correct-horse"
_SAMPLES = samples("quay")
_QUERY = {"limit", "page", "onlyActiveTags"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A tag that served a digest once."""

    tag: str
    digest: Digest
    begun: datetime
    ended: datetime


class QuayDouble(Double):
    """`past`: what tags served before, by path; only history asks for it.

    `expiring`: when tags will be deleted, by name.
    """

    kind = "quay"

    def __init__(self, warehouse: Warehouse | None = None) -> None:
        super().__init__(warehouse)
        self.past: dict[str, list[Ended]] = {}
        self.expiring: dict[str, datetime] = {}

    async def api(self, request: web.BaseRequest, parts: Sequence[str]) -> web.Response | None:
        """See `Double.api`."""
        match parts:
            case ["api", "v1", "repository"] if request.method == "GET":
                return self.take_refusal("catalogue") or self._repositories(request)
            case ["api", "v1", "repository", *path, "tag"] if request.method == "GET":
                refusal = self.take_refusal("catalogue")
                return refusal or self._tags(request, "/".join(path))
        return None

    def _tags(self, request: web.BaseRequest, path: str) -> web.Response:
        if not request.path.endswith("/tag/") or not set(request.query) <= _QUERY:
            return self.failed(request, "not how tags are asked for")
        authorization = request.headers.get("Authorization")
        if authorization not in (None, f"Bearer {OAUTH_TOKEN}"):
            return self.failed(request, "the API was sent something else than an OAuth token")
        if path in self.private and authorization is None:
            return web.json_response(_SAMPLES["unauthorized"], status=401)
        if path not in self.warehouse.repositories:
            return web.json_response(_SAMPLES["not_found"], status=404)
        entries = [self._tag(tag, pushed) for tag, pushed in self.warehouse.newest_first(path)]
        if request.query.get("onlyActiveTags") != "true":
            entries += [self._ended(ended) for ended in self.past.get(path, ())]
            entries.sort(key=lambda entry: -int(entry["start_ts"]))
        size = min(100, int(request.query.get("limit", "50")))
        number = int(request.query.get("page", "1"))
        page = entries[(number - 1) * size : number * size]
        more = len(entries) > number * size
        return web.json_response({"tags": page, "page": number, "has_additional": more})

    def _tag(self, tag: str, pushed: Pushed) -> dict[str, Any]:
        media_type, raw = self.warehouse.manifests[pushed.digest]
        is_list = media_type == OCI_INDEX
        end = self.expiring.get(tag)
        return {
            **_SAMPLES["tags"]["tags"][0],
            **({"end_ts": int(end.timestamp())} if end else {}),
            "name": tag,
            "start_ts": int(pushed.at.timestamp()),
            "manifest_digest": pushed.digest,
            "is_manifest_list": is_list,
            "size": None if is_list else len(raw),
        }

    def _ended(self, ended: Ended) -> dict[str, Any]:
        return {
            **_SAMPLES["history"]["tags"][1],
            "name": ended.tag,
            "start_ts": int(ended.begun.timestamp()),
            "end_ts": int(ended.ended.timestamp()),
            "manifest_digest": ended.digest,
        }

    def _repositories(self, request: web.BaseRequest) -> web.Response:
        """Two a page, so that `next_page` is needed."""
        namespace = request.query["namespace"]
        names = [
            path.partition("/")[2]
            for path in sorted(self.warehouse.repositories)
            if path.startswith(f"{namespace}/")
        ]
        begin = int(request.query.get("next_page", "0+/=").removesuffix("+/="))
        entry = _SAMPLES["repositories"]["repositories"][0]
        page = [{**entry, "namespace": namespace, "name": name} for name in names[begin:][:2]]
        document: dict[str, Any] = {"repositories": page}
        if len(names) > begin + 2:
            document["next_page"] = f"{begin + 2}+/="
        return web.json_response(document)
