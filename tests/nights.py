"""Simulated nights: private images on bases that move, judged against what the builder recorded.

`python -m tests.nights --images 50 --nights 30` prints right and wrong. A `Shelf` stands between
the builder and the auditor: here a dictionary, elsewhere a registry. Every night bases are rebuilt,
patched, attested anew or left alone, and some images are built again on the bases of the day.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Protocol

from tagwatch.audit.base.build import base_builds
from tagwatch.audit.base.index import BaseIndex, index_builds
from tagwatch.audit.base.match import match_bases
from tagwatch.audit.change.judgement import ChangeContext
from tagwatch.audit.change.verdict import explain_change
from tagwatch.audit.model.base_build import BaseBuild
from tagwatch.audit.model.base_match import BaseMatch, BaseVerdict
from tagwatch.audit.model.diff import Verdict
from tagwatch.audit.model.history import Interval
from tagwatch.audit.reading.image import Image, read_image
from tagwatch.image.digest import Digest
from tagwatch.image.platform import LINUX_AMD64, Platform
from tagwatch.image.snapshot import Document
from tests.image_builder import (
    Built,
    attest,
    build,
    cmd,
    copy,
    entrypoint,
    env,
    index,
    run,
    setting,
    spdx,
    workdir,
)
from tests.official import ARM64, debian, on_day, python_steps

PLATFORMS = (LINUX_AMD64, ARM64)
HUB = "docker.io/library"
SHOP = "registry.example/shop"
BASES = (
    f"{HUB}/debian:bookworm-slim",
    f"{HUB}/python:3.11-slim",
    f"{HUB}/python:3.12-slim",
    f"{HUB}/node:20-slim",
)


class Shelf(Protocol):
    """Where built images lie."""

    def push(self, reference: str, image: Built) -> None:
        """Put `image` under `reference`."""


class OpenShelf(Shelf, Protocol):
    """A shelf that tells what it holds without a registry."""

    def read(self, reference: str) -> tuple[Digest, Mapping[Digest, Document]]:
        """The digest that `reference` serves now, and every document below it."""


class Nightly(Protocol):
    """Who is judged: an auditor that looks once a night."""

    @property
    def verdicts(self) -> Counter[Verdict]:
        """What was said of every move so far."""

    def night(self, night: int, references: Sequence[str]) -> Mapping[str, tuple[BaseMatch, ...]]:
        """The bases of each of `references`, one answer a platform."""


@dataclass(slots=True)
class MemoryShelf:
    """A shelf in memory."""

    held: dict[str, Built] = field(default_factory=dict)
    pushes: int = 0

    def push(self, reference: str, image: Built) -> None:
        self.held[reference] = image
        self.pushes += 1

    def read(self, reference: str) -> tuple[Digest, Mapping[Digest, Document]]:
        image = self.held[reference]
        return image.digest, image.documents


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What the builder knows of one image: its base, every digest under which that very build was
    served (attestations give it new ones), and whether it still is.
    """

    base: str
    digests: frozenset[Digest]
    is_current: bool


