"""A watched tag that its registry has no more: the night in which it goes says so, and no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.registry.doubles.hub import HubDouble
from tests.registry.doubles.warehouse import Double
from tests.walk.command import Workplace


@pytest.mark.parametrize("double", [Double(), HubDouble()], ids=["distribution", "hub"])
async def test_a_tag_of_a_repository_that_is_watched_whole(tmp_path: Path, double: Double) -> None:
    """ "Nothing changed", a scan said, where a third of the tags had been deleted."""
    place = Workplace(tmp_path, {"HOME": str(tmp_path)})
    host = "docker.io" if isinstance(double, HubDouble) else "registry.example"
    for tag in ("1.0", "1.1", "1.2"):
        double.warehouse.push("shop/app", tag, index=False)
    async with double.serving():
        place.write(
            "tagwatch.yaml",
            f"database: tagwatch.db\nsources: []\nwatch: [{{image: {host}/shop/app}}]\n"
            f"registries: {{{host}: {{endpoint: '{double.url}', "
            f"catalogue_endpoint: '{double.url}', credential: anonymous}}}}\n",
        )
        assert (await place.run("scan", "--format", "json")).json["gone"] == []
        gone = double.warehouse.repositories["shop/app"].pop("1.1")
        text = await place.run("scan")
        again = await place.run("scan")
        double.warehouse.repositories["shop/app"].pop("1.0")
        told = (await place.run("scan", "--format", "json")).json
    assert f"{host}/shop/app: 1 tag is there no more: 1.1" in text.out
    assert ": 1 tag gone\n" in text.err
    assert "no more" not in again.out
    assert ": nothing changed\n" in again.err
    assert [(one["repository"], one["tag"]) for one in told["gone"]] == [
        (f"{host}/shop/app", "1.0")
    ]
    assert told["gone"][0]["digest"] != gone.digest
    assert told["complete"] is True
