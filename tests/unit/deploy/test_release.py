"""The workflows: what is trusted there is named exactly."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.paths import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def _jobs(path: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from yaml.safe_load(path.read_text("utf-8"))["jobs"].items()


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_little_and_trusts_commits_only(path: Any) -> None:
    held = yaml.safe_load(path.read_text("utf-8"))
    assert held["permissions"] == {"contents": "read"}
    text = path.read_text("utf-8")
    used = re.findall(r"uses: (\S+)(.*)", text)
    for action, comment in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action), action
        assert re.fullmatch(r"  # v\d+\.\d+\.\d+", comment), (action, comment)
    for name, job in _jobs(path):
        assert "timeout-minutes" in job, name
        for step in job["steps"]:
            # what a tag or branch is called must not become a command
            assert "${{" not in step.get("run", ""), (name, step)
            if "checkout" in step.get("uses", ""):
                assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize(
    "path", [*WORKFLOWS, *(ROOT / ".ci").iterdir()], ids=lambda path: path.name
)
def test_what_is_installed_is_in_a_lock(path: Any) -> None:
    """Only the program itself and `.ci/setup demo`, a user's installation, come without hashes."""
    for line in path.read_text("utf-8").replace("\\\n", " ").splitlines():
        if " pip install" in line and "-e ." not in line:
            assert "--require-hashes" in line or '"$@"' in line or "[@]}" in line, line
            assert "--group" not in line


def test_only_what_signs_and_publishes_has_an_identity() -> None:
    """What builds has no right that it could lend to what it builds."""
    jobs = dict(_jobs(ROOT / ".github" / "workflows" / "release.yml"))
    with_identity = {
        name for name, job in jobs.items() if job.get("permissions", {}).get("id-token") == "write"
    }
    assert with_identity == {"provenance", "publish", "image"}
    assert "permissions" not in jobs["build"]
    assert jobs["publish"]["environment"] == "pypi"
    assert jobs["publish"]["needs"] == "provenance"
    attested = [
        step["with"]
        for job in jobs.values()
        for step in job["steps"]
        if "attest-build-provenance" in step.get("uses", "")
    ]
    assert {"dist/*"} == {one["subject-path"] for one in attested if "subject-path" in one}
    assert any("subject-digest" in one for one in attested)
    assert "secrets." not in (ROOT / ".github" / "workflows" / "release.yml").read_text("utf-8")


def test_every_python_that_is_promised_is_run() -> None:
    named = {
        classifier.rpartition(" ")[2]
        for classifier in PROJECT["classifiers"]
        if re.search(r":: 3\.\d+$", classifier)
    }
    jobs = dict(_jobs(ROOT / ".github" / "workflows" / "ci.yml"))
    for job in ("linux", "packages"):
        assert set(jobs[job]["strategy"]["matrix"]["python"]) == named
    assert "windows-latest" in jobs["other-systems"]["strategy"]["matrix"]["os"]


def test_what_is_copied_names_this_version() -> None:
    """Jobs and samples that people copy begin with the version that they come with."""
    tag = f"v{PROJECT['version']}"
    pages = ("README.md", "docs/how-to/developer.md", "docs/pull-requests.md")
    for name in (*pages, "templates/pull-request.yml", "config/forgejo/images.yaml"):
        named = re.findall(r"\bv\d+\.\d+\.\d+\b", (ROOT / name).read_text("utf-8"))
        assert set(named) == {tag}, name
