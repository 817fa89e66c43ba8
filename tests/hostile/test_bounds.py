"""Input that is made to take for ever: each has a bound of its own."""

from __future__ import annotations

import subprocess
import time
from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagwatch.audit.model.glob import match_path
from tagwatch.workspace.gitignore import Patterns, pattern_of
from tests.hostile.promise import promised
from tests.hostile.served import INDEX, MANIFEST, Served, config_of, served
from tests.hostile.tree import LATEST, Tree, tree

__all__ = ["tree"]

SECONDS = 15  # of a machine that does other things, too; what hung did so for ever
STARS = "*a" * 30
DEEP = "**/a/" * 30


async def ends(tree: Tree, *arguments: str) -> str:
    started = time.monotonic()
    done = await tree.run(*arguments)
    assert done.code in (0, 1, 3), done.err
    assert time.monotonic() - started < SECONDS
    return done.out


@promised("a tree", "`.gitignore` with thirty wildcards in a pattern", "the check ends")
@pytest.mark.parametrize("pattern", [STARS, DEEP + "b", "?*" * 40 + "b", "[a-z]*" * 30 + "0"])
async def test_gitignore(tree: Tree, pattern: str) -> None:
    tree.write(".gitignore", pattern + "\n")
    tree.write("a/" * 60 + "a" * 60 + "c.yaml", "x: 1\n")
    tree.write("a" * 200 + "c.yaml", "x: 1\n")
    tree.write("Dockerfile", LATEST)
    assert "Dockerfile" in await ends(tree, "check", "--offline", ".")


@promised("a tree", "globs with thirty wildcards in its configuration and policy", "the run ends")
async def test_globs_of_the_configuration(tree: Tree) -> None:
    tree.write("a" * 200 + "/Dockerfile", "FROM " + "a" * 120 + "/b:1\n")
    tree.write(
        "tagwatch.yaml",
        f"sources: ['{STARS}c', '**/{STARS}c/Dockerfile', '**/Dockerfile']\n"
        "policy:\n  overrides:\n"
        f"  - {{images: ['{STARS}c/*:*'], paths: ['{DEEP}c'], rules: &r {{tag-latest: {{}}}}}}\n"
        f"  - {{images: ['**a**a**a{STARS}c'], rules: *r}}\n"
        f"  ignores: [{{rule: tag-latest, path: '{STARS}c', reason: x, permanent: true}}]\n",
    )
    tree.environment["TAGWATCH_CONFIG"] = str(tree.folder / "tagwatch.yaml")
    assert "Dockerfile" in await ends(tree, "extract", ".")
    await ends(tree, "check", "--offline", ".")
    started = time.monotonic()
    await tree.run("scan")
    assert time.monotonic() - started < SECONDS


PARTS = ["*", "**", "?", "a", "b", "/", "[ab]", "a*", "**/", "/**", "c."]


@settings(max_examples=200, deadline=None, database=None, derandomize=True)
@given(
    st.lists(st.sampled_from(PARTS), min_size=1, max_size=6).map("".join),
    st.lists(st.text("abc.", min_size=1, max_size=3), min_size=1, max_size=4).map("/".join),
)
def test_patterns_say_what_the_slow_way_says(pattern: str, path: str) -> None:
    """`pathspec` reads the same patterns into ordinary regular expressions."""
    from pathspec import PathSpec

    if (
        not pattern.strip("/")
        or "***" in pattern
        or "." in path.split("/")
        or ".." in path.split("/")
    ):
        return
    try:
        wanted = PathSpec.from_lines("gitignore", [pattern]).match_file(path)
    except ValueError:
        return
    assert Patterns.of([pattern]).includes(path) == wanted


def test_patterns_say_what_git_says(tree: Tree) -> None:
    patterns = [
        "*.log", "/top", "a/b", "a/**/b", "**/x", "x/**", "deep/", "!kept", "[a-c]?z", "\\#x",
        "\\!y", "blank\\ ", "a*b*c", "**/a/**/c", "foo[[:digit:]]", "[!a]q", "sp ", "f\\*o",
        "[^/]b", "***/w",
    ]  # fmt: skip
    paths = [
        "a.log", "d/a.log", "top", "d/top", "a/b", "d/a/b", "a/x/y/b", "x", "d/x", "x/y", "deep/f",
        "d/deep/f", "deep", "kept", "baz", "#x", "!y", "blank ", "blank", "abc", "aXbXc", "abcd",
        "q/a/r/c", "foo7", "foox", "aq", "bq", "sp", "f*o", "foo", "xb", "q/w", "a/c",
    ]  # fmt: skip
    for pattern in patterns:
        tree.write(".gitignore", pattern + "\n")
        done = subprocess.run(
            ["git", "check-ignore", "--no-index", "-v", "-n", "-z", "--stdin"],
            cwd=tree.folder,
            input="\0".join(paths).encode(),
            capture_output=True,
            check=False,
        )
        told = done.stdout.decode().split("\0")
        one = pattern_of(pattern)
        assert one is not None
        for number, path in enumerate(paths):
            above = [path[:at] for at, char in enumerate(path) if char == "/"]
            ours = one.matches(path, is_folder=False)
            ours |= any(one.matches(folder, is_folder=True) for folder in above)
            assert ours == bool(told[4 * number]), (pattern, path)


