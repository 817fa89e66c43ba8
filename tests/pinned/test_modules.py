"""Modules: what two commands load. Each has its price at every start, and comes by itself.

`tests/walk/test_start_up.py` says what must never be there and how many may; here each change is
seen, by name.
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version

from tests.pinned.pin import PINNED, REGENERATE, as_json, compare
from tests.walk.conftest import Shop
from tests.walk.test_start_up import imported

PACKAGES = {
    "aiohttp", "aiolimiter", "apprise", "apscheduler", "botocore", "distributed", "google", "hcl2",
    "jinja2", "msgspec", "packaging", "pathspec", "prometheus_client", "semver",
    "slack_sdk", "sqlite_utils", "yaml",
}  # fmt: skip
NAMES = {"yaml": "pyyaml", "hcl2": "python-hcl2", "google": "google-auth"}
MEANING = (
    "this command loads other modules than it did. After a move of code that is expected, and "
    "fewer are welcome; look for what it does not need"
)
COUNTS = "modules-of-others.json"


def compare_modules(file: str, command: str, modules: set[str]) -> None:
    """Our modules and the packages that we depend on, by name; then how many others there are.

    That number depends on the versions of Python and packages: it is compared where these are
    known, and regenerating adds those that are installed.
    """
    ours = {name for name in modules if name.partition(".")[0] == "tagwatch"}
    packages = {name.partition(".")[0] for name in modules} & PACKAGES
    lines = [f"# {command}: packages, then modules", *sorted(packages), *sorted(ours)]
    compare(file, "\n".join(lines) + "\n", MEANING)

    used = [f"{name} {version(NAMES.get(name, name))}" for name in sorted(packages)]
    installed = ", ".join([f"python {sys.version_info[0]}.{sys.version_info[1]}", *used])
    path = PINNED / COUNTS
    counts = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    known = counts.setdefault(command, {})
    if installed in known or REGENERATE:
        others = sorted(modules - ours)
        known[installed] = len(others)
        compare(COUNTS, as_json(counts), f"{MEANING}; others are now: {' '.join(others)}")


def bare() -> set[str]:
    """What the interpreter loads for itself, and what this environment makes it load."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "pass"], capture_output=True, check=True
    )
    return {line.rpartition("|")[2].strip() for line in done.stderr.decode().splitlines()}


async def test_a_warm_check_that_asks_nobody(shop: Shop) -> None:
    shop.write("Dockerfile", "FROM python:3.12-slim\nUSER 10001\nEXPOSE 8000\n")
    for _ in range(2):  # the second finds all that the first remembered
        await shop.run("check", "Dockerfile")
    modules, out = await imported(shop, "check", "--all", "Dockerfile", "--offline")
    assert "3.12.14" in out
    compare_modules("modules-check.txt", "check Dockerfile --offline", modules - bare())


async def test_a_question_that_asks_a_registry(shop: Shop) -> None:
    await shop.run("resolve", "redis:7")  # the configuration is checked once
    modules, out = await imported(shop, "resolve", "redis:6.2")
    assert "6.2.23" in out
    compare_modules("modules-resolve.txt", "resolve redis:6.2", modules - bare())
