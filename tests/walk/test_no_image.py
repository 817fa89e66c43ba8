"""Tags that serve what no container runs: nobody can pull it, or it is a chart, a signature."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tagwatch.image.digest import digest_of
from tagwatch.image.manifest import OCI_CONFIG, OCI_INDEX, OCI_MANIFEST
from tests.registry.doubles.warehouse import Double, Pushed
from tests.walk.command import Done, Workplace

MORNING = datetime(2026, 11, 1, 6, 0, tzinfo=UTC)
SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+json"
HELM = "application/vnd.cncf.helm.config.v1+json"
WASM = "application/vnd.wasm.config.v0+json"
COSIGN = "application/vnd.dev.cosign.simplesigning.v1+json"


def artifact(config: str, layer: str) -> bytes:
    """A manifest whose config and layer have these types."""
    entry = {"mediaType": layer, "digest": digest_of(layer.encode()), "size": 9}
    said = {"mediaType": config, "digest": digest_of(b"{}"), "size": 2}
    return json.dumps({"schemaVersion": 2, "config": said, "layers": [entry]}).encode()


SERVED: Mapping[str, tuple[str, bytes]] = {
    "empty": (OCI_INDEX, b'{"schemaVersion": 2, "manifests": []}'),
    "text": (OCI_MANIFEST, b"hello"),
    "old": (SCHEMA_1, b'{"schemaVersion": 1, "fsLayers": []}'),
    "chart": (OCI_MANIFEST, artifact(HELM, "application/vnd.cncf.helm.chart.content.v1.tar+gzip")),
    "wasm": (OCI_MANIFEST, artifact(WASM, "application/wasm")),
    "signature": (OCI_MANIFEST, artifact(OCI_CONFIG, COSIGN)),
}


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[tuple[Workplace, Double]]:
    double = Double()
    for repository in ("one", "two"):
        double.warehouse.push(repository, "well", index=False)
        for tag, (media_type, raw) in SERVED.items():
            digest = digest_of(raw)
            double.warehouse.manifests[digest] = (media_type, raw)
            pushed = Pushed(digest=digest, at=MORNING)
            double.warehouse.repositories[repository][tag] = pushed
    double.warehouse.blobs[digest_of(b"{}")] = b"{}"
    async with double.serving():
        place = Workplace(tmp_path, {"XDG_CACHE_HOME": str(tmp_path / "cache")})
        place.write(
            "tagwatch.yaml",
            "version: 1\ndatabase: tagwatch.db\nregistries:\n"
            f"  registry.example: {{endpoint: '{double.url}', credential: anonymous}}\n",
        )
        yield place, double


def told(done: Done) -> dict[str, tuple[str, str]]:
    """How severe it is and what is said, by the tag, of what was not checked."""
    return {
        one["reference"].rpartition(":")[2]: (one["severity"], one["message"])
        for one in done.json["findings"]
        if one["rule"] == "check-incomplete"
    }


async def test_what_nobody_can_pull_is_an_error_and_an_artifact_a_warning(
    desk: tuple[Workplace, Double],
) -> None:
    place, _ = desk
    tags = ("well", *SERVED)
    services = "".join(f"  {tag}: {{image: 'registry.example/one:{tag}'}}\n" for tag in tags)
    place.write("compose.yaml", f"services:\n{services}")
    for more in ((), ("--offline",)):  # and the same from the ledger
        done = await place.run("check", "compose.yaml", "--format", "json", *more)
        found = told(done)
        assert {tag: severity for tag, (severity, _) in found.items()} == {
            "empty": "error",
            "text": "error",
            "old": "error",
            "chart": "warning",
            "wasm": "warning",
            "signature": "warning",
        }
        assert "nobody can pull it: sha256:" in found["empty"][1]
        assert "no image but a Helm chart" in found["chart"][1]
        assert "no image but a WebAssembly module" in found["wasm"][1]
        assert "no image but a signature" in found["signature"][1]


async def test_an_artifact_where_artifacts_belong_is_none_of_this(
    desk: tuple[Workplace, Double],
) -> None:
    place, _ = desk
    place.write(
        ".devcontainer/devcontainer.json",
        '{"image": "registry.example/two:well", "features": {"registry.example/two:wasm": {}}}',
    )
    mounted = "{name: model, image: {reference: 'registry.example/two:chart'}}"
    run = "{image: 'registry.example/two:well'}"
    pod = f"apiVersion: v1\nkind: Pod\nspec: {{volumes: [{mounted}], containers: [{run}]}}\n"
    place.write("pod.yaml", pod)
    assert told(await place.run("check", ".", "--format", "json")) == {}


async def test_a_registry_that_fails_is_rated_as_before(desk: tuple[Workplace, Double]) -> None:
    place, double = desk
    double.failing["empty"] = 503
    place.write("Dockerfile", "FROM registry.example/one:empty\n")
    done = await place.run("check", "Dockerfile", "--format", "json")
    ((severity, message),) = told(done).values()
    assert severity == "warning"
    assert "nobody can pull" not in message
