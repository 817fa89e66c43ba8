"""Which files are found: named, walked, matched; and what is said about those that are not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tagwatch.workspace.find import Found, find, sources_from_globs


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.chdir(root)
    return root


def put(root: Path, *names: str, text: str = "FROM redis:7\n") -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")


def paths(found: Found) -> list[str]:
    return [file.path for file in found.files]


def test_a_folder_is_walked_by_name(tree: Path) -> None:
    put(tree, "Dockerfile", "b/Dockerfile", "b/deploy.yaml", "b/notes.txt", "a/compose.yml")
    put(tree, ".git/Dockerfile", "node_modules/x/Dockerfile")
    found = find(["."], tree)
    assert paths(found) == ["Dockerfile", "a/compose.yml", "b/Dockerfile", "b/deploy.yaml"]
    assert {file.origin for file in found.files} == {"walked"}
    assert found.problems == ()


def test_copies_of_other_modules_are_passed_over(tree: Path) -> None:
    put(tree, "go/vendor/modules.txt", "go/vendor/x/Dockerfile", "vendor/own/Dockerfile")
    put(tree, "php/vendor/autoload.php", "php/vendor/x/compose.yaml")
    assert paths(find(["."], tree)) == ["vendor/own/Dockerfile"]
    assert paths(find(["go/vendor/x/Dockerfile"], tree)) == ["go/vendor/x/Dockerfile"]


def test_gitignore_at_every_level(tree: Path) -> None:
    put(tree, ".gitignore", text="build/\n*.tmp.yaml\n!keep.tmp.yaml\n\\\n")
    put(tree, "sub/.gitignore", text="/a.yaml\n!x.tmp.yaml\n")
    put(tree, ".git/info/exclude", text="secret.yaml\n")
    put(tree, "build/Dockerfile", "a.yaml", "sub/a.yaml", "sub/x.tmp.yaml", "y.tmp.yaml")
    put(tree, "keep.tmp.yaml", "secret.yaml", "sub/deep/a.yaml", "sub/secret.yaml")
    kept = ["a.yaml", "keep.tmp.yaml", "sub/deep/a.yaml", "sub/x.tmp.yaml"]
    assert paths(find(["."], tree)) == kept
    assert paths(find(["sub"], tree)) == kept[2:]


def test_named_files_are_taken_whatever_their_name(tree: Path) -> None:
    put(tree, ".gitignore", text="*\n")
    put(tree, "x.txt", "a/b")
    found = find(["x.txt", str(tree / "a" / "b"), "./x.txt", "a/../x.txt"], tree)
    assert [(file.path, file.origin) for file in found.files] == [
        ("x.txt", "named"),
        ("a/b", "named"),
    ]


def test_what_is_not_there_is_said(tree: Path) -> None:
    os.mkfifo(tree / "pipe")
    (tree / "dangling").symlink_to("nowhere")
    found = find(["none", "pipe", "dangling", "a\0b"], tree)
    assert found.files == ()
    assert [problem.message.partition(" ")[2] for problem in found.problems[:3]] == [
        "does not exist",
        "is neither file nor folder",
        "does not exist",
    ]
    assert len(found.problems) == 4
    assert all(problem.hint for problem in found.problems)


def test_files_outside_keep_their_path(tree: Path, tmp_path: Path) -> None:
    put(tmp_path, "other/Dockerfile")
    outside = tmp_path / "other"
    assert paths(find([str(outside)], tree)) == [f"{outside}/Dockerfile"]
    assert paths(find(["../other/Dockerfile"], tree)) == ["../other/Dockerfile"]


def test_links(tree: Path, tmp_path: Path) -> None:
    put(tmp_path, "outside/Dockerfile", "outside/secret.yaml")
    put(tree, "a/Dockerfile", "a/base.txt")
    (tree / "Dockerfile").symlink_to("a/Dockerfile")
    (tree / "b.yaml").symlink_to("a/base.txt")
    (tree / "c.yaml").symlink_to("a/base.txt")
    (tree / "d.yaml").symlink_to(tmp_path / "outside" / "secret.yaml")
    (tree / "loop").symlink_to(".")
    (tree / "away").symlink_to(tmp_path / "outside")
    assert paths(find(["."], tree)) == ["a/Dockerfile", "b.yaml"]


def test_globs(tree: Path) -> None:
    put(tree, ".gitignore", text="ignored/\n")
    put(tree, "Dockerfile", "a/Dockerfile.dev", "deploy/x/y.yaml", "deploy/z.tmpl", "q.yaml")
    put(tree, "ignored/Dockerfile", "deploy/vendor/v.yaml")
    found = sources_from_globs(
        ["**/Dockerfile*", "deploy/**/*.yaml", "!deploy/vendor/", "/deploy/*.tmpl", "none/*"], tree
    )
    assert paths(found) == ["Dockerfile", "a/Dockerfile.dev", "deploy/x/y.yaml", "deploy/z.tmpl"]
    assert [problem.message for problem in found.problems] == ["'none/*' matches no file"]
