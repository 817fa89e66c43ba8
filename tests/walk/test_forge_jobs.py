"""The jobs of forges that the project ships: their scripts run as a runner would run them.

Installing is tried with a small program in place of ours. Each forge's API is a double.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import yaml

from tests.paths import ROOT
from tests.walk.test_pr import git
from tests.walk.test_pr_comment import TOKEN, Job, job

__all__ = ["job"]

ACTION = ROOT / "action.yml"
COMPONENT = ROOT / "templates" / "pull-request.yml"
FORGEJO = ROOT / "config" / "forgejo" / "images.yaml"
WORKFLOWS = sorted((ROOT / ".github").rglob("*.y*ml"))
_EXPRESSION = re.compile(r"\$\{\{|\$\[\[")
_DOCUMENTED = re.compile(r"```yaml\n(# \.(?:github|gitlab).*?)```", re.DOTALL)


def scripts(document: Any) -> Iterator[str]:
    """Every script in a document: `run` of steps, lines of `script`."""
    if isinstance(document, dict):
        for key, value in document.items():
            if key == "run" and isinstance(value, str):
                yield value
            elif key in ("script", "before_script", "after_script"):
                yield from ([value] if isinstance(value, str) else value)
            else:
                yield from scripts(value)
    elif isinstance(document, list):
        for one in document:
            yield from scripts(one)


def documents(path: Path) -> list[Any]:
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "path", [ACTION, COMPONENT, FORGEJO, *WORKFLOWS], ids=lambda path: path.name
)
def test_nothing_is_put_into_a_script(path: Path) -> None:
    """A branch may be called `$(curl …)`: what a runner puts into a script is run."""
    found = [script for document in documents(path) for script in scripts(document)]
    assert found
    assert [script for script in found if _EXPRESSION.search(script)] == []
    for script in found if path not in WORKFLOWS else ():  # GitHub runs those with `bash -e`
        assert re.match(r"set -eu(?:o pipefail)?\n", script), script


def test_the_documented_jobs_can_be_read() -> None:
    text = (ROOT / "docs" / "pull-requests.md").read_text(encoding="utf-8")
    jobs = [yaml.safe_load(one) for one in _DOCUMENTED.findall(text)]
    assert len(jobs) == 3
    inputs = set(yaml.safe_load(ACTION.read_text(encoding="utf-8"))["inputs"])
    github, _, gitlab = text.partition("## GitHub")[2].partition("## GitLab")
    told = set(re.findall(r"(?m)^\| `([a-z-]+)` \| ", github))
    assert told == inputs, "of the action"
    for document in jobs[:2]:
        steps = document["jobs"]["images"]["steps"]
        assert set(steps[1]["with"]) <= inputs
        assert document["permissions"] == {"contents": "read", "pull-requests": "write"}
        # never a ref of the fork, never a secret
        assert set(steps[0]["with"]) == {"fetch-depth", "persist-credentials"}
        assert "secrets." not in json.dumps(document)
    known = documents(COMPONENT)[0]["spec"]["inputs"]
    rows = re.findall(r"(?m)^\| (`[a-z-]+`(?:, `[a-z-]+`)*) \| ", gitlab.partition("## ")[0])
    assert set(re.findall(r"[a-z-]+", " ".join(rows))) == set(known)
    assert set(jobs[2]["include"][0]["inputs"]) <= set(known)


async def run_step(job: Job, script: str, environment: dict[str, str]) -> tuple[int, str]:
    """Run a script in bash as a runner does; its exit code and all that it said."""
    path = job.folder.parent / "runner" / "tagwatch" / "bin"
    path.mkdir(parents=True, exist_ok=True)
    if not (path / "tagwatch").exists():
        (path / "tagwatch").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tagwatch "$@"\n')
        (path / "tagwatch").chmod(0o755)
    process = await asyncio.create_subprocess_exec(
        "bash", "-e", "-c", script.replace("/tmp/tagwatch/bin", str(path)),
        cwd=job.folder,
        env={**job.variables(), "PYTHONPATH": str(ROOT), **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await process.communicate()
    assert process.returncode is not None
    text = out.decode()
    assert TOKEN not in text
    return process.returncode, text


@pytest.fixture
def origin(job: Job) -> Path:
    """The repository that the job's own is a clone of; its default branch has a policy."""
    main = job.folder
    job.is_operators = False
    job.write("tagwatch.yaml", "version: 1\npolicy: policy.yaml\n")
    job.write("policy.yaml", "version: 1\ndefaults: {cooldown: 3d}\n")
    git(main, "checkout", "-q", "HEAD^")
    git(main, "add", "tagwatch.yaml", "policy.yaml")
    git(main, "commit", "-q", "-m", "policy")
    git(main, "branch", "-q", "-f", "main", "HEAD")
    git(main, "checkout", "-q", "-b", "x$(touch${IFS}sprung)")
    job.write("Dockerfile", "FROM redis:latest\n")
    job.write("with space/Dockerfile", "FROM redis:latest\n")
    git(main, "add", "Dockerfile", "with space")
    git(main, "commit", "-q", "-m", "theirs")
    origin = main.parent / "origin.git"
    git(main, "clone", "-q", "--bare", str(main), str(origin))
    git(origin, "update-ref", "refs/pull/7/head", git(main, "rev-parse", "HEAD"))
    git(main, "remote", "add", "origin", str(origin))
    git(main, "fetch", "-q", "origin")
    return origin