@settings(max_examples=200, deadline=None, database=None, derandomize=True)
@given(
    st.lists(st.sampled_from(["*", "**", "**/", "?", "a", "b", "/"]), max_size=8).map("".join),
    st.text("ab/", max_size=8),
)
def test_globs_say_what_the_slow_way_says(glob: str, path: str) -> None:
    import re

    meaning = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    whole = f"{glob}**" if glob.endswith("/") else glob
    pieces = re.findall(r"\*\*/|\*\*|\*|\?|[^*?]+", whole)
    slow = re.compile("".join(meaning.get(one) or re.escape(one) for one in pieces))
    assert match_path(glob, path) == (slow.fullmatch(path) is not None)


def test_a_glob_takes_the_time_of_one_look() -> None:
    started = time.process_time()
    assert not match_path("**a" * 100, "a" * 4000 + "b")
    assert match_path("**a" * 100, "a" * 4000)
    assert time.process_time() - started < 2


@pytest.fixture
async def registry(tree: Tree) -> AsyncIterator[Served]:
    async with served() as found:
        found.push("good", config_of())
        tree.write("Dockerfile", "FROM r.example/good:1.0\nFROM r.example/big:1.0\n")
        tree.write("tagwatch.yaml", f"database: tagwatch.db\n{found.settings()}")
        tree.environment["TAGWATCH_CONFIG"] = str(tree.folder / "tagwatch.yaml")
        yield found


@promised("a registry", "200,000 tags in a repository", "`check` ends soon after `--max-time`")
async def test_tags_without_end(tree: Tree, registry: Served) -> None:
    digest = registry.push("big", config_of())
    registry.tags["big"] |= {
        f"{n % 50}.{n // 50 % 100}.{n // 5000}": digest for n in range(200_000)
    }
    started = time.monotonic()
    done = await tree.run("check", "Dockerfile", "--max-time", "2", "--format", "json")
    assert time.monotonic() - started < SECONDS
    assert {one["code"] for one in done.json["failures"]} == {"stopped"}
    assert done.json["complete"] is False
    assert "give it more time" in done.out


@promised("an image", "an index of 10,000 platforms", "it is told, and costs no more than others")
async def test_platforms_without_end(tree: Tree, registry: Served) -> None:
    digest = registry.push("big", config_of(), tag="x")
    entry = {"mediaType": MANIFEST, "digest": digest, "size": 1}
    many = [{**entry, "platform": {"os": "linux", "architecture": f"a{n}"}} for n in range(10_000)]
    registry.put("big", {"schemaVersion": 2, "mediaType": INDEX, "manifests": many}, tag="1.0")
    started = time.monotonic()
    done = await tree.run("check", "Dockerfile", "--format", "json")
    assert time.monotonic() - started < SECONDS
    (failure,) = done.json["failures"]
    assert "not a list of at most 1000 entries" in failure["message"]
    assert {one["input"]: one["status"] for one in done.json["resolutions"]} == {
        "r.example/good:1.0": "resolved",
        "r.example/big:1.0": "resolved",
    }


HCL = {
    "parentheses": "(" * 100_000 + "1" + ")" * 100_000,
    "accesses": "a" + "[0]" * 1000,
    "operators": "1" + "+1" * 1000,
    "templates": '"' + '${"' * 1000 + '"}' * 1000 + '"',
    "conditions": "true ? " * 1000 + "1" + " : 1" * 1000,
    "words": "[" + "1, " * 100_000 + "]",
}


@promised("a tree", "expressions of a bake file, nested or long without end", "it is told")
@pytest.mark.parametrize("name", HCL)
async def test_expressions_without_end(tree: Tree, name: str) -> None:
    tree.write("docker-bake.hcl", f'target "a" {{ context = {HCL[name]} }}\n')
    tree.write("Dockerfile", LATEST)
    started = time.monotonic()
    done = await tree.check(".", "--format", "json")
    assert time.monotonic() - started < SECONDS
    assert any(one["location"]["path"] == "docker-bake.hcl" for one in done.json["problems"])
    assert "tag-latest" in done.out
