"""Every line of `family.RULES`: it loads, is documented, speaks where it should and only there."""

from __future__ import annotations

import re

import pytest

from tagwatch.audit.model.finding import Severity
from tagwatch.audit.model.policy import Policy
from tagwatch.audit.rule.bench import active_rules
from tagwatch.audit.rule.catalogue import explain_rule, load_rule, rule_documentation
from tagwatch.audit.rule.interface import row
from tagwatch.audit.verdict.hand import CLOSED, NOTES
from tagwatch.errors import UsageError
from tagwatch.family import RULES
from tests.contract import (
    base_cases,
    content_cases,
    move_cases,
    name_cases,
    platform_cases,
    port_cases,
    retired_cases,
    tag_cases,
)
from tests.contract.rule_case import Said

TABLES = (
    tag_cases, move_cases, name_cases, base_cases, platform_cases, port_cases, content_cases,
    retired_cases,
)  # fmt: skip
CASES = {name: cases for table in TABLES for name, cases in table.CASES.items()}
NAMES = sorted(RULES)
EXAMPLE = re.compile(r'\n\nExample: (?:[^"]|"[^"]*"(?!\.\n\n))*"([^"]+)"\.\n\nRisk: ')
PRIVATE = re.compile(r"/work\b|/tmp\b|shared/")


@pytest.mark.parametrize("name", NAMES)
def test_a_rule_is_what_its_line_says(name: str) -> None:
    rule = load_rule(name)
    assert rule.id == name
    assert rule.title
    assert rule.title == rule.title.strip().rstrip(".")
    assert row(name) == {key: getattr(rule, key) for key in ("id", "severity", "when", "reads")}
    for option in rule.options.values():
        assert type(option.default) in (bool, int, str, tuple)
        assert option.about
        items = option.default if isinstance(option.default, tuple) else (option.default,)
        assert not option.choices or set(items) <= set(option.choices)


def test_rules_of_notes_keep_no_candidate_back() -> None:
    assert not NOTES & CLOSED
    assert {row(name)["severity"] for name in NOTES} == {Severity.NOTE}


@pytest.mark.parametrize("name", NAMES)
def test_a_rule_tells_risk_remedy_and_source(name: str) -> None:
    text = rule_documentation(name)
    assert text[0].isupper() or text[0] in "`U"
    for word in ("Risk: ", "Remedy: ", "Source: "):
        assert text.count(f"\n{word}") == 1, f"{name} lacks {word}"
    order = [text.index(f"\n{word}") for word in ("Risk: ", "Remedy: ", "Source: ")]
    assert order == sorted(order)
    assert not PRIVATE.search(text)
    explained = explain_rule(name)
    assert explained.startswith(f"{name}: ")
    for option in load_rule(name).options:
        assert f"option {option}:" in explained


@pytest.mark.parametrize("name", NAMES)
def test_a_rule_shows_a_sentence_that_it_really_says(name: str) -> None:
    (example,) = EXAMPLE.findall(rule_documentation(name))
    said = " ".join(example.split())
    results = [case.result(name) for case in CASES[name] if case.expect]
    assert said in {finding.message for result in results for finding in result.findings}


@pytest.mark.parametrize("name", NAMES)
def test_every_rule_has_cases_both_ways(name: str) -> None:
    assert {bool(case.expect) for case in CASES[name]} == {True, False}
    assert set(CASES) == set(RULES)


@pytest.mark.parametrize(
    ("name", "case"),
    [
        pytest.param(name, case, id=f"{name}: {case.why}")
        for name, cases in CASES.items()
        for case in cases
    ],
)
def test_a_rule_speaks_where_it_should(name: str, case: Said) -> None:
    findings = [finding for finding in case.result(name).findings if finding.rule == name]
    assert len(findings) == len(case.expect), [finding.message for finding in findings]
    for finding, expected in zip(findings, case.expect, strict=True):
        whole = f"{finding.message} -> {finding.remedy}"
        for word in expected.words:
            assert word in whole
        assert not [word for word in expected.never if word in whole]
        assert expected.severity is None or finding.severity is expected.severity
        assert finding.unknown is expected.unknown
        assert not finding.message.endswith(".")
        if name in NOTES and name not in case.policy.rules:
            assert finding.severity is Severity.NOTE, "candidates are judged without it"
        if expected.fix is not None:
            written = finding.fix.replacement if finding.fix else None
            assert written == expected.fix
        if finding.fix is not None:
            assert load_rule(name).fixable


def test_an_unknown_rule_names_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        explain_rule("tag-mising")
    assert "tag-missing" in caught.value.hint


def test_rules_without_an_occasion_are_not_asked() -> None:
    given = frozenset({"latest"})
    asked = {rule.id for rule in active_rules(Policy(), given)}
    assert asked == {"tag-latest"}
    everything = {rule.id for rule in active_rules(Policy())}
    assert everything == {name for name in RULES if row(name)["severity"] is not Severity.OFF}