def environment_of(job: Job, step: dict[str, Any], **more: str) -> dict[str, str]:
    """The variables of a step, with its expressions as a runner would give them."""
    base = git(job.folder, "rev-parse", "main")
    said = {
        "github.event.pull_request.base.sha": base,
        "github.event.pull_request.base.ref": "main",
        "github.event.pull_request.head.sha": git(job.folder, "rev-parse", "HEAD"),
        "github.event.pull_request.number": "7",
        "github.event.repository.default_branch": "main",
        "github.token": TOKEN,
        "inputs.token": TOKEN,
        "inputs.comment": "true",
        "inputs.check": "true",
        "inputs.fetch-head": "false",
        "inputs.fail-on": "",
        "inputs.paths": ".",
        "runner.temp": str(job.folder.parent / "runner"),
        **more,
    }
    found = {
        name: re.sub(r"\$\{\{ (.*?) \}\}", lambda one: said[one[1]], text)
        for name, text in step.get("env", {}).items()
    }
    found["GITHUB_STEP_SUMMARY"] = str(job.folder.parent / "summary.md")
    found["RUNNER_TEMP"] = said["runner.temp"]
    found["TAGWATCH_DATABASE"] = str(job.folder.parent / "job.db")
    return found


@pytest.mark.parametrize("job", ["github"], indirect=True)
async def test_the_action_for_a_fork_from_the_base(job: Job, origin: Path) -> None:
    steps = yaml.safe_load(ACTION.read_text(encoding="utf-8"))["runs"]["steps"]
    head = git(job.folder, "rev-parse", "HEAD")
    base = job.folder.parent / "base"  # has no object of the fork before
    clone = ("clone", "-q", "--single-branch", "-b", "main", f"file://{origin}", str(base))
    git(job.folder.parent, *clone)
    job.folder = base
    more = {"github.event.pull_request.head.sha": head, "inputs.fetch-head": "true"}
    code, text = await run_step(job, steps[1]["run"], environment_of(job, steps[1], **more))
    assert code == 0, text
    assert "redis:latest" in job.forge.comments[-1]["body"]
    assert (base / "Dockerfile").read_text() == "FROM redis:6\n", "nothing is checked out"


@pytest.mark.parametrize("job", ["github"], indirect=True)
async def test_the_action(job: Job, origin: Path) -> None:
    install, told, check = yaml.safe_load(ACTION.read_text(encoding="utf-8"))["runs"]["steps"]
    assert "--require-hashes" in install["run"]
    code, text = await run_step(job, told["run"], environment_of(job, told))
    assert code == 0, text
    summary = (job.folder.parent / "summary.md").read_text()
    assert summary.startswith("<!-- tagwatch pr -->\n### tagwatch: 2 images change")
    assert [one["body"] for one in job.forge.comments] == [summary]
    silent = environment_of(job, told, **{"inputs.comment": "false"})
    assert (await run_step(job, told["run"], silent))[0] == 0
    assert len(job.forge.comments) == 1

    chosen = environment_of(
        job, check, **{"inputs.paths": "with space\n", "inputs.fail-on": "warning"}
    )
    code, text = await run_step(job, check["run"], chosen)
    assert code == 1, text
    assert "::warning file=with space/Dockerfile,line=1" in text
    assert (await run_step(job, check["run"], environment_of(job, check)))[0] in (0, 1)
    assert not (job.folder / "sprung").exists()


