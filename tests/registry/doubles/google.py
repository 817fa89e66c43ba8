"""Google's registries: `tags/list` with a `manifest` map (`tests/data/registry/google.json`)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from aiohttp import web

from tests.paths import DATA
from tests.registry.doubles.warehouse import Double, Warehouse

__all__ = ["SAMPLES", "GoogleDouble"]

SAMPLES = json.loads((DATA / "registry" / "google.json").read_text("utf-8"))


class GoogleDouble(Double):
    """`edit` changes the whole answer before it is sent."""

    kind = "google"

    def __init__(self, warehouse: Warehouse | None = None) -> None:
        super().__init__(warehouse)
        self.edit: Callable[[dict[str, Any]], None] = lambda answer: None

    def tags(self, request: web.BaseRequest, path: str) -> web.Response:
        """Never paged: what is beyond the limit is left out."""
        tags = self.warehouse.repositories[path]
        manifests = {
            digest: {
                **SAMPLES["manifest"],
                "mediaType": self.warehouse.manifests[digest][0],
                "tag": names,
                "timeUploadedMs": str(int(tags[names[0]].at.timestamp() * 1000)),
            }
            for digest, names in self.warehouse.tags_of(path).items()
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
