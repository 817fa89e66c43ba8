"""What an image has inside by its name and tag alone: products, runtimes, the operating system.

`node:14-alpine3.17` is Node.js 14 on Alpine 3.17: that can be told without asking anybody. Where a
registry was asked, the version that the tag was resolved to counts before its text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime

from tagwatch.audit.model.evidence import Evidence, Resolution
from tagwatch.audit.model.knowledge import Cycle, How, ImageRow, Knowledge, Line, Product, Word
from tagwatch.audit.rule.phrase import midnight
from tagwatch.image.reference import Reference, Repository
from tagwatch.value import dataclass, replace

__all__ = ["Inside", "Living", "inside", "is_over", "with_living_offers"]

_NUMBERS = re.compile(r"[vV]?([0-9]+(?:\.[0-9]+)*)", re.ASCII)
_EARLY = frozenset(
    {"alpha", "beta", "cr", "dev", "ea", "pre", "preview", "rc", "snapshot", "a", "b", "m"}
)
"""Words behind the numbers of a pre-release, which belongs to no line before its release."""
_PIECES = 3
"""How many pieces between dashes one word may have: `liberica-openjdk-17`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """A product that an image has inside, and the release line that tells of it."""

    product: Product
    line: Line
    version: str
    """As it was read: `14`, `bullseye`."""
    is_system: bool = False
    """True for the operating system that something else stands on."""
    is_main: bool = True
    """True for what the image is made for; False for what a word of the tag tells beside it."""
    sure: bool = True
    """False for a guess: it gives a note at most."""


def inside(
    reference: Reference, knowledge: Knowledge, resolution: Resolution | None = None
) -> tuple[Inside, ...]:
    """Return what the image has inside, its product first, as far as a release line is known.

    A dozen rules ask in turn about one image and what may be written for it, and the files of an
    estate name the same images again and again: the last answers are kept.
    """
    known = _answers.get(reference)
    if known is not None and known[0] is knowledge and known[1] is resolution:
        return known[2]
    if len(_answers) >= _KEPT:
        _answers.clear()
    answer = _inside(reference, knowledge, resolution)
    _answers[reference] = (knowledge, resolution, answer)
    return answer


_KEPT = 64
_answers: dict[Reference, tuple[Knowledge, Resolution | None, tuple[Inside, ...]]] = {}


def _inside(
    reference: Reference, knowledge: Knowledge, resolution: Resolution | None
) -> tuple[Inside, ...]:
    home = knowledge.home(reference.repository)
    rows = knowledge.rows_of(reference.repository)
    tags = _tags(reference, resolution)
    found = list(_of_rows(rows, tags, resolution, knowledge))
    known = bool(rows) or knowledge.is_official(home)
    own = {row.product for row in rows if not row.upheld}
    beside = []
    for name, one in _of_words(home, tags[:1], knowledge, known=known):
        if name in own:
            # A word of the image's own product: `debian:buster`, `node:jod`.
            if not any(other.product is one.product for other in found):
                found.append(_as_main(one))
        else:
            beside.append(one)
    return (*found, *_once(beside, found))


def is_over(reference: Reference, knowledge: Knowledge, on: date) -> bool:
    """Return True for an image that has a line or a system inside that is over on that day."""
    return any(not one.lives(on) for one in _certain(reference, knowledge))


def _certain(reference: Reference, knowledge: Knowledge) -> tuple[Cycle, ...]:
    """Return the lines that the image certainly has inside, by its name and tag."""
    return tuple(
        one.line.cycle
        for one in inside(reference, knowledge)
        if one.sure and one.line.how in (How.EXACT, How.FLOATING)
    )


def with_living_offers(evidence: Evidence, knowledge: Knowledge, on: date) -> Evidence:
    """Return the evidence without newer tags whose line or system is over on that day.

    What no facts are known of stays.
    """
    return Living(knowledge, on).offers_of(evidence)


