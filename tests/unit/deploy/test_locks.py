"""The lock files: what the image, CI and a release install, each package by its hashes."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from tests.paths import ROOT

STALE = "a requirement changed: run `make lock` (`make lock UPGRADE=` keeps the versions that fit)"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PROJECT = PYPROJECT["project"]
EXTRAS = ("aws", "google", "notify")
"""What the image, the jobs of forges and CI have beside the default installation."""
LOCKS = {
    "requirements.lock": (True, ()),
    ".ci/requirements.lock": (True, ("test", "lint", "browser", "build")),
    ".ci/tools.lock": (False, ("release",)),
}
"""Of each file: whether it is for the program itself, and for which dependency groups."""
LEFT_OUT = {"playwright": "axe-playwright-python", "pyee": "playwright", "greenlet": "playwright"}
"""What is no part of the lock although a package asks for it: a second browser."""


def _entries(name: str) -> list[str]:
    text = (ROOT / name).read_text("utf-8")
    return re.split(r"\n(?=[\w.-]+==)", text.strip())


def _locked(name: str) -> dict[NormalizedName, dict[Version, Requirement]]:
    """The versions of each package; of several, each has a marker of its own."""
    found: dict[NormalizedName, dict[Version, Requirement]] = {}
    for entry in _entries(name):
        requirement = Requirement(entry.partition("\n")[0].removesuffix("\\").strip())
        (pin,) = requirement.specifier
        found.setdefault(canonicalize_name(requirement.name), {})[Version(pin.version)] = (
            requirement
        )
    return found


def _asked_for(name: str) -> list[Requirement]:
    with_program, groups = LOCKS[name]
    extras = PROJECT["optional-dependencies"]
    texts = [*PROJECT["dependencies"], *(one for extra in EXTRAS for one in extras[extra])]
    texts = [*(texts if with_program else ()), *(one for group in groups for one in _group(group))]
    return [Requirement(text) for text in texts]


def _group(name: str) -> Iterator[str]:
    for one in PYPROJECT["dependency-groups"][name]:
        if isinstance(one, dict):
            yield from _group(one["include-group"])
        else:
            yield one


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_holds_what_the_project_asks_for(name: str) -> None:
    locked = _locked(name)
    wanted = _asked_for(name)
    for requirement in wanted:
        versions = locked.get(canonicalize_name(requirement.name), {})
        assert versions, f"{name} lacks {requirement}: {STALE}"
        for version in versions:
            told = f"{name} has {requirement.name} {version}, not {requirement}: {STALE}"
            assert requirement.specifier.contains(version), told
    named = {
        canonicalize_name(entry.partition("==")[0])
        for entry in _entries(name)
        if re.search(r"^ +# (via )? *tagwatch \(", entry, re.MULTILINE)
    }
    extra = named - {canonicalize_name(requirement.name) for requirement in wanted}
    assert not extra, f"nobody asks {name} for {sorted(extra)} any more: {STALE}"


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_has_hashes(name: str) -> None:
    for entry in _entries(name):
        assert re.search(r"^ +--hash=sha256:[0-9a-f]{64}", entry, re.MULTILINE), entry[:60]


def test_ci_runs_what_users_get() -> None:
    """Where two locks name a package, they name the same version."""
    program, ci = _locked("requirements.lock"), _locked(".ci/requirements.lock")
    assert {name: set(program[name]) for name in program if name in ci} == {
        name: set(ci[name]) for name in program if name in ci
    }, STALE
    apart = {name for name in set(program) - set(ci) if _applies(program[name])}
    assert not apart, STALE


def test_the_lock_of_ci_is_whole() -> None:
    """Nothing is installed beside it: each package's own requirements are held to it, too."""
    locked = _locked(".ci/requirements.lock")
    for name, versions in locked.items():
        if not _applies(versions):
            continue
        try:
            installed = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            pytest.fail(f"{name} is locked and not installed: run `.ci/setup test`")
        for text in installed.requires or ():
            requirement = Requirement(text)
            asked = canonicalize_name(requirement.name)
            if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
                continue
            if LEFT_OUT.get(asked) == name:
                continue
            fitting = [one for one in locked.get(asked, {}) if requirement.specifier.contains(one)]
            assert fitting, f"{name} asks for {requirement}, which is not locked: {STALE}"


def test_what_is_installed_here_is_what_is_locked() -> None:
    for name, versions in _locked(".ci/requirements.lock").items():
        if pins := _applies(versions):
            assert Version(metadata.version(name)) in pins, f"{name}: run `.ci/setup test`"


def _applies(versions: dict[Version, Requirement]) -> list[Version]:
    """Return those of `versions` that are for this Python and system."""
    return [
        version
        for version, requirement in versions.items()
        if requirement.marker is None or requirement.marker.evaluate()
    ]
