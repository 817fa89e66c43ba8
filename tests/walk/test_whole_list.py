"""Lists that are cut without a word: what is newest is told only where the list is whole."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from aiohttp import web

from tests.registry.doubles.warehouse import Double
from tests.walk.command import Workplace

SIZE = 1000


class Cut(Double):
    """Sends `SIZE` names at most, and no `Link`. `knows`: the parameters that it understands.

    Without a size it sends all, where it is `honest`.
    """

    def __init__(self, *knows: str, honest: bool) -> None:
        super().__init__()
        self.knows = knows
        self.honest = honest
        digest = self.warehouse.push("team/app", "2.0.0")
        pushed = self.warehouse.repositories["team/app"]["2.0.0"]
        assert pushed.digest == digest
        for number in range(1200):
            self.warehouse.repositories["team/app"][f"1.{number}.0"] = pushed

    def tags(self, request: web.BaseRequest, path: str) -> web.Response:
        """See `Double.tags`."""
        last = request.query.get("last", "") if "last" in self.knows else ""
        names = [name for name in sorted(self.warehouse.repositories[path]) if name > last]
        if "n" in request.query:
            names = names[: int(request.query["n"])]
        return web.json_response({"tags": names if self.honest else names[:SIZE]})


@pytest.mark.parametrize(
    ("double", "lists"),
    [(Cut("last", honest=False), 2), (Cut(honest=True), 3)],
    ids=["distribution-spec 1.0", "a Nexus group"],
)
async def test_the_newest_is_found_beyond_a_full_page(
    tmp_path: Path, double: Cut, lists: int
) -> None:
    """It was 1.1199.0, and nothing said that 201 tags had not been seen."""
    place = Workplace(tmp_path, {"HOME": str(tmp_path)})
    async with double.serving():
        place.write("tagwatch.yaml", f"registries: {{{double.host}: {{endpoint: '{double.url}'}}}}")
        done = await place.run("resolve", f"{double.host}/team/app:>=1.1198")
    assert (done.code, done.err) == (0, "")
    assert "  2.0.0 · sha256:" in done.out
    assert double.counts["tags"] == lists


async def test_no_newest_is_told_where_the_list_may_be_cut(tmp_path: Path) -> None:
    place = Workplace(tmp_path, {"HOME": str(tmp_path)})
    async with Cut(honest=False).serving() as double:
        place.write(
            "tagwatch.yaml",
            f"sources: []\nregistries: {{{double.host}: {{endpoint: '{double.url}'}}}}",
        )
        name = f"{double.host}/team/app"
        newest = await place.run("resolve", f"{name}:>=1.1198")
        named = await place.run("resolve", f"{name}:2.0.0")
        doctor = await place.run("doctor", name)
    assert newest.code == 4
    assert "1.1199.0" not in newest.out
    assert "the listing of 'team/app' is cut short: 1000 names came" in newest.out
    assert named.code == 0
    assert "  2.0.0 · sha256:" in named.out
    assert "  remark      1000 names came, as many as were asked for" in doctor.out


class CutCatalog(Double):
    """Sends the first repositories, a thousand at most; two of them are below `team/`."""

    async def api(self, request: web.BaseRequest, parts: Sequence[str]) -> web.Response | None:
        if list(parts) != ["v2", "_catalog"]:
            return None
        names = ["team/a", "team/b", *(f"team-{number}/app" for number in range(2 * SIZE))]
        size = min(int(request.query.get("n", SIZE)), SIZE)
        return web.json_response({"repositories": names[:size]})


async def test_a_cut_list_of_repositories_or_tags_is_told_with_what_helps(tmp_path: Path) -> None:
    """The one stood in the log alone; of the other the next run gives the same."""
    place = Workplace(tmp_path, {"HOME": str(tmp_path)})
    tags, double = Cut(honest=False), CutCatalog()
    for path in ("team/a", "team/b"):
        double.warehouse.push(path, "1.0.0", index=False)
    async with double.serving(), tags.serving():
        place.write(
            "tagwatch.yaml",
            "database: tagwatch.db\nsources: []\nreports: {formats: []}\n"
            f"watch: [{{image: '{double.host}/team/*'}}, "
            f"{{image: '{tags.host}/team/app', tags: ['2.0.0']}}]\nregistries: "
            f"{{'{double.host}': {{endpoint: '{double.url}'}}, "
            f"'{tags.host}': {{endpoint: '{tags.url}'}}}}\n",
        )
        told = (await place.run("scan", "--format", "json")).json
        text = await place.run("scan")
    assert told["complete"] is False
    failed = {one["repository"]: one for one in told["failures"]}
    assert {one["code"] for one in failed.values()} == {"cut-off"}
    listed = failed.pop(f"{tags.host}/team/app")
    (catalog,) = failed.values()
    assert catalog["repository"].startswith(f"{double.host}/team")
    assert "the list of repositories is cut short: 1000 names came" in catalog["message"]
    assert catalog["hint"] == "name in the watch list what is missing"
    assert "the listing of 'team/app' is cut short" in listed["message"]
    assert "the next run" not in listed["hint"]
    assert "the list of repositories is cut short" in " ".join(text.out.split())
