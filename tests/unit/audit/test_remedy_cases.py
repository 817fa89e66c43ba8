"""Dead and living tags by their text alone, as a fresh clone is checked offline: all 303 cases.

`tests/data/knowledge/remedies.json` says what is right of each, and for which day.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tagwatch.audit.model.finding import Finding, Severity
from tagwatch.knowledge.bundled import load
from tests.audit_case import audit, target
from tests.paths import DATA

KNOWN = load()
CASES: dict[str, Any] = json.loads((DATA / "knowledge" / "remedies.json").read_text("utf-8"))
AT = datetime.fromisoformat(CASES["clock"]).replace(hour=3, tzinfo=UTC)
SPEAKING = {"version-eol", "os-eol", "eol-soon", "image-retired"}
# image -> the rules that speak of it, with the severity
JUDGED = {
    "mcr.microsoft.com/mssql/server:2019-CU28-ubuntu-20.04": {"os-eol": Severity.ERROR},
    "docker.io/mycorp/app:1.4-buster": {"os-eol": Severity.NOTE},
    "docker.io/mycorp/app:1.4-alpine3.10": {"os-eol": Severity.NOTE},
    "docker.io/library/rockylinux:9": {"image-retired": Severity.WARNING},
    "docker.io/jenkins/jenkins:2.387-jdk11": {},
    "python:3.11-bullseye": {"os-eol": Severity.ERROR},
    "node:22-alpine3.20": {"os-eol": Severity.ERROR},
    "php:8.3-fpm-buster": {"os-eol": Severity.ERROR},
    "wordpress:6.9-php8.1-apache": {"version-eol": Severity.ERROR},
    "elixir:1.18-otp-25": {"version-eol": Severity.ERROR},
    "ghcr.io/astral-sh/uv:python3.9-bookworm-slim": {"version-eol": Severity.ERROR},
    "docker.io/tomcat:9.0-jdk8-temurin-jammy": {},
    "mcr.microsoft.com/windows/servercore:ltsc2016": {"eol-soon": Severity.NOTE},
}


def name_of(case: dict[str, Any]) -> str:
    return str(case["image"])


def findings(image: str) -> list[Finding]:
    result = audit((target(image),), knowledge=KNOWN, at=AT)
    return [one for one in result.findings if one.rule in SPEAKING]


@pytest.mark.parametrize("case", CASES["dead"], ids=name_of)
def test_what_is_dead_names_what_lives(case: dict[str, Any]) -> None:
    found = findings(case["image"])
    if not case.get("product"):
        assert "image-retired" in {one.rule for one in found}
        return
    product = KNOWN.products[case["product"]]
    (own,) = (
        one
        for one in found
        if one.rule == "version-eol" and one.evidence["product"] == product.name
    )
    if case.get("nearest_lasting"):
        assert own.evidence["successor"] == case["nearest_lasting"]
    assert own.evidence.get("long_term") == case["newest_long_term"]
    if "remedy" in case:
        assert "a release newer than" in own.remedy
        assert f"which facts of {KNOWN.as_of} do not know" in own.remedy
    lines = {line.name: line for line in product.cycles}
    for key in ("successor", "long_term"):
        assert key not in own.evidence or lines[own.evidence[key]].lives(AT.date(), 90)
    if case.get("system_over_too") and case["product"] not in ("debian", "ubuntu"):
        assert "os-eol" in {one.rule for one in found}


@pytest.mark.parametrize("case", CASES["living"], ids=name_of)
def test_what_lives_is_left_alone(case: dict[str, Any]) -> None:
    assert findings(case["image"]) == []


@pytest.mark.parametrize("case", CASES["judgement"], ids=name_of)
def test_what_needs_judgement(case: dict[str, Any]) -> None:
    said = {one.rule: one.severity for one in findings(case["image"])}
    assert said == JUDGED[case["image"]], case["expect"]
