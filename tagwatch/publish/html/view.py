"""What the templates show: a result turned into tasks, images and tables, in reading order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from heapq import nsmallest

from tagwatch.audit.model.evidence import Evidence, evidence_key
from tagwatch.audit.model.finding import Finding, Severity
from tagwatch.audit.model.history import Interval
from tagwatch.audit.verdict.result import AuditResult, Ignored
from tagwatch.publish.html.book import IN_FULL, LATEST, MOST_APART, MOST_IMAGES, Book, Chunk
from tagwatch.publish.html.difference import Difference, differences, not_compared
from tagwatch.publish.html.layers import Stack, stack_of
from tagwatch.publish.html.task import Cause, Task, Tasks, causes
from tagwatch.publish.html.timeline import Timeline, timeline_of
from tagwatch.publish.image_link import registry_page
from tagwatch.publish.interface import PublishContext, RuleText
from tagwatch.publish.movement import Movement, movements, unnamed_sentence
from tagwatch.publish.used import apart_of, used_targets
from tagwatch.publish.wording import (
    change_step,
    image_name,
    now_text,
)
from tagwatch.source.target import Location, Target, parts_of
from tagwatch.value import dataclass, replace

__all__ = ["ImageView", "Move", "Pages", "RuleRow", "RunView"]

_MOST_LANES = 24
_MOST_ROWS = 40  # rows of a table: a page is not longer than 20 screens; JSON has the others
_MOST_OPEN = 4  # cards that are open before anybody asks: each takes a screen or two
_MOST_INTERVALS = 12
_MOST_USES = 12
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
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageView:
    """One image: what it is, was, and stands on. `open`: it asks for attention.

    `page`: where its registry shows it, or empty. `uses`: the places that name it, each with its
    address at the forge, or empty.

    `brief`: one of so many that it is shown without drawings. `past`: intervals with how each
    came; `older`: how many are not listed.
    """

    anchor: str
    name: str
    evidence: Evidence
    now: str
    page: str
    uses: tuple[tuple[str, str], ...]
    more_uses: int
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
    watched: tuple[Task, ...]
    tasks_after: str
    findings_left_out: int
    news: tuple[Task, ...]
    fixed: tuple[Finding, ...]
    news_left_out: int
    moves: tuple[Move, ...]
    moves_left_out: int
    unnamed_moves: str
    images: tuple[ImageView, ...]
    images_after: str
    images_left_out: int
    lanes: Timeline | None
    lanes_left_out: int
    rules: tuple[RuleRow, ...]
    policy_tasks: tuple[Task, ...]
    ignored: tuple[IgnoredRow, ...]
    ignored_left_out: int
    unresolved: tuple[tuple[str, str, str], ...]
    unresolved_left_out: int


class Pages:
    """Everything that the pages of a result show. `whole`: all of them, not the first alone."""

    def __init__(self, result: AuditResult, context: PublishContext, *, whole: bool) -> None:
        self.result = result
        self.context = context
        self._moved = _moved(result)
        found = causes(result)
        told = found[: sum(not one.apart for one in found) + MOST_APART]
        self.book = Book(
            _in_order(result, found, self._moved), [one.anchor for one in told], whole=whole
        )
        self.tasks = Tasks(result, found, context, self.book)
        self._uses: dict[str, list[Location]] = {}
        """The places of the images that are shown, once somebody wants any."""

    def first(self) -> RunView:
        """Return what the first page shows."""
        result, tasks = self.result, self.tasks
        todo_chunk, image_chunk = next(self.book.task_chunks()), next(self.book.image_chunks())
        todo = self.todo(todo_chunk)
        images = tuple(self.images(image_chunk))
        with_past = [image for image in images if image.evidence.history]
        fixed = tasks.since.fixed if tasks.since else ()
        moved = movements(result)
        moves = self.moves(LATEST)
        unresolved = [
            target
            for part in parts_of(result.targets)
            for target in (part if not hasattr(part, "location") else ())  # a watch names images
            if target.reference is None
        ]
        return RunView(
            tasks=tuple(one for one in todo if not one.apart),
            watched=tuple(one for one in todo if one.apart),
            tasks_after=todo_chunk.after,
            findings_left_out=len(result.findings) - sum(task.total for task in todo),
            news=tasks.told_anew(LATEST, _MOST_ROWS),
            fixed=fixed[:_MOST_ROWS],
            news_left_out=max(len(tasks.news) - _MOST_ROWS, 0) + max(len(fixed) - _MOST_ROWS, 0),
            moves=moves[:_MOST_ROWS],
            moves_left_out=max(len(moves) - _MOST_ROWS, 0),
            unnamed_moves=unnamed_sentence(one for one in moved if not one.named),
            images=images,
            images_after=image_chunk.after,
            images_left_out=len(result.evidence) - len(images),
            lanes=timeline_of(
                (
                    (image.name.rpartition("/")[2], image.anchor, _told(image.evidence))
                    for image in with_past[:_MOST_LANES]
                ),
                result.at,
            ),
            lanes_left_out=max(len(with_past) - _MOST_LANES, 0),
            rules=_rules(result, self.context.rules),
            policy_tasks=tasks.made(
                [one for one in tasks.causes if one.first.rule in _POLICY_RULES][:_MOST_ROWS],
                LATEST,
            ),
            ignored=tuple(_ignored(one, result) for one in result.ignored[:_MOST_ROWS]),
            ignored_left_out=max(len(result.ignored) - _MOST_ROWS, 0),
            unresolved=tuple(
                (
                    str(target.location),
                    target.text,
                    f"not known: {', '.join(target.missing)}"
                    if target.missing
                    else target.invalid or "no reference",
                )
                for target in unresolved[:_MOST_ROWS]
            ),
            unresolved_left_out=max(len(unresolved) - _MOST_ROWS, 0),
        )

    def moves(self, page: str) -> tuple[Move, ...]:
        """Return the moves of tags that are named, as `page` shows them."""
        return tuple(self._move(one, page) for one in movements(self.result) if one.named)

    def todo(self, chunk: Chunk) -> tuple[Task, ...]:
        """Return the tasks of a stretch."""
        return self.tasks.made(self.tasks.causes[chunk.start : chunk.end], chunk.page)

    def images(self, chunk: Chunk) -> Iterator[ImageView]:
        """Yield the cards of a stretch of images, in their order."""
        keys = self.book.images[chunk.start : chunk.end]
        by_image = self.tasks.by_image(keys)
        uses = self._uses or self._find_uses()
        opened = 0
        for place, key in enumerate(keys):
            view = self._image(
                self.result.evidence[key],
                self.tasks.made(by_image.get(key, ()), chunk.page),
                uses.get(key, ()),
                brief=place >= IN_FULL,
                may_open=opened < _MOST_OPEN,
            )
            opened += view.open
            yield view

    def _find_uses(self) -> dict[str, list[Location]]:
        """Note where all images that are shown are named: targets may be made as they are read."""
        self._uses = {key: [] for key in self.book.images}
        for part in parts_of(self.result.targets):
            for key, location in _named_in(part):
                if key is not None and key in self._uses:
                    self._uses[key].append(location)
        return self._uses

    def _image(
        self,
        evidence: Evidence,
        tasks: tuple[Task, ...],
        uses: Sequence[Location],
        *,
        brief: bool,
        may_open: bool,
    ) -> ImageView:
        at = self.result.at
        diff = evidence.change.diff if evidence.change and not brief else None
        matched = evidence.bases[0].layers_matched if evidence.bases else 0
        name = image_name(evidence)
        anchor = self.book.anchor_of_image(evidence.key)
        history = _told(evidence)
        past = history[-(_FEW_INTERVALS if brief else _MOST_INTERVALS) :]
        lane = [] if brief else [(name.rpartition("/")[2], anchor, history)]
        asks = evidence.key in self._moved or any(
            task.severity is not Severity.NOTE for task in tasks
        )
        reference = evidence.resolution.reference
        return ImageView(
            anchor=anchor,
            name=name,
            evidence=evidence,
            now=now_text(evidence.resolution, asked=evidence.key.rpartition(":")[2]),
            page=registry_page(reference.repository) if reference is not None else "",
            uses=tuple((str(one), self.context.source_of(one)) for one in uses[:_MOST_USES]),
            more_uses=max(len(uses) - _MOST_USES, 0),
            tasks=tasks,
            timeline=timeline_of(lane, at),
            stack=stack_of(diff, base_layers=matched),
            differences=differences(diff),
            not_compared=not_compared(diff),
            past=tuple((interval, _how_it_came(interval, evidence)) for interval in past),
            older=len(history) - len(past),
            brief=brief,
            open=may_open and not brief and asks,
        )

    def _move(self, moved: Movement, page: str) -> Move:
        change = moved.change
        return Move(
            name=moved.name,
            also=moved.also,
            image=self.book.to_image(f"{moved.repository.name}:{change.tag}", page),
            severity=moved.severity,
            verdict=change.verdict.value,
            step=change_step(change),
            at=change.at,
            reason=moved.reason,
        )


def _named_in(part: Collection[Target]) -> Iterator[tuple[str | None, Location]]:
    """Yield the evidence keys of targets, and where each stands."""
    if (place := getattr(part, "location", None)) is not None:
        yield from ((key, place) for key in getattr(part, "keys", ()))
    else:
        yield from ((evidence_key(target), target.location) for target in part)


def _in_order(result: AuditResult, found: Iterable[Cause], moved: frozenset[str]) -> list[str]:
    """Return the keys of the images: those that ask for most first, then by name.

    Those that only a wide watch names come last.
    """
    worst: dict[str, int] = {}
    for one in found:
        for key in one.keys:
            worst[key] = max(one.first.severity.rank, worst.get(key, 0))
    apart = apart_of(result.targets)
    used = {evidence_key(target) for target in used_targets(result.targets, apart)}
    ordered = nsmallest(
        MOST_IMAGES,
        result.evidence,
        key=lambda key: (key not in used, -worst.get(key, 0), key not in moved, key),
    )
    first = sum(key in used for key in ordered) or len(ordered)
    return ordered[: first + MOST_APART]


def _moved(result: AuditResult) -> frozenset[str]:
    return frozenset(f"{moved.repository.name}:{moved.change.tag}" for moved in result.changes)


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
