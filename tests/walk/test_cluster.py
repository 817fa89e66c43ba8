"""The real command on a Dask cluster: what it finds, asks and keeps to is what one process does."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import LIMITS, Cluster, Estate, serving_cluster, serving_estate
from tests.registry.doubles.warehouse import PASSWORD, USER, Double
from tests.static_registry import Stock
from tests.walk.command import Workplace
from tests.walk.conftest import Shop

SHORT = next(number for number, limits in enumerate(LIMITS) if "budget" in limits)
"""The registry with a budget: what of it is read follows from the plan."""
STOCK = Stock(repositories=6, tags=3, delay_seconds=0.01, scatter_seconds=0.02)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with serving_cluster(tmp_path_factory.mktemp("cluster"), 2) as found:
        yield found


def dask(cluster: Cluster, more: str = "") -> str:
    return f"{{dask: {{address: '{cluster.address}'{more}}}}}"


async def test_a_scan_on_a_cluster_finds_the_same(shop: Shop, cluster: Cluster) -> None:
    here = await shop.run("scan", "--no-alerts", "--format", "json")
    (shop.folder / "tagwatch.db").unlink()
    shop.configure(f"engine: {dask(cluster)}\n")
    there = await shop.run("scan", "--no-alerts", "--format", "json")
    assert there.code == here.code
    for part in ("complete", "coverage", "failures", "requests"):
        assert there.json[part] == here.json[part]
    assert [one["fingerprint"] for one in there.json["findings"]] == [
        one["fingerprint"] for one in here.json["findings"]
    ]


async def test_doctor_and_scan_speak_of_the_workers_logins(
    tmp_path: Path, cluster: Cluster
) -> None:
    """A registry that this machine may not read, and that workers may once they are logged in."""
    double, place = Double(), Workplace(tmp_path, {"HOME": str(tmp_path)})
    double.warehouse.push("team/app", "1.0.0")
    double.private.add("team/app")
    async with double.serving():
        place.write(
            "tagwatch.yaml",
            f"watch: [{{image: '{double.host}/team/app'}}]\nengine: {dask(cluster)}\n"
            f"registries: {{'{double.host}': {{endpoint: '{double.url}'}}}}\n",
        )
        nobody = await place.run("doctor")
        scan = await place.run("scan", "--no-alerts", "--format", "json")
        login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        docker = cluster.folder / ".docker" / "config.json"
        docker.parent.mkdir()
        docker.write_text(json.dumps({"auths": {double.host: {"auth": login}}}))
        known = await place.run("doctor")
        docker.unlink()
    assert nobody.code == 1
    denied = f"{double.host}: listing the tags of 'team/app': denied (401 UNAUTHORIZED)"
    assert f"  from here   {denied}; a scan asks from the workers, below\n" in nobody.out
    assert nobody.out.count(f"    problem     {denied}\n") == 2
    assert nobody.out.endswith("  do          log in on every worker: as the user that runs it\n")
    (failure,) = scan.json["failures"]
    assert failure["hint"].endswith("; that is the login of the cluster's workers")
    assert known.code == 0, "what this machine reaches is no matter"
    assert f"  from here   {denied}" in known.out
    assert known.out.count(f"    credential  {double.host}: {docker} ({double.host})\n") == 2
    assert "problem" not in known.out


async def nights(estate: Estate, engine: str, count: int) -> tuple[list[Any], list[Any]]:
    """Scan so many nights: what the registries say of each, and all intervals in the end."""
    (estate.folder / "ledger.db").unlink(missing_ok=True)
    estate.configure(engine)
    told = []
    for _ in range(count):
        estate.stats()
        done = await Workplace(estate.folder).run("scan", "--no-alerts", "--format", "json")
        assert done.code in (0, 1), done.err
        told.append(estate.stats())
        estate.let_move(2)
    return told, estate.intervals()


async def test_limits_hold_over_nights_and_nothing_differs(
    tmp_path: Path, cluster: Cluster
) -> None:
    """Registries with different limits, counted where they are asked.

    Their answers are late by chance, here by another one than there.
    """
    found = {}
    for seed, (name, engine) in enumerate((("here", "local"), ("there", dask(cluster)))):
        with serving_estate(tmp_path / name, 5, replace(STOCK, seed=seed)) as estate:
            found[name] = await nights(estate, engine, 3)
    (here, known_here), (there, known_there) = found["here"], found["there"]
    assert known_there == known_here
    assert len(known_here) > 5 * STOCK.repositories * STOCK.tags, "tags moved"
    for night_here, night_there in zip(here, there, strict=True):
        for one, other in zip(night_here, night_there, strict=True):
            assert other["requests"] == one["requests"]
            assert sorted(other["pulled"]) == sorted(one["pulled"])
            assert other["requests"]["ping"] == 1
        for night in (night_here, night_there):
            assert night[0]["most_at_once"] <= 2
            assert night[1]["most_a_second"] <= 30, "10 a second and 10 saved up, of one slot"
            assert night[2]["most_at_once"] <= 4
            assert night[SHORT]["requests"]["manifest"] <= 9
            assert all(one["most_at_once"] <= 8 for one in night)
            assert all(one["connections"] <= 9 for one in night)
