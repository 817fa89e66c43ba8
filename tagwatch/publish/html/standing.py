"""Where each watched image stands, by name: the long list of the index."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from tagwatch.audit.model.evidence import Evidence, evidence_key
from tagwatch.audit.model.finding import Severity
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.image.reference import DOCKER_HUB, Repository
from tagwatch.publish.html.sorting import page_name
from tagwatch.publish.html.view import Pages
from tagwatch.publish.used import apart_of
from tagwatch.publish.wording import count, image_text, now_text, one_line
from tagwatch.value import dataclass

__all__ = ["Shelf", "Standing", "standing_of"]

_MOST_IMAGES = 1_400
"""More are told by repository."""
_MOST_ROWS = 1_400
_FEW = 40
"""So many rows are open before anybody asks."""
_INDEX = "index.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One image, or all images of a repository. `worst` is empty where nothing was found."""

    name: str
    href: str
    now: str
    places: int
    worst: str
    findings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """The images of one owner at one registry."""

    name: str
    rows: tuple[Standing, ...]
    findings: int
    open: bool

    @property
    def worst(self) -> int:
        """The rank of the worst severity; 0 without a finding."""
        return max((Severity(one.worst).rank for one in self.rows if one.worst), default=0)


class _Known:
    """What is found of one image while the targets are read."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self.places = 0
        self.rank = 0
        self.findings = 0


def standing_of(pages: Pages) -> tuple[tuple[Shelf, ...], int, int]:
    """Return the shelves by name, how many rows were left out, and how many tags stand apart."""
    known, apart = _known(pages)
    rows = list(_rows(known, pages))
    few = len(rows) <= _FEW
    shelves = []
    for name, found in groupby(rows[:_MOST_ROWS], key=lambda row: row[0]):
        standings = tuple(standing for _, standing in found)
        number = sum(one.findings for one in standings)
        shelves.append(Shelf(name=name, rows=standings, findings=number, open=few))
    return tuple(shelves), max(len(rows) - _MOST_ROWS, 0), apart


def _known(pages: Pages) -> tuple[dict[str, _Known], int]:
    """Return what files and single watches name, by key, and how many others there are."""
    result = pages.result
    known: dict[str, _Known] = {}
    alone: dict[str, _Known] = {}
    apart = apart_of(result.targets)
    for target in result.targets:
        key = evidence_key(target)
        if key is not None and target.reference is not None:
            where = alone if target.location in apart else known
            one = where.get(key) or _Known(target.reference.repository.identity)
            where[key] = one
            one.places += 1
    if not known:  # a watch list is all there is
        known, alone = alone, {}
    for cause in pages.tasks.causes:
        for key in cause.keys:
            if key in known:
                known[key].rank = max(known[key].rank, cause.first.severity.rank)
                known[key].findings += 1
    return known, len(alone.keys() - known.keys())


def _rows(known: dict[str, _Known], pages: Pages) -> Iterator[tuple[str, Standing]]:
    """Yield each row with the name of its shelf, in the order of both."""
    if len(known) <= _MOST_IMAGES:
        ordered = sorted(known.items(), key=lambda item: (_shelf(item[1].repository), item[0]))
        for key, one in ordered:
            yield (
                _shelf(one.repository),
                Standing(
                    name=image_text(key),
                    href=pages.book.to_image(key, _INDEX),
                    now=_now(pages.result, key),
                    places=one.places,
                    worst=_word(one.rank),
                    findings=one.findings,
                ),
            )
        return
    by_repository: dict[Repository, list[_Known]] = {}
    for one in known.values():
        by_repository.setdefault(one.repository, []).append(one)
    for repository in sorted(by_repository, key=lambda one: (_shelf(one), one)):
        tags = by_repository[repository]
        yield (
            _shelf(repository),
            Standing(
                name=one_line(str(repository), 200),
                href=page_name("image", 1),
                now=count(len(tags), "tag"),
                places=sum(one.places for one in tags),
                worst=_word(max(one.rank for one in tags)),
                findings=sum(one.findings for one in tags),
            ),
        )


def _now(result: AuditResult, key: str) -> str:
    evidence: Evidence | None = result.evidence.get(key)
    if evidence is None:
        return "not read"
    return now_text(evidence.resolution, asked=key.rpartition(":")[2]).partition(" · ")[0]


def _word(rank: int) -> str:
    return next((one.value for one in Severity if one.rank == rank and rank), "")


def _shelf(repository: Repository) -> str:
    owner = repository.name.rpartition("/")[0]
    if owner == f"{DOCKER_HUB}/library":
        return "Docker Official Images"
    return one_line(owner, 200)
