"""The hooks: which files they are given, and a real `pre-commit` run in a scratch repository."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from tagwatch.family import SOURCES
from tests.paths import ROOT

MANIFEST = ROOT / ".pre-commit-hooks.yaml"
GIT = (
    "git",
    "-c",
    "user.name=t",
    "-c",
    "user.email=t@example.com",
    "-c",
    "protocol.file.allow=always",
)

READ = [
    "Dockerfile", "dockerfile", "a/Dockerfile.prod", "Dockerfile-ci", "api.Dockerfile",
    "Containerfile", "x/app.containerfile", "compose.yaml", "docker-compose.yml",
    "deploy/docker-compose.prod.yaml", "compose-ci.yml", "compose.json",
    "docker-compose.json", "a/Kustomization", "kustomization.yaml", "values.yaml",
    "charts/a/values-prod.yaml", ".gitlab-ci.yml", ".github/workflows/ci.yaml",
    "docker-bake.hcl", "docker-bake.json", ".devcontainer/devcontainer.json", ".devcontainer.json",
]  # fmt: skip
LEFT = [
    "Dockerfile.md", "dockerfile.go", "Dockerfile.dockerignore", "dockerfile_test.go", "main.py",
    "docs/compose.md", "decompose.yaml", "deployment.yaml", "package.json", "Dockerfiles/readme",
    "Dockerfile.json", "my-values.txt", "docs/kustomization", "recompose.json",
]  # fmt: skip


def hooks() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))
    return found


def is_given(hook: dict[str, Any], path: str) -> bool:
    """As pre-commit decides: `files` is found in the path, `exclude` is not."""
    return bool(re.search(hook["files"], path)) and not re.search(hook["exclude"], path)


@pytest.mark.parametrize("hook", hooks(), ids=lambda hook: hook["id"])
def test_a_hook_is_given_what_is_read_by_name_and_nothing_else(hook: dict[str, Any]) -> None:
    """A file that nothing reads would end the hook with 3, and stop the commit."""
    assert [path for path in READ if not is_given(hook, path)] == []
    assert [path for path in LEFT if is_given(hook, path)] == []
    sources = [import_module(name) for name in SOURCES.values()]
    unread = [path for path in READ if not any(one.recognizes(path, b"") for one in sources)]
    assert unread == [], "given to the hook, and recognized only with its content"


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        (*GIT, *arguments), cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout


def committed(folder: Path) -> None:
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "x")


def test_the_hook_that_init_writes_is_asked_about_the_same_files() -> None:
    """What one of them passes over and the other reads would read as clean."""
    starter = ROOT / "tagwatch" / "config" / "starter" / "hook.yaml"
    (written,) = yaml.safe_load(starter.read_text(encoding="utf-8"))
    offered = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))
    assert {"".join(one["files"].split()) for one in (*written["hooks"], *offered)} == {
        "".join(offered[0]["files"].split())
    }


@pytest.fixture
def hook_repository(tmp_path: Path) -> Path:
    """What a user's `repo:` line would fetch: this project, in one commit."""
    folder = tmp_path / "hook"
    shutil.copytree(
        ROOT / "tagwatch", folder / "tagwatch", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("pyproject.toml", "LICENSE", "README.md", ".pre-commit-hooks.yaml"):
        shutil.copy(ROOT / name, folder / name)
    shutil.copytree(ROOT / "config", folder / "config")
    committed(folder)
    return folder


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Path]:
    """A repository that uses the hook, with nothing in it yet."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    (folder / "README.md").write_text("Dockerfile\n")
    committed(folder)
    yield folder


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PRE_COMMIT_HOME": str(folder.parent / "cache")}
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=540,
        check=False,
    )


def pre_commit(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(folder, sys.executable, "-m", "pre_commit", *arguments)


def commit(folder: Path, dockerfile: str) -> subprocess.CompletedProcess[str]:
    (folder / "Dockerfile").write_text(dockerfile)
    git(folder, "add", "-A")
    started = time.perf_counter()
    done = run(folder, *GIT, "commit", "-m", "x")
    print(f"git commit with the hook: {time.perf_counter() - started:.2f} s")
    return done


@pytest.mark.timeout(600)
def test_a_real_run(hook_repository: Path, scratch: Path) -> None:
    try:
        import_module("pre_commit")
    except ImportError:
        assert "CI" not in os.environ, "pre-commit belongs to the test group"
        pytest.skip("pre-commit is not installed")
    head = git(hook_repository, "rev-parse", "HEAD").strip()
    (scratch / ".pre-commit-config.yaml").write_text(
        f"repos:\n- repo: {hook_repository}\n  rev: {head}\n  hooks:\n  - id: tagwatch\n"
    )
    installed = pre_commit(scratch, "install", "--install-hooks")
    if installed.returncode and "No matching distribution" in installed.stdout + installed.stderr:
        assert "CI" not in os.environ, installed.stdout
        pytest.skip("no package index is at hand for the hook's environment")
    assert installed.returncode == 0, installed.stdout + installed.stderr

    offline = commit(scratch, f"FROM redis:6.2@sha256:{'0' * 64}\nUSER 1\n")
    assert offline.returncode == 0, "no network and no memory never stop a commit" + offline.stderr
    assert "Passed" in offline.stdout + offline.stderr

    (scratch / "docker-bake.hcl").write_text('target "app" {\n  tags = ["app"]\n}\n')
    warned = commit(scratch, "FROM redis\nFROM redis:6.2.x\nUSER 1\n")
    told = warned.stdout + warned.stderr
    assert warned.returncode == 0, "a warning stops no commit, nor does a bake file: " + told
    assert "Passed" in told
    assert "redis has no tag, so it means latest" in told, "and is shown all the same"
    assert "redis:6.2.x reads as a pattern" in told
    git(scratch, "rm", "-q", "-f", "docker-bake.hcl")

    wrong = commit(scratch, "FROM redis:6.2\nADD --checksum\n")
    told = wrong.stdout + wrong.stderr
    assert wrong.returncode == 1, told
    assert "exit code: 1" in told
    assert "Dockerfile:2" in told

    git(scratch, "checkout", "HEAD", "--", "Dockerfile")
    right = pre_commit(scratch, "run", "--all-files", "--verbose")
    assert right.returncode == 0, right.stdout
    duration = re.search(r"duration: ([0-9.]+)s", right.stdout)
    assert duration is not None, right.stdout
    print(f"the hook itself: {duration[1]} s")

    git(scratch, "rm", "-q", "-f", "Dockerfile")
    nothing = pre_commit(scratch, "run", "--all-files")
    assert "no files to check" in nothing.stdout
