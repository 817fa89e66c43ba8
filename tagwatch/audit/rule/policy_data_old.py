"""The bundled facts (ends of life) that this run relied on are old.

Always on, and only said where some image of the run is one that the facts speak of.

Example: "ends of life were judged by facts of 2026-01-01, 326 days old".

Risk: a release that ended since is not reported.
Remedy: run `tagwatch knowledge update`, or renew the file that `knowledge` in the configuration
names.
Source: endoflife.date changes several times a week; `facts` have their date.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from tagwatch.audit.rule.interface import Option, Rule, RuleScope, RunSubject, Statement, row
from tagwatch.audit.rule.phrase import midnight

__all__ = ["RULE", "check"]


def check(subject: RunSubject) -> Iterator[Statement]:
    """Report the knowledge of ends of life, where it is older than `days` days and was used."""
    as_of = subject.knowledge.as_of
    if as_of is None:
        return
    age = (subject.at.date() - as_of).days
    if age <= subject.options["days"]:
        return
    used = next(
        (
            target
            for target in subject.targets
            if target.reference and subject.knowledge.product_of(target.reference.repository)
        ),
        None,
    )
    if used is not None:
        yield Statement(
            message=f"ends of life were judged by facts of {as_of.isoformat()}, {age} days old",
            remedy="run `tagwatch knowledge update`, or renew the file that knowledge: names",
            location=used.location,
            subject="ends of life",
            evidence={"as_of": as_of.isoformat()},
        )


def again(subject: RunSubject) -> datetime | None:
    """Return when the knowledge is too old; after that the next day: the message gives its age."""
    as_of = subject.knowledge.as_of
    if as_of is None:
        return None
    age = (subject.at.date() - as_of).days
    return midnight(as_of, max(age, subject.options["days"]) + 1)


RULE = Rule(
    **row("policy-data-old"),
    title="bundled facts are old",
    scope=RuleScope.RUN,
    always_on=True,
    options={"days": Option(default=180, about="how old the facts may be")},
    check=check,
    again=again,
)
