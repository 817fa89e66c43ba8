"""Old configurations: files that were right once go on being read, and mean what they meant.

Each file of `tests/data/pinned/config/` has its meaning beside it. Add a file where a new form is
accepted; never edit one so that it loads again.
"""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
import yaml

from tagwatch.config.load import Configuration, load_configuration
from tagwatch.errors import ConfigError
from tagwatch.image.platform import Platform
from tagwatch.source.target import Location
from tests.paths import ROOT
from tests.pinned.pin import PINNED, as_json, as_table, compare

FOLDER = PINNED / "config"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
POLICIES = sorted(path.stem for path in (FOLDER / "policies").glob("*.yaml"))
ENVIRONMENT = {
    "TAGWATCH_DATABASE": "/srv/tagwatch.db",
    "TAGWATCH_MAX_AGE": "90m",
    "TAGWATCH_POLICY": str(FOLDER / "policies" / "org.yaml"),
    "TAGWATCH_REPORTS": "/srv/reports",
    "TAGWATCH_REPORTS_URL": "https://reports.example/all/",
}
NOISE = re.compile(r"^settings.path$|^policy\.(name|digest)$|\.(place|location)$|\.places\[\d+\]$")
"""What differs wherever something is said at all: where it is said."""
AGAIN = (".policy.", ".overrides[].rules.")
"""Where a schema has again what it has elsewhere."""
MEANING = "a configuration that people have is refused, or means something else than it did"


def plain(value: Any) -> Any:
    """A value as JSON has it, by the names of its fields, whatever its class is called."""
    match value:
        case Enum():
            return value.value
        case Platform() | Location() | Path() | date():
            return str(value)
        case timedelta():
            return f"{value.total_seconds():.0f} s"
        case Mapping():
            return {key: plain(inner) for key, inner in value.items()}
        case tuple() | list():
            return [plain(inner) for inner in value]
        case None | bool() | int() | float() | str():
            return value
    return {one.name: plain(getattr(value, one.name)) for one in dataclasses.fields(value)}


def told(read: Configuration) -> str:
    """What a configuration means, the same wherever the project lies."""
    meaning = {name: plain(getattr(read, name)) for name in ("settings", "policy", "warnings")}
    return (
        as_json(meaning)
        .replace(str(FOLDER), "<folder>")
        .replace(str(Path.home()), "<home>")
    )  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_file_means_what_it_meant(name: str, tmp_path: Path) -> None:
    path = FOLDER / f"{name}.yaml"
    read = load_configuration(path, {}, FOLDER, cache=tmp_path)
    compare(f"config/{name}.json", told(read), MEANING)
    assert len(list(tmp_path.glob("config-*.json"))) == 1
    stored = load_configuration(path, {}, FOLDER, cache=tmp_path)
    assert told(stored) == told(read), "what was stored of it means something else"


def test_the_environment_is_laid_over_it() -> None:
    read = load_configuration(FOLDER / "other-forms.yaml", ENVIRONMENT, FOLDER)
    compare("config/by-environment.json", told(read), MEANING)


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_is_the_same_in_its_own_file_and_by_the_environment(name: str) -> None:
    path = FOLDER / "policies" / f"{name}.yaml"
    read = load_configuration(None, {"TAGWATCH_POLICY": str(path)}, FOLDER)
    compare(f"config/policies/{name}.json", told(read), MEANING)


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every single value with its path; of an empty list or mapping, that it is empty."""
    pairs: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        pairs = [(f"{path}.{key}" if path else key, inner) for key, inner in value.items()]
    elif isinstance(value, list):
        pairs = [(f"{path}[{number}]", inner) for number, inner in enumerate(value)]
    if not pairs:
        yield path, json.dumps(value, ensure_ascii=False)
    for name, inner in pairs:
        yield from leaves(inner, name)


def meaning_of(line: str, folder: Path) -> dict[str, str]:
    """What a file of one line means, value by value."""
    path = folder / "tagwatch.yaml"
    path.write_text(line, encoding="utf-8")
    meaning = told(load_configuration(path, {}, folder)).replace(str(folder), "<folder>")
    return {name: value for name, value in leaves(json.loads(meaning)) if not NOISE.search(name)}


def test_each_spelling(tmp_path: Path) -> None:
    """One line a spelling. What is refused today may be accepted one day, not the other way."""
    shutil.copytree(FOLDER / "policies", tmp_path / "policies")
    nothing = meaning_of("", tmp_path).items()
    rows = []
    for line in (FOLDER / "spellings.txt").read_text(encoding="utf-8").splitlines():
        try:
            found = meaning_of(line, tmp_path).items() - nothing
            said = "; ".join(f"{name} = {value}" for name, value in sorted(found))
        except ConfigError as error:
            said = f"refused at {error.message.split(': ')[0]}"
        rows.append((line, said or "the built-in"))
    compare("config/spellings.tsv", as_table(("written", "means"), rows), MEANING)


def declared(node: Mapping[str, Any], schema: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Every key that a schema knows, by its path; `*` is any name, `[]` any item."""
    if "$ref" in node:
        node = schema["$defs"][node["$ref"].rpartition("/")[2]]
    for one in node.get("anyOf", ()):
        yield from declared(one, schema, path)
    for name, inner in node.get("properties", {}).items():
        yield f"{path}.{name}"
        yield from declared(inner, schema, f"{path}.{name}")
    if isinstance(node.get("additionalProperties"), dict):
        yield from declared(node["additionalProperties"], schema, f"{path}.*")
    if isinstance(node.get("items"), dict):
        yield from declared(node["items"], schema, f"{path}[]")


def written(value: Any, path: str = "") -> Iterator[str]:
    """Every key that a file writes, with `*` beside each name."""
    if isinstance(value, list):
        for item in value:
            yield from written(item, f"{path}[]")
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield f"{path}.{name}"
            yield from written(inner, f"{path}.{name}")
            yield from written(inner, f"{path}.*")


@pytest.mark.parametrize(("schema", "folder"), [("tagwatch", "."), ("policy", "policies")])
def test_some_file_writes_every_key(schema: str, folder: str) -> None:
    form = json.loads((ROOT / "config" / f"{schema}.schema.json").read_text(encoding="utf-8"))
    known = {key for key in declared(form, form) if not key.startswith(AGAIN)}
    files = (FOLDER / folder).glob("*.yaml")
    used = {key for path in files for key in written(yaml.safe_load(path.read_text("utf-8")) or {})}
    assert len(known) > 40
    assert known - used == set(), "a new key: write it in a new file there"
