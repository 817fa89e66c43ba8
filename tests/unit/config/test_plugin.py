"""A rule of another package, installed as packages are: found by its entry point, then asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from tagwatch.audit.model.finding import Severity
from tagwatch.audit.model.policy import Policy, RuleSettings
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

RULE = Rule(id="no-alpine", title="no Alpine", severity=Severity.NOTE, reads=frozenset(),
            check=check, options={"words": Option(default=("alpine",), about="what is not wanted")})
'''


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, module: str, text: str) -> Path:
    site = folder / "site"
    name = module.replace("_", "-")
    information = site / f"{module}-1.0.dist-info"
    information.mkdir(parents=True)
    (site / f"{module}.py").write_text(text)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(f"[tagwatch.rules]\n{name} = {module}:RULE\n")
    monkeypatch.syspath_prepend(site)
    return folder


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return install(tmp_path, monkeypatch, "no_alpine", RULE)


def test_a_rule_of_another_package(installed: Path) -> None:
    path = installed / "tagwatch.yaml"
    path.write_text("policy: {rules: {no-alpine: {severity: error, words: [slim]}}}")
    for _ in range(2):  # the second time from the stored form
        policy = load_configuration(path, {}, installed, cache=installed / "cache").policy
        one = target("python:3.12-slim")
        findings = said(audit([one], [evidence(one)], policy), "no-alpine")
        assert [finding.severity for finding in findings] == [Severity.ERROR]


def test_one_that_is_off_is_not_even_imported() -> None:
    """An update of its package may break it: then it can still be turned off."""
    plugins = {"no-alpine": "a_module_that_is_nowhere:RULE"}
    rules = {"no-alpine": RuleSettings(severity=Severity.OFF)}
    one = target("python:3.12-slim")
    result = audit([one], [evidence(one)], Policy(plugins=plugins, rules=rules))
    assert not said(result, "no-alpine")
    with pytest.raises(ConfigError, match="of another package cannot be used"):
        audit([one], [evidence(one)], Policy(plugins=plugins))


def test_its_options_are_checked_like_our_own(installed: Path) -> None:
    path = installed / "tagwatch.yaml"
    path.write_text("policy: {rules: {no-alpine: {wordz: [slim]}}}")
    with pytest.raises(ConfigError) as caught:
        load_configuration(path, {}, installed)
    assert "words" in caught.value.hint


def test_one_that_does_not_say_what_it_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one made for another tagwatch: told with its own word, and where it comes from."""
    install(tmp_path, monkeypatch, "older_rule", RULE.replace("reads=frozenset(),", ""))
    path = tmp_path / "tagwatch.yaml"
    path.write_text("policy: {rules: {older-rule: {severity: error}}}")
    with pytest.raises(ConfigError, match=r"of another package .*'reads'") as caught:
        load_configuration(path, {}, tmp_path)
    assert "'older_rule:RULE'" in caught.value.hint
