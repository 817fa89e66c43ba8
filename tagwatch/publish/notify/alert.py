"""What an alert says, before any channel's own form: only what changed, grouped by what to do."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from tagwatch.audit.model.finding import Finding, Severity, causes_of
from tagwatch.audit.verdict.news import News
from tagwatch.audit.verdict.result import LAPSED, AuditResult, Since
from tagwatch.image.digest import short_digest
from tagwatch.image.reference import Repository
from tagwatch.publish.movement import Movement, movements
from tagwatch.publish.notify.interface import AlertContext
from tagwatch.publish.result_sentence import coverage_sentence, since_sentence, verdict_sentence
from tagwatch.publish.wording import change_severity, change_step, count, fix_text, one_line, stamp
from tagwatch.value import dataclass

__all__ = ["Alert", "Group", "Line", "alert_key", "alert_of", "newer_versions", "reminders"]

_MESSAGE_LIMIT = 240
_SHOWN_GONE = 5
_BEHIND = "base-behind"
_OVER = "version-eol"
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


_LAPSED_TITLE = "No longer told, because it is long ago: the tag still serves that image"
_TRIAL = Alert(
    headline="a test alert",
    verdict="There is nothing to do: somebody tries out whether alerts arrive here",
    groups=(
        Group(
            title="Test",
            lines=(Line(mark="note", name="tagwatch alerts test", message="this is a test"),),
        ),
    ),
    coverage="nothing was checked for this message",
    complete=True,
)
"""A message that nobody takes for a real one."""


def alert_of(result: AuditResult, since: Since, context: AlertContext) -> Alert | None:
    """Return what to say of a run; None where nothing at or above `min_severity` is to be told."""
    if context.is_test:
        return _TRIAL
    least = context.min_severity.rank
    new, worse, fixed, still = (
        tuple(finding for finding in findings if finding.severity.rank >= least)
        for findings in (since.new, since.worse, since.fixed, context.still)
    )
    moved = tuple(one for one in movements(result) if one.named and one.severity.rank >= least)
    gone = _gone(result, (*new, *worse))
    newer = (*_lines(_without(context.newer, (*new, *worse))), *_lines(context.offered))
    counts = _newer(context)
    groups = (
        Group(title="To fix", lines=_lines(_of(Severity.ERROR, (*new, *worse)))),
        Group(title="To look at", lines=_lines(_of(Severity.WARNING, (*new, *worse)))),
        Group(title="To know", lines=_lines(_of(Severity.NOTE, (*new, *worse)))),
        Group(title="Tags that moved", lines=_moves(moved, (*new, *worse))),
        Group(title="Explained since", lines=_explained(result, least)),
        Group(title="Still there", lines=_lines(still)),
        Group(title=_LAPSED_TITLE, lines=_lines(_lapsed(fixed), mark=Severity.NOTE.value)),
        Group(title="Fixed", lines=_lines(_without(fixed, _lapsed(fixed)), mark="fixed")),
    )
    # notes, but a message that goes out anyway may as well tell them
    beside = (
        Group(title="Tags that are gone", lines=gone),
        Group(title="Newer versions", lines=newer),
    )
    is_worth_it = any(group.lines for group in groups)
    if not is_worth_it and not (
        Severity.NOTE.rank >= least and any(group.lines for group in beside)
    ):
        return None
    changed = Since(new=new, worse=worse, fixed=fixed, same=())
    return Alert(
        headline=since_sentence(
            changed, _headline(moved, len(result.gone), counts, _over((*new, *worse)), still)
        ),
        verdict=verdict_sentence(result),
        groups=tuple(group for group in (*groups[:-1], *beside, groups[-1]) if group.lines),
        coverage=coverage_sentence(result),
        complete=result.complete,
    )


def _lapsed(fixed: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(finding for finding in fixed if LAPSED in finding.evidence)


def _over(findings: Iterable[Finding]) -> int:
    """Return how many images have a release line that is newly past its end of life."""
    return len({_name(one) for one in findings if one.rule == _OVER and not one.unknown})


def _newer(context: AlertContext) -> tuple[int, int]:
    """Return how many images have a newer patch, and how many a newer version beyond.

    Those that stand among the findings of the message count, too.
    """
    patches = {_name(one) for one in context.newer if one.evidence.get("level") == "patch"}
    named = {_name(one) for one in context.newer} - patches
    return len(patches), len(named) + len(_lines(context.offered))


def _headline(
    moved: Iterable[Movement],
    gone: int,
    newer: tuple[int, int],
    over: int,
    still: tuple[Finding, ...],
) -> str:
    tags = sum(len(one.tags) for one in moved)
    patches, versions = newer
    parts = (
        f"{count(tags, 'tag')} moved" if tags else "",
        f"{count(gone, 'tag')} gone" if gone else "",
        count(patches, "newer patch", "newer patches") if patches else "",
        count(versions, "newer version") if versions else "",
        f"{count(over, 'image')} past {'its' if over == 1 else 'their'} end of life"
        if over
        else "",
        f"{len(still)} still there" if still else "",
    )
    return ", ".join(part for part in parts if part)


def newer_versions(news: News) -> tuple[Finding, ...]:
    """Return the findings that name another newer version than they did in the run before.

    None of the first run: all that it found is new.
    """
    if news.is_first:
        return ()
    return tuple(one for one in (*news.since.new, *news.reworded) if one.rule == _BEHIND)


def reminders(
    result: AuditResult,
    since: Since,
    before: datetime | None,
    first_seen: Mapping[str, datetime],
    remind_after: timedelta,
) -> tuple[Finding, ...]:
    """Return the findings that stand for another whole `remind_after` since `before`.

    `before`: when the run before began; `first_seen`: when findings were seen first, by their
    fingerprints. What is new or worse is told anyway.
    """
    if before is None:
        return ()

    def times(finding: Finding, at: datetime) -> int:
        age: timedelta = at - first_seen.get(finding.fingerprint, at)
        return age // remind_after

    return tuple(
        finding for finding in since.same if times(finding, result.at) > times(finding, before)
    )


def alert_key(
    receiver: str,
    result: AuditResult,
    since: Since,
    before: datetime | None,
    still: Iterable[Finding] = (),
    project: str = "",
) -> str:
    """Return a name for this change of state and receiver: equal where a run is made again.

    `before`: when the earlier result was made, so that what comes back later is told again.
    `still`: what the receiver is reminded of.
    """
    parts = [receiver, stamp(before) or "first", project]
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
    parts += sorted(f"gone {one.repository.name}:{one.tag}" for one in result.gone)
    parts += sorted(f"still {finding.fingerprint}" for finding in still)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()


def _of(severity: Severity, findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(finding for finding in findings if finding.severity is severity)


def _lines(findings: Iterable[Finding], mark: str = "") -> tuple[Line, ...]:
    """One line for each cause and for each rule on one image, in the order of their first."""
    together: dict[tuple[str, str], list[Finding]] = {}
    for same in causes_of(findings):
        together.setdefault((same[0].rule, _name(same[0])), []).extend(same)
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
    others = len({finding.location.path for finding in findings}) - 1
    images = {_name(finding) for finding in findings if finding.reference is not None}
    first = findings[0].location
    where = f"{first.path}:{first.line}" + (f" and {count(others, 'other file')}" if others else "")
    also = f", also for {count(len(images) - 1, 'other image')}" if len(images) > 1 else ""
    return one_line(where, 160) + also


def _without(findings: Iterable[Finding], told: Iterable[Finding]) -> tuple[Finding, ...]:
    known = {finding.fingerprint for finding in told}
    return tuple(finding for finding in findings if finding.fingerprint not in known)


def _gone(result: AuditResult, findings: tuple[Finding, ...]) -> tuple[Line, ...]:
    """Return a line for each repository with tags that are gone and that no finding here tells."""
    told = {_name(finding) for finding in findings if finding.rule == "tag-deleted"}
    together: dict[Repository, list[str]] = {}
    for one in result.gone:
        if one_line(f"{one.repository}:{one.tag}") not in told:
            together.setdefault(one.repository, []).append(one.tag)
    return tuple(
        Line(
            mark=Severity.NOTE.value,
            name=one_line(str(repository)),
            message=_named(tags) + (" is gone" if len(tags) == 1 else " are gone"),
        )
        for repository, tags in together.items()
    )


def _named(tags: list[str]) -> str:
    more = len(tags) - _SHOWN_GONE
    said = ", ".join(one_line(tag, 120) for tag in tags[:_SHOWN_GONE])
    return said + (f" and {more} more" if more > 0 else "")


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
