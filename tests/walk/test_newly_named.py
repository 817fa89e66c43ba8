"""A tag that a file names only now is read whole, whatever ran before and however long the list."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.registry.doubles.acr import AcrDouble
from tests.registry.doubles.hub import HubDouble
from tests.registry.doubles.quay import QuayDouble
from tests.registry.doubles.warehouse import Double
from tests.walk.command import Done, Workplace

HOSTS: dict[str, tuple[type[Double], str]] = {
    "hub": (HubDouble, "docker.io"),
    "quay": (QuayDouble, "quay.io"),
    "acr": (AcrDouble, "shop.azurecr.io"),
}
MANY = 211  # more than two pages of every catalogue


def place_of(folder: Path, double: Double, host: str) -> Workplace:
    folder.mkdir()
    place = Workplace(folder)
    anonymous = "" if host.endswith("azurecr.io") else ", credential: anonymous"
    place.write(
        "tagwatch.yaml",
        "database: tagwatch.db\nsources: [Dockerfile]\nreports: {formats: []}\nmax_age: 0s\n"
        f"registries:\n  {host}: {{endpoint: '{double.url}', "
        f"catalogue_endpoint: '{double.url}'{anonymous}}}\n",
    )
    return place


def found(done: Done) -> list[tuple[str, str]]:
    """Rule and message of every finding; the coverage with them."""
    answer: dict[str, Any] = done.json
    told = [(one["rule"], one["message"]) for one in answer["findings"]]
    return sorted([*told, ("coverage", str(answer["coverage"]))])


@pytest.mark.parametrize("kind", HOSTS)
@pytest.mark.parametrize("before", ["scan", "resolve", "check"])
async def test_it_is_read_as_on_the_first_day(kind: str, before: str, tmp_path: Path) -> None:
    make, host = HOSTS[kind]
    double = make()
    for number in range(MANY):
        double.warehouse.push("library/many", f"1.{number}")
    async with double.serving():
        image = f"{host}/library/many"
        old = place_of(tmp_path / "old", double, host)
        old.write("Dockerfile", f"FROM {image}:1.{MANY - 1}\n")
        named = {"scan": [], "check": ["Dockerfile"], "resolve": [f"{image}:1.3"]}
        await old.run(before, *named[before])
        new = place_of(tmp_path / "new", double, host)
        for place in (old, new):
            place.write("Dockerfile", f"FROM {image}:1.3\n")
        fresh = await new.run("scan", "--format", "json")
        assert any(rule == "user-root" for rule, _ in found(fresh)), "the image is read"
        later = await old.run("scan", "--format", "json")
        assert found(later) == found(fresh)
        assert later.code == fresh.code
        shutil.rmtree(new.folder)


async def test_a_diff_after_a_resolve_compares(tmp_path: Path) -> None:
    double = HubDouble()
    for number in range(MANY):
        double.warehouse.push("library/many", f"1.{number}")
    async with double.serving():
        place = place_of(tmp_path / "desk", double, "docker.io")
        await place.run("resolve", "many:1.3", "many:1.4")
        unread = await place.run("diff", "--offline", "many:1.3", "many:1.4")
        assert unread.code == 4, "what was not read is not different"
        assert "the manifest was not read" in unread.out
        done = await place.run("diff", "many:1.3", "many:1.4")
        assert done.code == 1
        assert "linux/amd64\n" in done.out
        assert "shared" in done.out or "added" in done.out, "layers are compared"
        based = await place.run("base", "many:1.5")
        assert "nothing of the image was read" not in based.out + based.err
        double.wrong = [one for one in double.wrong if "/referrers/" not in one]  # an old registry
