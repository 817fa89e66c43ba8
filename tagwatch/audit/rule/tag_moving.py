"""The tag is an alias that its publisher moves from version to version, such as `redis:6.2`.

That is often what is wanted; the note says how often it moved and what it is now.

Example: `FROM redis:6.2`: "redis:6.2 is a tag that moves: it is 6.2.24 today (sha256:aaaaaaaaaaaa),
and moved 3 times since 2026-08-15".

Risk: a build today and a build next week differ, and only the registry knows.
Remedy: leave it, knowingly; or write the concrete tag; or pin `tag@digest` and let a bot move it.
Source: Docker documentation, "Building best practices", Pin base image versions; Renovate
documentation, "Docker": tags are not immutable.
"""

from __future__ import annotations

from collections.abc import Iterator

from tagwatch.audit.model.evidence import Status
from tagwatch.audit.rule.interface import Rule, Statement, Subject, row
from tagwatch.audit.rule.offering import builds, offer_builds, offer_tags
from tagwatch.audit.rule.phrase import WATCH, day, facts, name, now, now_again

__all__ = ["RULE", "check"]


def check(subject: Subject) -> Iterator[Statement]:
    """Report a tag without a digest that is an alias of a more concrete tag, or that has moved."""
    target, evidence = subject.target, subject.evidence
    reference = target.reference
    if evidence is None or reference is None or target.kind == WATCH:
        return
    tag, resolution = reference.tag, evidence.resolution
    if tag in (None, "latest") or reference.digest or resolution.digest is None:
        return
    is_alias = resolution.tag not in (None, tag) and tag in resolution.aliases
    if not is_alias and evidence.lifecycle != "floating":
        return
    times = "once" if evidence.moves == 1 else f"{evidence.moves} times"
    seen = f", and moved {times}" if evidence.moves else ""
    since = f" since {day(evidence.first_seen)}" if seen and evidence.first_seen else ""
    concrete = resolution.tag if resolution.status is Status.RESOLVED else None
    yield Statement(
        message=f"{name(target)} is a tag that moves: it is {now(subject)}{seen}{since}",
        remedy="pin it",
        offers=(
            *offer_tags(target, concrete),
            *offer_builds(
                target,
                tag,
                (resolution.digest, *builds(evidence)),
                text="pin {}",
                concrete=concrete,
                writes=True,
            ),
        ),
        evidence={**facts(evidence), "moves": str(evidence.moves)},
    )


RULE = Rule(
    **row("tag-moving"),
    title="tag that moves by design",
    fixable=True,
    check=check,
    again=now_again,
)
