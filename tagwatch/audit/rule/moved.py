"""Shared by rules about a tag's last move: whether it is recent, until when, and the sentence."""

from __future__ import annotations

from datetime import datetime

from tagwatch.audit.model.diff import ConfigDiff, PlatformDiff
from tagwatch.audit.model.history import Change
from tagwatch.audit.rule.interface import Option, Subject
from tagwatch.audit.rule.phrase import day, days, first_after, later, name
from tagwatch.image.digest import short_digest
from tagwatch.value import replace

__all__ = [
    "RECENT",
    "config_of",
    "decided_alone",
    "facts_of",
    "lone_gaps",
    "moved",
    "primary_of",
    "recent_change",
    "recent_until",
]

RECENT = {"days": Option(default=30, about="how many days a change is reported")}
"""The options of a rule that asks `recent_change`."""


def recent_change(subject: Subject) -> Change | None:
    """Return the target's last change; None where it is older than the option `days`."""
    evidence = subject.evidence
    change = evidence.change if evidence is not None else None
    if change is None or days(change.at, subject.at) > subject.options["days"]:
        return None
    return change


def recent_until(subject: Subject) -> datetime | None:
    """Return when `recent_change` stops giving the change; None where it gives none now."""
    change = recent_change(subject)
    if change is None:
        return None
    return first_after(subject.at, later(change.at, subject.options["days"] + 1))


def moved(subject: Subject, change: Change) -> str:
    """Return `redis:6.2 moved on 2026-05-02 from sha256:… to sha256:…`, and what is pinned."""
    what, reference = name(subject.target), subject.target.reference
    if reference is not None and reference.digest is not None:
        tag = replace(reference, tag=change.tag, digest=None)
        what = f"{tag.brief}, pinned to {short_digest(reference.digest)},"
    return (
        f"{what} moved on {day(change.at)} from {short_digest(change.before)} "
        f"to {short_digest(change.after)}"
    )


def facts_of(change: Change) -> dict[str, str]:
    """Return the facts that a finding about a change carries."""
    found = {
        "before": change.before,
        "after": change.after,
        "verdict": change.verdict.value,
        "moved_at": change.at.isoformat().replace("+00:00", "Z"),
        "version_before": change.version_before,
        "version_after": change.version_after,
    }
    return {key: value for key, value in found.items() if value}


def lone_gaps(change: Change) -> dict[str, str]:
    """Return why platforms that moved alone could not be compared, by platform."""
    diff = change.diff
    if diff is None or not diff.alone:
        return {}
    lacking = {one.platform for one in diff.platforms if one.config is None}
    reasons: dict[str, str] = {}
    for gap in diff.not_compared:
        reasons.setdefault(gap.what.rpartition(" of ")[2], gap.why)
    return {name: reasons.get(name, "it was not read") for name in diff.alone if name in lacking}


def decided_alone(change: Change) -> bool:
    """Return True where a platform that moved while another did not decided the verdict."""
    return change.diff is not None and not set(change.platforms).isdisjoint(change.diff.alone)


def primary_of(change: Change | None) -> PlatformDiff | None:
    """Return the diff of the platform that stands for the change; None where none was compared."""
    return change.diff.primary if change and change.diff else None


def config_of(change: Change | None) -> ConfigDiff | None:
    """Return the diff of that platform's config; None where it was not compared."""
    primary = primary_of(change)
    return primary.config if primary else None
