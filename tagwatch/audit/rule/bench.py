"""The bench: the rules as a policy sets them, asked about one target.

Whatever stands in a file and whatever might be written in its place are asked about in one way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from tagwatch.audit.model.evidence import Evidence, is_readable
from tagwatch.audit.model.finding import Severity
from tagwatch.audit.model.knowledge import Knowledge
from tagwatch.audit.model.policy import Policy, RuleSettings
from tagwatch.audit.rule.catalogue import load_rule, rows_of
from tagwatch.audit.rule.interface import Rule, Statement, Subject
from tagwatch.image.reference import Reference
from tagwatch.source.target import Instruction, Target
from tagwatch.value import replace

__all__ = ["Bench", "active_rules"]


def active_rules(policy: Policy, given: frozenset[str] | None = None) -> tuple[Rule, ...]:
    """Import and return the rules that may speak somewhere under `policy`, in the table's order.

    `given` are the occasions there are (None: all of them); see `audit.rule.occasion`.
    """
    return tuple(
        load_rule(rule["id"], policy.plugins)
        for rule in rows_of(policy)
        if given is None or not rule["when"] or rule["when"] & given
    )


class Bench:
    """The rules under a policy, at one time."""

    def __init__(self, at: datetime, policy: Policy, knowledge: Knowledge) -> None:
        self.at = at
        self.policy = policy
        self.knowledge = knowledge
        self._everywhere: dict[str, RuleSettings] = {}
        """The settings that count unless an override of the policy names the rule."""
        self._overridden = {name for override in policy.overrides for name in override.rules}
        self.noting: Callable[[Rule, Subject], None] | None = None
        """Is told of what each rule is asked, where somebody keeps the answers."""

    def settings(self, rule: Rule, path: str, reference: Reference | None) -> RuleSettings:
        """Return the settings of a rule for an image in the file at `path`."""
        if rule.id in self._overridden:
            return _laid_over(rule, self.policy.settings(rule.id, path, reference))
        return self.everywhere(rule)

    def everywhere(self, rule: Rule) -> RuleSettings:
        """Return the settings of a rule where no override of the policy names it."""
        known = self._everywhere.get(rule.id)
        if known is None:
            known = self._everywhere[rule.id] = _laid_over(rule, self.policy.rules.get(rule.id))
        return known

    def is_set(self, rule: Rule) -> bool:
        """Return True where the policy says something of the rule, for some images or all."""
        return rule.id in self.policy.rules or rule.id in self._overridden

    def subject(
        self,
        target: Target,
        evidence: Evidence | None,
        instructions: tuple[Instruction, ...],
        *,
        in_place_of: str | None = None,
    ) -> Subject:
        """Return what every rule is asked about `target`. `in_place_of`: see `Subject`."""
        return Subject(
            target=target,
            evidence=evidence,
            instructions=instructions,
            at=self.at,
            knowledge=self.knowledge,
            policy=self.policy,
            options={},
            in_place_of=in_place_of,
        )

    def is_asked(self, rule: Rule, target: Target, evidence: Evidence | None) -> bool:
        """Return True for a rule that may speak of `target`, as far as that is known."""
        if rule.reads and not rule.judges_text and not is_readable(evidence):
            return False
        if "built" in target.facts and not rule.judges_built:
            return False
        settings = self.settings(rule, target.location.path, target.reference)
        return settings.severity is not Severity.OFF

    def ask(self, rule: Rule, subject: Subject) -> Iterable[Statement]:
        """Return what a rule says of its subject, under the rule's options."""
        target = subject.target
        options = self.settings(rule, target.location.path, target.reference).options
        if options:  # few rules have any; the others share one subject
            subject = replace(subject, options=options)
        if self.noting is not None:
            self.noting(rule, subject)
        return rule.check(subject)

    def severity(self, rule: Rule, statement: Statement, target: Target) -> Severity:
        """Return how severe a statement about `target` is."""
        settings = self.settings(rule, target.location.path, target.reference)
        return settings.severity or statement.severity or rule.severity


def _laid_over(rule: Rule, settings: RuleSettings | None) -> RuleSettings:
    """Return the rule's default options overridden by the policy's.

    A `severity` of None means the rule's own. A rule that is off by default stays off.
    """
    said = settings or RuleSettings()
    severity = said.severity or (Severity.OFF if rule.severity is Severity.OFF else None)
    return RuleSettings(
        severity=severity, options={**rule.defaults, **said.options}, places=said.places
    )
