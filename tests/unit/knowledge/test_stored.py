"""A stored file of facts that is damaged: the bundled facts count, and it is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tagwatch.image.reference import Repository
from tagwatch.knowledge.bundled import END_OF_LIFE, OFFICIAL_NAMES, OFFICIAL_TAGS, load, load_all

HEAD = {"schema_version": 1, "as_of": "2099-01-01", "source": "x"}
GOOD = {"name": "Redis", "images": [], "cycles": {"7": "2027-01-01"}}
DAMAGES: dict[str, tuple[str, dict[str, Any]]] = {
    "a product is a number": (END_OF_LIFE, {"products": {"redis": 5}}),
    "images are a text": (END_OF_LIFE, {"products": {"redis": {**GOOD, "images": "redis"}}}),
    "no lines": (END_OF_LIFE, {"products": {"redis": {"name": "Redis", "images": []}}}),
    "lines are a list": (END_OF_LIFE, {"products": {"redis": {**GOOD, "cycles": ["7"]}}}),
    "a day is none": (END_OF_LIFE, {"products": {"redis": {**GOOD, "cycles": {"7": "soon"}}}}),
    "a name is a list": (OFFICIAL_NAMES, {"names": [[1]]}),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_the_bundled_facts_count(tmp_path: Path, damage: str) -> None:
    name, facts = DAMAGES[damage]
    (tmp_path / name).write_text(json.dumps({**HEAD, **facts}, indent=1), encoding="utf-8")
    known, warnings = load_all(stored=tmp_path)
    assert known.as_of == load().as_of
    assert len(warnings) == 1
    assert "the bundled facts count" in warnings[0]


def test_tags_that_are_none_are_not_read(tmp_path: Path) -> None:
    facts = {**HEAD, "images": {"redis": 5}}
    (tmp_path / OFFICIAL_TAGS).write_text(json.dumps(facts, indent=1), encoding="utf-8")
    known, _ = load_all(stored=tmp_path)
    assert known.built["redis"] == load().built["redis"]


@pytest.mark.parametrize(
    "path", ["dependency_proxy/containers/node", "g/dependency_proxy/containers/node"]
)
def test_a_path_is_no_proof_of_an_official_image(path: str) -> None:
    assert not load().is_official(Repository(registry="evil.example", path=path))