def a_wheel(folder: Path) -> tuple[Path, str]:
    """A package that `one` can be imported from, and its hash."""
    path = folder / "one-1-py3-none-any.whl"
    with ZipFile(path, "w") as wheel:
        about = "Metadata-Version: 2.1\nName: one\nVersion: 1\n"
        wheel.writestr("one.py", "")
        wheel.writestr("one-1.dist-info/METADATA", about)
        wheel.writestr("one-1.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr("one-1.dist-info/RECORD", "")
    return path, sha256(path.read_bytes()).hexdigest()


def test_what_jobs_install_is_held_by_a_commit_and_hashes(tmp_path: Path) -> None:
    """Component and workflow install alike: sources of one commit, packages by its lock."""
    (named,) = documents(COMPONENT)[1].values()
    step = documents(FORGEJO)[0]["jobs"]["images"]["steps"][1]
    script = named["script"][0]
    assert script == step["run"]
    assert set(step["env"]) == {"SOURCE", "REVISION"} <= set(named["variables"])
    script = script.replace("/tmp/", f"{tmp_path}/job/")

    source = tmp_path / "source"
    (source / "tagwatch").mkdir(parents=True)
    (tmp_path / "job").mkdir()
    (source / "tagwatch" / "__init__.py").write_text("")
    (source / "tagwatch" / "__main__.py").write_text(
        "import one, sys\nprint('ran', sys.argv[1:])\n"
    )
    wheel, digest = a_wheel(tmp_path)
    (source / "requirements.lock").write_text(f"one @ {wheel.as_uri()} --hash=sha256:{digest}\n")
    git(source, "init", "-q")
    git(source, "add", ".")
    git(source, "commit", "-q", "-m", "a version")
    revision = git(source, "rev-parse", "HEAD")
    (source / "tagwatch" / "__main__.py").write_text("raise SystemExit('a later one')\n")
    git(source, "commit", "-q", "-a", "-m", "a later version")

    said = {**os.environ, "SOURCE": source.as_uri(), "REVISION": revision}
    done = subprocess.run(["bash", "-c", script], env=said, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "ran ['--version']\n"), done.stderr
    assert "--require-hashes" in script


@pytest.mark.parametrize("job", ["gitlab"], indirect=True)
async def test_the_component(job: Job, origin: Path) -> None:
    spec, document = documents(COMPONENT)
    inputs = {
        name: str(one.get("default")).replace("True", "true")
        for name, one in spec["spec"]["inputs"].items()
    }
    text = re.sub(r"\$\[\[ inputs\.(.*?) \]\]", lambda one: inputs[one[1]], json.dumps(document))
    (named,) = json.loads(text).values()
    environment = {
        **{name: str(value) for name, value in named["variables"].items()},
        "CI_DEFAULT_BRANCH": "main",
        "CI_MERGE_REQUEST_DIFF_BASE_SHA": git(job.folder, "rev-parse", "main"),
        "CI_COMMIT_SHA": git(job.folder, "rev-parse", "HEAD"),
        "TAGWATCH_DATABASE": str(job.folder.parent / "job.db"),
        "PATH": f"{job.folder.parent}/runner/tagwatch/bin:/usr/bin:/bin",
        "FAIL_ON": "warning",
    }
    code, said = await run_step(job, named["script"][1], environment)
    assert code == 1, said
    assert job.forge.comments[-1]["body"].startswith("<!-- tagwatch pr -->")
    report = json.loads((job.folder / "gl-code-quality-report.json").read_text())
    assert {one["location"]["path"] for one in report} == {"Dockerfile", "with space/Dockerfile"}
    job.environment.pop("TAGWATCH_GITLAB_TOKEN")
    code, said = await run_step(job, named["script"][1], environment)
    assert code == 1, said
    assert "redis:latest" in said
    assert len(job.forge.comments) == 1


@pytest.mark.parametrize("job", ["gitea"], indirect=True)
async def test_the_workflow_of_forgejo(job: Job, origin: Path) -> None:
    steps = documents(FORGEJO)[0]["jobs"]["images"]["steps"]
    folder, job.folder = job.folder, job.folder.parent / "empty"
    job.folder.mkdir()
    # a runner with an empty folder: the first step brings the objects of both sides
    shutil.move(origin, origin.with_name("web.git"))
    said = {
        "SERVER": f"file://{origin.parent}", "REPOSITORY": "web", "NUMBER": "7", "TOKEN": TOKEN,
        "DEFAULT": "main", "TARGET": "main", "GITHUB_TOKEN": TOKEN,
        "TAGWATCH_DATABASE": str(folder.parent / "job.db"),
    }  # fmt: skip
    for step, expected in ((steps[0], (0,)), (steps[2], (0,)), (steps[3], (0, 1))):
        code, text = await run_step(job, step["run"], said)
        assert code in expected, text
    assert "redis:latest" in job.forge.comments[-1]["body"]
