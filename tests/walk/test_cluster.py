"""The real command with its crawl on a Dask cluster: the same findings as without one."""

from __future__ import annotations

from tests.walk.conftest import Shop


async def test_a_scan_on_a_cluster_finds_the_same(shop: Shop) -> None:
    from distributed import LocalCluster

    here = await shop.run("scan", "--no-alerts", "--format", "json")
    (shop.folder / "tagwatch.db").unlink()
    cluster = LocalCluster(  # type: ignore[no-untyped-call]  # of a package without types
        n_workers=1, threads_per_worker=2, dashboard_address=None, host="127.0.0.1",
        asynchronous=True,
    )  # fmt: skip
    async with cluster:
        shop.configure(f"engine: {{dask: {{address: '{cluster.scheduler_address}'}}}}\n")
        there = await shop.run("scan", "--no-alerts", "--format", "json")
    assert there.code == here.code
    for part in ("complete", "coverage", "failures"):
        assert there.json[part] == here.json[part]
    assert [one["fingerprint"] for one in there.json["findings"]] == [
        one["fingerprint"] for one in here.json["findings"]
    ]
    assert all(sum(kinds.values()) for kinds in there.json["requests"].values())
    assert there.json["requests"].keys() == here.json["requests"].keys()
