"""The inventory and the sheet: valid by their own rules, whole, and safe to open."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from tagwatch.audit.model.code_owners import CodeOwners
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.publish import inventory, sheet
from tests.publish_estate import estate, watching
from tests.publish_hostile import hostile
from tests.publish_sample import sample, sample_context


@pytest.mark.parametrize(
    "night", [sample(), hostile(), watching(estate(60), 5), AuditResult(at=sample().at)]
)
def test_the_inventory_is_valid_by_the_schema_of_cyclonedx(night: AuditResult) -> None:
    text = inventory.render(night, sample_context())
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert text == inventory.render(night, sample_context())


def test_what_the_inventory_says_of_an_image() -> None:
    found = json.loads(inventory.render(sample(), sample_context()))
    images = {one["bom-ref"]: one for one in found["components"]}
    assert len(images) == len(sample().evidence)
    postgres = images["docker.io/library/postgres:16.4"]
    digest = sample().evidence["docker.io/library/postgres:16.4"].resolution.digest
    assert postgres["type"] == "container"
    assert postgres["hashes"] == [{"alg": "SHA-256", "content": str(digest)[7:]}]
    url = PackageURL.from_string(postgres["purl"])
    assert (url.type, url.name, url.version) == ("oci", "postgres", digest)
    assert url.qualifiers == {"repository_url": "docker.io/library/postgres", "tag": "16.4"}
    said = {(one["name"], one["value"]) for one in postgres["properties"]}
    assert ("tagwatch:place", "compose.yaml:18:12") in said
    assert ("tagwatch:findings:error", "2") in said
    assert ("tagwatch:newer:major", "18.1") in said
    exporter = images["ghcr.io/acme/exporter:0.9"]
    assert "purl" not in exporter, "nobody knows its digest"
    assert {"name": "tagwatch:state", "value": "not-read"} in exporter["properties"]
    assert sum("not-read" in str(one["properties"]) for one in images.values()) == 1
    about = {one["name"]: one["value"] for one in found["metadata"]["properties"]}
    assert about == {"tagwatch:not_read": "2", "tagwatch:complete": "false"}


def test_what_only_a_wide_watch_names_is_in_no_inventory() -> None:
    text = inventory.render(watching(estate(60), 5), sample_context())
    assert "httpd" not in text
    assert len(json.loads(text)["components"]) == 30


def test_what_nobody_read_is_in_the_inventory_and_the_sheet_all_the_same() -> None:
    blind = replace(sample(), evidence={}, findings=(), readings={})
    images = json.loads(inventory.render(blind, sample_context()))["components"]
    assert {one["bom-ref"] for one in images} == set(sample().evidence)
    assert all(
        {"name": "tagwatch:state", "value": "not-read"} in one["properties"] for one in images
    )
    found = [one for one in rows(blind) if one["image"]]
    assert {one["image"] for one in found} == set(sample().evidence)
    assert {one["state"] for one in found} == {"unavailable"}


def rows(result: AuditResult) -> list[dict[str, str]]:
    context = replace(sample_context(), owners=CodeOwners.parse("/web/ @acme/web\n"))
    return list(csv.DictReader(io.StringIO(sheet.render(result, context)), strict=True))


def test_the_sheet_has_a_row_a_finding_and_the_places_without_one() -> None:
    found = rows(sample())
    assert len({one["fingerprint"] for one in found} - {""}) == len(sample().findings)
    nginx = next(one for one in found if one["rule"] == "tag-latest")
    assert nginx["image"] == "docker.io/library/nginx:latest"
    assert (nginx["path"], nginx["line"], nginx["version"]) == ("web/Dockerfile", "8", "1.29.3")
    assert nginx["owners"] == "'@acme/web", "a spreadsheet takes a leading @ for a formula"
    assert nginx["state"] == "read"
    assert {one["state"] for one in found} == {"", "read", "remembered", "unavailable"}
    alone = [one for one in rows(replace(sample(), findings=())) if one["message"]]
    assert any("TAG" in one["message"] and one["path"] == "compose.yaml" for one in alone)
    node = next(one for one in found if one["image"].endswith("node:22-alpine"))
    assert (node["severity"], node["newer_major"]) == ("", "24.11.1-alpine3.22")
    assert tuple(found[0]) == sheet.COLUMNS


FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\N{FULLWIDTH EQUALS SIGN}", "\N{FULLWIDTH PLUS SIGN}")


@pytest.mark.parametrize(
    "start", [*FORMULAS, "\t=", "=\r", " =", "\n@", "a;=", "a; -", "a;\t+", ";;@"]
)
def test_no_cell_is_a_formula(start: str) -> None:
    """Neither with the comma between cells nor with the semicolon, as many countries have it."""
    first = replace(sample().findings[0], message=f"{start}cmd|' /C calc'!A0", remedy='"a\nb",c')
    night = replace(sample(), findings=(first,))
    (found, *_) = rows(night)
    assert not found["message"].startswith(FORMULAS)
    assert not any(cell.lstrip().startswith(FORMULAS) for cell in found["message"].split(";"))
    assert found["remedy"] == '"a b",c'


def test_what_is_no_formula_stays_as_it_is() -> None:
    first = replace(sample().findings[0], message="a-b; c=d", remedy="")
    (found, *_) = rows(replace(sample(), findings=(first,)))
    assert found["message"] == "a-b; c=d"


def test_hostile_text_stays_in_its_cell() -> None:
    for row in rows(hostile()):
        assert None not in row
        assert not any(cell.startswith(("=", "+", "-", "@")) for cell in row.values())
