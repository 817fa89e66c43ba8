"""A tree that hides what it runs: whatever git tracks is read, or said not to be."""

from __future__ import annotations

import pytest

from tests.hostile.promise import promised
from tests.hostile.tree import LATEST, Tree, tree

__all__ = ["tree"]

POD = "apiVersion: v1\nkind: Pod\nspec: {containers: [{name: a, image: 'redis:latest'}]}\n"
TREE = "a tree"


@promised(TREE, "`.gitignore` names a tracked file, or the folder that it is in", "it is read")
async def test_what_git_tracks_is_read(tree: Tree) -> None:
    tree.write(".gitignore", "Dockerfile\n/hidden/\n*.yaml\n")
    tree.write("Dockerfile", LATEST)
    tree.write("hidden/deep/compose.yaml", "services: {a: {image: 'redis:latest'}}\n")
    tree.write("hidden/untracked/Dockerfile", LATEST)
    tree.write("pod.yaml", POD)
    tree.commit("Dockerfile", "hidden/deep", "pod.yaml")
    assert await tree.found(".") == {"Dockerfile", "hidden/deep/compose.yaml", "pod.yaml"}
    assert await tree.found("hidden") == {"hidden/deep/compose.yaml"}


async def test_what_git_does_not_track_is_passed_over(tree: Tree) -> None:
    tree.write(".gitignore", "hidden/\n")
    tree.write("hidden/Dockerfile", LATEST)
    tree.write("Dockerfile", LATEST)
    tree.commit()
    done = await tree.check(".")
    assert "hidden" not in done.out


@pytest.mark.parametrize("version", ["2", "4"])
async def test_any_form_of_the_index_tells(tree: Tree, version: str) -> None:
    tree.git("config", "index.version", version)
    tree.git("config", "core.splitIndex", "true")
    tree.write(".gitignore", "a/\n")
    tree.write("a/Dockerfile", LATEST)
    tree.commit("a")
    assert await tree.found(".") == {"a/Dockerfile"}


async def test_without_git_the_index_still_tells(tree: Tree) -> None:
    tree.write(".gitignore", "a/\nc/\n")
    tree.write("a/b/Dockerfile", LATEST)
    tree.write("a/new/Dockerfile", LATEST)
    tree.write("c/Dockerfile.new", LATEST)
    tree.commit("a/b")
    tree.environment["PATH"] = "/nowhere"
    assert await tree.found(".") == {"a/b/Dockerfile"}


async def test_a_worktree_has_an_index_of_its_own(tree: Tree) -> None:
    tree.write(".gitignore", "a/\n")
    tree.write("a/Dockerfile", LATEST)
    tree.commit("a")
    tree.git("worktree", "add", "-q", "../other")
    other = Tree(tree.folder.parent / "other")
    assert await other.found(".") == {"a/Dockerfile"}


@promised(
    TREE, "a tracked file below `node_modules`, `.venv` or the like", "it is counted and named"
)
async def test_what_is_tracked_below_a_skipped_folder_is_named(tree: Tree) -> None:
    for name in ("a", "b", "c", "d"):
        tree.write(f"node_modules/{name}/Dockerfile", LATEST)
    tree.write("node_modules/a/package.json", "{}")
    tree.write("app/.venv/x.yaml", POD)
    tree.write("Dockerfile", "FROM scratch\n")
    tree.commit("node_modules", "app")
    done = await tree.check(".")
    assert "skipped: 'node_modules' is not read because of its name" in done.out
    text = " ".join(done.out.split())
    assert (
        "node_modules/a/Dockerfile, node_modules/b/Dockerfile, node_modules/c/Dockerfile and 1 more"
        in text
    )
    assert "app/.venv/x.yaml" in text
    assert await tree.found("node_modules/a/Dockerfile") == {"node_modules/a/Dockerfile"}


@promised(TREE, "a Dockerfile that is a link out of the tree", "it is named as not read")
async def test_a_link_that_leads_out_is_named(tree: Tree) -> None:
    tree.write("../outside/Dockerfile", "FROM secret.example/x:latest\n")
    tree.write("Dockerfile", "FROM scratch\n")
    (tree.folder / "Dockerfile.app").symlink_to("../outside/Dockerfile")
    (tree.folder / "data.yaml").symlink_to("../outside/Dockerfile")
    done = await tree.check(".")
    assert "'Dockerfile.app' is not read: it is a link that leads out of the tree" in done.out
    assert "secret.example" not in done.out
    assert "data.yaml" not in done.out


async def test_untracked_packages_are_no_news(tree: Tree) -> None:
    tree.write(".gitignore", "node_modules/\n")
    tree.write("node_modules/a/Dockerfile", LATEST)
    tree.write("Dockerfile", "FROM scratch\n")
    tree.commit()
    assert "node_modules" not in (await tree.check(".")).out


async def test_folders_below_the_deepest_are_told(tree: Tree) -> None:
    tree.write("/".join("d" * 70) + "/Dockerfile", LATEST)
    tree.write("Dockerfile", "FROM scratch\n")
    done = await tree.check(".")
    assert "folders are entered 64 deep" in " ".join(done.out.split())


@promised(TREE, "a manifest that begins with a comment of 64 KiB or more", "it is read")
@pytest.mark.parametrize(
    ("name", "before"),
    [
        ("k.yaml", "# " + "x" * 70_000 + "\n"),
        ("k.yaml", "a: " + "x" * 70_000 + "\n---\n"),
        ("k.json", '{"a": "' + "x" * 70_000 + '",'),
    ],
    ids=["comment", "document", "json"],
)
async def test_a_long_beginning_hides_no_manifest(tree: Tree, name: str, before: str) -> None:
    json = '"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"image": "redis:latest"}]}}'
    tree.write(name, before + (json if name == "k.json" else POD))
    assert await tree.found(".") == {name}


@promised(TREE, "a manifest of more than 4 MiB", "it is named as not read")
@pytest.mark.parametrize("before", [70_000, 0])
async def test_a_manifest_that_is_too_large_is_told(tree: Tree, before: int) -> None:
    tree.write("k.yaml", "# " + "x" * before + "\n" + POD + "# " + "x" * 5_000_000)
    tree.write("Dockerfile", "FROM scratch\n")
    done = await tree.check(".", "--format", "json")
    told = [one["message"] for one in done.json["findings"] if one["location"]["path"] == "k.yaml"]
    assert any("tagwatch reads up to 4194304" in one for one in told), done.out
    assert done.json["complete"] is False


@promised(TREE, "a manifest in UTF-16, which other tools read", "it is named as not read")
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
async def test_another_encoding_hides_no_manifest(tree: Tree, encoding: str) -> None:
    tree.write("k.yaml", ("\ufeff" + POD).encode(encoding))
    tree.write("Dockerfile", "FROM scratch\n")
    done = await tree.check(".", "--format", "json")
    assert any("is UTF-16" in one["message"] for one in done.json["problems"]), done.out
