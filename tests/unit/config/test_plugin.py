"""A rule of another package, installed as packages are: found by its entry point, then asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from tagwatch.audit.model.finding import Severity
from tagwatch.config.load import load_configuration
from tagwatch.errors import ConfigError
from tests.audit_case import audit, evidence, said, target

RULE = '''
"""No Alpine.

Risk: musl.
Remedy: use glibc.
Source: here.
"""
from tagwatch.audit.model.finding import Severity
from tagwatch.audit.rule.interface import Option, Rule, Statement

def check(subject):
    for word in subject.options["words"]:
        if word in subject.target.text:
            yield Statement(message=f"{subject.target.text} has {word}")

RULE = Rule(id="no-alpine", title="no Alpine", severity=Severity.NOTE, check=check,
            options={"words": Option(default=("alpine",), about="what is not wanted")})
'''


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    site = tmp_path / "site"
    information = site / "no_alpine-1.0.dist-info"
    information.mkdir(parents=True)
    (site / "no_alpine.py").write_text(RULE)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: no-alpine\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[tagwatch.rules]\nno-alpine = no_alpine:RULE\n")
    monkeypatch.syspath_prepend(site)
    return tmp_path


def test_a_rule_of_another_package(installed: Path) -> None:
    path = installed / "tagwatch.yaml"
    path.write_text("policy: {rules: {no-alpine: {severity: error, words: [slim]}}}")
    for _ in range(2):  # the second time from the stored form
        policy = load_configuration(path, {}, installed, cache=installed / "cache").policy
        one = target("python:3.12-slim")
        findings = said(audit([one], [evidence(one)], policy), "no-alpine")
        assert [finding.severity for finding in findings] == [Severity.ERROR]


def test_its_options_are_checked_like_our_own(installed: Path) -> None:
    path = installed / "tagwatch.yaml"
    path.write_text("policy: {rules: {no-alpine: {wordz: [slim]}}}")
    with pytest.raises(ConfigError) as caught:
        load_configuration(path, {}, installed)
    assert "words" in caught.value.hint
