"""The rules that one run chooses among those of its policy: `--select` and `--ignore`."""

from __future__ import annotations

from collections.abc import Iterable

from tagwatch.audit.model.finding import Severity
from tagwatch.audit.model.policy import Policy, RuleSettings
from tagwatch.audit.rule.catalogue import load_rule
from tagwatch.audit.rule.interface import row
from tagwatch.errors import UsageError
from tagwatch.family import RULES
from tagwatch.value import dataclass, replace

__all__ = ["ALWAYS_ON", "Choice", "choice_of"]

ALWAYS_ON = frozenset({"check-incomplete", "ignore-expired", "ignore-unused", "policy-data-old"})
"""The rules of ours that no policy and no choice turns off. No rule is imported to learn it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a run asks of the rules, over its policy. See `choice_of`."""

    select: frozenset[str] | None = None
    """The only rules to ask; None: all. Those that are always on are asked in any case."""
    ignore: frozenset[str] = frozenset()
    """Rules not to ask, whatever `select` says."""
    always: frozenset[str] = ALWAYS_ON
    """Rules that are asked in any case: ours, and those of other packages that say so."""

    def takes(self, rule: str) -> bool:
        """Return True for a rule that is asked."""
        if rule in self.always:
            return True
        return rule not in self.ignore and (self.select is None or rule in self.select)

    def over(self, policy: Policy) -> Policy:
        """Return the policy with what was chosen.

        A rule that is selected and off speaks as severely as by default, or warns.
        """
        off = {name for name in (*RULES, *policy.plugins) if not self.takes(name)}
        chosen = {name: _speaking(name, policy) for name in (self.select or frozenset()) - off}
        overrides = (
            replace(one, rules={name: said for name, said in one.rules.items() if name not in off})
            for one in policy.overrides
        )
        return replace(
            policy,
            rules={
                **policy.rules,
                **chosen,
                **dict.fromkeys(off, RuleSettings(severity=Severity.OFF)),
            },
            overrides=tuple(one for one in overrides if one.rules),
        )


def choice_of(select: Iterable[str] | None, ignore: Iterable[str], policy: Policy) -> Choice:
    """Return the choice of rules by name.

    Raises `UsageError` where there is no such rule, or none that can be ignored.
    """
    others = (name for name in policy.plugins if load_rule(name, policy.plugins).always_on)
    choice = Choice(
        select=None if select is None else frozenset(select),
        ignore=frozenset(ignore),
        always=ALWAYS_ON.union(others),
    )
    for name in sorted({*(choice.select or ()), *choice.ignore}):
        load_rule(name, policy.plugins)  # raises where there is none
        if name in choice.always and name in choice.ignore:
            raise UsageError(
                f"{name} is always on: a check says what it could not do",
                hint="`on_unavailable: pass` in the policy keeps that from failing a run",
            )
    return choice


def _speaking(name: str, policy: Policy) -> RuleSettings:
    """Return the settings under which a rule speaks."""
    said = policy.rules.get(name, RuleSettings())
    default = row(name)["severity"] if name in RULES else load_rule(name, policy.plugins).severity
    if (said.severity or default) is not Severity.OFF:
        return said
    return replace(said, severity=Severity.WARNING if default is Severity.OFF else default)
