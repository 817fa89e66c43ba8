"""The tag is an alias that its publisher moves from version to version, such as `redis:6.2`.

That is often what is wanted; the note says how often it moved and what it is now. A tag that is
gone, that its publisher no longer builds, or whose release line is over, moves no more: other rules
speak of it.

Example: `FROM redis:6.2`: "redis:6.2 is a tag that moves: it is 6.2.24 today (sha256:aaaaaaaaaaaa),
and moved 3 times since 2026-08-15".

Risk: a build today and a build next week differ, and only the registry knows.
Remedy: leave it, knowingly; or write the concrete tag; or pin `tag@digest` and let a bot move it.
Source: Docker documentation, "Building best practices", Pin base image versions; Renovate
documentation, "Docker": tags are not immutable.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from tagwatch.audit.model.evidence import Evidence, Status
from tagwatch.audit.rule.interface import Rule, Statement, Subject, row
from tagwatch.audit.rule.offering import builds, offer_builds, offer_tags
from tagwatch.audit.rule.phrase import WATCH, day, facts, first_after, name, now, now_again
from tagwatch.audit.rule.release_end import known_ends, release_ends

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
    if (not is_alias and evidence.lifecycle != "floating") or _is_dead(subject, evidence):
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


def _is_dead(subject: Subject, evidence: Evidence) -> bool:
    """Return True for a tag that is gone, no longer built, or of a release line that is over."""
    if evidence.gone_since is not None or evidence.resolution.supported is False:
        return True
    on = subject.at.date()
    return any(end.is_main and end.is_past(on) for end in release_ends(subject))


def again(subject: Subject) -> datetime | None:
    """Return when the sentence will differ, or the release line be over."""
    over = (end.over_at for end in known_ends(subject) if end.is_main)
    return first_after(subject.at, now_again(subject), *over)


RULE = Rule(
    **row("tag-moving"),
    title="tag that moves by design",
    fixable=True,
    check=check,
    again=again,
)
