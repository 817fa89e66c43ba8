"""The plan of a crawl, pure: what to ask of which repository, given what is known already."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from tagwatch.crawl.image_reader import lacks
from tagwatch.crawl.task import CrawlTask, Need, Pattern, audited_key
from tagwatch.image.digest import Digest
from tagwatch.image.platform import Platform
from tagwatch.image.reference import Repository
from tagwatch.image.selector import is_pattern
from tagwatch.image.snapshot import Document
from tagwatch.source.target import Target
from tagwatch.value import dataclass, field, replace

__all__ = ["Known", "PlanSettings", "Want", "in_turn", "plan", "wants_of"]

FULL_SWEEP = timedelta(days=7)
"""How often every tag is listed, because newest-first listings cannot show deletions."""


class Known(Protocol):
    """What the ledger knows of one repository; see `ledger.record.Known`."""

    @property
    def tags(self) -> Mapping[str, Digest]:
        """The digest that each tag served when it was last seen."""

    @property
    def listed(self) -> frozenset[str]:
        """Tags that are known by name alone."""

    @property
    def failing(self) -> Mapping[str, int]:
        """Tags that could not be read when they were asked last, with that answer's status."""

    @property
    def watermark(self) -> str | None:
        """What the catalogue gave last time, to list only what moved since."""

    @property
    def full_at(self) -> datetime | None:
        """The time of the last listing of every tag; None: there was none."""

    @property
    def doubted_at(self) -> datetime | None:
        """When its list first lacked most tags, where that was not believed yet."""

    @property
    def audited(self) -> str | None:
        """What the documents of every tag were last read for; see `CrawlTask.audited`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """What somebody wants to know of one repository. See `CrawlTask` for the fields."""

    repository: Repository
    tags: frozenset[str] = frozenset()
    patterns: frozenset[Pattern] = frozenset()
    pins: frozenset[Digest] = frozenset()
    priority: int = 0
    parts: frozenset[tuple[Digest, ...]] = frozenset()
    is_awaited: bool = False
    """True where others wait for the answer: it is asked for before those of the same priority, and
    beside all others, save that pulls which are counted keep their place."""

    def __or__(self, other: Want) -> Want:
        """Return both wants of the same repository as one; the more urgent priority counts."""
        return replace(
            self,
            tags=self.tags | other.tags,
            patterns=self.patterns | other.patterns,
            pins=self.pins | other.pins,
            parts=self.parts | other.parts,
            priority=min(self.priority, other.priority),
            is_awaited=self.is_awaited or other.is_awaited,
        )


def in_turn(want: Want) -> tuple[int, bool, Repository]:
    """Return a key that sorts the wants of one registry as they are asked for."""
    return (want.priority, not want.is_awaited, want.repository)


def _side_by_side(wants: Iterable[Want]) -> list[Want]:
    """Return the wants as they are asked for: registries side by side, each in its own order.

    An engine has a limited number of tasks under way, and a registry of requests. One registry
    after the other, each would wait while there is room for more. The repositories of each are
    spread over the whole, so that a slow one with few and a fast one with many end together.
    """
    ordered = sorted(wants, key=in_turn)
    groups = [(want.priority, not want.is_awaited, want.repository.host) for want in ordered]
    counted, place = Counter(groups), Counter[tuple[int, bool, str]]()
    keys = []
    for number, group in enumerate(groups):
        place[group] += 1
        keys.append((*group[:2], (place[group] - 0.5) / counted[group], number))
    return [ordered[key[-1]] for key in sorted(keys)]


def wants_of(targets: Iterable[Target]) -> Iterator[Want]:
    """Yield what each target wants: its tag, its digest, and a pattern where the tag may be one.

    What is built here wants nothing: no rule asks for it, and most such names are on no registry.
    """
    for target in targets:
        reference = target.reference
        if reference is None or "built" in target.facts:
            continue
        tag = reference.effective_tag
        patterns = {target.selector} if target.selector else set()
        if tag is not None and is_pattern(tag):
            patterns.add(tag)
        yield Want(
            repository=reference.repository,
            tags=frozenset({tag} if tag is not None and not target.selector else ()),
            patterns=frozenset(Pattern(selector=text, for_one=True) for text in patterns),
            pins=frozenset({reference.digest} if reference.digest else ()),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSettings:
    """The settings that are the same for every task of a run."""

    at: datetime
    platforms: tuple[Platform, ...]
    needs: Need = Need.NAMES | Need.DOCUMENTS
    full_sweep: timedelta = FULL_SWEEP
    full_sweep_of: Mapping[str, timedelta] = field(default_factory=dict)
    """By host, where it differs from `full_sweep`."""


def plan(
    wants: Iterable[Want],
    known: Callable[[Repository], Known],
    stored: Callable[[Repository], frozenset[Digest]],
    settings: PlanSettings,
    *,
    indexes: Callable[[Iterable[Digest]], Iterable[Document]] = lambda _: (),
) -> Iterator[CrawlTask]:
    """Yield one task per repository, the most urgent first; each is made only when it is drawn.

    A repository whose last whole listing is older than its full sweep is listed whole again:
    newest-first listings cannot show that a tag was deleted. `stored` gives the digests whose
    documents are stored, `indexes` these documents; it is called only where a repository was last
    read for other platforms, or without attestations.
    """
    merged: dict[Repository, Want] = {}
    for want in wants:
        before = merged.get(want.repository)
        merged[want.repository] = want if before is None else before | want
    audited = audited_key(settings.platforms, settings.needs)
    for want in _side_by_side(merged.values()):
        # made in a function: what is known of a long repository ends with its task
        yield _task(
            want, known(want.repository), stored(want.repository), audited, settings, indexes
        )


def _task(
    want: Want,
    last: Known,
    documents: frozenset[Digest],
    audited: str,
    settings: PlanSettings,
    indexes: Callable[[Iterable[Digest]], Iterable[Document]],
) -> CrawlTask:
    """Return the task that answers a want. `last`: what is known; `documents`: what is stored."""
    sweep = settings.full_sweep_of.get(want.repository.host, settings.full_sweep)
    fresh = last.full_at is not None and settings.at - last.full_at < sweep
    lacking: tuple[Document, ...] = ()
    if Need.DOCUMENTS in settings.needs and last.audited != audited:
        served = indexes(documents.intersection(last.tags.values()))
        wants_more = partial(
            lacks, stored=documents, platforms=settings.platforms, needs=settings.needs
        )
        lacking = tuple(filter(wants_more, served))
    return CrawlTask(
        repository=want.repository,
        at=settings.at,
        tags=want.tags,
        patterns=tuple(sorted(want.patterns)),
        pins=want.pins,
        parts=want.parts,
        needs=settings.needs,
        platforms=settings.platforms,
        known=last.tags,
        watermark=last.watermark if fresh else None,
        swept_from=None if fresh else last.watermark,
        listed=last.listed,
        failing=last.failing,
        # what lacks something must not count as stored, or the crawl would skip it
        documents=documents.difference(one.digest for one in lacking),
        priority=want.priority,
        lacking=lacking,
        doubted_at=last.doubted_at,
    )
