"""What the templates show: a result turned into tasks, images and tables, in reading order."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from heapq import nsmallest

from tagwatch.audit.model.evidence import Evidence
from tagwatch.audit.model.finding import Finding, Severity
from tagwatch.audit.model.history import Interval
from tagwatch.audit.verdict.result import AuditResult, Ignored
from tagwatch.publish.html.difference import Difference, differences, not_compared
from tagwatch.publish.html.layers import Stack, stack_of
from tagwatch.publish.html.task import Task, Tasks, Together, together_of, worst_of
from tagwatch.publish.html.timeline import Timeline, timeline_of
from tagwatch.publish.interface import PublishContext, RuleText
from tagwatch.publish.movement import Movement, movements, unnamed_sentence
from tagwatch.publish.wording import (
    change_step,
    image_name,
    now_text,
)
from tagwatch.value import dataclass, replace

__all__ = ["ImageView", "Move", "RuleRow", "RunView", "run_view"]

_MOST_LANES = 60
_MOST_ROWS = 1_000  # tasks, moves, images: a page of some 3 MB; JSON has the others
_IN_FULL = 40  # images with drawings and tables of their own: 500 stay below 2 MB
_MOST_INTERVALS = 12
_FEW_INTERVALS = 3
_POLICY_RULES = ("ignore-expired", "ignore-unused")


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A tag that moved; `also`: its aliases, in words."""

    name: str
    also: str
    image: str
    severity: Severity
    verdict: str
    step: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageView:
    """One image: what it is, was, and stands on. `open`: it asks for attention.

    `brief`: one of so many that it is shown without drawings. `past`: intervals with how each
    came; `older`: how many are not listed.
    """

    anchor: str
    name: str
    evidence: Evidence
    now: str
    uses: tuple[str, ...]
    tasks: tuple[Task, ...]
    timeline: Timeline | None
    stack: Stack | None
    differences: tuple[Difference, ...]
    not_compared: tuple[tuple[str, str], ...]
    past: tuple[tuple[Interval, str], ...]
    older: int
    brief: bool
    open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRow:
    """A rule's line of the policy table."""

    rule: str
    title: str
    counts: Mapping[Severity, int]
    ignored: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IgnoredRow:
    """A finding that was taken out. `days_left` None: no date."""

    ignored: Ignored
    where: str
    days_left: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """The page of one run."""

    tasks: tuple[Task, ...]
    findings_left_out: int
    news: tuple[Task, ...]
    fixed: tuple[Finding, ...]
    news_left_out: int
    moves: tuple[Move, ...]
    moves_left_out: int
    unnamed_moves: str
    images: tuple[ImageView, ...]
    images_left_out: int
    lanes: Timeline | None
    lanes_left_out: int
    rules: tuple[RuleRow, ...]
    policy_tasks: tuple[Task, ...]
    ignored: tuple[IgnoredRow, ...]
    unresolved: tuple[tuple[str, str, str], ...]


def run_view(result: AuditResult, context: PublishContext) -> RunView:
    """Everything the page of `result` shows."""
    together = together_of(result)
    anchors = _anchors(_shown(result, together))
    tasks = Tasks(result, together, context, anchors, _MOST_ROWS)
    todo = tasks.made(tasks.todo)
    images = _images(result, tasks, anchors)
    with_past = [image for image in images if image.evidence.history]
    fixed = tasks.since.fixed if tasks.since else ()
    moved = movements(result)
    named = [one for one in moved if one.named]
    return RunView(
        tasks=todo,
        findings_left_out=len(result.findings) - sum(len(task.places) for task in todo),
        news=tasks.made(tasks.news[:_MOST_ROWS]),
        fixed=fixed[:_MOST_ROWS],
        news_left_out=max(len(tasks.news) - _MOST_ROWS, 0) + max(len(fixed) - _MOST_ROWS, 0),
        moves=tuple(_move(one, anchors) for one in named[:_MOST_ROWS]),
        moves_left_out=max(len(named) - _MOST_ROWS, 0),
        unnamed_moves=unnamed_sentence(one for one in moved if not one.named),
        images=images,
        images_left_out=len(result.evidence) - len(images),
        lanes=timeline_of(
            (
                (image.name.rpartition("/")[2], image.anchor, _told(image.evidence))
                for image in with_past[:_MOST_LANES]
            ),
            result.at,
        ),
        lanes_left_out=max(len(with_past) - _MOST_LANES, 0),
        rules=_rules(result, context.rules),
        policy_tasks=tasks.made([key for key in tasks.keys if key[0] in _POLICY_RULES]),
        ignored=tuple(_ignored(ignored, result) for ignored in result.ignored),
        unresolved=tuple(
            (
                str(target.location),
                target.text,
                f"not known: {', '.join(target.missing)}"
                if target.missing
                else target.invalid or "no reference",
            )
            for target in result.targets
            if target.reference is None
        ),
    )


