"""What the calls of the library refuse: the project's errors, each with a way out."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from pathlib import Path

import pytest

import tagwatch


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one file that names nothing to ask for, the current one."""
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM scratch\n")
    monkeypatch.chdir(folder)
    return folder


CALLS: list[tuple[Callable[[], object], type[tagwatch.TagwatchError], str]] = [
    (lambda: tagwatch.check(5), tagwatch.UsageError, "not a path"),  # type: ignore[arg-type]
    (lambda: tagwatch.check([5]), tagwatch.UsageError, "not a path"),  # type: ignore[list-item]
    (lambda: tagwatch.check(b"Dockerfile"), tagwatch.UsageError, "not a path"),  # type: ignore[arg-type]
    (lambda: tagwatch.check("Dockerfile", "."), tagwatch.UsageError, "not a site"),  # type: ignore[arg-type]
    (lambda: tagwatch.check(options=5), tagwatch.UsageError, "not options"),  # type: ignore[arg-type]
    (lambda: tagwatch.check([]), tagwatch.NothingToReadError, "nothing that tagwatch reads"),
    (lambda: tagwatch.check("no\0where"), tagwatch.NothingToReadError, "where"),
    (lambda: tagwatch.fix(strategy="all"), tagwatch.UsageError, "no such strategy: 'all'"),
    (lambda: tagwatch.resolve("Redis:6.2"), tagwatch.InvalidReferenceError, "lower case"),
    (lambda: tagwatch.resolve("redis:>=six"), tagwatch.UsageError, "six"),
    (lambda: tagwatch.resolve(6.2), tagwatch.UsageError, "is a text"),  # type: ignore[arg-type]
    (lambda: tagwatch.resolve(["redis"]), tagwatch.UsageError, "is a text"),  # type: ignore[arg-type]
    (lambda: tagwatch.resolve_all("redis"), tagwatch.UsageError, "one reference where several"),
    (lambda: tagwatch.resolve_all(None), tagwatch.UsageError, "not a list"),  # type: ignore[arg-type]
    (lambda: tagwatch.scan(), tagwatch.ConfigError, "there is no tagwatch.yaml in"),
    (lambda: tagwatch.scan("tagwatch.yaml"), tagwatch.UsageError, "not a site"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("call", "kind", "message"), CALLS)
def test_what_is_refused(
    folder: Path, call: Callable[[], object], kind: type[tagwatch.TagwatchError], message: str
) -> None:
    with pytest.raises(kind, match=message) as raised:
        call()
    assert raised.value.hint


def test_a_configuration_that_watches_nothing(folder: Path) -> None:
    (folder / "tagwatch.yaml").write_text("version: 1\n")
    with pytest.raises(tagwatch.NothingToReadError, match="neither sources nor watch"):
        tagwatch.scan()


def test_a_path_may_be_written_in_every_way(folder: Path) -> None:
    ways = ("Dockerfile", Path("Dockerfile"), ["Dockerfile"], (Path("Dockerfile"), "."), ".")
    assert {len(tagwatch.check(way).findings) for way in ways} == {0}
    assert tagwatch.check(one for one in ["Dockerfile"]).complete
    assert tagwatch.resolve_all([]) == ()


@pytest.mark.parametrize("name", ["check", "fix", "open_site", "resolve", "scan"])
def test_the_documentation_tells_costs_and_errors(name: str) -> None:
    said = inspect.getdoc(getattr(tagwatch, name)) or ""
    assert "Raises" in said
    assert "request" in said or "asks no registry" in said or "Costs" in said


@pytest.mark.usefixtures("folder")
def test_what_is_shown_of_a_site_holds_no_variable() -> None:
    """`help(tagwatch.open_site)` and `print(site)` showed every secret of the environment."""
    assert tagwatch.open_site(environment={"TOKEN": "hunter2"}).environment == {"TOKEN": "hunter2"}
    assert "hunter2" not in repr(tagwatch.open_site(environment={"TOKEN": "hunter2"}))
    default = inspect.signature(tagwatch.open_site).parameters["environment"].default
    assert default is None, "the signature would show what the process has"
    assert tagwatch.open_site().environment == os.environ


async def test_configured_facts_that_cannot_be_had_are_told(folder: Path) -> None:
    (folder / "tagwatch.yaml").write_text("version: 1\nfacts: {source: none, key_env: KEY}\n")
    told: list[str] = []
    site = tagwatch.open_site(config="tagwatch.yaml")
    tagwatch.check("Dockerfile", site, options=tagwatch.CheckOptions(tell=told.append))
    assert len(told) == 1
    assert "'none'" in told[0]
    assert tagwatch.check("Dockerfile", site).complete, "nobody has to listen"
