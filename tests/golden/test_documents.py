"""JSON for programs: every document keeps to its schema, and those of yesterday do so, too."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # has no stubs
import pytest
from referencing import Registry, Resource

import tagwatch
from tagwatch.audit.model.base_match import BaseVerdict
from tagwatch.audit.model.history import Seen
from tagwatch.audit.rule.catalogue import load_rule, needs_text
from tagwatch.audit.version.lifecycle import Lifecycle
from tagwatch.family import RULES
from tests.golden.documents import SCHEMAS, Golden, documents, frozen_documents, schemas
from tests.paths import ROOT

OPEN = schemas()
NOW, FROZEN = list(documents()), list(frozen_documents())


def closed(schema: Any) -> Any:
    """The schema, with no other fields than it names: what is answered must be told of."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: closed(value) for key, value in schema.items()}
    return {"additionalProperties": False, **inner} if "properties" in inner else inner


CLOSED = {name: closed(schema) for name, schema in OPEN.items()}


def wrong(golden: Golden, known: Mapping[str, Any]) -> list[str]:
    """What of a document does not keep to its schema, which may refer to others."""
    registry: Registry[Any] = Registry().with_resources(
        [(f"{name}.json", Resource.from_contents(schema)) for name, schema in known.items()]
    )
    check = jsonschema.Draft202012Validator({"$ref": f"{golden.schema}.json"}, registry=registry)
    return [
        f"{error.json_path}: {error.message[:200]}" for error in check.iter_errors(golden.document)
    ]


@pytest.mark.parametrize("name", sorted(OPEN))
def test_a_schema_is_one_and_is_kept_to(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(OPEN[name])
    assert any(golden.schema == name for golden in NOW), "no golden answer shows it"
    assert any(golden.schema == name for golden in FROZEN), "no document of it is kept"


@pytest.mark.parametrize("golden", NOW, ids=[golden.name for golden in NOW])
def test_what_is_answered_today(golden: Golden) -> None:
    assert wrong(golden, CLOSED) == []


@pytest.mark.parametrize("golden", FROZEN, ids=[golden.name for golden in FROZEN])
def test_what_was_answered_once(golden: Golden) -> None:
    """A program that reads by the schema reads what older versions stored and sent."""
    assert wrong(golden, OPEN) == []


def test_the_sample_reports() -> None:
    """They show what the plays do not. What differs between two images is only sketched in them."""
    for path in sorted((ROOT / "reports" / "sample").rglob("*.json")):
        if path.name not in ("slack.json", "pages.json"):
            document = json.loads(path.read_text(encoding="utf-8"))
            for change in document["changes"]:
                change["diff"] = {}
            sample = Golden(name=path.name, schema="result", document=document)
            assert wrong(sample, CLOSED) == []


MAPPINGS = re.compile(
    r"\.(requests(\.\*)?|quotas|options|below|(env|labels)\.(added|removed|changed))$"
)


def fields(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Each field of a document by its path, with its JSON type; null tells of no type."""
    if isinstance(value, dict):
        yield path, "object"
        for key, inner in value.items():
            yield from fields(inner, f"{path}.*" if MAPPINGS.search(path) else f"{path}.{key}")
    elif isinstance(value, list):
        yield path, "array"
        for inner in value:
            yield from fields(inner, f"{path}[]")
    elif value is not None:
        types = {bool: "boolean", int: "number", float: "number", str: "string"}
        yield path, types[type(value)]
    else:
        yield path, "null"


@pytest.mark.parametrize("schema", sorted(OPEN))
def test_no_field_is_removed_or_retyped(schema: str) -> None:
    """The promise of `schema_version` 1: what programs read stays there, and stays what it is."""
    once: dict[str, set[str]] = {}
    now: dict[str, set[str]] = {}
    for goldens, found in ((FROZEN, once), (NOW, now)):
        for golden in goldens:
            if golden.schema == schema:
                for path, kind in fields(golden.document):
                    found.setdefault(path, set()).add(kind)
    assert not sorted(once.keys() - now.keys()), "fields that are no more"
    for path, kinds in once.items():
        told = kinds - {"null"}
        assert not told or now[path] - {"null"} <= told, f"{path} was {told} and is {now[path]}"


@pytest.mark.parametrize(
    ("schema", "place", "words"),
    [
        ("result", "finding.severity", {*tagwatch.Severity} - {tagwatch.Severity.OFF}),
        ("result", "change.verdict", {*tagwatch.Verdict}),
        ("diff", "verdict", {*tagwatch.Verdict}),
        ("history", "interval.verdict", {*tagwatch.Verdict, None}),
        ("history", "interval.kind", {*Seen}),
        ("history", "history.lifecycle", {*Lifecycle, None}),
        ("resolve", "resolution.status", {*tagwatch.Status}),
        ("resolve", "resolution.basis", {*tagwatch.Basis}),
        ("base", "platform.verdict", {*BaseVerdict}),
        ("explain", "rule.severity", {*tagwatch.Severity}),
        ("explain", "rule.needs", {need for name in RULES for need in needs_text(load_rule(name))}),
    ],
)
def test_a_schema_lists_every_word(schema: str, place: str, words: set[str | None]) -> None:
    part, _, name = place.rpartition(".")
    whole = OPEN[schema]
    field = (whole["$defs"][part] if part else whole)["properties"][name]
    assert set(field.get("items", field)["enum"]) == words


def test_the_page_names_each_document() -> None:
    page = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
    named = re.findall(r"\(schema/([a-z-]+)\.json\)", page)
    assert sorted(named) == sorted(path.stem for path in SCHEMAS.iterdir())


@pytest.mark.parametrize(
    ("field", "value"),
    [("status", "perhaps"), ("aliases", None), ("digest", "sha256:1"), ("unheard-of", 1)],
)
def test_a_schema_refuses_another_document(field: str, value: object) -> None:
    golden = next(one for one in NOW if one.name == "demo-resolve-json")
    document = json.loads(json.dumps(golden.document))
    document["resolutions"][0][field] = value
    changed = Golden(name="changed", schema="resolve", document=document)
    assert len(wrong(changed, CLOSED)) == 1
    assert (wrong(changed, OPEN) == []) is (field == "unheard-of"), "fields may be added"
    del document["resolutions"][0]["status"]
    assert wrong(changed, OPEN)
