"""An ignore took nothing out, although what it names was audited; or it names no rule.

Always on. Where only some files were checked, an ignore about others is not called unused; nor
is one whose image could not be read.

Example: `# tagwatch: ignore=tag-missing until=2026-12-01 reason="r"`: "the ignore of tag-missing
took nothing out".

Risk: a stale exception hides the next finding of its kind, which nobody decided on.
Remedy: remove it.
Source: Trivy issues 1758 and 2312; pip-audit issue 676.
"""

from __future__ import annotations

from collections.abc import Iterator

from tagwatch.audit.model.finding import Severity
from tagwatch.audit.rule.catalogue import nearest
from tagwatch.audit.rule.ignore_expired import again
from tagwatch.audit.rule.interface import Rule, RuleScope, RunSubject, Statement, row

__all__ = ["RULE", "check"]


def check(subject: RunSubject) -> Iterator[Statement]:
    """Report ignores that took nothing out, and those that name a rule that does not exist."""
    for use in subject.ignores:
        unknown = [rule for rule in use.rules if rule != "*" and rule not in subject.known_rules]
        if unknown:
            close = nearest(unknown[0], subject.known_rules)
            yield Statement(
                message=f"the ignore of {use.subject} ignores nothing: "
                f"no rule is called {unknown[0]!r}",
                remedy=f"did you mean {close}?" if close else "`tagwatch explain` lists all rules",
                severity=Severity.WARNING,
                location=use.location,
                subject=use.subject,
            )
        elif use.tried and not use.used and not use.problem:
            yield Statement(
                message=f"the ignore of {use.subject} took nothing out",
                remedy="remove it",
                location=use.location,
                subject=use.subject,
                evidence={"owner": use.owner} if use.owner else {},
            )


RULE = Rule(
    **row("ignore-unused"),
    title="ignore that takes nothing out",
    scope=RuleScope.RUN,
    always_on=True,
    check=check,
    again=again,
)
