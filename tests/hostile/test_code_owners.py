"""A tree's CODEOWNERS, which every report reads: no other file, and nothing that waits."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tagwatch.workspace.code_owners import read_code_owners


def owners(root: Path) -> tuple[str, ...]:
    return read_code_owners(root).owners_of("Dockerfile")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text("* hunter2\n", encoding="utf-8")
    tree = tmp_path / "tree"
    (tree / "docs").mkdir(parents=True)
    (tree / "docs" / "CODEOWNERS").write_text("* @acme/docs\n", encoding="utf-8")
    return tree


def test_a_link_out_of_the_tree_is_not_followed(tree: Path) -> None:
    (tree / "CODEOWNERS").symlink_to("../secret")
    (tree / ".github").symlink_to("..")
    (tree.parent / "CODEOWNERS").write_text("* hunter2\n", encoding="utf-8")
    assert owners(tree) == ("@acme/docs",)


def test_a_link_inside_is(tree: Path) -> None:
    (tree / "OWNERS").write_text("* @acme/all\n", encoding="utf-8")
    (tree / "CODEOWNERS").symlink_to("OWNERS")
    assert owners(tree) == ("@acme/all",)


def test_a_pipe_or_a_folder_is_passed_over(tree: Path) -> None:
    os.mkfifo(tree / "CODEOWNERS")
    (tree / ".github" / "CODEOWNERS").mkdir(parents=True)
    assert owners(tree) == ("@acme/docs",)


def test_a_link_that_leads_to_itself_is_none(tree: Path) -> None:
    (tree / "CODEOWNERS").symlink_to("CODEOWNERS")
    assert owners(tree) == ("@acme/docs",)
