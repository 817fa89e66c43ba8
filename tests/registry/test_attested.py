"""Packages beside a real registry: attestations of an index, and referrers by the fallback tag."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Literal

import pytest

from tests.image_builder import Built, attest, cyclonedx, index, spdx
from tests.nights_served import RegistryShelf
from tests.official import ARM64, debian, python
from tests.registry.distribution import Distribution, distribution
from tests.walk.command import Workplace

HOST = "registry.shop.example"
OLD, NEW = python(0, "3.12.3"), python(9, "3.12.4")
BEFORE = {"pkg:deb/debian/openssl": "3.0.13", "pkg:pypi/pip": "24"}
AFTER = {"pkg:deb/debian/openssl": "3.0.14", "pkg:pypi/six": "1.16"}


def attested(
    image: Built, packages: Mapping[str, str], form: Literal["legacy", "artifact"]
) -> Built:
    return index(image, attest(image, spdx(image, packages), form=form))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Distribution]:
    with distribution(tmp_path_factory.mktemp("attested")) as registry:
        shelf = RegistryShelf(HTTPConnection(registry.host, timeout=30))
        for name, image, packages in (("old", OLD, BEFORE), ("new", NEW, AFTER)):
            shelf.push(f"{HOST}/legacy:{name}", attested(image, packages, "legacy"))
            shelf.push(f"{HOST}/artifact:{name}", attested(image, packages, "artifact"))
            shelf.push(f"{HOST}/referrer:{name}", image)
            artifact = attest(image, cyclonedx(image, packages), form="artifact")
            listing = index(replace(artifact, annotations={}, platform=None))
            shelf.push(f"{HOST}/referrer:{image.digest.replace(':', '-')}", listing)
            shelf.push(f"{HOST}/plain:{name}", image)
            arm = debian(1 if name == "old" else 2, platform=ARM64)
            shelf.push(f"{HOST}/multi:{name}", index(image, arm))
        shelf.connection.close()
        yield registry


@pytest.fixture
def place(tmp_path: Path, served: Distribution) -> Workplace:
    folder = tmp_path / "desk"
    folder.mkdir()
    place = Workplace(folder, {"HOME": str(folder)})
    asked = {"endpoint": served.url, "kind": "distribution", "credential": "anonymous"}
    watch = [{"image": f"{HOST}/{name}", "tags": ["old", "new"]} for name in ("legacy", "artifact")]
    settings = {"database": "tagwatch.db", "registries": {HOST: asked}, "watch": watch}
    place.write("tagwatch.yaml", json.dumps(settings))
    return place


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("legacy", "spdx-attestation"),
        ("artifact", "spdx-attestation"),
        ("referrer", "cyclonedx-attestation"),
    ],
)
@pytest.mark.parametrize("first", ["diff", "scan", "resolve"])
async def test_packages_whatever_was_read_before(
    place: Workplace, name: str, source: str, first: str
) -> None:
    """A scan reads no attestations: what it stored must not keep a diff from reading them."""
    sides = (f"{HOST}/{name}:old", f"{HOST}/{name}:new")
    if first != "diff":
        done = await place.run(first, *(sides if first == "resolve" else ()))
        assert done.code in (0, 1), done.err
    diff = await place.run("diff", *sides, "--format", "json")
    assert diff.code == 1, diff.err
    packages = diff.json["packages"]
    assert packages["source"] == source
    assert packages["changed"] == [
        {"purl": "pkg:deb/debian/openssl", "old": "3.0.13", "new": "3.0.14"}
    ]
    assert packages["added"] == [{"purl": "pkg:pypi/six", "version": "1.16"}]
    assert packages["removed"] == [{"purl": "pkg:pypi/pip", "version": "24"}]
    told = await place.run("diff", *sides)
    assert "1 changed, 1 added, 1 removed, 0 the same" in told.out


async def test_without_any_sbom_that_is_said(place: Workplace, served: Distribution) -> None:
    diff = await place.run("diff", f"{HOST}/plain:old", f"{HOST}/plain:new", "--format", "json")
    assert diff.json["packages"]["source"] == "none"
    (gap,) = diff.json["not_compared"]
    assert gap == {"what": "packages", "why": "old: no SBOM attestation; new: no SBOM attestation"}
    before = len(served.requests())
    offline = await place.run(
        "diff", "--offline", f"{HOST}/plain:old", f"{HOST}/plain:new", "--format", "json"
    )
    assert served.requests()[before:] == []
    assert offline.json["packages"]["source"] == "none"


async def test_a_platform_that_was_not_audited_is_read_when_it_is_asked_for(
    place: Workplace,
) -> None:
    sides = (f"{HOST}/multi:old", f"{HOST}/multi:new")
    first = await place.run("diff", *sides, "--format", "json")
    assert first.json["old"]["platform"] == "linux/amd64"
    arm = await place.run("diff", *sides, "--platform", "linux/arm64", "--format", "json")
    assert arm.json["old"]["platform"] == "linux/arm64"
    assert len(arm.json["layers"]["added"]) == 1, arm.json["reason"]


async def test_the_scan_s_explanation_says_what_it_did_not_read(
    place: Workplace, served: Distribution
) -> None:
    shelf = RegistryShelf(HTTPConnection(served.host, timeout=30))
    shelf.push(f"{HOST}/legacy:moves", attested(OLD, BEFORE, "legacy"))
    settings = json.loads((place.folder / "tagwatch.yaml").read_text())
    settings["watch"] = [{"image": f"{HOST}/legacy", "tags": ["moves"]}]
    place.write("tagwatch.yaml", json.dumps(settings))
    await place.run("scan")
    shelf.push(f"{HOST}/legacy:moves", attested(NEW, AFTER, "legacy"))
    shelf.connection.close()
    before = len(served.requests())
    scan = await place.run("scan", "--format", "json")
    (change,) = scan.json["changes"]
    (gap,) = change["diff"]["not_compared"]
    assert gap["what"] == "packages"
    assert gap["why"] == (
        "old: its attestations were not read (tagwatch diff reads them); "
        "new: its attestations were not read (tagwatch diff reads them)"
    )
    read = [line for line in served.requests()[before:] if line.startswith("GET")]
    manifests = [line for line in read if "/manifests/sha256" in line or "/blobs/" in line]
    assert len(manifests) <= 3, "an index, a manifest and a config of the new digest"
