"""Rules as another package brings them, which say nothing: they keep what the judge shows rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from tagwatch.audit.model.finding import Severity
from tagwatch.audit.model.policy import Policy
from tagwatch.audit.rule.interface import Rule, RuleScope, Statement

__all__ = ["seen"]

_SEEN: dict[RuleScope, list[Any]] = {scope: [] for scope in RuleScope}


def _spy(scope: RuleScope) -> Rule:
    def check(subject: Any) -> Iterator[Statement]:
        _SEEN[scope].append(subject)
        return iter(())

    return Rule(
        id=f"spy-{scope.value}",
        title="see what rules see",
        severity=Severity.NOTE,
        reads=frozenset(),
        scope=scope,
        judges_built=True,
        check=check,
    )


TARGET, FILE, RUN = _spy(RuleScope.TARGET), _spy(RuleScope.FILE), _spy(RuleScope.RUN)
_SPIES = {f"spy-{scope.value}": f"{__name__}:{scope.name}" for scope in RuleScope}


def seen(judge: Callable[[Policy], object], policy: Policy) -> dict[RuleScope, list[Any]]:
    """The subjects that a judgement under `policy` shows to rules of each scope."""
    for subjects in _SEEN.values():
        subjects.clear()
    judge(replace(policy, plugins=_SPIES))
    return {scope: list(subjects) for scope, subjects in _SEEN.items()}
