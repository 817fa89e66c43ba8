"""Base subtraction: charged to the base, once; never what differs, is unknown, or is one's own."""

from __future__ import annotations

from dataclasses import replace

from tagwatch.audit.model.base_match import BaseMatch, BaseVerdict, MatchedBase
from tagwatch.audit.model.evidence import Evidence, Resolution, Status
from tagwatch.audit.model.finding import Finding, Severity
from tagwatch.audit.verdict.exemption import base_references, charge_to_base
from tagwatch.image.reference import Reference
from tagwatch.source.target import Location

DEBIAN = "docker.io/library/debian:10"
PYTHON = "docker.io/library/python:3.6"
API = "registry.example/shop/api:1.4"
BASES = {API: PYTHON, PYTHON: DEBIAN}


def finding(name: str, rule: str = "version-eol", **facts: str) -> Finding:
    return Finding(
        rule=rule,
        severity=Severity.ERROR,
        message="",
        location=Location(path="Dockerfile", line=1, column=1, end_line=1, end_column=1),
        fingerprint=f"{rule} {name}",
        reference=Reference.parse(name),
        evidence=facts,
    )


def test_one_finding_stands_for_all() -> None:
    findings = [finding(name, ends="2024-06-30") for name in (API, PYTHON, DEBIAN)]
    stays, charged = charge_to_base(findings, BASES)
    assert [item.reference for item in stays] == [Reference.parse(DEBIAN)]
    assert stays[0].evidence == {"ends": "2024-06-30", "charged": "2"}
    assert charged == tuple(findings[:2])


def test_what_differs_or_is_ones_own_stays() -> None:
    findings = [
        finding(API, ends="2025-01-01"),
        finding(PYTHON, ends="2024-06-30"),
        finding(API, "tag-latest"),
        finding(PYTHON, "tag-latest"),
    ]
    assert charge_to_base(findings, BASES) == (tuple(findings), ())


def test_unknown_is_never_charged() -> None:
    findings = [replace(finding(name), unknown=True) for name in (API, PYTHON)]
    assert charge_to_base(findings, BASES) == (tuple(findings), ())


def test_nothing_is_lost_in_a_circle() -> None:
    findings = (finding(API), finding(PYTHON))
    assert charge_to_base(findings, {API: PYTHON, PYTHON: API}) == (findings, ())


def evidence(*verdicts: BaseVerdict, base: str | None = PYTHON) -> Evidence:
    matched = MatchedBase(reference=base, tag="3.6") if base else None
    return Evidence(
        key=API,
        resolution=Resolution(input=API, status=Status.RESOLVED),
        bases=tuple(
            BaseMatch(platform="linux/amd64", verdict=verdict, base=matched) for verdict in verdicts
        ),
    )


def test_only_proven_bases_count() -> None:
    stale, claimed = BaseVerdict.EXACT_STALE, BaseVerdict.CLAIMED
    assert base_references([evidence(stale, BaseVerdict.EXACT_CURRENT)]) == {API: PYTHON}
    assert base_references([evidence(stale, claimed)]) == {}
    assert base_references([evidence(BaseVerdict.UNKNOWN, base=None)]) == {}
    assert base_references([evidence()]) == {}
    assert base_references([evidence(stale, base=API)]) == {}
