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


async def test_an_absent_tag_is_asked_again_with_one_head(tmp_path: Path) -> None:
    """The list says so, too: a GET, which might be a pull, proves nothing more."""
    place, double = Workplace(tmp_path, {"HOME": str(tmp_path)}), Double()
    for tag in ("1.0", "1.1", "1.2"):
        double.warehouse.push("shop/app", tag, index=False)
    async with double.serving():
        place.write(
            "tagwatch.yaml",
            "database: tagwatch.db\nsources: [Dockerfile]\nreports: {formats: []}\n"
            f"registries: {{'{double.host}': {{endpoint: '{double.url}'}}}}\n",
        )
        place.write("Dockerfile", f"FROM {double.host}/shop/app:1.1\n")
        await place.run("scan")
        del double.warehouse.repositories["shop/app"]["1.1"]
        double.night()
        for _ in range(2):
            done = await place.run("check", "--refresh", "Dockerfile")
            assert "tag-deleted" in done.out
            counts = double.night()
            assert (counts["head"], counts["manifest"]) == (1, 0)


@pytest.mark.parametrize("tags", ["", ", tags: ['0.9']"])
async def test_what_a_scan_found_gone_is_gone_for_check_and_resolve(
    tmp_path: Path, tags: str
) -> None:
    """They answered from memory, for a day, that the tag is there: no file had named it."""
    place, double = Workplace(tmp_path, {"HOME": str(tmp_path)}), Double()
    for tag in ("0.9", "1.0", "1.1"):
        double.warehouse.push("shop/app", tag, index=False)
    async with double.serving():
        name = f"{double.host}/shop/app:0.9"
        place.write(
            "tagwatch.yaml",
            "database: tagwatch.db\nsources: []\nreports: {formats: []}\n"
            f"watch: [{{image: {double.host}/shop/app{tags}}}]\n"
            f"registries: {{'{double.host}': {{endpoint: '{double.url}'}}}}\n",
        )
        await place.run("scan")
        del double.warehouse.repositories["shop/app"]["0.9"]
        assert "no more: 0.9" in (await place.run("scan")).out
        place.write("Dockerfile", f"FROM {name}\n")
        for mode in ([], ["--offline"]):
            assert f"{name} is gone since" in (await place.run("check", *mode, "Dockerfile")).out
            resolved = await place.run("resolve", *mode, name)
            assert resolved.code == 1
            assert resolved.out.startswith(f"{name}  not in the registry\n")


async def test_what_to_write_instead_of_a_tag_that_is_not_there(tmp_path: Path) -> None:
    place, double = Workplace(tmp_path, {"HOME": str(tmp_path)}), Double()
    for tag in ("6.2.23", "6.2.24", "3.9-temurin-11-alpine"):
        double.warehouse.push("shop/app", tag, index=False)
    images = double.warehouse.repositories
    images["legacy/app"] = {"6.2.24-old": images["shop/app"]["6.2.24"]}
    async with double.serving():
        host = double.host
        place.write(
            "tagwatch.yaml",
            "database: tagwatch.db\nsources: []\nreports: {formats: []}\n"
            f"watch: [{{image: {host}/shop/app}}, {{image: {host}/legacy/app}}]\n"
            f"registries: {{'{host}': {{endpoint: '{double.url}'}}}}\n",
        )
        await place.run("scan")
        del images["shop/app"]["6.2.24"]
        await place.run("scan")
        place.write(
            "Dockerfile",
            f"FROM {host}/shop/app:6.2.24\nFROM {host}/shop/app:3.9-temurin-11-alpne\n"
            f"FROM {host}/shop/app:3.9-temurin-17-alpine\nFROM {host}/shop/app:8\n",
        )
        for mode in ([], ["--offline"]):
            told = " ".join((await place.run("check", *mode, "Dockerfile")).out.split())
            advice = [part.split(" error ")[0].split(" 4 things")[0] for part in told.split(" do ")]
            assert advice[1:] == [
                f"write {host}/shop/app:6.2.23; "
                f"the same digest lives in {host}/legacy/app:6.2.24-old",
                f"write {host}/shop/app:3.9-temurin-11-alpine",
                "write a tag that exists",
                "write a tag that exists",
            ]
        resolved = await place.run("resolve", f"{host}/shop/app:3.9-temurin-11-alpne")
        assert "  nearest  3.9-temurin-11-alpine\n" in resolved.out


async def test_what_is_not_there_is_said_once_and_what_is_built_is_not_asked(
    tmp_path: Path,
) -> None:
    place, double = Workplace(tmp_path, {"HOME": str(tmp_path)}), HubDouble()
    double.warehouse.push("shop/app", "1.0", index=False)
    async with double.serving():
        place.write(
            "tagwatch.yaml",
            "database: tagwatch.db\nregistries: {docker.io: "
            f"{{endpoint: '{double.url}', catalogue_endpoint: '{double.url}', "
            "credential: anonymous}}\n",
        )
        place.write("Dockerfile", "FROM shop/app:1.0\nUSER app\n")
        place.write(
            "compose.yaml",
            "services:\n  a: {image: shop-local, build: .}\n"
            "  b: {image: 'shop/none:1'}\n  c: {image: 'shop/none:1'}\n",
        )
        told = (await place.run("check", "--format", "json")).json["findings"]
    lines = [(one["rule"], one["location"]["line"]) for one in told if one["severity"] == "error"]
    assert lines == [("tag-deleted", 3), ("tag-deleted", 4)]
    assert not [one for one in told if one["rule"] == "check-incomplete"]


@pytest.mark.parametrize("was_there", [True, False])
async def test_a_tag_that_a_list_names_and_nobody_can_pull(tmp_path: Path, was_there: bool) -> None:
    """A check said "Nothing to fix": a registry that cleans up halfway lists names of nothing."""
    place, double = Workplace(tmp_path, {"HOME": str(tmp_path)}), Double()
    for tag in ("1.0", "1.1"):
        double.warehouse.push("shop/app", tag, index=False)
    async with double.serving():
        name = f"{double.host}/shop/app:1.1"
        place.write(
            "tagwatch.yaml",
            "database: tagwatch.db\nsources: [Dockerfile]\nreports: {formats: []}\n"
            f"registries: {{'{double.host}': {{endpoint: '{double.url}'}}}}\n",
        )
        place.write("Dockerfile", f"FROM {name}\nUSER app\n")
        if was_there:
            await place.run("scan")
        double.failing["1.1"] = 404
        found = [await place.run("scan", "--format", "json")]
        found += [
            await place.run("check", "--format", "json", *mode) for mode in ([], ["--offline"])
        ]
        told = await place.run("resolve", name)
        del double.failing["1.1"]
        again = await place.run("check", "--refresh", "--format", "json")
    for done in found:
        (finding,) = done.json["findings"]
        assert (finding["rule"], finding["severity"]) == ("tag-deleted", "error")
        assert ("is gone since" if was_there else "does not exist") in finding["message"]
        assert finding["message"].endswith("; its registry lists the name all the same")
        assert done.code == 1
    assert "not in the registry" in told.out
    assert "tag-deleted" not in again.out