@dataclass(slots=True)
class Builder:
    """Builds bases and images, and writes down the truth."""

    random: Random
    images: int
    shelf: Shelf
    bases: dict[str, Built] = field(default_factory=dict)
    patch: dict[str, int] = field(default_factory=dict)
    used: dict[str, tuple[str, Mapping[Platform, Digest]]] = field(default_factory=dict)
    served: list[tuple[str, Digest, Mapping[Platform, Digest]]] = field(default_factory=list)

    @property
    def references(self) -> tuple[str, ...]:
        return tuple(f"{SHOP}/app{number}:1.{number}" for number in range(self.images))

    def night(self, night: int) -> Mapping[str, Truth]:
        """Move some bases, build some images; the truth about every image."""
        debians = {platform: debian(night // 3, platform=platform) for platform in PLATFORMS}
        self._move(f"{HUB}/debian:bookworm-slim", [debians[p] for p in PLATFORMS])
        for line in ("3.11", "3.12"):
            self._python(f"{HUB}/python:{line}-slim", line, debians, night)
        self._node(debians, night)
        for number, reference in enumerate(self.references):
            if night == 0 or self.random.random() < 0.2:
                self._build(reference, number, night)
        return {reference: self._truth(reference) for reference in self.references}

    def _python(
        self, reference: str, line: str, debians: Mapping[Platform, Built], night: int
    ) -> None:
        what = self.random.choice(("stay", "stay", "rebuild", "patch", "attest"))
        if night and what == "stay":
            return
        if night and what == "attest":
            self._attest(reference, night)
            return
        self.patch[reference] = self.patch.get(reference, 0) + (what == "patch")
        version = f"{line}.{self.patch[reference]}"
        parts = [
            build(*python_steps(version, night), base=debians[p], created=on_day(night))
            for p in PLATFORMS
        ]
        self._move(reference, parts)

    def _attest(self, reference: str, night: int) -> None:
        parts = [part for part in self.bases[reference].images if part.platform in PLATFORMS]
        packages = {"pkg:deb/debian/night": str(night)}
        self._move(reference, [*parts, attest(parts[0], spdx(parts[0], packages))])

    def _node(self, debians: Mapping[Platform, Built], night: int) -> None:
        if night % 4:
            return
        steps = (env("NODE_VERSION", "20.1.0"), run("install node", node=str(night)), cmd("node"))
        self._move(
            f"{HUB}/node:20-slim",
            [build(*steps, base=debians[p], created=on_day(night)) for p in PLATFORMS],
        )

    def _build(self, reference: str, number: int, night: int) -> None:
        base = self.random.choice(sorted(self.bases)) if night == 0 else self.used[reference][0]
        parts = [
            build(
                workdir("/app"),
                run("install", **{"lib/installed": f"{number} {night}"}),
                copy("src", "/app", f"{number}"),
                setting("USER app", User="app"),
                entrypoint("serve", str(number)),
                base=part,
                created=on_day(night),
            )
            for part in self._parts(base)
        ]
        self.used[reference] = (base, self._manifests(base))
        self.shelf.push(reference, index(*parts))

    def _move(self, reference: str, parts: Sequence[Built]) -> None:
        image = index(*parts)
        old = self.bases.get(reference)
        if old is None or old.digest != image.digest:
            self.bases[reference] = image
            self.served.append((reference, image.digest, self._manifests(reference)))
            self.shelf.push(reference, image)

    def _parts(self, reference: str) -> list[Built]:
        return [part for part in self.bases[reference].images if part.platform in PLATFORMS]

    def _manifests(self, reference: str) -> Mapping[Platform, Digest]:
        return {part.platform: part.digest for part in self._parts(reference) if part.platform}

    def _truth(self, reference: str) -> Truth:
        base, manifests = self.used[reference]
        digests = (d for name, d, held in self.served if (name, held) == (base, manifests))
        is_current = manifests == self._manifests(base)
        return Truth(base=base, digests=frozenset(digests), is_current=is_current)


@dataclass(slots=True)
class Auditor:
    """Remembers what base tags served, and judges images and moves; knows only the shelf."""

    shelf: OpenShelf
    bases: tuple[str, ...]
    intervals: dict[str, list[Interval]] = field(default_factory=dict)
    builds: dict[tuple[str, Digest], tuple[BaseBuild, ...]] = field(default_factory=dict)
    last: dict[str, Image] = field(default_factory=dict)
    verdicts: Counter[Verdict] = field(default_factory=Counter)

    def night(self, night: int, references: Sequence[str]) -> Mapping[str, tuple[BaseMatch, ...]]:
        """Look at every base and image once: the bases of each image; moves are counted."""
        for reference in self.bases:
            self._remember(reference, night)
        known = self._index()
        for reference in self.bases:
            self._look(reference, night, known)
        return {
            reference: match_bases(self._look(reference, night, known), known)
            for reference in references
        }

    def _index(self) -> BaseIndex:
        """Every build of every base that was ever seen, with the dates known now."""
        return index_builds(
            replace(
                base_build,
                first_seen=interval.first_seen,
                last_seen=interval.last_seen,
                ended=interval.ended,
            )
            for reference, intervals in self.intervals.items()
            for interval in intervals
            for base_build in self.builds[reference, interval.digest]
        )

    def _remember(self, reference: str, night: int) -> None:
        digest, documents = self.shelf.read(reference)
        past = self.intervals.setdefault(reference, [])
        now = on_day(night)
        if past and past[-1].digest == digest:
            past[-1] = replace(past[-1], last_seen=now)
            return
        if past:
            past[-1] = replace(past[-1], ended=True)
        tag = reference.rpartition(":")[2]
        past.append(Interval(tag=tag, digest=digest, first_seen=now, last_seen=now))
        self.builds[reference, digest] = base_builds(reference, past[-1], documents)

    def _look(self, reference: str, night: int, known: BaseIndex) -> Image:
        digest, documents = self.shelf.read(reference)
        before, image = self.last.get(reference), read_image(digest, documents, reference=reference)
        self.last[reference] = image
        if before is not None and before.digest != digest:
            change = explain_change(
                before,
                image,
                tag=reference.rpartition(":")[2],
                at=on_day(night),
                context=ChangeContext(bases=known),
            )
            self.verdicts[change.verdict] += 1
        return image


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Answers about bases (one a platform and night), and the verdicts of all moves."""

    right: int
    wrong: tuple[str, ...]
    stale: int
    verdicts: Counter[Verdict]


def simulate(shelf: OpenShelf, *, images: int, nights: int, seed: int = 1) -> Score:
    """Build and audit on one shelf for some nights."""
    builder = Builder(random=Random(seed), images=images, shelf=shelf)
    return compare(builder, Auditor(shelf=shelf, bases=BASES), nights=nights)


def compare(builder: Builder, auditor: Nightly, *, nights: int) -> Score:
    """Build and audit for some nights; every answer is compared with the builder's record."""
    wrong: list[str] = []
    right = stale = 0
    for night in range(nights):
        truths = builder.night(night)
        answers = auditor.night(night, builder.references)
        for reference, truth in truths.items():
            for problem in _problems(truth, answers[reference]):
                right += not problem
                wrong += [f"night {night}, {reference}: {problem}"] if problem else []
            stale += not truth.is_current
    return Score(right=right, wrong=tuple(wrong), stale=stale, verdicts=auditor.verdicts)


def _problems(truth: Truth, answers: Sequence[BaseMatch]) -> Iterator[str]:
    """One text a platform, empty where the answer is right."""
    expected = BaseVerdict.EXACT_CURRENT if truth.is_current else BaseVerdict.EXACT_STALE
    yield "" if len(answers) == len(PLATFORMS) else f"{len(answers)} platforms answered"
    for answer in answers:
        if answer.verdict is not expected or answer.base is None:
            yield f"{answer.platform}: {answer.verdict} instead of {expected}: {answer.sentence}"
        elif answer.base.reference != truth.base:
            yield f"{answer.platform}: {answer.base.reference} instead of {truth.base}"
        else:
            yield "" if answer.base.digest in truth.digests else f"{answer.platform}: other build"


def main() -> int:
    """Print right and wrong answers; 1 where any is wrong or a routine move alarmed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=50)
    parser.add_argument("--nights", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    shelf = MemoryShelf()
    score = simulate(shelf, images=arguments.images, nights=arguments.nights, seed=arguments.seed)
    return tell(score, f"{shelf.pushes} pushes")


def tell(score: Score, pushed: str) -> int:
    """Print a score; 1 where any answer is wrong or a routine move alarmed."""
    moves = ", ".join(f"{count} {verdict}" for verdict, count in sorted(score.verdicts.items()))
    print(f"{score.right} answers right, {len(score.wrong)} wrong; {pushed}")
    print(f"{score.stale} times an image stood on an older base; moves: {moves}")
    for problem in score.wrong[:20]:
        print(f"  {problem}")
    return 1 if score.wrong or score.verdicts[Verdict.REPLACED] else 0


if __name__ == "__main__":
    sys.exit(main())
