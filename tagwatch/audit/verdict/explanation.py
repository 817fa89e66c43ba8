"""The parts of the policy that apply to an image, in the order in which they are asked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from tagwatch.audit.model.finding import Severity
from tagwatch.audit.model.policy import Decision, Policy
from tagwatch.audit.rule.catalogue import load_rule
from tagwatch.audit.verdict.exemption import ignore_problem
from tagwatch.family import RULES
from tagwatch.image.reference import Reference
from tagwatch.source.target import Location
from tagwatch.value import dataclass

__all__ = ["Applied", "explain_policy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """An answer of the policy about one subject."""

    subject: str
    """`registry`, `repository`, `base`, `tag`, or a rule's name."""
    answer: str
    place: Location | None = None
    """Where the policy says it; None for what is built in."""

    def __str__(self) -> str:
        place = f" ({self.place})" if self.place is not None else ""
        return f"{self.subject}: {self.answer}{place}"


def explain_policy(
    policy: Policy, reference: Reference, *, path: str = "", at: datetime
) -> tuple[Applied, ...]:
    """Return everything that the policy says of `reference` in the file at `path`.

    Without a path, ignores that name one are left out.
    """
    repository = reference.repository
    return (
        _decision("registry", repository.registry, policy.registry_decision(repository)),
        _decision("repository", repository.name, policy.repository_decision(repository)),
        *_base(policy, reference),
        *_rules(policy, reference, path),
        *_ignores(policy, reference, path, at),
    )


def _decision(subject: str, name: str, decision: Decision) -> Applied:
    if decision.pattern:
        answer = f"{name} is {'allowed' if decision.allowed else 'denied'} by {decision.pattern}"
    elif not decision.allowed:
        answer = f"{name} is not allowed: no pattern of the list names it"
    else:
        answer = f"{name} is allowed: there is no list"
    if decision.reason:
        answer += f" ({decision.reason})"
    return Applied(subject=subject, answer=answer, place=decision.place)


def _base(policy: Policy, reference: Reference) -> Iterator[Applied]:
    base = policy.base_named(reference)
    if base is not None:
        versions = f", versions {base.allow_versions}" if base.allow_versions else ""
        yield Applied(subject="base", answer=f"approved by name{versions}", place=base.place)
    elif policy.bases:
        yield Applied(subject="base", answer="not approved by name; its layers decide")
    if policy.is_immutable(reference):
        yield Applied(subject="tag", answer="must never serve another digest")


def _rules(policy: Policy, reference: Reference, path: str) -> Iterator[Applied]:
    for name in (*RULES, *policy.plugins):
        settings = policy.settings(name, path, reference)
        if settings.severity is None and not settings.options:
            continue
        rule = load_rule(name, policy.plugins)
        severity = settings.severity or rule.severity
        said = [severity.value]
        if severity is not rule.severity:
            said.append(f"built-in {rule.severity.value}")
        said += [f"{key} {_shown(value)}" for key, value in settings.options.items()]
        place = settings.places[-1] if settings.places else None
        overridden = [str(earlier) for earlier in settings.places[:-1]]
        if overridden:
            said.append(f"over {', '.join(overridden)}")
        yield Applied(subject=name, answer=", ".join(said), place=place)


def _shown(value: object) -> str:
    """Return an option's value as the policy writes it."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(str, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _ignores(policy: Policy, reference: Reference, path: str, at: datetime) -> Iterator[Applied]:
    for ignore in policy.ignores:
        if ignore.path and not path:
            continue
        if not ignore.names(path, reference):
            continue
        if policy.settings(ignore.rule, path, reference).severity is Severity.OFF:
            problem = "the rule is off here"
        else:
            problem = ignore_problem(
                policy.ignore_policy, at, ignore.expires, ignore.reason, permanent=ignore.permanent
            )
        until = f" until {ignore.expires.isoformat()}" if ignore.expires else ""
        answer = f"ignored{until}: {ignore.reason}"
        if problem:
            answer = f"not ignored ({ignore.reason}): {problem}"
        yield Applied(subject=ignore.rule, answer=answer, place=ignore.place)
