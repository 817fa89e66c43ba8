"""Laws of all rules over all cases."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from tagwatch.audit.model.finding import Severity
from tagwatch.audit.model.policy import PolicyIgnore, RuleSettings
from tagwatch.audit.rule.interface import row
from tagwatch.family import RULES
from tests.audit_case import AT
from tests.contract.rule_case import Said
from tests.contract.test_rules import CASES

CASE = [pytest.param(name, cases, id=name) for name, cases in sorted(CASES.items())]
OFF = [name for name in RULES if row(name)["severity"] is Severity.OFF]
ON = "tag-latest"  # as for any rule that is on, the case's policy holds


def with_all(case: Said) -> Said:
    """The case with every rule on; `cooldown` says more where the policy names it."""
    on = {name: RuleSettings(severity=Severity.NOTE) for name in (*OFF, "cooldown")}
    return replace(case, policy=replace(case.policy, rules={**on, **case.policy.rules}))


@pytest.mark.parametrize(("name", "cases"), CASE)
def test_the_judgement_is_the_same_without_occasions(name: str, cases: Iterable[Said]) -> None:
    """An ignore, if only of what is nowhere, makes the judge ask every rule."""
    for case in map(with_all, cases):
        end = case.case.get("at", AT).date()
        nowhere = PolicyIgnore(rule="add-remote", image="nowhere/*", reason="r", expires=end)
        policy = replace(case.policy, ignores=(*case.policy.ignores, nowhere))
        given, asked = case.result(ON), replace(case, policy=policy).result(ON)
        unused = "the ignore of add-remote nowhere/* took nothing out"
        said = [finding for finding in asked.findings if finding.message != unused]
        assert list(given.findings) == said, case.why
        assert given.ignored == asked.ignored, case.why
        assert (given.coverage, given.complete) == (asked.coverage, asked.complete)
