"""`tagwatch pr`, the real command, in a repository with commits, beside a registry."""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # has no stubs
from referencing import Registry, Resource

from tagwatch.service.demo.show import serving
from tests.golden.documents import schemas
from tests.image_builder import Built, build, label
from tests.official import service
from tests.walk.command import Done
from tests.walk.test_new_version import Nights

IMAGE = "registry.shop.example/shop/api"
SOURCE = "https://github.com/shop/api"
FILES = {
    "Dockerfile": f"FROM {IMAGE}:1.4.2\n",
    "deploy/compose.yaml": f"services:\n  api:\n    image: {IMAGE}:${{TAG}}\n"
    f"  again:\n    image: {IMAGE}:1.4.2\n",
    "deploy/.env": "TAG=1.4.2\n",
    "old/Dockerfile": f"FROM {IMAGE}:1.3.9\n",
    "same/Dockerfile": f"FROM {IMAGE}:2.0.0\n",
    ".gitignore": "old/\n",
}


def image(day: int, version: str) -> Built:
    """An image that says where its code is."""
    said = {"source": SOURCE, "revision": f"{day + 1}" * 40}
    steps = (label(f"org.opencontainers.image.{name}", text) for name, text in said.items())
    return build(*steps, base=service(day, version))


def git(folder: Path, *arguments: str) -> str:
    """Run git as nobody in particular; return what it says."""
    roles = ("AUTHOR", "COMMITTER")
    who = {f"GIT_{role}_{part}": "a@b" for role in roles for part in ("NAME", "EMAIL")}
    own = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, **who}
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env={**os.environ, **own}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def commit(nights: Nights, files: Mapping[str, str | None]) -> str:
    """Commit these files; None takes one away. Return the commit."""
    for name, text in files.items():
        if text is None:
            (nights.folder / name).unlink()
        else:
            nights.write(name, text)
    git(nights.folder, "add", "-f", "-A", *files)
    git(nights.folder, "commit", "-q", "-m", "x")
    return git(nights.folder, "rev-parse", "HEAD")


@pytest.fixture
async def repository(tmp_path: Path) -> AsyncIterator[Nights]:
    """A repository whose only commit names images that were listed once."""
    nights = Nights(tmp_path / "tree")
    async with serving(nights.shelf) as address:
        own = f"endpoint: '{address}', credential: anonymous"
        nights.write(
            "tagwatch.yaml",
            "version: 1\ndatabase: ledger.db\npolicy: policy.yaml\n"
            "sources: ['**/Dockerfile']\nreports: {formats: []}\nregistries:\n"
            f"  registry.shop.example: {{{own}}}\n",
        )
        nights.write("policy.yaml", "version: 1\ndefaults: {cooldown: 3d}\n")
        git(nights.folder, "init", "-q", "-b", "main")
        commit(nights, FILES)
        for day, tag in enumerate(("1.3.9", "1.4.2", "2.0.0")):
            nights.push(tag, image(day, tag))
        await nights.night(0)
        yield nights


def changes(done: Done) -> list[dict[str, Any]]:
    known = schemas()
    registry: Registry[Any] = Registry().with_resources(
        (f"{name}.json", Resource.from_contents(text)) for name, text in known.items()
    )
    Draft202012Validator(known["pr"], registry=registry).validate(done.json)
    found: list[dict[str, Any]] = done.json["changes"]
    return found


async def test_a_bump_from_what_to_what_and_why(repository: Nights) -> None:
    repository.at += timedelta(days=2)
    repository.push("1.4.3", image(3, "1.4.3"))
    commit(
        repository,
        {
            "Dockerfile": f"FROM {IMAGE}:1.4.3\n",
            "deploy/.env": "TAG=1.4.3\n",
            "old/Dockerfile": f"FROM {IMAGE}:1.4.2\n",
        },
    )
    git(repository.folder, "checkout", "-q", "HEAD^")  # nothing is read of what is checked out
    done = await repository.run("pr", "HEAD..main", "--format", "json")
    assert (done.code, done.json["complete"]) == (0, True), done.err
    young, minor = changes(done)
    assert (young["kind"], young["step"], young["verdict"]) == ("tag", "patch", "upgraded")
    assert young["before"]["version"] == "1.4.2"
    assert young["after"]["digest"] == image(3, "1.4.3").digest
    places = [(one["path"], one["line"]) for one in young["places"]]
    assert places == [("Dockerfile", 1), ("deploy/compose.yaml", 3)], "a variable moved one of them"
    assert (young["age"]["known"], young["age"]["young"]) == (True, True)
    assert young["age"]["old_enough_from"] == "2026-10-30T02:00:00Z"
    assert [one["rule"] for one in young["findings"]] == ["cooldown"]
    assert [one["url"] for one in young["links"]] == [
        SOURCE,
        f"{SOURCE}/compare/{'2' * 40}...{'4' * 40}",
    ]
    assert (minor["step"], minor["places"][0]["path"]) == ("minor", "old/Dockerfile")
    assert minor["age"]["known"] is False, "it was there at the first sight"

    markdown = (await repository.run("pr", "HEAD..main", "--format", "markdown")).out
    assert markdown.startswith("<!-- tagwatch pr -->\n### tagwatch: 2 images change: ")
    assert "too young, old enough from 2026\\-10\\-30 02:00 UTC" in markdown
    assert f"`{IMAGE}:1.4.2` → `{IMAGE}:1.4.3`" in markdown
    text = " ".join((await repository.run("pr", "HEAD..main")).out.split())
    assert "upgraded: " in text
    assert "too young" in text
    assert (await repository.run("pr", "HEAD..main", "--fail-on", "warning")).code == 1
    assert (await repository.run("pr", "HEAD..main", "--fail-on", "error")).code == 0