class Living:
    """Which tags are over on one day: those of a repository are offered again and again."""

    def __init__(self, knowledge: Knowledge, on: date) -> None:
        self._knowledge = knowledge
        self._on = on
        self._repository: Repository | None = None
        self._lines: dict[str, tuple[Cycle, ...]] = {}
        """What tags of that repository have inside: it comes before the next one."""
        self._told: dict[str, tuple[Evidence, Evidence]] = {}
        """By key, the last evidence with its answer: the files of an estate share images."""

    def _lines_of(self, tag: str, repository: Repository) -> tuple[Cycle, ...]:
        if repository is not self._repository:  # ten tags of one image are asked for in turn
            if repository != self._repository:
                self._lines = {}
            self._repository = repository
        if tag not in self._lines:
            reference = Reference(repository=repository, tag=tag)
            self._lines[tag] = _certain(reference, self._knowledge)
        return self._lines[tag]

    def _lives(self, tag: str, repository: Repository) -> bool:
        lines = self._lines_of(tag, repository)
        return not lines or all(line.lives(self._on) for line in lines)

    def again(self, evidence: Evidence) -> datetime | None:
        """Return when a newer tag that is offered will be over; None: none is known to be."""
        reference, newer = evidence.resolution.reference, evidence.resolution.newer
        if reference is None or not newer:
            return None
        repository = reference.repository
        ends = {
            line.ends
            for tag in newer.tags
            for line in self._lines_of(tag, repository)
            if line.ends is not None and line.lives(self._on)
        }
        return min((one for one in (midnight(end, 1) for end in ends) if one), default=None)

    def offers_of(self, evidence: Evidence) -> Evidence:
        """Return the evidence without newer tags that are over; see `with_living_offers`."""
        known = self._told.get(evidence.key)
        if known is None or known[0] is not evidence:
            if len(self._told) >= _KEPT:
                self._told.clear()
            known = self._told[evidence.key] = (evidence, self._with_living(evidence))
        return known[1]

    def _with_living(self, evidence: Evidence) -> Evidence:
        resolution = evidence.resolution
        newer, reference = resolution.newer, resolution.reference
        if not newer or reference is None:
            return evidence
        repository = reference.repository

        def living(first: str | None, below: tuple[str, ...]) -> tuple[str | None, ...]:
            tags = (tag for tag in (first, *below) if tag is not None)
            return tuple(tag for tag in tags if self._lives(tag, repository)) or (None,)

        patch, *patches = living(newer.patch, newer.patches)
        minor, *minors = living(newer.minor, newer.minors)
        major, *majors = living(newer.major, newer.majors)
        left = replace(
            newer,
            patch=patch,
            patches=tuple(filter(None, patches)),
            minor=minor,
            minors=tuple(filter(None, minors)),
            major=major,
            majors=tuple(filter(None, majors)),
        )
        if left == newer:
            return evidence
        return replace(evidence, resolution=replace(resolution, newer=left))


def _as_main(one: Inside) -> Inside:
    """Return the same as what the image is made for."""
    return Inside(product=one.product, line=one.line, version=one.version, sure=one.sure)


def _tags(reference: Reference, resolution: Resolution | None) -> list[str]:
    """Return the tag as it is written, then the one that it was resolved to."""
    resolved = resolution.tag if resolution is not None else None
    return list(dict.fromkeys(tag for tag in (reference.tag, resolved) if tag))


def _of_rows(
    rows: Iterable[ImageRow], tags: list[str], resolution: Resolution | None, knowledge: Knowledge
) -> Iterator[Inside]:
    is_first = True
    for row in rows:
        product = knowledge.products.get(row.product)
        if product is None or row.upheld:
            continue
        for version in _versions(row, tags, resolution, knowledge):
            line = product.line_of(version)
            if line is not None:
                yield Inside(
                    product=product,
                    line=line,
                    version=version,
                    # Beside another product in a repository's name: what that stands on.
                    is_system=not is_first and row.take.startswith("="),
                    is_main=is_first,
                    sure=row.sure,
                )
                if row.take.startswith("lambda"):
                    return  # the end of AWS's runtime counts, not that of the language
                is_first = False
                break