def _shown(result: AuditResult, together: Together) -> list[str]:
    """The keys of the images that have a card: those that ask for most first, then by name."""
    worst: dict[str, int] = {}
    for (_, _, key), findings in together.items():
        worst[key] = max(worst_of(findings), worst.get(key, 0))
    moved = _moved(result)
    return nsmallest(
        _MOST_ROWS, result.evidence, key=lambda key: (-worst.get(key, 0), key not in moved, key)
    )


def _moved(result: AuditResult) -> frozenset[str]:
    return frozenset(f"{moved.repository.name}:{moved.change.tag}" for moved in result.changes)


def _anchors(keys: Iterable[str]) -> dict[str, str]:
    """A link target for each key: readable, and made unique by a hash."""
    return {
        key: re.sub(r"[^a-z0-9]+", "-", key.lower())[:60].strip("-")
        + "-"
        + hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:6]
        for key in keys
    }


def _images(result: AuditResult, tasks: Tasks, anchors: Mapping[str, str]) -> tuple[ImageView, ...]:
    """The card of each image that has an anchor, in their order."""
    by_image = tasks.by_image()
    uses: dict[str, list[str]] = {}
    for target in result.targets:
        if target.reference is not None and (key := target.reference.canonical) in anchors:
            uses.setdefault(key, []).append(str(target.location))
    moved = _moved(result)
    return tuple(
        _image(
            result.evidence[key],
            anchor,
            tasks.made(by_image.get(key, ())),
            tuple(uses.get(key, ())),
            result.at,
            changed=key in moved,
            brief=place >= _IN_FULL,
        )
        for place, (key, anchor) in enumerate(anchors.items())
    )


def _image(
    evidence: Evidence,
    anchor: str,
    tasks: tuple[Task, ...],
    uses: tuple[str, ...],
    at: datetime,
    *,
    changed: bool,
    brief: bool,
) -> ImageView:
    diff = evidence.change.diff if evidence.change and not brief else None
    matched = evidence.bases[0].layers_matched if evidence.bases else 0
    name = image_name(evidence)
    history = _told(evidence)
    past = history[-(_FEW_INTERVALS if brief else _MOST_INTERVALS) :]
    lane = [] if brief else [(name.rpartition("/")[2], anchor, history)]
    return ImageView(
        anchor=anchor,
        name=name,
        evidence=evidence,
        now=now_text(evidence.resolution, asked=evidence.key.rpartition(":")[2]),
        uses=uses,
        tasks=tasks,
        timeline=timeline_of(lane, at),
        stack=stack_of(diff, base_layers=matched),
        differences=differences(diff),
        not_compared=not_compared(diff),
        past=tuple((interval, _how_it_came(interval, evidence)) for interval in past),
        older=len(history) - len(past),
        brief=brief,
        open=not brief and (changed or any(task.severity is not Severity.NOTE for task in tasks)),
    )


def _told(evidence: Evidence) -> tuple[Interval, ...]:
    """The tag's past; what it serves now bears the version and the verdict found since."""
    return tuple(_told_interval(interval, evidence) for interval in evidence.history)


def _told_interval(interval: Interval, evidence: Evidence) -> Interval:
    resolution, change = evidence.resolution, evidence.change
    if interval.ended:
        return interval
    version = resolution.version if interval.digest == resolution.digest else None
    verdict = change.verdict.value if change and interval.digest == change.after else None
    return replace(
        interval, version=interval.version or version, verdict=interval.verdict or verdict
    )


def _how_it_came(interval: Interval, evidence: Evidence) -> str:
    """The verdict; only what really is the oldest that is remembered has no need of one."""
    if interval.verdict:
        return interval.verdict
    if interval.first_seen == evidence.first_seen:
        return "first known"
    earlier = {one.kind for one in evidence.history if one.first_seen < interval.first_seen}
    return "first seen here" if earlier and interval.kind not in earlier else "not explained"


def _move(moved: Movement, anchors: Mapping[str, str]) -> Move:
    change = moved.change
    return Move(
        name=moved.name,
        also=moved.also,
        image=anchors.get(f"{moved.repository.name}:{change.tag}", ""),
        severity=moved.severity,
        verdict=change.verdict.value,
        step=change_step(change),
        reason=moved.reason,
    )


def _rules(result: AuditResult, texts: Mapping[str, RuleText]) -> tuple[RuleRow, ...]:
    found: dict[str, Counter[Severity]] = {}
    for finding in result.findings:
        found.setdefault(finding.rule, Counter())[finding.severity] += 1
    ignored = Counter(ignored.finding.rule for ignored in result.ignored)
    names = sorted({*texts, *found, *ignored})
    rows = [
        RuleRow(
            rule=name,
            title=texts[name].title if name in texts else "",
            counts=found.get(name, Counter()),
            ignored=ignored[name],
        )
        for name in names
    ]
    return tuple(sorted(rows, key=lambda row: (-row.counts.get(Severity.ERROR, 0),
                                               -sum(row.counts.values()), row.rule)))  # fmt: skip


def _ignored(ignored: Ignored, result: AuditResult) -> IgnoredRow:
    try:
        days = (date.fromisoformat(ignored.until) - result.at.date()).days
    except ValueError:
        days = None
    return IgnoredRow(ignored=ignored, where=str(ignored.finding.location), days_left=days)
