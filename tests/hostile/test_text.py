"""Text that is no text: it is cleaned where it is decoded, and no run ends because of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.promise import promised
from tests.hostile.served import INDEX, MANIFEST, Served, config_of, served
from tests.walk.command import Done, Workplace

HALF = "\ud800"
IMAGE = "an image"


@pytest.fixture
async def registry() -> AsyncIterator[Served]:
    async with served() as found:
        found.push("good", config_of())
        yield found


@pytest.fixture
def place(tmp_path: Path, registry: Served) -> Workplace:
    found = Workplace(tmp_path / "here")
    found.environment["TAGWATCH_CONFIG"] = str(found.folder / "tagwatch.yaml")
    return found


async def judged(place: Workplace, registry: Served) -> tuple[Done, Any]:
    """A scan and other commands, that all end; a check's answer, in which all images are there."""
    named = sorted(registry.tags)
    place.write(
        "tagwatch.yaml",
        "database: tagwatch.db\nwatch:\n"
        + "".join(f"- {{image: r.example/{name}, tags: ['*']}}\n" for name in named)
        + "reports: {directory: reports, formats: [json, html, sarif, markdown]}\n"
        + registry.settings(),
    )
    place.write("Dockerfile", "".join(f"FROM r.example/{name}:1.0\n" for name in named))
    scan = await place.run("scan")
    assert scan.code in (0, 1), scan.err
    report = json.loads((place.folder / "reports" / "latest.json").read_text(encoding="utf-8"))
    assert {f"r.example/{name}:1.0" for name in named} <= {
        one["input"] for one in report["resolutions"]
    }
    images = [f"r.example/{name}:1.0" for name in named]
    for arguments in (("base", *images), ("check", "Dockerfile"), ("history", images[0][:-4])):
        done = await place.run(*arguments)
        assert "internal error" not in done.err, done.err
    done = await place.run("check", "Dockerfile", "--format", "json")
    status = {one["input"]: one["status"] for one in done.json["resolutions"]}
    assert status.pop("r.example/good:1.0") == "resolved"
    assert len(status) == len(named) - 1
    return scan, done.json


@promised(IMAGE, "half a surrogate pair in any text of its config", "it is judged as any other")
async def test_half_a_pair_in_a_config(place: Workplace, registry: Served) -> None:
    for name, config in {
        "user": config_of(config={"User": HALF}),
        "cmd": config_of(config={"Cmd": ["sh", HALF], "Entrypoint": [HALF]}),
        "env": config_of(config={"Env": [f"A{HALF}={HALF}"], "Labels": {HALF: HALF}}),
        "ports": config_of(config={"ExposedPorts": {f"80{HALF}": {}}, "Volumes": {HALF: {}}}),
        "dir": config_of(config={"WorkingDir": HALF, "StopSignal": HALF, "OnBuild": [HALF]}),
        "history": config_of(history=[{"created_by": HALF, "comment": HALF}], author=HALF),
        "os": config_of(os=HALF, architecture=HALF, variant=HALF),
        "anywhere": config_of(**{HALF: {HALF: [HALF, {HALF: [[HALF]]}]}}),
    }.items():
        registry.push(f"bad/{name}", config)
    _, answer = await judged(place, registry)
    assert {one["code"] for one in answer["failures"]} == set()


@promised(IMAGE, "half a surrogate pair in its manifest or index", "it is judged as any other")
async def test_half_a_pair_in_a_manifest(place: Workplace, registry: Served) -> None:
    base = "org.opencontainers.image.base.name"
    registry.push("bad/annotations", config_of(), annotations={HALF: HALF, base: HALF})
    registry.push("bad/artifact", config_of(), artifactType=HALF)
    layer = {"mediaType": HALF, "digest": "sha256:" + "0" * 64, "size": 1, "urls": [HALF]}
    registry.push("bad/urls", config_of(), layers=[layer])
    raw = registry.manifests[registry.push("bad/raw", config_of(), annotations={"a": "@"})][1]
    registry.put("bad/raw", raw.replace(b'"@"', b'"\xed\xa0\x80"'), tag="1.0")
    digest = registry.push("bad/platform", config_of(), tag="1.0-amd64")
    entry = {
        "mediaType": MANIFEST,
        "digest": digest,
        "size": 1,
        "platform": {"os": "linux", "architecture": "amd64", "os.version": HALF},
    }
    other = {**entry, "platform": {"os": HALF, "architecture": HALF}}
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry, other]}
    registry.put("bad/platform", index, tag="1.0")
    _, answer = await judged(place, registry)
    told = [one for one in answer["findings"] if "not valid JSON" in one["message"]]
    assert [one["reference"] for one in told] == ["r.example/bad/raw:1.0"], answer["findings"]


@promised("a registry", "headers that are no UTF-8", "its images are judged as any others")
async def test_headers_that_are_no_text(place: Workplace, registry: Served) -> None:
    digest = registry.push("bad", config_of())
    kind, raw = registry.manifests[digest]
    registry.manifests[digest] = (f"{kind}\udcff", raw)
    registry.headers = [
        b"RateLimit-Limit: 100;w=21600",
        b"RateLimit-Remaining: 99;w=21600",
        b"Docker-RateLimit-Source: \xff\xed\xa0\x80",
    ]
    await judged(place, registry)


@promised(IMAGE, "`created: NaN`, which is no JSON", "it is told, not judged as if it were well")
async def test_what_no_json_has_is_told(place: Workplace, registry: Served) -> None:
    for number in ("NaN", "Infinity", "-Infinity"):
        raw = json.dumps(config_of()).replace('"2026-05-01T00:00:00Z"', number, 1)
        registry.push(f"bad/{number[-5:].lower()}", raw.encode())
    _, answer = await judged(place, registry)
    told = [one for one in answer["findings"] if "not valid JSON" in one["message"]]
    assert {one["reference"] for one in told} == {
        f"r.example/bad/{name}:1.0" for name in ("nan", "inity")
    }, answer["findings"]
