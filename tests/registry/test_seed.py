"""A ledger that begins today, beside a real registry: older builds of a base are found at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.registry.distribution import Distribution, distribution
from tests.registry.images import ImageLibrary, Step
from tests.walk.command import Done, Workplace

HOST = "registry.shop.example"
VERSIONS = ("3.12.1", "3.12.2", "3.12.3", "3.12.4")
TOOLS = tuple(f"1.4.{patch}" for patch in range(12))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Distribution]:
    """Bases as of today, their older version tags, and images built on what was served before."""
    folder = tmp_path_factory.mktemp("seeds")
    library = ImageLibrary(folder)
    root = "/bin/sh -c #(nop) ADD file:1 in / "
    library.image("debian", [Step(created_by=root, files={"etc/os": "debian 12"})])
    library.image("other", [Step(created_by=root, files={"etc/os": "other"})])
    for version in VERSIONS:
        step = Step(created_by="RUN make", files={"usr/bin/python": version})
        config = {"env": f"PYTHON_VERSION={version}"}
        library.image(f"python-{version}", [step], base="debian", config=config)
    for version in TOOLS:
        step = Step(created_by="COPY tool /", files={"usr/bin/tool": version})
        library.image(f"tool-{version}", [step], base="debian")
    application = [Step(created_by="COPY . /app", files={"app/main.py": "print()"})]
    library.image("on-python", application, base="python-3.12.2")
    library.image("on-tool", application, base="tool-1.4.9")
    library.image("on-old-tool", application, base="tool-1.4.0")
    library.image("on-nothing", application, base="other")
    with distribution(folder / "registry") as registry:
        hub, shop = f"{registry.host}/library/python", f"{registry.host}/shop"
        for version in VERSIONS:
            library.push(f"python-{version}", f"{hub}:{version}-slim")
        library.push(f"python-{VERSIONS[-1]}", f"{hub}:3.12-slim")
        for version in TOOLS:
            library.push(f"tool-{version}", f"{shop}/tool:{version}")
        library.push(f"tool-{TOOLS[-1]}", f"{shop}/tool:1.4")
        for name in ("on-python", "on-tool", "on-old-tool", "on-nothing"):
            library.push(name, f"{shop}/{name}:1")
        claims(library, registry)
        yield registry


def claims(library: ImageLibrary, registry: Distribution) -> None:
    """Images that name a digest of which the base's repository has no tag, and one that lies."""
    gone = library.image("gone", [Step(created_by="RUN make", files={"usr/bin/python": "gone"})])
    library.push("gone", f"{registry.host}/library/python:temporary")
    library.push(f"python-{VERSIONS[0]}", f"{registry.host}/library/python:temporary")
    steps = [Step(created_by="COPY . /app", files={"app/main.py": "print(1)"})]
    names = "org.opencontainers.image.base"
    for name, base, digest in (
        ("claims-digest", "gone", gone),
        ("claims-other-version", "python-3.12.2", library.digests["python-3.12.1"]),
    ):
        library.image(name, steps, base=base, config={"label": f"{names}.name=python:3.12-slim"})
        library.image(f"{name}-2", [], base=name, config={"label": f"{names}.digest={digest}"})
        library.push(f"{name}-2", f"{registry.host}/shop/{name}:1")


@pytest.fixture
def place(tmp_path: Path, served: Distribution) -> Workplace:
    folder = tmp_path / "desk"
    folder.mkdir()
    place = Workplace(folder, {"HOME": str(folder)})
    asked = {"endpoint": served.url, "kind": "distribution", "credential": "anonymous"}
    bases = [
        {"ref": "docker.io/library/python", "tags": ["3.12-slim"], "max_behind": 1},
        {"ref": f"{HOST}/shop/tool", "tags": ["1.4"]},
    ]
    settings = {
        "database": "tagwatch.db",
        "registries": {"docker.io": asked, HOST: asked},
        "watch": [{"image": f"{HOST}/shop/on-python", "tags": ["1"]}],
        "policy": {"bases": bases},
    }
    place.write("tagwatch.yaml", json.dumps(settings))
    return place


async def base_of(place: Workplace, name: str) -> dict[str, Any]:
    done = await place.run("base", f"{HOST}/shop/{name}:1", "--format", "json")
    assert done.code == 0, done.err
    (found,) = done.json["images"][0]["platforms"]
    assert isinstance(found, dict)
    return found


async def test_the_version_that_the_image_inherited_names_the_build(
    place: Workplace, served: Distribution
) -> None:
    before = len(served.requests())
    found = await base_of(place, "on-python")
    assert found["verdict"] == "exact-stale"
    assert found["base"]["reference"] == "docker.io/library/python:3.12-slim"
    assert (found["base"]["version"], found["current"]["version"]) == ("3.12.2", "3.12.4")
    assert (found["base"]["first_seen"], found["base"]["last_seen"]) == (None, None)
    assert found["sentence"].startswith(
        "Built on python:3.12-slim = 3.12.2 (read as python:3.12.2-slim, layers match 2/2). "
        "That tag now serves 3.12.4: 1 base layer replaced, 1 shared, "
    )
    asked = [line for line in served.requests()[before:] if "/library/python/manifests" in line]
    read = [line for line in asked if line.startswith("GET")]
    # what it serves now, what the image names, and as many newer ones as max_behind needs
    assert {line.split()[1].rpartition("/")[2] for line in read} == {
        "3.12-slim", "3.12.2-slim", "3.12.3-slim",
    }  # fmt: skip
    before = len(served.requests())
    assert (await base_of(place, "on-python"))["verdict"] == "exact-stale"
    assert served.requests()[before:] == [], "nothing is asked twice within a day"


