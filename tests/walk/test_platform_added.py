"""A platform that the policy names later is read of images that were stored before.

Pulls are counted here: where they are free every platform is read at first sight.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.registry.doubles.warehouse import Double
from tests.walk.command import Workplace

PATH = "team/app"
TAGS = 4


@pytest.fixture
async def place(tmp_path: Path) -> Workplace:
    folder = tmp_path / "desk"
    folder.mkdir()
    return Workplace(folder)


def configure(place: Workplace, double: Double, *platforms: str) -> None:
    named = ", ".join(platforms)
    place.write(
        "tagwatch.yaml",
        "database: tagwatch.db\nreports: {formats: [json]}\n"
        f"policy: {{defaults: {{platforms: [{named}]}}}}\n"
        f"watch:\n  - {{image: 'registry.example/{PATH}'}}\n"
        f"registries:\n  registry.example: {{endpoint: '{double.url}', budget: 1000}}\n",
    )


async def test_an_index_that_is_stored_is_read_for_it(place: Workplace) -> None:
    double = Double()
    for number in range(TAGS):
        double.warehouse.push(PATH, f"1.{number}")
    async with double.serving():
        configure(place, double, "linux/amd64")
        assert (await place.run("scan", "--format", "json")).json["complete"]
        first = double.night()
        configure(place, double, "linux/amd64", "linux/arm64")
        assert (await place.run("scan", "--format", "json")).json["complete"]
        second = double.night()
        assert (await place.run("scan", "--format", "json")).json["complete"]
        third = double.night()
        configure(place, double, "linux/arm64")
        assert (await place.run("scan", "--format", "json")).json["complete"]
        fourth = double.night()
    assert (first["manifest"], first["config"]) == (TAGS * 2, TAGS)
    assert (second["manifest"], second["config"]) == (TAGS, TAGS), "and no index again"
    assert (third["manifest"], third["config"]) == (0, 0)
    assert (fourth["manifest"], fourth["config"]) == (0, 0)
