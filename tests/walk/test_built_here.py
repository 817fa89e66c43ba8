"""Names of what is built here: counted, judged by the policy's registries, and never hidden.

A file that says "this is built here" takes a name out of the audit only where every build says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.walk.command import Done, Workplace

OFFLINE = ("check", "--offline", "--fail-on", "note", "--format", "json")
POD = "apiVersion: v1\nkind: Pod\nspec: {{containers: [{{image: '{}'}}]}}\n"
SKAFFOLD = """\
apiVersion: skaffold/v3
kind: Config
build: {{artifacts: [{{image: {}}}]}}
"""
DIGEST = f"sha256:{'a' * 64}"
OVERLAY = "resources: [d.yaml]\nimages: [{name: nginx, newTag: 1.27.1}]\n"


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    folder = tmp_path / "tree"
    folder.mkdir()
    (folder / ".git").mkdir()
    own = {name: str(tmp_path / "own") for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME")}
    return Workplace(folder, {**own, "XDG_CACHE_HOME": str(tmp_path / "cache")})


def laid(place: Workplace, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        place.write(name, text)


def told(done: Done, path: str) -> set[str]:
    """The rules that speak of images in a file."""
    found = done.json["findings"]
    return {
        one["rule"]
        for one in found
        if one["location"]["path"] == path and one["rule"] != "check-incomplete"
    }


CASES: Mapping[str, tuple[str, str, Mapping[str, str]]] = {
    "what a service is built from": (
        "Dockerfile",
        "tag-missing",
        {
            "compose.yaml": "services: {web: {build: ., image: nginx}}\n",
            "Dockerfile": "FROM nginx\n",
        },
    ),
    "another tag": (
        "db/Dockerfile",
        "tag-missing",
        {
            "compose.yaml": 'services: {db: {build: ./db, image: "postgres:15"}}\n',
            "db/Dockerfile": "FROM postgres\n",
        },
    ),
    "a service that builds something else": (
        "app/Dockerfile",
        "tag-missing",
        {
            "compose.yaml": "services: {cache: {build: ./cache, image: redis}}\n",
            "app/Dockerfile": "FROM redis\n",
        },
    ),
    "a context of one bake target": (
        "Dockerfile",
        "version-eol",
        {
            "docker-bake.hcl": 'target "x" {\n  context = "."\n'
            '  contexts = { "nginx:1.9" = "./ctx" }\n}\ntarget "y" { context = "." }\n',
            "Dockerfile": "FROM nginx:1.9\n",
        },
    ),
    "a context of Compose": (
        "Dockerfile",
        "version-eol",
        {
            "compose.yaml": "services:\n  x:\n    build:\n      context: .\n"
            '      additional_contexts: {"nginx:1.9": ./x}\n',
            "Dockerfile": "FROM nginx:1.9\n",
        },
    ),
    "Skaffold, by digest": (
        "pod.yaml",
        "version-eol",
        {"skaffold.yaml": SKAFFOLD.format("nginx"), "pod.yaml": POD.format(f"nginx:1.9@{DIGEST}")},
    ),
    "an overlay of something else": (
        "other/pod.yaml",
        "tag-latest",
        {
            "over/kustomization.yaml": OVERLAY,
            "over/d.yaml": POD.format("nginx:latest"),
            "other/pod.yaml": POD.format("nginx:latest"),
        },
    ),
    "an overlay, and a chart's values": (
        "over/values.yaml",
        "tag-latest",
        {
            "over/kustomization.yaml": OVERLAY,
            "over/d.yaml": POD.format("nginx:latest"),
            "over/values.yaml": "image: nginx:latest\n",
        },
    ),
}


@pytest.mark.parametrize("case", CASES)
async def test_no_build_elsewhere_makes_a_silence(place: Workplace, case: str) -> None:
    path, rule, files = CASES[case]
    laid(place, files)
    alone, whole = await place.run(*OFFLINE, path), await place.run(*OFFLINE, ".")
    assert (alone.code, whole.code) == (1, 1)
    assert rule in told(alone, path)
    assert told(whole, path) == told(alone, path)


async def test_what_is_built_is_counted_and_not_clean(place: Workplace) -> None:
    files = {"skaffold.yaml": SKAFFOLD.format("nginx"), "pod.yaml": POD.format("nginx:1.9")}
    laid(place, files)
    for path in ("pod.yaml", "."):
        done = await place.run(*OFFLINE, path)
        assert done.json["coverage"]["built"] == 1
        assert done.json["coverage"]["targets"] == 0
        said = (await place.run("check", "--offline", path)).out
        assert "1 built or replaced here, not audited" in said
        assert "No image is named" not in said


CACHES = (
    'services: {web: {build: {context: ., cache_from: [acme/web, "type=registry,ref=acme/c"]}}}\n'
)
COMPONENT = "kind: Component\nresources: [d.yaml]\nimages: [{name: nginx, newTag: 1.27.1}]\n"
REPLACED: Mapping[str, tuple[int, Mapping[str, str]]] = {
    "caches of a service": (2, {"compose.yaml": CACHES}),
    "caches of bake": (
        1,
        {"docker-bake.hcl": 'target "x" {\n  cache-from = ["acme/web"]\n}\n'},
    ),
    "Skaffold, by another name": (
        1,
        {"skaffold-dev.yaml": SKAFFOLD.format("nginx"), "pod.yaml": POD.format("nginx")},
    ),
    "a patch": (
        1,
        {
            "kustomization.yaml": "patchesStrategicMerge: [p.yaml]\n"
            "images: [{name: nginx, newTag: 1.27.1}]\n",
            "p.yaml": POD.format("nginx"),
        },
    ),
    "a patch by its path": (
        1,
        {
            "kustomization.yaml": "patches: [{path: p.yaml}]\n"
            "images: [{name: nginx, newTag: 1.27.1}]\n",
            "p.yaml": POD.format("nginx"),
        },
    ),
    "a component's own resource": (
        1,
        {
            "over/kustomization.yaml": "components: [../part]\n",
            "part/kustomization.yaml": COMPONENT,
            "part/d.yaml": POD.format("nginx"),
        },
    ),
}


@pytest.mark.parametrize("case", REPLACED)
async def test_what_has_another_in_its_place_is_counted_alone(place: Workplace, case: str) -> None:
    count, files = REPLACED[case]
    laid(place, files)
    done = await place.run("check", "--offline", "--format", "json")
    assert done.json["coverage"]["built"] == count
    assert "tag-missing" not in {one["rule"] for one in done.json["findings"]}


@pytest.mark.parametrize("image", [f"evil.example/miner:1@{DIGEST}", "evil.example/miner:1"])
async def test_no_file_hides_a_registry_from_the_policy(place: Workplace, image: str) -> None:
    laid(
        place,
        {
            "tagwatch.yaml": "policy: {registries: {allow: [docker.io]}}\n",
            "skaffold.yaml": SKAFFOLD.format("evil.example/miner"),
            "pod.yaml": POD.format(image),
        },
    )
    for flags in ((), ("--untrusted",)):
        done = await place.run(*OFFLINE, *flags, "pod.yaml")
        assert "registry-not-allowed" in told(done, "pod.yaml")
        assert done.json["coverage"]["built"] == int(not flags and "@" not in image)


async def test_a_strangers_file_takes_nothing_out(place: Workplace) -> None:
    files = {"skaffold.yaml": SKAFFOLD.format("nginx"), "pod.yaml": POD.format("nginx:1.9")}
    laid(place, files)
    for path in ("pod.yaml", "."):
        done = await place.run(*OFFLINE, "--untrusted", path)
        assert "version-eol" in told(done, "pod.yaml")
        assert done.json["coverage"]["built"] == 0