async def test_every_kind_of_change(repository: Nights) -> None:
    digest, other = image(1, "1.4.2").digest, image(5, "1.4.2").digest
    pinned = commit(
        repository,
        {
            "Dockerfile": f"FROM {IMAGE}:1.4.2@{digest}\n",
            "same/Dockerfile": f"# moved down\n\nFROM {IMAGE}:2.0.0\n",
            "new/Dockerfile": FILES["old/Dockerfile"],
            "old/Dockerfile": None,
        },
    )
    assert [one["kind"] for one in changes(await _json(repository, "HEAD^.."))] == ["pinned"]

    repository.push("1.4.2", image(5, "1.4.2"))
    moved = {"Dockerfile": f"FROM {IMAGE}:1.4.2@{other}\n"}
    commit(repository, moved)
    done = await _json(repository, f"{pinned}..HEAD", "--refresh")
    (moved_on,) = changes(done)
    assert (moved_on["kind"], moved_on["before"]["digest"]) == ("digest", digest)
    assert moved_on["verdict"] == "rebuilt", moved_on
    assert {one["rule"] for one in moved_on["findings"]} >= {"cooldown"}

    commit(
        repository,
        {
            "Dockerfile": f"FROM {IMAGE}:1.3.9\n",
            "same/Dockerfile": "FROM registry.shop.example/shop/gone:2.0.0\n",
            "more/Dockerfile": f"ARG TAG\nFROM {IMAGE}:$TAG\n",
            "new/Dockerfile": None,
        },
    )
    done = await _json(repository, "HEAD^...HEAD")
    kinds = {(one["kind"], one["step"]) for one in changes(done)}
    assert kinds == {("tag", "back"), ("image", None), ("added", None), ("removed", None)}
    (image_of,) = [one for one in changes(done) if one["kind"] == "image"]
    assert image_of["verdict"] is None
    assert "not compared: registry.shop.example/shop/gone:2.0.0" in image_of["reason"]


async def test_what_cannot_be_read_is_told(repository: Nights) -> None:
    """A file that names no image yet and that nobody can read; one that stays too large."""
    large = "services: {}\n" + "#" * (4 * 1024 * 1024)
    commit(repository, {"new/compose.yaml": "services: [\n", "large/compose.yaml": large})
    done = await _json(repository, "HEAD^..HEAD", "--offline")
    assert changes(done) == []
    assert [one["location"]["path"] for one in done.json["problems"]] == [
        "new/compose.yaml",
        "large/compose.yaml",
    ]
    assert not done.json["complete"]
    line = ("pr", "HEAD^..HEAD", "--offline")
    assert (await repository.run(*line, "--fail-on", "error")).code == 1, "as a check has it"
    assert (await repository.run(*line)).code == 0
    commit(repository, {"README": "nothing"})
    done = await _json(repository, "HEAD^..HEAD", "--offline")
    assert (done.json["problems"], done.json["complete"]) == ([], True), "it was so before"


async def test_what_a_rule_said_of_another_image_is_new(repository: Nights) -> None:
    commit(repository, {"Dockerfile": "FROM python:3.7\n"})
    commit(repository, {"Dockerfile": "FROM python:3.6\n"})
    commit(repository, {"Dockerfile": "FROM ubuntu:14.04\n"})
    line = ("--offline", "--fail-on", "error")
    within = await repository.run("pr", "HEAD~2..HEAD~1", *line)
    assert (within.code, "version-eol" in within.out) == (0, False), "the line had it before"
    other = await repository.run("pr", "HEAD^..HEAD", *line)
    assert (other.code, "version-eol" in other.out) == (1, True), other.out


async def test_what_a_base_got_meanwhile_is_nobodys_change(repository: Nights) -> None:
    git(repository.folder, "checkout", "-q", "-b", "mine")
    commit(repository, {"Dockerfile": f"FROM {IMAGE}:2.0.0\n"})
    git(repository.folder, "checkout", "-q", "main")
    commit(repository, {"same/Dockerfile": f"FROM {IMAGE}:1.4.2\n"})
    (one,) = changes(await _json(repository, "main..mine", "--offline"))
    assert [place["path"] for place in one["places"]] == ["Dockerfile"]
    assert (one["step"], one["verdict"]) == ("major", "upgraded"), "all of it from the ledger"
    nothing = await repository.run("pr", "main..main")
    assert (nothing.code, nothing.out.partition(": ")[2]) == (0, "no image changes\n")


@pytest.mark.parametrize(
    ("commits", "said"),
    [
        ("main", "not a range of commits: 'main'"),
        ("..main", "not a range of commits: '..main'"),
        ("nowhere..main", "no commit is called 'nowhere' here"),
        ("--output=x..main", "the following arguments are required: BASE..HEAD"),
        ("main..-x", "no commit is called '-x' here"),
    ],
)
async def test_what_is_no_range(repository: Nights, commits: str, said: str) -> None:
    done = await repository.run("pr", commits)
    assert done.code in (2, 3), done.err
    assert said in done.err
    assert not done.out


async def _json(repository: Nights, *arguments: str) -> Done:
    return await repository.run("pr", *arguments, "--format", "json")
