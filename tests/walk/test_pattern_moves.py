"""A pattern answers from memory only while what it selects is as it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.registry.doubles.quay import QuayDouble
from tests.registry.doubles.warehouse import Double
from tests.walk.command import Workplace

PATH = "team/app"


def move(double: Double) -> str:
    digest = double.warehouse.push(PATH, "6.2.2", build="2", index=False)
    return f"6.2.2 {digest}"


def add(double: Double) -> str:
    digest = double.warehouse.push(PATH, "6.2.3", index=False)
    return f"6.2.3 {digest}"


def delete(double: Double) -> str:
    del double.warehouse.repositories[PATH]["6.2.2"]
    return f"6.2.1 {double.warehouse.repositories[PATH]['6.2.1'].digest}"


def add_elsewhere(double: Double) -> str:
    """Nothing that the pattern selects."""
    double.warehouse.push(PATH, "7.0.0", index=False)
    return f"6.2.2 {double.warehouse.repositories[PATH]['6.2.2'].digest}"


@pytest.mark.parametrize(
    ("double", "change", "asks"),
    [
        (QuayDouble, move, True),
        (QuayDouble, add, True),
        (QuayDouble, add_elsewhere, False),
        (Double, add, True),
        (Double, delete, True),
    ],
)
async def test_what_a_listing_saw_counts_for_patterns(
    tmp_path: Path, double: type[Double], change: Callable[[Double], str], asks: bool
) -> None:
    place, registry = Workplace(tmp_path, {"HOME": str(tmp_path)}), double()
    for number in range(3):
        registry.warehouse.push(PATH, f"6.2.{number}", index=False)
    registry.warehouse.push(PATH, "6.1.0", index=False)
    async with registry.serving():
        kind = "" if registry.kind == "distribution" else f", kind: {registry.kind}"
        place.write(
            "tagwatch.yaml",
            "database: tagwatch.db\nsources: [Dockerfile]\nreports: {formats: []}\n"
            f"registries: {{'{registry.host}': {{endpoint: '{registry.url}'{kind}}}}}\n",
        )
        image = f"{registry.host}/{PATH}"
        place.write("Dockerfile", f"FROM {image}:6.1.0\nCOPY --from={image}:6.2.2 / /\n")
        await place.run("resolve", f"{image}:6.2.x")
        expected = change(registry)
        await place.run("scan")
        registry.night()
        answer = (await place.run("resolve", "--format", "json", f"{image}:6.2.x")).json
        (found,) = answer["resolutions"]
        assert bool(registry.night()) is asks, "it is asked again just where it may have changed"
    assert f"{found['tag']} {found['digest']}" == expected
