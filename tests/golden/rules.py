"""What each rule says of each of its cases, whole: the contract tests compare only some words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.contract.rule_case import Said
from tests.contract.test_rules import CASES

__all__ = ["play_rules"]


async def play_rules(folder: Path) -> Mapping[str, str]:
    """The sentences of a rule, by its name. No command runs: many cases take years to come up."""
    return {
        rule: "".join(line for case in cases for line in _said(rule, case))
        for rule, cases in CASES.items()
    }


def _said(rule: str, case: Said) -> Iterator[str]:
    yield f"{case.why}\n"
    for finding in case.result(rule).findings:
        if finding.rule != rule:
            continue
        unknown = ", unknown" if finding.unknown else ""
        yield f"  {finding.severity.value}{unknown}  {finding.location}  {finding.message}\n"
        if finding.remedy:
            yield f"    do   {finding.remedy}\n"
        if finding.fix is not None:
            yield f"    fix  {finding.fix.replacement}  ({finding.fix.description})\n"
