"""`report --from`: the results of several projects in one site."""

from __future__ import annotations

import json
from pathlib import Path

from tests.walk.command import Workplace
from tests.walk.misbehaving import misbehaving


async def test_results_of_several_projects_become_one_site(tmp_path: Path) -> None:
    place = Workplace(tmp_path)
    async with misbehaving() as server:
        place.write(
            "tagwatch.yaml", f"database: tagwatch.db\nregistries:\n{server.registries('well')}"
        )
        await write_results(place)
    await site_of(place)


async def write_results(place: Workplace) -> None:
    for name, more in (("shop", ""), ("web", "ADD http://a.example/x /x\n")):
        place.write(f"{name}/Dockerfile", f"FROM well.example/app:latest\n{more}")
        done = await place.run(
            "check",
            f"{name}/Dockerfile",
            "--format",
            "json",
            "--output",
            f"{name}.json",
        )
        assert (place.folder / f"{name}.json").is_file(), done


async def site_of(place: Workplace) -> None:
    site = ("report", "--from", "shop.json", "--from", "front=web.json", "--directory", "site")
    done = await place.run(*site)
    assert (done.code, done.out) == (0, ""), done
    index = (place.folder / "site" / "index.html").read_text()
    assert "2 projects" in index.replace("\N{NO-BREAK SPACE}", " ")
    assert ">front<" in index
    images = (place.folder / "site" / "images.html").read_text()
    assert "well.example/app:latest" in images
    assert "in 2 projects" in images
    assert (await place.run(*site)).code == 0
    past = json.loads((place.folder / "site" / "projects.json").read_text())["projects"]
    assert {name: len(runs) for name, runs in past.items()} == {"front": 1, "shop": 1}


async def test_mistakes_are_told(tmp_path: Path) -> None:
    place = Workplace(tmp_path)
    place.write("a.json", "{}")
    place.write("b/a.json", "{}")
    done = await place.run("report", "--from", "a.json")
    assert "--format json" in done.is_clean_error(2)
    done = await place.run("report", "--from", "a.json", "b/a.json")
    assert "NAME=FILE" in done.is_clean_error(2)
    done = await place.run("report", "--from", "none.json")
    assert "none.json" in done.is_clean_error(2)
    done = await place.run("report", "--from", "a.json", "--format", "sarif")
    assert "HTML" in done.is_clean_error(2)


async def kept_by_the_nightly_scan(place: Workplace) -> None:
    """Where `reports.projects` says so, and there alone."""
    site = place.folder / "all"
    assert not site.exists()
    config = place.folder / "web" / "tagwatch.yaml"
    place.write("web/tagwatch.yaml", f"{config.read_text()}reports: {{projects: ../all}}\n")
    moments = set()
    for _ in range(2):
        scan = ("scan", "--no-alerts", "--format", "json", "--config", "web/tagwatch.yaml")
        done = await place.run(*scan)
        assert done.code == 0, done.err
        moments.add(done.json["at"])  # two scans of one second are one there
        past = json.loads((site / "projects.json").read_text())["projects"]
        assert moments <= {run["at"] for run in past["web"]}
        assert len(past["shop"]) == 1
    index = (site / "index.html").read_text(encoding="utf-8")
    assert "<h3>shop</h3>" in index
    (site / "index.html").unlink()
    done = await place.run("report", "--projects", "--config", "web/tagwatch.yaml")
    assert (site / "index.html").is_file(), "the command writes to the same place"
    (site / "pages.json").write_text("{}")
    done = await place.run("scan", "--no-alerts", "--config", "web/tagwatch.yaml")
    assert done.code == 5
    assert "holds the reports of one project" in done.err


async def test_the_projects_of_one_ledger_are_one_site(tmp_path: Path) -> None:
    place = Workplace(tmp_path)
    for name, text in (("shop", "FROM redis\n"), ("web", "FROM redis\nFROM httpd:latest\n")):
        place.write(f"{name}/Dockerfile", text)
        place.write(
            f"{name}/tagwatch.yaml",
            "version: 1\ndatabase: ../ledger.db\nsources: [Dockerfile]\n"
            "registries: {docker.io: {endpoint: 'http://127.0.0.1:9', patience_seconds: 0}}\n",
        )
        done = await place.run("scan", "--no-alerts", "--config", f"{name}/tagwatch.yaml")
        assert done.code == 0, done.err
    done = await place.run("report", "--projects", "--config", "shop/tagwatch.yaml")
    assert done.code == 0, done.err
    site = place.folder / "shop" / "reports" / "projects"
    index, images = (
        (site / name).read_text(encoding="utf-8") for name in ("index.html", "images.html")
    )
    assert "<h3>shop</h3>" in index
    assert "<h3>web</h3>" in index
    assert "in 2 projects" in images
    assert "not read" in images, "what nobody could read is used all the same"
    await kept_by_the_nightly_scan(place)
    both = await place.run("report", "--projects", "--from", "a.json")
    assert (both.code, "are two sites" in both.err) == (2, True)
