"""A repository that the registry says "too many requests" of costs itself, and no neighbour."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from aiohttp import web

from tests.registry.doubles.warehouse import Double
from tests.walk.command import Workplace

COUNT = 60
CLOSED = "team/app5x"


class Closed(Double):
    """Refuses one repository, or all."""

    def __init__(self, closed: str, status: int, headers: Mapping[str, str]) -> None:
        super().__init__()
        self.closed, self.status, self.headers = closed, status, headers
        self.refused = 0

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if self.closed in request.path and request.path != "/v2/":
            self.refused += 1
            return web.Response(status=self.status, headers=self.headers)
        return await super()._answer(request)


@pytest.mark.parametrize(
    ("closed", "status", "headers", "unread", "refused"),
    [
        (CLOSED, 429, {}, 1, 4),
        (CLOSED, 429, {"Retry-After": "3600"}, 1, 1),
        (CLOSED, 503, {"Retry-After": "0"}, 1, 8),
        ("team", 429, {}, COUNT, 8 + 3),
        ("team", 429, {"Retry-After": "3600"}, COUNT, 8),
    ],
    ids=["one", "one, told for how long", "one that fails", "all", "all, told for how long"],
)
async def test_only_what_is_refused_goes_unread(
    tmp_path: Path, closed: str, status: int, headers: dict[str, str], unread: int, refused: int
) -> None:
    place, double = Workplace(tmp_path), Closed(closed, status, headers)
    names = [f"team/app{number}x" for number in range(COUNT)]
    for name in names:
        double.warehouse.push(name, "1.0.0", index=False)
    async with double.serving():
        place.write(
            "tagwatch.yaml",
            "database: ledger.db\nsources: [Dockerfile]\nreports: {formats: []}\n"
            f"registries: {{'{double.host}': {{endpoint: '{double.url}'}}}}\n",
        )
        place.write("Dockerfile", "".join(f"FROM {double.host}/{name}:1.0.0\n" for name in names))
        answer = (await place.run("scan", "--format", "json")).json
    failed = {one["repository"].partition("/")[2] for one in answer["failures"]}
    assert failed == {name for name in names if closed in name}
    assert answer["coverage"]["unavailable"] == unread
    assert answer["coverage"]["read"] == COUNT - unread
    assert double.refused <= refused
