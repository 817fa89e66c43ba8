"""A repository whose settings are a stranger's: git runs nothing of it, and ends."""

from __future__ import annotations

import time

import pytest

from tests.hostile.promise import promised
from tests.hostile.tree import LATEST, Tree, tree

__all__ = ["tree"]

REPOSITORY = "a repository, with its `.git`"


@promised(
    REPOSITORY, "clean filters, text conversions, hooks, a monitor, `--diff-base`", "none runs"
)
async def test_nothing_of_the_repository_runs(tree: Tree) -> None:
    script = tree.write("trap.sh", '#!/bin/sh\ntouch "$(dirname "$0")/sprung"\ncat\n')
    script.chmod(0o755)
    tree.write(".gitignore", "hidden/\n")
    tree.write("Dockerfile", LATEST)
    tree.write("hidden/Dockerfile", LATEST)
    tree.commit("hidden")
    trap = tree.folder.parent / "trap.sh"
    script.rename(trap)
    tree.write(".gitattributes", "* filter=x diff=x merge=x\n")
    for key in (
        "filter.x.clean", "filter.x.smudge", "filter.x.process", "diff.x.textconv",
        "diff.x.command", "core.fsmonitor", "core.pager", "diff.external", "core.sshCommand",
    ):  # fmt: skip
        tree.git("config", key, str(trap))
    tree.git("config", "filter.x.required", "true")
    hook = tree.write(".git/hooks/post-index-change", f"#!/bin/sh\n{trap}\n")
    hook.chmod(0o755)
    tree.write("Dockerfile", LATEST + "EXPOSE 22\n")
    done = await tree.check(".", "--diff-base", "HEAD", "--format", "json")
    assert done.code in (0, 1), done.err
    known = {one["finding"]["location"]["path"] for one in done.json["ignored"]}
    assert known == {"Dockerfile", "hidden/Dockerfile"}
    assert not (trap.parent / "sprung").exists()


@promised(REPOSITORY, "`**/a/` thirty times in `.gitignore`, which git itself hangs on", "it ends")
async def test_patterns_that_git_hangs_on(tree: Tree) -> None:
    tree.write("Dockerfile", LATEST)
    tree.commit()
    tree.write(".gitignore", "**/a/" * 30 + "x\n")
    tree.write("a/" * 60 + "b/Dockerfile", LATEST)
    started = time.monotonic()
    assert await tree.found(".", "--diff-base", "HEAD") == {"a/" * 60 + "b/Dockerfile"}
    assert time.monotonic() - started < 15


@promised(REPOSITORY, "a git that takes for ever", "`check --diff-base` ends within `--max-time`")
async def test_git_has_no_more_time_than_the_check(tree: Tree) -> None:
    tree.write("Dockerfile", LATEST)
    tree.commit()
    slow = tree.write("../bin/git", "#!/bin/sh\nexec sleep 600\n")
    slow.chmod(0o755)
    tree.environment["PATH"] = f"{slow.parent}:/usr/bin:/bin"
    started = time.monotonic()
    done = await tree.check(".", "--diff-base", "HEAD", "--max-time", "1")
    assert "git needs more than 1 seconds" in done.is_clean_error(2)
    assert time.monotonic() - started < 15


@pytest.mark.parametrize("edited", [False, True])
async def test_a_file_that_moved_has_its_past(tree: Tree, edited: bool) -> None:
    tree.write("old/Dockerfile", LATEST + "RUN true\n" * 3 + "EXPOSE 22\n")
    tree.write("other.bin", b"\0" * 5_000_000)
    tree.commit()
    (tree.folder / "other.bin").unlink()
    (tree.folder / "old").rename(tree.folder / "new")
    if edited:
        tree.write("new/Dockerfile", LATEST + "RUN true\nRUN x\nEXPOSE 22\n")
    assert await tree.found(".", "--diff-base", "HEAD") == set()


async def test_a_folder_that_became_a_file_was_no_file(tree: Tree) -> None:
    tree.write("Dockerfile/x", "x\n")
    tree.commit()
    (tree.folder / "Dockerfile" / "x").unlink()
    (tree.folder / "Dockerfile").rmdir()
    tree.write("Dockerfile", LATEST)
    assert await tree.found(".", "--diff-base", "HEAD") == {"Dockerfile"}


async def test_a_file_that_no_commit_has_is_as_it_is(tree: Tree) -> None:
    tree.write(".gitignore", ".env\n")
    tree.write("compose.yaml", "services: {a: {image: 'redis:${T}'}}\n")
    tree.commit()
    tree.write(".env", "T=latest\n")
    assert await tree.found(".", "--diff-base", "HEAD") == set()


async def test_a_file_beside_it_that_is_new_is_a_change(tree: Tree) -> None:
    tree.write("compose.yaml", "services: {a: {image: 'redis:${T:-7}'}}\n")
    tree.commit()
    tree.write(".env", "T=latest\n")
    tree.commit()
    assert await tree.found(".", "--diff-base", "HEAD") == set()
    assert await tree.found(".", "--diff-base", "HEAD~1") == {"compose.yaml"}
