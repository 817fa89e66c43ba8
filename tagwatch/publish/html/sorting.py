"""Everything that was found, sorted by image, file, owner, rule or registry: a page a way.

A group is an image, a file … with the causes that concern it, one line each. A long way has several
pages; each holds whole groups, and none is much larger than 200 kB.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence

from tagwatch.audit.model.evidence import Evidence, evidence_key
from tagwatch.audit.model.finding import Finding, Severity
from tagwatch.image.reference import Repository
from tagwatch.publish.html.book import MOST_TASKS
from tagwatch.publish.html.task import Cause
from tagwatch.publish.html.view import Pages
from tagwatch.publish.image_link import registry_page
from tagwatch.publish.used import apart_of
from tagwatch.publish.wording import count, image_text, now_text, one_line
from tagwatch.source.target import Location, Target, parts_of
from tagwatch.value import dataclass

__all__ = ["WAYS", "Group", "Line", "Named", "groups_of", "page_name"]

WAYS = ("image", "file", "owner", "rule", "registry")
_MOST_LINES = 150
"""A group with more goes on in another."""
_MOST_NAMED = 100
_MOST_PLACES = 2
_NOBODY = "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A cause, as a group has it. `href`: where it is told whole; `places`: how many are meant."""

    severity: Severity
    unknown: bool
    rule: str
    message: str
    href: str
    where: str
    url: str
    places: int
    apart: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A reference of a group: what it is now, and where it stands. `places`: each with its URL."""

    name: str
    href: str
    now: str
    places: tuple[tuple[str, str], ...]
    more: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Lines that belong together. `texts`: what else is to say, each with its word.

    `url`: where a registry shows the image, or empty.
    """

    name: str
    anchor: str
    url: str
    texts: tuple[tuple[str, str], ...]
    named: tuple[Named, ...]
    lines: tuple[Line, ...]
    errors: int
    warnings: int
    notes: int

    @property
    def worst(self) -> int:
        """The rank of the worst severity; 0 without a finding."""
        return max((line.severity.rank for line in self.lines), default=0)


def page_name(way: str, number: int) -> str:
    """Return the name of a page of a way.

    >>> page_name("file", 1), page_name("file", 2)
    ('by-file.html', 'by-file-2.html')
    """
    return f"by-{way}.html" if number == 1 else f"by-{way}-{number}.html"


def groups_of(way: str, pages: Pages) -> Iterator[Group]:
    """Yield the groups of a way: by name, or the worst first where names say little."""
    if way == "image":
        yield from _by_image(pages)
        return
    names_of: Callable[[Finding], Sequence[str]] = {
        "file": lambda finding: (finding.location.path,),
        "owner": lambda finding: _owners(finding, pages),
        "rule": lambda finding: (finding.rule,),
        "registry": _registries,
    }[way]
    found: dict[str, dict[int, list[Finding]]] = {}
    left: dict[str, set[int]] = {}
    for number, cause in enumerate(pages.tasks.causes):
        for finding in cause.findings:
            for name in names_of(finding):
                parts = found.setdefault(name, {})
                if number in parts or len(parts) < MOST_TASKS:
                    parts.setdefault(number, []).append(finding)
                else:
                    left.setdefault(name, set()).add(number)
    causes = pages.tasks.causes
    groups = [
        (name, [(causes[number], places) for number, places in parts.items()])
        for name, parts in found.items()
    ]
    groups.sort(key=lambda group: (way != "file" and -_rank(group[1]), group[0]))
    for name, shown in groups:
        yield from _groups(way, name, shown, pages, len(left.get(name, ())))


def _rank(parts: Iterable[tuple[Cause, Sequence[Finding]]]) -> int:
    return max(cause.first.severity.rank for cause, _ in parts)


def _owners(finding: Finding, pages: Pages) -> Sequence[str]:
    owners = pages.context.owners
    if owners is None:
        return ()
    return owners.owners_of(pages.context.folder + finding.location.path) or (_NOBODY,)


def _registries(finding: Finding) -> Sequence[str]:
    if finding.reference is not None:
        return (finding.reference.repository.identity.registry,)
    return (finding.evidence["registry"],) if "registry" in finding.evidence else ()


