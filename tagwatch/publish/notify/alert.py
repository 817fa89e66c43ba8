"""What an alert says, before any channel's own form: only what changed, grouped by what to do."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from datetime import datetime

from tagwatch.audit.model.finding import Finding, Severity
from tagwatch.audit.verdict.result import AuditResult, Since
from tagwatch.image.digest import short_digest
from tagwatch.publish.movement import Movement, movements
from tagwatch.publish.notify.interface import AlertContext
from tagwatch.publish.wording import (
    change_severity,
    change_step,
    count,
    coverage_sentence,
    fix_text,
    one_line,
    since_sentence,
    stamp,
    verdict_sentence,
)
from tagwatch.value import dataclass

__all__ = ["Alert", "Group", "Line", "alert_key", "alert_of"]

_MESSAGE_LIMIT = 240
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that changed. All text is one line and clean; `mark` is a severity or `fixed`.

    `fix` is text to paste, `remedy` advice.
    """

    mark: str
    name: str
    message: str
    where: str = ""
    fix: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Lines that ask for the same kind of action, worst first, all of them."""

    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A message: `headline` says what changed, `verdict` where things stand."""

    headline: str
    verdict: str
    groups: tuple[Group, ...]
    coverage: str
    complete: bool


def alert_of(result: AuditResult, since: Since, context: AlertContext) -> Alert | None:
    """What to say of a run; None where nothing at or above `min_severity` changed."""
    least = context.min_severity.rank
    new, worse, fixed = (
        tuple(finding for finding in findings if finding.severity.rank >= least)
        for findings in (since.new, since.worse, since.fixed)
    )
    moved = tuple(one for one in movements(result) if one.named and one.severity.rank >= least)
    tags = sum(len(one.tags) for one in moved)
    every = (
        Group(title="To fix", lines=_lines(_of(Severity.ERROR, (*new, *worse)))),
        Group(title="To look at", lines=_lines(_of(Severity.WARNING, (*new, *worse)))),
        Group(title="To know", lines=_lines(_of(Severity.NOTE, (*new, *worse)))),
        Group(title="Tags that moved", lines=_moves(moved, (*new, *worse))),
        Group(title="Explained since", lines=_explained(result, least)),
        Group(title="Fixed", lines=_lines(fixed, mark="fixed")),
    )
    groups = tuple(group for group in every if group.lines)
    if not groups:
        return None
    changed = Since(new=new, worse=worse, fixed=fixed, same=())
    return Alert(
        headline=since_sentence(changed, count(tags, "tag") + " moved" if tags else ""),
        verdict=verdict_sentence(result),
        groups=groups,
        coverage=coverage_sentence(result),
        complete=result.complete,
    )


def alert_key(
    channel: str,
    result: AuditResult,
    since: Since,
    before: datetime | None,
    project: str = "",
) -> str:
    """A name for this change of state on this channel: equal where a run is made again.

    `before`: when the earlier result was made, so that what comes back later is told again.
    """
    parts = [channel, stamp(before) or "first", project]
    parts += sorted(f"new {finding.fingerprint}" for finding in since.new)
    parts += sorted(f"worse {finding.fingerprint}" for finding in since.worse)
    parts += sorted(f"fixed {finding.fingerprint}" for finding in since.fixed)
    parts += sorted(
        f"explained {one.repository.name}:{one.change.tag} {one.change.after}"
        for one in result.explained
    )
    parts += sorted(
        f"moved {moved.repository.name}:{moved.change.tag} {moved.change.after}"
        for moved in result.changes
    )
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()


def _of(severity: Severity, findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(finding for finding in findings if finding.severity is severity)


def _lines(findings: Iterable[Finding], mark: str = "") -> tuple[Line, ...]:
    """One line for all findings of one rule on one image, in the order of their first."""
    together: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        together.setdefault((finding.rule, _name(finding)), []).append(finding)
    return tuple(_line(name, same, mark) for (_, name), same in together.items())


def _line(name: str, same: list[Finding], mark: str) -> Line:
    first = same[0]
    return Line(
        mark=mark or first.severity.value,
        name=name,
        # the name stands before the message already
        message=one_line(first.message.removeprefix(f"{name} "), _MESSAGE_LIMIT),
        where=_where(same),
        fix="" if mark else fix_text(first),
        remedy="" if mark or first.fix else _brief(one_line(first.remedy, _MESSAGE_LIMIT)),
    )


def _brief(advice: str) -> str:
    """Advice with digests cut short: the report has them whole."""
    return _DIGEST.sub(lambda found: f"{short_digest(found[0])}…", advice)


def _name(finding: Finding) -> str:
    reference = finding.reference
    if reference is None:
        return one_line(finding.text or finding.location.path, 120)
    tag = f":{reference.tag}" if reference.tag else ""
    return one_line(f"{reference.repository}{tag}")


def _where(findings: list[Finding]) -> str:
    files = sorted({finding.location.path for finding in findings})
    if len(files) > 1:
        return f"in {count(len(files), 'file')}"
    first = findings[0].location
    return one_line(f"{first.path}:{first.line}", 160)


def _moves(moved: Iterable[Movement], findings: tuple[Finding, ...]) -> tuple[Line, ...]:
    """Moves that no finding of this message tells already, in their order."""
    told = {_name(finding) for finding in findings if finding.rule.startswith("tag-")}
    return tuple(
        Line(
            mark=one.severity.value,
            name=one.name,
            message=one_line(_move(one), _MESSAGE_LIMIT),
        )
        for one in moved
        if one.name not in told
    )


def _explained(result: AuditResult, least: int) -> tuple[Line, ...]:
    """Moves that an earlier message told without their verdict."""
    return tuple(
        Line(
            mark=change_severity(one.change).value,
            name=one_line(f"{one.repository}:{one.change.tag}"),
            message=one_line(
                f"{one.change.verdict.value} {change_step(one.change)}: {one.change.reason}",
                _MESSAGE_LIMIT,
            ),
        )
        for one in result.explained
        if change_severity(one.change).rank >= least
    )


def _move(moved: Movement) -> str:
    also = f" ({moved.also})" if moved.also else ""
    reason = f": {moved.reason}" if moved.reason else ""
    return f"{moved.change.verdict.value} {change_step(moved.change)}{also}{reason}"
