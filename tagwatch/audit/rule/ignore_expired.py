"""An ignore does not count: it is past its day, or not what the policy asks of an ignore.

Always on. What it took out is reported again. Every ignore needs a reason and, unless the policy
allows permanent ones, an end; `ignore_policy.max_days` limits how far away that may be.

Example: `# tagwatch: ignore=tag-missing until=2026-11-22`: "the ignore of tag-missing does not
count: it expired on 2026-11-22".

Risk: exceptions that were meant to be short and are found years later.
Remedy: fix what was ignored, or decide again and write the new date and the reason.
Source: Trivy `.trivyignore.yaml` `expired_at`; adorsys/status-list-server issue 406.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

from tagwatch.audit.rule.interface import Rule, RuleScope, RunSubject, Statement, row
from tagwatch.audit.rule.phrase import first_after, midnight

__all__ = ["RULE", "again", "check"]


def check(subject: RunSubject) -> Iterator[Statement]:
    """Report the ignores that do not count, and why."""
    for use in subject.ignores:
        if use.problem:
            whose = f" (owner: {use.owner})" if use.owner else ""
            yield Statement(
                message=f"the ignore of {use.subject} does not count: {use.problem}{whose}",
                remedy="fix what it hides, or write a new end and the reason"
                if use.inline is None
                else 'fix what it hides, or write until=<date> reason="…"',
                location=use.location,
                subject=use.subject,
                evidence={
                    key: value
                    for key, value in (("owner", use.owner), ("until", use.until))
                    if value
                },
            )


def again(subject: RunSubject) -> datetime | None:
    """Return when an ignore next begins or ceases to count, by its end and by `max_days`."""
    ends = [date.fromisoformat(use.until) for use in subject.ignores if use.until]
    most = subject.policy.ignore_policy.max_days
    begin = (midnight(end, -most) for end in ends) if most is not None else ()
    return first_after(subject.at, *(midnight(end, 1) for end in ends), *begin)


RULE = Rule(
    **row("ignore-expired"),
    title="ignore that no longer counts",
    scope=RuleScope.RUN,
    always_on=True,
    check=check,
    again=again,
)
