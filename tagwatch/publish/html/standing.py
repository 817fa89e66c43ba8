"""Where each watched image stands, by name: the long list of the index."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import groupby

from tagwatch.audit.model.evidence import Evidence, evidence_key, name_in
from tagwatch.audit.model.finding import Severity
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.image.reference import DOCKER_HUB, Repository
from tagwatch.publish.html.sorting import page_name
from tagwatch.publish.html.view import Pages
from tagwatch.publish.used import apart_of, used_targets
from tagwatch.publish.wording import count, image_text, now_text, one_line
from tagwatch.source.target import Location, Target, parts_of
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
    """What is found of one image, or of the images of a wide watch, while targets are read."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self.tags = 1
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
    """Return what files and single watches name, by key, and how many others there are.

    Where a watch list is all there is, that; where it is long, by the name of the repository.
    """
    targets = pages.result.targets
    apart = apart_of(targets)
    known: dict[str, _Known] = {}
    for target in used_targets(targets, apart):
        _note(known, target)
    left = _count_apart(targets, apart, known) if known else 0
    if not known:
        is_long = len(targets) > _MOST_IMAGES
        for part in parts_of(targets):
            repository: Repository | None = getattr(part, "repository", None)
            if is_long and repository is not None:
                one = known.setdefault(repository.name, _Known(repository.identity))
                one.places += len(part)
                one.tags = one.places
            else:
                for target in part:
                    _note(known, target)
    for cause in pages.tasks.causes:
        for key in cause.keys:
            if (found := known.get(key) or known.get(name_in(key))) is not None:
                found.rank = max(found.rank, cause.first.severity.rank)
                found.findings += 1
    return known, left


def _note(known: dict[str, _Known], target: Target) -> None:
    key = evidence_key(target)
    if key is not None and target.reference is not None:
        one = known.get(key) or _Known(target.reference.repository.identity)
        known[key] = one
        one.places += 1


def _count_apart(
    targets: Collection[Target], apart: Collection[Location], known: Collection[str]
) -> int:
    """Return how many images stand apart, beside those that are known."""
    number, keys = 0, set()
    for part in parts_of(targets):
        if getattr(part, "location", None) in apart:
            number += len(part)
        elif not hasattr(part, "location"):
            keys |= {evidence_key(target) for target in part if target.location in apart}
    return number + len(keys - {None} - set(known))


def _rows(known: dict[str, _Known], pages: Pages) -> Iterator[tuple[str, Standing]]:
    """Yield each row with the name of its shelf, in the order of both."""
    if sum(one.tags for one in known.values()) <= _MOST_IMAGES:
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
                now=count(sum(one.tags for one in tags), "tag"),
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
