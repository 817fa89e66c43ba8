"""What an installation brings: few packages, each for a reason, and none that nothing imports."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions, requires

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.paths import ROOT

MOST = 35
EXTRAS = ("aws", "google", "dask", "notify", "sign")
TEXT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
PROJECT = tomllib.loads(TEXT)["project"]


def brought(names: list[str]) -> set[str]:
    """These packages with all that they need here, by their metadata."""
    found: set[str] = set()
    waiting = [Requirement(name) for name in names]
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        if name in found:
            continue
        found.add(name)
        for line in requires(name) or ():
            needed = Requirement(line)
            asked = ("", *wanted.extras)
            if needed.marker is None or any(needed.marker.evaluate({"extra": e}) for e in asked):
                waiting.append(needed)
    return found


def test_the_default_installation_is_lean() -> None:
    found = brought(PROJECT["dependencies"])
    assert len(found) <= MOST, sorted(found)
    assert not found & {"apprise", "requests", "rich", "botocore", "cryptography", "distributed"}


def test_each_dependency_has_a_reason_beside_it() -> None:
    told = re.findall(r'(?m)^(?:  |\w+ = \[)"([A-Za-z0-9-]+)\S*"[\],].*?#\s*(\S.*)$', TEXT)
    named = {canonicalize_name(name) for name, _ in told}
    own = {canonicalize_name(Requirement(one).name) for one in PROJECT["dependencies"]}
    assert own <= named
    for extra in EXTRAS:
        line = re.search(rf"(?m)^{extra} = \[.*\](.*)$", TEXT)
        assert line is not None
        assert "#" in line[1], extra


def test_no_dependency_is_there_for_nothing() -> None:
    sources = "\n".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "tagwatch").rglob("*.py")
    )
    imported = set(re.findall(r"(?m)^\s*(?:from|import) ([a-z_0-9]+)", sources))
    homes = packages_distributions()
    used = {canonicalize_name(name) for module in imported for name in homes.get(module, ())}
    own = {canonicalize_name(Requirement(one).name) for one in PROJECT["dependencies"]}
    assert own - used == set()
    extra = {
        canonicalize_name(Requirement(one).name)
        for name in EXTRAS
        for one in PROJECT["optional-dependencies"][name]
    }
    assert extra - used == set()


def test_a_missing_extra_is_told_in_one_line() -> None:
    program = (
        "import sys\n"
        "sys.modules['apprise'] = None\n"
        "from tagwatch.errors import NotifyError\n"
        "from tagwatch.publish.notify.apprise import AppriseNotifier\n"
        "try:\n    AppriseNotifier(url='json://127.0.0.1/x')\n"
        "except NotifyError as error:\n    print(error.message, '|', error.hint)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    said = "apprise: the package is not installed | pip install 'tagwatch[notify]'\n"
    assert done.stdout == said
