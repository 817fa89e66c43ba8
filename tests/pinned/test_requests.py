"""Requests: what each command asks of each kind of registry, counted by the registry.

`tests.bench.requests` prints such figures of the crawl alone and for large estates.
"""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tagwatch.cli.main import main
from tests.bench.requests import DOUBLES, UNTOKENED, counted, fill, move
from tests.pinned.pin import as_table, compare
from tests.registry.doubles.ecr import ENVIRONMENT
from tests.registry.doubles.warehouse import Double
from tests.unit.registry.catalogue.kinds import login

PATHS = [f"team/app{number}" for number in range(4)]
TAGS = 24
"""And `1`, which floats: a hundred tags in all, of which one moves."""
COUNTED = ("ping", "token", "project", "catalogue", "tags", "head", "manifest", "config")
COMMANDS = ("scan", "check", "resolve")
MEANING = "a command asks more or less of a registry than it did"


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """A scan sets up the garbage collector for its process, and here that is the tests'."""
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


@contextmanager
def served(double: Double) -> Iterator[None]:
    """The double on loopback in a thread: the command has this one for itself."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()
    stack = AsyncExitStack()
    try:
        entered = stack.enter_async_context(double.serving())
        asyncio.run_coroutine_threadsafe(entered, loop).result(10)
        yield
        asyncio.run_coroutine_threadsafe(stack.aclose(), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def estate(kind: str) -> Double:
    """A registry of the kind with four repositories of 25 tags."""
    double = DOUBLES[kind]()
    double.tokened = kind not in UNTOKENED
    fill(double, PATHS, TAGS)
    for path in PATHS:
        tags = double.warehouse.repositories[path]
        tags["1"] = max(tags.values(), key=lambda pushed: pushed.at)
    return double


def configure(folder: Path, double: Double) -> None:
    """The watch list is for `scan`, the Dockerfile for `check`; reports are a matter of others."""
    registry: dict[str, Any] = {"endpoint": double.url, "timeout_seconds": 30}
    if double.kind == "ecr":
        registry["credential"] = "aws"
    else:
        registry["kind"] = double.kind
    if double.kind in ("ecr", "ghcr", "hub"):
        registry["catalogue_endpoint"] = double.url
    images = [f"{double.name}/{path}" for path in PATHS]
    settings = {
        "database": "ledger.db",
        "watch": [{"image": image} for image in images],
        "registries": {double.name: registry},
        "reports": {"formats": ["json"]},
    }
    (folder / "tagwatch.yaml").write_text(json.dumps(settings))
    lines = [f"FROM {image}:{tag}\n" for image in images for tag in ("1", "1.2.0")]
    (folder / "Dockerfile").write_text("".join(lines))


def arguments(command: str, double: Double) -> list[str]:
    """The command line: everything, eight references in a file, or a tag and a pattern."""
    if command == "resolve":
        return [command, f"{double.name}/{PATHS[0]}:1", f"{double.name}/{PATHS[1]}:1.x"]
    return [command, "--max-time", "0", "Dockerfile"] if command == "check" else [command]


def nights(command: str, double: Double, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run the command once a night; each name comes after its run."""
    words = arguments(command, double)
    assert main(words) in (0, 1)
    yield "first"
    if command != "scan":
        assert main(words) in (0, 1)
        yield "within max_age"
    monkeypatch.setenv("TAGWATCH_MAX_AGE", "0")
    assert main(words) in (0, 1)
    yield "unchanged"
    move(double, PATHS, 1)
    assert main(words) in (0, 1)
    yield "1 % moved"


@pytest.mark.parametrize("command", COMMANDS)
def test_requests_by_kind_of_registry(
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    rows = []
    for kind in DOUBLES:
        folder = tmp_path / kind
        folder.mkdir()
        monkeypatch.chdir(folder)
        monkeypatch.setenv("TAGWATCH_CONFIG", "tagwatch.yaml")
        monkeypatch.delenv("TAGWATCH_MAX_AGE", raising=False)
        double = estate(kind)
        with served(double):
            configure(folder, double)
            more = ENVIRONMENT if kind == "ecr" else login(double.host) if kind == "ghcr" else {}
            for name, value in more.items():
                monkeypatch.setenv(name, value)
            for night in nights(command, double, monkeypatch):
                counts = counted(double)
                total = counts.pop("all")
                told = [counts.pop(name, 0) for name in COUNTED]
                rows.append((kind, night, *told, counts.total(), total))
            for name in more:
                monkeypatch.delenv(name)
    printed = capfd.readouterr()
    assert "internal error" not in printed.err
    columns = ("registry", "night", *COUNTED, "other", "all")
    compare(f"requests-{command}.tsv", as_table(columns, rows), MEANING)