def _versions(
    row: ImageRow, tags: list[str], resolution: Resolution | None, knowledge: Knowledge
) -> Iterator[str]:
    """Yield what may be the product's version, the most certain first."""
    how, _, name = row.take.partition(":")
    if how == "version" and resolution is not None and resolution.version is not None:
        if not _is_of_another_product(resolution):
            yield resolution.version
        return
    if how.startswith("="):
        yield row.take[1:]
        return
    for tag in tags:
        if row.take.startswith("/"):
            if found := re.search(row.take[1:], tag):
                yield found["v"]
        elif how == "codename":
            yield tag.partition("-")[0]
        elif how == "lambda":
            yield from _lambda(name, tag)
        elif how == "table":
            yield from _by_table(name, tag, knowledge.table(name))
        elif how == "version" and (found := _NUMBERS.match(tag)):
            yield tag if _is_early(tag[found.end() :]) else found[1]


def _is_early(rest: str) -> bool:
    """Return True where the word of a pre-release begins what follows the numbers of a tag."""
    found = re.match(r"[-._]?([a-z]+)", rest)
    return found is not None and found[1] in _EARLY


def _is_of_another_product(resolution: Resolution) -> bool:
    """Return True for `wordpress:cli-2.12.0`: its version is not that of the image's product."""
    if resolution.tag is None or _NUMBERS.match(resolution.tag):
        return False
    from tagwatch.image.tag import parse_tag  # few checks come here

    return bool(parse_tag(resolution.tag).product)


def _lambda(stem: str, tag: str) -> Iterator[str]:
    """Yield the names that AWS Lambda gives a runtime of this image."""
    first = tag.partition("-")[0]
    yield f"{stem}{first}"
    yield f"{stem}.{first}"
    if found := _NUMBERS.match(tag):
        yield from (f"{stem}{found[1]}", f"{stem}{found[1]}.x", f"{stem}core{found[1]}")
        yield f"{stem}{found[1].partition('.')[0]}"


def _by_table(name: str, tag: str, table: Mapping[str, str]) -> Iterator[str]:
    """Yield the line that a publisher's own numbering stands for."""
    first = tag.partition("-")[0].lower()
    numbers = found[1] if (found := _NUMBERS.match(tag)) else ""
    parts = numbers.split(".")
    if name == "jenkins":
        # Three numbers are a long-term line; two are a weekly, which has no line of its own.
        yield numbers if len(parts) > 2 else parts[0]
    elif name == "dotnet_sdk":
        # Bands 1 and 2 of the SDK 2.1 belong to the runtime 2.0.
        is_older = parts[:2] == ["2", "1"] and len(parts) > 2 and parts[2][:1] in ("1", "2")
        if numbers:
            is_early = _is_early(tag[tag.index(numbers) + len(numbers) :])
            yield "2.0" if is_older and len(parts[2]) == 3 else tag if is_early else numbers
    elif first in table:
        yield table[first]
    elif ".".join(parts[:3]) in table:
        yield table[".".join(parts[:3])]
    elif numbers and name != "windows":
        yield table.get(parts[0], numbers)


def _of_words(
    home: Repository, tags: Iterable[str], knowledge: Knowledge, *, known: bool
) -> Iterator[tuple[str, Inside]]:
    """Yield what pieces of the tag tell, with the product's name."""
    for tag in tags:
        for word, version in _read(tag.lower(), home.name, knowledge):
            product = knowledge.products.get(word.product)
            line = product.line_of(version) if product is not None else None
            if product is None or line is None:
                continue
            yield (
                word.product,
                Inside(
                    product=product,
                    line=line,
                    version=version,
                    is_system=word.is_system,
                    is_main=False,
                    sure=known and word.sure,
                ),
            )


def _read(tag: str, home: str, knowledge: Knowledge) -> Iterator[tuple[Word, str]]:
    """Yield each word of the tag with the line or version that it names."""
    pieces = tag.split("-")
    place = 0
    while place < len(pieces):
        # The longest word first: `temurin-17` is one, and leaves no number behind.
        for length in range(min(_PIECES, len(pieces) - place), 0, -1):
            text = "-".join(pieces[place : place + length])
            found = knowledge.meaning_of(text, home, is_first=place == 0)
            if found is not None:
                yield found
                place += length - 1
                break
        place += 1


def _once(beside: Iterable[Inside], found: Iterable[Inside]) -> Iterator[Inside]:
    """Yield each product once, and none that the image is itself."""
    said = [one.product for one in found]
    for one in beside:
        if not any(product is one.product for product in said):
            said.append(one.product)
            yield one
