"""A pull request of a stranger: its objects are read, nothing of it is run, written or believed."""

from __future__ import annotations

import json
import subprocess

from tests.hostile.promise import promised
from tests.hostile.tree import LATEST, Tree, tree

__all__ = ["tree"]

PULL = "a pull request, for `tagwatch pr`"
EVIL = "FROM evil.example/x:1\n"


def objects(tree: Tree, *lines: str) -> str:
    """Make a tree object of raw lines, as no working tree could have it."""
    done = subprocess.run(
        ["git", "mktree", "--missing"],
        cwd=tree.folder,
        input="".join(f"{line}\n" for line in lines),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def blob(tree: Tree, text: str) -> str:
    done = subprocess.run(
        ["git", "hash-object", "-w", "--stdin"],
        cwd=tree.folder,
        input=text,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def raw_tree(tree: Tree, *entries: tuple[str, str, str]) -> str:
    """Make a tree object with names that git's own commands refuse: mode, name, object."""
    raw = b"".join(
        f"{mode} {name}".encode() + b"\0" + bytes.fromhex(one) for mode, name, one in entries
    )
    done = subprocess.run(
        ["git", "hash-object", "-w", "-t", "tree", "--stdin", "--literally"],
        cwd=tree.folder,
        input=raw,
        capture_output=True,
        check=True,
    )
    return done.stdout.decode().strip()


def commit_tree(tree: Tree, top: str) -> str:
    return tree.git("commit-tree", top, "-p", "HEAD", "-m", "x").strip()


@promised(PULL, "paths with `..`, in `.git`, absolute, twice", "nothing is written outside")
async def test_paths_lead_nowhere(tree: Tree) -> None:
    tree.write("Dockerfile", LATEST)
    tree.commit()
    evil, good = blob(tree, EVIL), blob(tree, "FROM redis:7\n")
    up = raw_tree(tree, ("100644", "Dockerfile", evil))
    inner = raw_tree(tree, ("40000", "..", up))
    escaped = tree.folder.parent / "escaped"
    top = raw_tree(
        tree,
        ("100644", "../Dockerfile", evil),
        ("40000", "..", inner),
        ("40000", ".GIT", up),
        ("100644", str(escaped), evil),
        ("100644", "Dockerfile", good),
        ("40000", "Dockerfile", up),
        ("40000", "a", inner),
    )
    head = commit_tree(tree, top)
    before = sorted(tree.folder.parent.iterdir())
    done = await tree.run("pr", f"HEAD..{head}", "--offline", "--format", "json")
    assert done.code == 0, done.err
    assert [one["after"]["text"] for one in done.json["changes"]] == ["redis:7"]
    assert sorted(tree.folder.parent.iterdir()) == before
    assert not escaped.exists()


@promised(PULL, "links out of the tree, submodules", "none is followed")
async def test_links_are_not_followed(tree: Tree) -> None:
    tree.write("../secret/Dockerfile", EVIL)
    tree.write("README", "x")
    tree.commit()
    (tree.folder / "Dockerfile").symlink_to("../secret/Dockerfile")
    (tree.folder / "deploy").symlink_to("../secret")
    (tree.folder / "same").symlink_to("README")
    tree.commit()
    inner = raw_tree(tree, ("100644", "README", blob(tree, "x")))
    tree.git("update-index", "--add", "--cacheinfo", f"160000,{commit_tree(tree, inner)},theirs")
    tree.git("commit", "-q", "-m", "a submodule")
    done = await tree.run("pr", "HEAD~2..HEAD", "--offline", "--format", "json")
    assert done.json["changes"] == []
    said = {one["location"]["path"]: one["message"] for one in done.json["problems"]}
    assert said == {
        "Dockerfile": "it is a link, which is not followed",
        "theirs": "what is in a submodule is not read",
    }
    assert not done.json["complete"], "what may name another image now is never silent"


@promised(PULL, "hooks, filters and attributes of it", "none runs; the working tree stays")
async def test_nothing_runs_and_nothing_is_checked_out(tree: Tree) -> None:
    tree.write("Dockerfile", LATEST)
    tree.commit()
    main = tree.git("rev-parse", "HEAD").strip()
    tree.git("checkout", "-q", "-b", "theirs")
    trap = tree.folder.parent / "trap.sh"
    trap.write_text('#!/bin/sh\ntouch "$(dirname "$0")/sprung"\ncat\n')
    trap.chmod(0o755)
    tree.write(".gitattributes", "* filter=x diff=x export-subst\n")
    tree.write("Dockerfile", EVIL)
    tree.commit()
    for key in ("filter.x.clean", "filter.x.smudge", "diff.x.textconv", "core.fsmonitor"):
        tree.git("config", key, str(trap))
    tree.git("update-ref", "refs/heads/theirs", "HEAD")
    tree.git("checkout", "-q", "-f", main)
    (trap.parent / "sprung").unlink(missing_ok=True)
    done = await tree.run("pr", "HEAD..theirs", "--offline", "--format", "json")
    (one,) = done.json["changes"]
    assert (one["kind"], one["after"]["text"]) == ("image", "evil.example/x:1")
    assert not (trap.parent / "sprung").exists()
    assert (tree.folder / "Dockerfile").read_text() == LATEST


@promised(
    PULL,
    "its own `tagwatch.yaml` and policy; with `--untrusted` inline ignores, too",
    "they do not count",
)
async def test_its_configuration_does_not_count(tree: Tree) -> None:
    tree.is_operators = False
    tree.write("Dockerfile", "FROM redis:7\n")
    tree.commit()
    tree.write("tagwatch.yaml", "version: 1\npolicy: policy.yaml\n")
    tree.write("policy.yaml", "version: 1\nrules: {tag-latest: {severity: off}}\n")
    tree.write("Dockerfile", LATEST)
    ignore = "# tagwatch: ignore=tag-latest until=2099-01-01 reason='trust me'\n"
    tree.write("ignored/Dockerfile", ignore + "FROM node:latest\n")
    tree.commit()
    head = tree.git("rev-parse", "HEAD").strip()
    tree.git("checkout", "-q", "HEAD^")
    for flags, ignored in (((), True), (("--untrusted",), False)):
        line = ("pr", f"HEAD..{head}", "--offline", "--format", "json", *flags)
        told = {
            one["after"]["text"]: {finding["rule"] for finding in one["findings"]}
            for one in (await tree.run(*line)).json["changes"]
        }
        assert "tag-latest" in told["redis:latest"]
        assert ("tag-latest" in told["node:latest"]) is not ignored


@promised(PULL, "Markdown, HTML, mentions, control bytes in names", "the comment has none of it")
async def test_what_it_writes_stays_text(tree: Tree) -> None:
    tree.write("Dockerfile", LATEST)
    tree.commit()
    name = "a|b`](javascript:alert(1))<img src=x>@all\x1b[31m.dockerfile"
    tree.write(name, f"FROM redis:latest\nFROM {'<b>x</b>|`@all'}\n")
    tree.commit()
    for form in ("markdown", "text", "json"):
        done = await tree.run("pr", "HEAD^..HEAD", "--offline", "--format", form)
        assert "\x1b" not in done.out + done.err
        if form == "json":
            json.loads(done.out)
        elif form == "markdown":
            body = "\n".join(done.out.splitlines()[1:-1])
            outside = "".join(body.replace("\\`", "").split("`")[::2])
            assert "<img" not in outside
            assert "@all" not in outside
            assert "](javascript" not in outside
            rows = [line for line in body.splitlines() if line.startswith("| `")]
            assert {row.replace("\\|", "").count("|") for row in rows} == {7}
