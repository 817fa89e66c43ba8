"""`import tagwatch`: what it gives, and that it costs nothing."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import tagwatch
from tagwatch import errors
from tests.paths import ROOT


def test_all_is_importable_and_nothing_else_is_promised() -> None:
    for name in tagwatch.__all__:
        value = getattr(tagwatch, name)
        assert getattr(value, "__name__", name) in (name, {"Digest": "str"}.get(name))
    assert len(set(tagwatch.__all__)) == len(tagwatch.__all__)
    assert set(tagwatch.__all__) <= set(dir(tagwatch))
    with pytest.raises(AttributeError, match="nothing"):
        tagwatch.nothing  # type: ignore[attr-defined]  # noqa: B018  # that is the test


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse(Path(tagwatch.__file__).read_text(encoding="utf-8"))
    seen = {
        (alias.asname, node.module)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("tagwatch.")
        for alias in node.names
    }
    assert seen == set(tagwatch._HOME.items())


def test_values_walks_and_errors_are_there() -> None:
    names = set(tagwatch.__all__)
    assert {"check", "fix", "scan", "Reference", "Digest", "AuditResult", "Finding"} <= names
    raised = {name for name in errors.__all__ if name in names}
    assert {"TagwatchError", "ConfigError", "RegistryError", "LedgerError"} <= raised
    assert tagwatch.Reference.parse("redis").canonical == "docker.io/library/redis:latest"


@pytest.mark.parametrize(
    "name",
    ["AuditResult", "CheckOptions", "Coverage", "Draft", "Finding", "Ignored", "RepositoryChange",
     "Resolution", "ScanResult", "Since", "Site", "check", "fix", "open_site", "resolve",
     "resolve_all", "scan", "scan_async"],
)  # fmt: skip
def test_what_is_given_and_taken_is_public_too(name: str) -> None:
    """A caller can name every type that a call or a result speaks of, and read what it is."""
    public = getattr(tagwatch, name)
    owners = [public]
    if inspect.isclass(public):
        parts = [value for key, value in vars(public).items() if not key.startswith("_")]
        owners += [one.fget if isinstance(one, property) else one for one in parts]
    written = [text for one in owners for text in getattr(one, "__annotations__", {}).values()]
    assert written
    named = {word for text in written for word in re.findall(r"\b[A-Z]\w+", str(text))}
    theirs = {"Callable", "Event", "Iterable", "Mapping", "None", "Path", "PathLike", "Sequence"}
    assert named - theirs - {"Paths"} <= set(tagwatch.__all__)
    assert public.__doc__


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [
        (["-c", "import tagwatch"], {"tagwatch"}),
        (
            ["-c", "import sys; sys.argv = ['tagwatch', '--version']; "
             "import tagwatch.__main__ as program; program.entry()"],
            {"tagwatch", "tagwatch.__main__", "tagwatch.cli", "tagwatch.cli.main",
             "tagwatch.cli.command", "tagwatch.cli.plain_line",
             "tagwatch.errors", "tagwatch.family", "tagwatch.member", "tagwatch.value"},
        ),
    ],
    ids=["import", "version"],
)  # fmt: skip
def test_it_imports_almost_nothing(arguments: list[str], allowed: set[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments], capture_output=True, text=True, check=True
    )
    modules = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert {name for name in modules if name.split(".")[0] == "tagwatch"} <= allowed
    assert not modules & {"asyncio", "dataclasses", "inspect", "json", "pathlib", "sqlite3"}


def third_party() -> dict[str, set[str]]:
    """The packages of others that our modules import, anywhere in them, and which modules do."""
    found: dict[str, set[str]] = {}
    for path in Path(tagwatch.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                found.setdefault(name.partition(".")[0], set()).add(str(path))
    ours = {"tagwatch", *sys.stdlib_module_names}
    return {name: paths for name, paths in found.items() if name not in ours}


def test_what_is_imported_is_declared_and_what_is_declared_is_imported() -> None:
    """What comes along with another package goes away with it, too."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lists = (project["dependencies"], *project["optional-dependencies"].values())
    declared = {canonicalize_name(Requirement(text).name) for some in lists for text in some}
    packages = metadata.packages_distributions()
    imported = set()
    for name, paths in third_party().items():
        homes = {canonicalize_name(home) for home in packages.get(name, ())}
        assert homes & declared, f"{name} is not declared in pyproject.toml: {sorted(paths)}"
        imported |= homes
    assert declared - imported == set(), "nothing imports these"


def test_the_license_comes_with_the_package() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
    installed = metadata.distribution("tagwatch")
    assert installed.metadata["License-Expression"] == "Apache-2.0"
    assert installed.metadata.get_all("License-File") == ["LICENSE"], "run .ci/setup test again"
    assert [
        path.read_text(encoding="utf-8")
        for path in installed.files or ()
        if path.match("*.dist-info/licenses/LICENSE")
    ] == [text]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "LICENSE" in project["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]


def test_what_pypi_shows_leads_somewhere() -> None:
    """PyPI has no file of the repository: links and pictures of the README are whole addresses."""
    shown = metadata.metadata("tagwatch").json
    assert shown["description_content_type"] == "text/markdown"
    source = dict(str(one).split(", ") for one in shown["project_url"])["Source"]
    at = f"v{shown['version']}"
    text = str(shown["description"])
    assert f"]({source}/raw/{at}/docs/images/report.png)" in text, "run .ci/setup test again"
    assert f"]({source}/blob/{at}/docs/start.md)" in text
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert len(links) > 20
    assert [link for link in links if not link.startswith("https://")] == []
