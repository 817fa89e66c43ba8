"""A tag compared with what it was: names, dates and secrets of a past image are its own."""

from __future__ import annotations

import json
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path

from tagwatch.api import scan_async
from tagwatch.audit.model.knowledge import Knowledge
from tagwatch.walk.deliver import write_run
from tagwatch.walk.site import Site, open_site
from tests.image_builder import build, setting
from tests.nights_served import HOSTS, RegistryShelf
from tests.official import on_day, redis
from tests.registry.distribution import distribution
from tests.walk.command import Workplace

REDIS = "docker.io/library/redis"
SECRET = "correct-horse-battery"


async def test_a_past_image_is_named_as_it_was(tmp_path: Path) -> None:
    """The old image still has a tag of its own, and the floating one is another version now."""
    folder = tmp_path / "desk"
    folder.mkdir()
    with distribution(tmp_path / "registry") as registry:
        site = _site(folder, registry.url)
        shelf = RegistryShelf(HTTPConnection(registry.host, timeout=30))
        command = setting("CMD", Cmd=["redis-server", "--requirepass", SECRET])
        for day, version in ((0, "6.2.14"), (9, "6.2.15")):
            image = build(command, base=redis(day, version), created=on_day(day))
            shelf.push(f"{REDIS}:6.2", image)
            shelf.push(f"{REDIS}:{version}", image)
            site = replace(site, at=on_day(day))
            found = await scan_async(site)
        shelf.connection.close()
        write_run(found.result, found.news, site)
        place = Workplace(folder, {"HOME": str(folder)})
        asked = ("diff", "redis:6.2@2026-05-02", "redis:6.2", "--format", "json")
        told = (await place.run(*asked)).json
        text = await place.run(*asked[:3])
        pinned = await place.run(
            "resolve", f"redis:6.2@{told['old']['manifest']}", "--format", "json"
        )
        missing = await place.run("diff", f"redis:6.2@sha256:{'0' * 64}", "redis:6.2")
    assert told["verdict"] == "upgraded", told["reason"]
    assert [told[side]["version"]["value"] for side in ("old", "new")] == ["6.2.14", "6.2.15"]
    assert told["old"]["seen"] == ["2026-05-01", "2026-05-01"]
    assert told["new"]["seen"][0] == "2026-05-10"
    assert "seen 2026-05-01..2026-05-01" in text.out
    assert pinned.json["resolutions"][0]["tag"] == "6.2.14"
    assert missing.code == 4
    assert "no such digest" in missing.err
    assert SECRET not in text.out
    for file in (folder / "reports").rglob("*.*"):
        assert SECRET not in file.read_text("utf-8"), file.name


async def test_a_floating_tag_that_stands_alone_is_what_its_images_say(tmp_path: Path) -> None:
    """A mirror that copies `6.2` only: its own text is no version, and it did move on."""
    folder = tmp_path / "desk"
    folder.mkdir()
    with distribution(tmp_path / "registry") as registry:
        site = _site(folder, registry.url)
        shelf = RegistryShelf(HTTPConnection(registry.host, timeout=30))
        for day, version in ((0, "6.2.14"), (9, "6.2.15")):
            shelf.push(f"{REDIS}:6.2", redis(day, version))
            site = replace(site, at=on_day(day))
            found = await scan_async(site)
        shelf.connection.close()
        place = Workplace(folder, {"HOME": str(folder)})
        diff = await place.run("diff", "redis:6.2@2026-05-02", "redis:6.2", "--format", "json")
        past = await place.run("history", "redis:6.2", "--format", "json")
        now = await place.run("resolve", "redis:6.2", "--format", "json")
    (change,) = found.result.changes
    assert change.change.verdict.value == diff.json["verdict"] == "upgraded"
    assert diff.json["new"]["version"] == {"value": "6.2.15", "from": "env REDIS_VERSION"}
    versions = [one["version"] for one in past.json["intervals"]]
    assert versions == ["6.2.14", "6.2.15"]
    assert now.json["resolutions"][0]["version"] == "6.2.15"


def _site(folder: Path, endpoint: str) -> Site:
    asked = {"endpoint": endpoint, "kind": "distribution", "credential": "anonymous"}
    settings = {
        "database": "tagwatch.db",
        "registries": dict.fromkeys(HOSTS, asked),
        "watch": [{"image": REDIS, "tags": ["6.2", "6.2.14", "6.2.15"]}],
        "reports": {"formats": ["html", "json", "sarif"]},
    }
    (folder / "tagwatch.yaml").write_text(json.dumps(settings))
    site = open_site(folder / "tagwatch.yaml", environment={"HOME": str(folder)}, at=on_day(0))
    return replace(site, knowledge=Knowledge())
