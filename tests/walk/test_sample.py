"""A repository with examples, tests and images of its own: what a check tells, and counts."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.walk.command import Workplace

FILES = {
    "compose.yaml": "services:\n  app:\n    image: acme/app:latest\n    ports: ['3000:3000']\n"
    "  tool:\n    image: acme/tool:latest\n",
    "examples/compose.yaml": "services:\n  db:\n    image: postgres:10\n  web:\n    image: nginx\n",
    "tests/compose.yaml": "services:\n  db:\n    image: postgres:9\n"
    "  old:\n    image: nginx:1.14\n",
}
IN_BRIEF = """\
6 findings in brief, --all shows each
           port-all-interfaces (compose.yaml:4:14), tag-latest (compose.yaml:3:12)
           in examples: tag-missing (examples/compose.yaml:5:12), version-eol
           (examples/compose.yaml:3:12, warning)
           in tests: version-eol ×2 (tests/compose.yaml:3:12)
"""  # noqa: RUF001  # a real multiplication sign


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    folder = tmp_path / "app"
    folder.mkdir()
    homes = {f"XDG_{name}_HOME": str(tmp_path / "home") for name in ("CONFIG", "CACHE", "DATA")}
    place = Workplace(folder, {**homes, "TAGWATCH_CONFIG": ""})
    for name, content in FILES.items():
        place.write(name, content)
    for arguments in (("init", "-q"), ("remote", "add", "origin", "https://example.com/acme/app")):
        subprocess.run(("git", *arguments), cwd=folder, check=True)
    return place


async def test_what_is_routine_is_counted_and_told_on_demand(place: Workplace) -> None:
    brief = await place.run("check", "--offline")
    assert brief.code == 0, brief.err
    assert IN_BRIEF in brief.out
    assert "warning  compose.yaml:6:12  tag-latest" in brief.out  # another's image
    assert "2 to look at, 5 notes" in brief.out
    every = await place.run("check", "--offline", "--all")
    assert "in brief" not in every.out
    for told in ("tests/compose.yaml:3:12  version-eol", "compose.yaml:3:12  tag-latest"):
        assert f"note     {told}" in every.out
    assert "warning  examples/compose.yaml:3:12  version-eol" in every.out  # an error elsewhere
    assert "published here (its name)" in every.out


async def test_json_says_what_makes_a_finding_less(place: Workplace) -> None:
    done = await place.run("check", "--offline", "--format", "json")
    said = {(one["location"]["path"], one["rule"]): one for one in done.json["findings"]}
    tested = said["tests/compose.yaml", "version-eol"]
    assert (tested["severity"], tested["sample"], tested["elsewhere"]) == ("note", "test", "error")
    assert tested["brief"] is True
    shown = said["examples/compose.yaml", "version-eol"]
    assert (shown["severity"], shown["elsewhere"], shown["brief"]) == ("warning", "error", True)
    latest = [one for one in done.json["findings"] if one["rule"] == "tag-latest"]
    assert {one.get("published_by") for one in latest} == {"its name", None}


async def test_a_policy_that_rates_a_rule_counts_everywhere(place: Workplace) -> None:
    place.write("policy.yaml", "version: 1\nrules:\n  version-eol: {severity: error}\n")
    place.write("tagwatch.yaml", "version: 1\npolicy: policy.yaml\n")
    done = await place.run("check", "--offline", "--config", "tagwatch.yaml", "--format", "json")
    assert done.code == 1, done.err
    ended = [one for one in done.json["findings"] if one["rule"] == "version-eol"]
    assert {one["severity"] for one in ended} == {"error"}
    assert len(ended) == 3


async def test_whoever_does_not_trust_the_tree_does_not_believe_what_it_publishes(
    place: Workplace,
) -> None:
    done = await place.run("check", "--offline", "--untrusted", "--format", "json")
    latest = [one for one in done.json["findings"] if one["rule"] == "tag-latest"]
    assert {one["severity"] for one in latest} == {"warning"}


async def test_a_folder_beside_prod_is_a_stage(tmp_path: Path) -> None:
    """What `test` deploys was counted as a test's, where `prod` and `test` stood at the root."""
    homes = {f"XDG_{name}_HOME": str(tmp_path / "home") for name in ("CONFIG", "CACHE", "DATA")}
    place = Workplace(tmp_path / "fleet", {**homes, "TAGWATCH_CONFIG": ""})
    folders = ("prod", "test", "apps/web-prod", "apps/web-test", "lib/test", "test/e2e")
    for folder in folders:
        place.write(f"{folder}/compose.yaml", "services:\n  db:\n    image: postgres:9\n")
    done = await place.run("check", "--offline", "--format", "json", ".")
    said = {
        one["location"]["path"].rpartition("/")[0]: one["severity"]
        for one in done.json["findings"]
        if one["rule"] == "version-eol"
    }
    assert said == dict.fromkeys(folders, "error") | {"lib/test": "note", "test/e2e": "note"}
    alone = await place.run("check", "--offline", "--format", "json", "test/compose.yaml")
    assert "error" in [one["severity"] for one in alone.json["findings"]]