def _groups(
    way: str, name: str, parts: Sequence[tuple[Cause, Sequence[Finding]]], pages: Pages, left: int
) -> Iterator[Group]:
    """Yield one group, or several where there is more than a page of lines.

    `left`: how many more there are than pages show.
    """
    rule = pages.context.rules.get(name) if way == "rule" else None
    texts = (("", rule.title), ("Why", rule.risk), ("Do", rule.remedy)) if rule else ()
    for place in range(0, len(parts), _MOST_LINES):
        shown = parts[place : place + _MOST_LINES]
        said = [] if place else [(word, text) for word, text in texts if text]
        if left and place + _MOST_LINES >= len(parts):
            said.append(("More", f"{left} are not shown: the JSON report has them"))
        yield _group(
            f"{name} (continued)" if place else name,
            [_line(cause, findings, way, pages) for cause, findings in shown],
            anchor=_anchor(way, name) + (f"-{place}" if place else ""),
            texts=tuple(said),
        )


def _group(
    name: str,
    lines: Sequence[Line],
    *,
    anchor: str,
    url: str = "",
    texts: tuple[tuple[str, str], ...] = (),
    named: tuple[Named, ...] = (),
) -> Group:
    number = dict.fromkeys(Severity, 0)
    for line in lines:
        number[line.severity] += 1
    return Group(
        name=name,
        anchor=anchor,
        url=url,
        texts=texts,
        named=named,
        lines=tuple(lines),
        errors=number[Severity.ERROR],
        warnings=number[Severity.WARNING],
        notes=number[Severity.NOTE],
    )


def _line(cause: Cause, findings: Sequence[Finding], way: str, pages: Pages) -> Line:
    first = findings[0]
    page = page_name(way, 1)  # all pages of the views lie beside those of the run
    return Line(
        severity=first.severity,
        unknown=first.unknown,
        rule=first.rule,
        message=one_line(first.message, 300),
        href=pages.book.to_task(cause.anchor, page),
        where=str(first.location),
        url=pages.context.source_of(first.location),
        places=len(findings),
        apart=cause.apart,
    )


def _anchor(way: str, name: str) -> str:
    return f"{way}-{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:10]}"


class _Uses:
    """The references of one repository: those that are used, each with its places."""

    def __init__(self) -> None:
        self.places: dict[str, list[Location]] = {}
        self.apart = 0
        self.parts: dict[int, list[Finding]] = {}


def _by_image(pages: Pages) -> Iterator[Group]:
    """Yield a group a repository: its references with their places, then what is to do."""
    result, causes = pages.result, pages.tasks.causes
    found: dict[Repository, _Uses] = {}
    apart = apart_of(result.targets)
    for part in parts_of(result.targets):
        if getattr(part, "location", None) in apart:
            repository: Repository = getattr(part, "repository")  # noqa: B009
            found.setdefault(repository.identity, _Uses()).apart += len(part)
            continue
        for target in part:
            if target.reference is not None:
                uses = found.setdefault(target.reference.repository.identity, _Uses())
                _note(uses, target, apart)
    for number, cause in enumerate(causes):
        for finding in cause.findings:
            if finding.reference is not None:
                uses = found.setdefault(finding.reference.repository.identity, _Uses())
                uses.parts.setdefault(number, []).append(finding)
    for repository in sorted(found, key=lambda one: (str(one), one)):
        uses = found[repository]
        if not uses.places and not uses.parts:
            continue
        lines = [
            _line(causes[number], findings, "image", pages)
            for number, findings in list(uses.parts.items())[:_MOST_LINES]
        ]
        told = list(uses.places.items())
        texts = []
        if uses.apart:
            texts.append(("Watched", f"{count(uses.apart, 'more tag')}, which no file names"))
        if left := max(len(told) - _MOST_NAMED, 0) + max(len(uses.parts) - _MOST_LINES, 0):
            texts.append(("More", f"{left} are not shown: the JSON report has them"))
        yield _group(
            one_line(str(repository), 200),
            lines,
            anchor=_anchor("image", repository.name),
            url=registry_page(repository),
            texts=tuple(texts),
            named=tuple(_named(key, places, pages) for key, places in told[:_MOST_NAMED]),
        )


def _note(uses: _Uses, target: Target, apart: frozenset[Location]) -> None:
    key = evidence_key(target)
    if key is None:
        return
    if target.location in apart:
        uses.apart += 1
    else:
        uses.places.setdefault(key, []).append(target.location)


def _named(key: str, places: Sequence[Location], pages: Pages) -> Named:
    evidence: Evidence | None = pages.result.evidence.get(key)
    shown = places[:_MOST_PLACES]
    return Named(
        name=image_text(key),
        href=pages.book.to_image(key, page_name("image", 1)),
        now=now_text(evidence.resolution, asked=key.rpartition(":")[2]) if evidence else "not read",
        places=tuple((str(one), pages.context.source_of(one)) for one in shown),
        more=len(places) - len(shown),
    )
