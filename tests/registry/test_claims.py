"""What images attest of their base: read by `tagwatch base` where layers leave it open."""

from __future__ import annotations

import json
from http.client import HTTPConnection
from pathlib import Path

from tests.image_builder import Built, attest, build, copy, index, provenance, squash
from tests.nights_served import HOSTS, RegistryShelf
from tests.official import app, python
from tests.registry.distribution import distribution
from tests.walk.command import Workplace

SHOP = "registry.example/shop"
PYTHON = "docker.io/library/python:3.12-slim"


def attested(image: Built, *materials: tuple[str, str]) -> Built:
    return index(image, attest(image, provenance(image, materials)))


async def test_provenance_is_read_where_the_layers_leave_the_base_open(tmp_path: Path) -> None:
    base = python(0)
    material = ("pkg:docker/python@3.12-slim?platform=linux%2Famd64", base.digest)
    images = {
        "nothing": attested(build(copy("server", "/srv", "1"))),
        "squashed": attested(squash(app(base)), material),
        "exact": attested(app(base), material),
    }
    place = Workplace(tmp_path / "desk", {"HOME": str(tmp_path)})
    with distribution(tmp_path / "registry") as registry:
        shelf = RegistryShelf(HTTPConnection(registry.host, timeout=30))
        shelf.push(PYTHON, base)
        for name, image in images.items():
            shelf.push(f"{SHOP}/{name}:1", image)
        shelf.connection.close()
        asked = {"endpoint": registry.url, "kind": "distribution", "credential": "anonymous"}
        settings = {
            "database": "tagwatch.db",
            "registries": dict.fromkeys(HOSTS, asked),
            "watch": [{"image": f"{SHOP}/{name}"} for name in images],
            "policy": {"bases": [{"ref": "docker.io/library/python", "tags": ["3.12-slim"]}]},
        }
        place.write("tagwatch.yaml", json.dumps(settings))
        scan = await place.run("scan")
        assert scan.code == 0, scan.err
        scanned = registry.requests()
        questions = [f"{SHOP}/{name}:1" for name in images]
        offline = await place.run("base", "--offline", *questions, "--format", "json")
        told = await place.run("base", *questions, "--format", "json")
        asked_for = registry.requests()[len(scanned) :]
        again = await place.run("base", *questions, "--format", "json")
        last = registry.requests()[len(scanned) + len(asked_for) :]
    verdicts = [one["platforms"][0]["verdict"] for one in offline.json["images"]]
    assert verdicts == ["unknown", "unknown", "exact-current"]
    verdicts = [one["platforms"][0]["verdict"] for one in told.json["images"]]
    assert verdicts == ["scratch", "claimed", "exact-current"]
    read = [line for line in asked_for if "sha256:" in line]
    assert len(read) == 4, "of two images an attestation and its statement"
    assert again.json == told.json
    assert last == []
