"""What kustomizations give a tag, in trees of many: the work follows the files, not their pairs."""

from __future__ import annotations

import cProfile
import math
import pstats
from collections.abc import Mapping
from pathlib import Path

import pytest

from tagwatch.source.target import is_replaced
from tagwatch.workspace.find import find
from tagwatch.workspace.read import read_targets

POD = "apiVersion: v1\nkind: Pod\nspec: {{containers: [{{image: {}}}]}}\n"
TAGS = "images: [{{name: {}, newTag: '1.4'}}]\n"


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def laid(root: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")


def tagged(root: Path) -> list[str]:
    """The manifests in which an overlay gives the tag."""
    read = dict(read_targets(find(["."], root).files, root, {}, {}))
    return [path for path, one in read.items() if any(map(is_replaced, one.targets))]


def shop(number: int) -> dict[str, str]:
    """An application with a base and two overlays: seven files."""
    image = f"registry.example/shop/app{number}"
    top = f"team{number % 5}/app{number}"
    files = {
        f"{top}/base/pod.yaml": POD.format(image),
        f"{top}/base/service.yaml": "apiVersion: v1\nkind: Service\n",
        f"{top}/base/kustomization.yaml": "resources: [pod.yaml, service.yaml]\n",
    }
    for stage in ("stage", "prod"):
        at = f"{top}/overlays/{stage}"
        said = "resources: [../../base]\npatches: [{path: patch.yaml}]\n"
        files[f"{at}/kustomization.yaml"] = said + TAGS.format(image)
        files[f"{at}/patch.yaml"] = "apiVersion: v1\nkind: Pod\nspec: {hostname: shop}\n"
    return files


def calls_to_read(root: Path, applications: int) -> int:
    """How many calls it takes to read so many applications, the files of none before them."""
    folder = root / f"tree{applications}"
    folder.mkdir()
    for number in range(applications):
        laid(folder, shop(number))
    files = find([str(folder)], folder).files
    with cProfile.Profile() as profile:
        read = dict(read_targets(files, folder, {}, {}))
    assert sum(map(is_replaced, (t for one in read.values() for t in one.targets))) == applications
    return int(pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]


def test_work_grows_with_the_files_and_not_with_the_kustomizations_of_each(tree: Path) -> None:
    calls_to_read(tree, 2)  # what is imported and compiled once
    small, large = calls_to_read(tree, 25), calls_to_read(tree, 100)
    assert math.log(large / small, 4) <= 1.05


def test_a_base_at_the_top_deploys_nothing_by_itself(tree: Path) -> None:
    image = "registry.example/app"
    over = "resources: [../..]\n" + TAGS.format(image)
    laid(tree, {"pod.yaml": POD.format(image), "kustomization.yaml": "resources: [pod.yaml]\n"})
    assert tagged(tree) == []
    laid(tree, {"overlays/prod/kustomization.yaml": over})
    assert tagged(tree) == ["pod.yaml"]
    laid(tree, {"overlays/dev/kustomization.yaml": "resources: [../..]\n"})
    assert tagged(tree) == []


def test_a_ring_of_kustomizations_ends(tree: Path) -> None:
    image = "registry.example/app"
    files = {
        "prod/kustomization.yaml": "resources: [../a]\n" + TAGS.format(image),
        "a/kustomization.yaml": "resources: [../b]\n",
        "b/kustomization.yaml": "resources: [../a, pod.yaml]\ncomponents: [../c]\n",
        "c/kustomization.yaml": "components: [../c, ../b]\n",
        "b/pod.yaml": POD.format(image),
    }
    laid(tree, files)
    assert tagged(tree) == ["b/pod.yaml"]


def test_a_manifest_with_a_million_ways_to_it_takes_a_look_at_each_kustomization(
    tree: Path,
) -> None:
    image = "registry.example/app"
    files = {
        f"{side}{level}/kustomization.yaml": f"resources: [../a{level + 1}, ../b{level + 1}]\n"
        for level in range(18)
        for side in "ab"
    }
    files |= {f"{side}18/kustomization.yaml": "resources: [../pod.yaml]\n" for side in "ab"}
    files["top/kustomization.yaml"] = "resources: [../a0, ../b0]\n" + TAGS.format(image)
    laid(tree, {**files, "pod.yaml": POD.format(image)})
    assert tagged(tree) == ["pod.yaml"]
