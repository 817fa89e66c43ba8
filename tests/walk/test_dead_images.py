"""Images that are over, and as many that live: offline in a fresh clone, online, by mirrors."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tagwatch import Asking, CheckOptions, Severity, check, open_site
from tagwatch.image.reference import DOCKER_HUB, Reference
from tests.paths import DATA
from tests.registry.doubles.hub import HubDouble
from tests.registry.doubles.warehouse import Warehouse
from tests.walk.command import Workplace

AT = datetime(2026, 11, 29, 12, tzinfo=UTC)
CASES: dict[str, list[dict[str, Any]]] = json.loads(
    (DATA / "knowledge" / "remedies.json").read_bytes()
)
ENDS = {"image-retired", "os-eol", "version-eol"}
MIRRORS = ("public.ecr.aws/docker/library", "mirror.gcr.io/library", "cache.example/hub/library")


def official(kind: str) -> list[str]:
    """The images of Docker Hub's library, as people write them: `node:14`."""
    return [case["image"] for case in CASES[kind] if "/" not in case["image"]]


MORE = (
    "node:26",
    "golang:1.26",
    "postgres:15",
    "nginx:1.31",
    "debian:13",
    "ubuntu:26.04",
    "redis:8",
)
DEAD, LIVING = official("dead"), [*official("living"), *MORE]


def said(
    folder: Path, images: Iterable[str], *, config: str = "", offline: bool = True
) -> dict[str, set[str]]:
    """The rules about ends that speak of each image, as errors and warnings."""
    lines = [f"  s{number}: {{image: '{image}'}}" for number, image in enumerate(images)]
    (folder / "compose.yaml").write_text("\n".join(["services:", *lines]), encoding="utf-8")
    (folder / "tagwatch.yaml").write_text(f"database: tagwatch.db\n{config}", encoding="utf-8")
    site = open_site(folder / "tagwatch.yaml", at=AT)
    options = CheckOptions(asking=Asking(offline=offline))
    found: dict[str, set[str]] = defaultdict(set)
    for one in check("compose.yaml", site, options=options).findings:
        if one.rule in ENDS and one.severity is not Severity.NOTE:
            found[one.text].add(one.rule)
    return found


def test_offline_in_a_fresh_clone(tmp_path: Path) -> None:
    """Nothing was ever read: the text alone tells."""
    dead = [case["image"] for case in CASES["dead"]]
    living = [case["image"] for case in CASES["living"]]
    assert min(len(dead), len(living)) >= 60
    found = said(tmp_path, dead + living)
    assert {image for image in dead if not found[image]} == set()
    silent = {case["image"] for case in CASES["dead"] if case.get("rule") != "version-eol"}
    assert {image for image in dead if "version-eol" not in found[image]} == silent
    assert {image: found[image] for image in living if found[image]} == {}


@pytest.mark.parametrize("mirror", MIRRORS)
def test_through_a_mirror(tmp_path: Path, mirror: str) -> None:
    config = "pull_through: {cache.example/hub: docker.io}\n"
    direct = said(tmp_path, DEAD + LIVING)
    found = said(tmp_path, (f"{mirror}/{image}" for image in DEAD + LIVING), config=config)
    assert {image.removeprefix(f"{mirror}/"): rules for image, rules in found.items() if rules} == {
        image: rules for image, rules in direct.items() if rules
    }


def test_a_cache_that_nobody_configured_is_a_stranger(tmp_path: Path) -> None:
    assert dict(said(tmp_path, ["cache.example/hub/library/node:14", "mycorp/node:14"])) == {}


async def test_online(tmp_path: Path) -> None:
    """As offline: the Hub serves each tag, and says of none which version it is."""
    double = HubDouble(stocked(DEAD[:60] + LIVING[:60]))
    async with double.serving():
        endpoint = f"endpoint: '{double.url}', catalogue_endpoint: '{double.url}'"
        config = f"registries: {{docker.io: {{{endpoint}, credential: anonymous}}}}\n"
        images = DEAD[:60] + LIVING[:60]
        found = await asyncio.to_thread(said, tmp_path, images, config=config, offline=False)
    assert min(len(DEAD), len(LIVING)) >= 60
    assert {image for image in DEAD[:60] if "version-eol" not in found[image]} == set()
    assert {image: found[image] for image in LIVING[:60] if found[image]} == {}


def stocked(images: Iterable[str]) -> Warehouse:
    warehouse = Warehouse()
    for image in images:
        reference = Reference.parse(image)
        assert reference.repository.registry == DOCKER_HUB
        warehouse.push(reference.repository.path, reference.effective_tag or "", index=False)
    return warehouse


async def test_a_deleted_repository_is_no_matter_of_a_login(tmp_path: Path) -> None:
    """Docker Hub asks for a login where `minio/minio` was: no login brings it back."""
    double = HubDouble()
    double.private.add("minio/minio")
    async with double.serving():
        place = Workplace(tmp_path)
        endpoint = f"endpoint: '{double.url}', catalogue_endpoint: '{double.url}'"
        place.write(
            "tagwatch.yaml",
            "database: tagwatch.db\nregistries:\n"
            f"  docker.io: {{{endpoint}, credential: anonymous, patience_seconds: 1}}\n",
        )
        place.write("Dockerfile", "FROM minio/minio:RELEASE.2025-01-20T14-49-07Z\n")
        done = await place.run("check", "Dockerfile")
        asked = await place.run("resolve", "minio/minio:latest")
    assert (done.code, asked.code) == (1, 4)
    assert "was deleted on 2026-09-11" in " ".join(done.out.split())
    assert "its repository was deleted (2026-09-11); use quay.io/minio/minio" in asked.out
    told = (done.out + done.err + asked.out + asked.err).lower().replace("whoever logs in", "")
    assert not any(word in told for word in ("credential", "docker login", "log in", "401"))


async def test_the_real_command_offline(tmp_path: Path) -> None:
    place = Workplace(tmp_path)
    place.write("Dockerfile", "FROM node:14\n")
    done = await place.run("check", "--offline", "Dockerfile", "--format", "json")
    assert done.code == 1
    (end,) = (one for one in done.json["findings"] if one["rule"] == "version-eol")
    assert end["message"].startswith("node:14 is Node.js 14, whose line 14 ended on 2023-04-30")