async def test_without_a_version_the_newest_are_tried(
    place: Workplace, served: Distribution
) -> None:
    found = await base_of(place, "on-tool")
    assert found["verdict"] == "exact-stale"
    assert found["base"]["version"] == "1.4.9"
    before = len(served.requests())
    too_old = await base_of(place, "on-old-tool")
    assert too_old["verdict"] == "partial", "no build that was read has its second layer"
    manifests = [line for line in served.requests()[before:] if "/tool/manifests/" in line]
    assert len([line for line in manifests if line.startswith("GET")]) <= 8


async def test_an_image_on_no_approved_base_is_unknown_and_asks_once(
    place: Workplace, served: Distribution
) -> None:
    assert (await base_of(place, "on-nothing"))["verdict"] == "unknown"
    before = len(served.requests())
    done = await place.run("base", f"{HOST}/shop/on-nothing:1", "--refresh")
    assert "No known base matches" in done.out
    assert not [
        line
        for line in served.requests()[before:]
        if line.startswith("GET /v2/shop/tool/manifests")
    ]


async def test_a_digest_that_a_label_names_is_read(place: Workplace) -> None:
    found = await base_of(place, "claims-digest")
    assert found["verdict"] == "exact-stale"
    assert found["base"]["reference"] == "docker.io/library/python:3.12-slim"
    assert "read as python@sha256:" in found["sentence"]


async def test_a_claimed_digest_that_the_layers_deny_is_a_conflict(place: Workplace) -> None:
    found = await base_of(place, "claims-other-version")
    assert found["verdict"] == "conflict"
    assert found["base"]["version"] == "3.12.2", "what the layers show"


async def test_a_scan_seeds_and_the_next_night_asks_nothing_more(
    place: Workplace, served: Distribution
) -> None:
    first = await place.run("scan", "--format", "json")
    assert first.json["complete"] is True
    (evidence,) = [one for one in first.json["findings"] if one["rule"] == "base-stale"]
    assert "now serves 3.12.4" in evidence["message"]
    assert evidence["location"]["path"] == "tagwatch.yaml"
    before = len(served.requests())
    second = await place.run("scan", "--format", "json")
    assert second.json["complete"] is True
    read = [line for line in served.requests()[before:] if line.startswith("GET")]
    assert not [line for line in read if "/manifests/" in line or "/blobs/" in line]


COMPOSE = f"services: {{api: {{image: '{HOST}/shop/on-python:1'}}}}\n"


def said(done: Done, rule: str) -> list[str]:
    return [one["message"] for one in done.json["findings"] if one["rule"] == rule]


async def test_check_asks_for_the_approved_bases_once(
    place: Workplace, served: Distribution
) -> None:
    place.write("compose.yaml", COMPOSE)
    offline = await place.run("check", "--offline", "--format", "json", "compose.yaml")
    assert said(offline, "base-stale") == []
    before = len(served.requests())
    first = await place.run("check", "--format", "json", "compose.yaml")
    (stale,) = said(first, "base-stale")
    assert "Built on python:3.12-slim = 3.12.2" in stale
    assert said(first, "base-unknown") == []
    assert [line for line in served.requests()[before:] if "/library/python/" in line]
    before = len(served.requests())
    again = await place.run("check", "--format", "json", "compose.yaml")
    assert said(again, "base-stale") == [stale]
    assert served.requests()[before:] == []


async def test_bases_that_were_never_asked_for_are_asked_for_what_is_remembered(
    place: Workplace,
) -> None:
    place.write("compose.yaml", COMPOSE)
    settings = json.loads((place.folder / "tagwatch.yaml").read_text())
    place.write("tagwatch.yaml", json.dumps({**settings, "policy": {}}))
    assert (await place.run("check", "--format", "json", "compose.yaml")).code in (0, 1)
    place.write("tagwatch.yaml", json.dumps(settings))
    offline = await place.run("check", "--offline", "--format", "json", "compose.yaml")
    assert said(offline, "base-not-approved") == []
    assert len(said(offline, "base-unknown")) == 1, "they were never read, so nothing is known"
    online = await place.run("check", "--format", "json", "compose.yaml")
    assert len(said(online, "base-stale")) == 1


async def test_a_base_that_cannot_be_read_is_not_asked_for_every_time(
    place: Workplace, served: Distribution
) -> None:
    place.write("compose.yaml", COMPOSE)
    settings = json.loads((place.folder / "tagwatch.yaml").read_text())
    settings["policy"]["bases"] = [{"ref": f"{HOST}/shop/nowhere", "tags": ["1"]}]
    place.write("tagwatch.yaml", json.dumps(settings))
    first = await place.run("check", "--format", "json", "compose.yaml")
    (unknown,) = said(first, "base-unknown")
    assert f"of the approved bases, {HOST}/shop/nowhere was never read" in unknown
    before = len(served.requests())
    again = await place.run("check", "--format", "json", "compose.yaml")
    assert said(again, "base-unknown") == [unknown]
    assert served.requests()[before:] == []


async def test_a_base_without_tags_is_read_where_an_image_needs_it(place: Workplace) -> None:
    settings = json.loads((place.folder / "tagwatch.yaml").read_text())
    settings["policy"]["bases"] = [{"ref": "docker.io/library/python"}]
    place.write("tagwatch.yaml", json.dumps(settings))
    found = await base_of(place, "on-python")
    assert found["verdict"] == "exact-current"
    assert found["base"]["reference"] == "docker.io/library/python:3.12.2-slim"
