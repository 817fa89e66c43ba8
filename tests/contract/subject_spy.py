"""Rules as another package brings them, which say nothing: they keep what the judge shows rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from tagwatch.audit.model.finding import Severity
from tagwatch.audit.model.policy import Policy
from tagwatch.audit.rule.interface import Rule, Scope, Statement

__all__ = ["seen"]

_SEEN: dict[Scope, list[Any]] = {scope: [] for scope in Scope}


def _spy(scope: Scope) -> Rule:
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


TARGET, FILE, RUN = _spy(Scope.TARGET), _spy(Scope.FILE), _spy(Scope.RUN)
_SPIES = {f"spy-{scope.value}": f"{__name__}:{scope.name}" for scope in Scope}


def seen(judge: Callable[[Policy], object], policy: Policy) -> dict[Scope, list[Any]]:
    """The subjects that a judgement under `policy` shows to rules of each scope."""
    for subjects in _SEEN.values():
        subjects.clear()
    judge(replace(policy, plugins=_SPIES))
    return {scope: list(subjects) for scope, subjects in _SEEN.items()}
