"""A document is fetched once a digest, ever: whichever repository it was seen in first."""

from __future__ import annotations

from pathlib import Path

from tests.registry.doubles.hub import HubDouble
from tests.walk.command import Workplace

SETTINGS = """\
database: tagwatch.db
sources: []
watch: [{watch}]
registries:
  docker.io: {{endpoint: '{url}', catalogue_endpoint: '{url}', credential: anonymous}}
"""


async def test_an_image_that_another_repository_serves_too(tmp_path: Path) -> None:
    """Promoted from one repository to the next: neither a pull nor a config is asked for again."""
    place = Workplace(tmp_path, {"HOME": str(tmp_path)})
    double = HubDouble()
    double.warehouse.push("shop/candidate", "1.4.0")
    repositories = double.warehouse.repositories
    repositories["shop/release"] = {"1.4.0": repositories["shop/candidate"]["1.4.0"]}
    async with double.serving():
        settings = SETTINGS.replace("{watch}", "{{image: shop/candidate}}")
        place.write("tagwatch.yaml", settings.format(url=double.url))
        first = (await place.run("scan", "--format", "json")).json
        assert (first["complete"], double.night()["manifest"]) == (True, 2)
        settings = SETTINGS.replace("{watch}", "{{image: shop/candidate}}, {{image: shop/release}}")
        place.write("tagwatch.yaml", settings.format(url=double.url))
        second = (await place.run("scan", "--format", "json")).json
        assert double.night() == {"catalogue": 2}
        third = (await place.run("scan", "--format", "json")).json
        assert double.night() == {"catalogue": 2}
    assert (second["complete"], third["complete"]) == (True, True)
    assert {one["input"] for one in third["resolutions"]} == {
        "shop/candidate:1.4.0",
        "shop/release:1.4.0",
    }
