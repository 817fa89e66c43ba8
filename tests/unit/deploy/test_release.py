"""The workflows and the lock file: what is trusted there is named exactly."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.paths import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
LOCK = (ROOT / "requirements.lock").read_text("utf-8")
EXTRAS = ("aws", "google", "notify")
"""What the image and the jobs of forges have beside the default installation."""


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


def _locked() -> dict[str, Version]:
    return {
        canonicalize_name(name): Version(version)
        for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", LOCK, re.MULTILINE)
    }


def test_the_lock_holds_what_the_project_asks_for() -> None:
    """Run `make lock` where this fails: a requirement changed."""
    locked = _locked()
    extras = PROJECT["optional-dependencies"]
    wanted = [*PROJECT["dependencies"], *(one for name in EXTRAS for one in extras[name])]
    for text in wanted:
        requirement = Requirement(text)
        version = locked[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), text
    ours = re.findall(
        r"(?m)^([\w.-]+)==(?:.*\n)(?: +--hash.*\n)* +# via(?:\n +#)? +tagwatch ", LOCK
    )
    names = {canonicalize_name(Requirement(text).name) for text in wanted}
    assert {canonicalize_name(name) for name in ours} == names, "nothing that was asked for once"


def test_every_locked_package_has_hashes() -> None:
    entries = re.split(r"\n(?=[\w.-]+==)", LOCK.strip())
    assert len(entries) == len(_locked())
    for entry in entries:
        assert "--hash=sha256:" in entry, entry.split("\n")[0]


def test_what_is_copied_names_this_version() -> None:
    """Jobs and samples that people copy begin with the version that they come with."""
    tag = f"v{PROJECT['version']}"
    pages = ("README.md", "docs/how-to/developer.md", "docs/pull-requests.md")
    for name in (*pages, "templates/pull-request.yml", "config/forgejo/images.yaml"):
        named = re.findall(r"\bv\d+\.\d+\.\d+\b", (ROOT / name).read_text("utf-8"))
        assert set(named) == {tag}, name
