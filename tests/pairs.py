"""Pairs of images whose verdict was written down first: `tests/data/verdicts/pairs.yaml`.

`python -m tests.pairs` puts both images of every pair behind a double of a registry, scans them as
a nightly run would, and prints false and missed alarms. The table says what was done to an image in
a line or two; here it becomes an image.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from tagwatch.api import scan_async
from tagwatch.audit.model.finding import Finding, Severity
from tagwatch.audit.model.knowledge import Knowledge
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.image.platform import LINUX_AMD64
from tagwatch.image.reference import Reference
from tagwatch.walk.site import Site, open_site
from tests.image_builder import Built, attest, index, spdx
from tests.official import ARM64, on_day
from tests.pair_images import NEW, OLD, Draft, base_of, table
from tests.registry.doubles.warehouse import Double, Pushed

__all__ = ["Outcome", "Pair", "judged", "pairs", "told"]

CORP = "registry.example/platform/py-base:1"
BASES = {
    "docker.io/library/debian:bookworm-slim": "debian",
    "docker.io/library/python:3.12-slim": "python",
    CORP: "corp",
}
"""The approved bases."""
STRANGE = "registry.example/other/strange:1"
"""A base that is watched and not approved."""
OTHERS = (STRANGE, f"{CORP}.0", f"{CORP}.1")
"""What is watched beside bases and pairs."""
OFFICIAL = ("debian", "node", "python", "redis")
NIGHTS = (0, 20, 40, 41)
"""The days of the scans. Images move before the last one; those of habit before each."""
LOUD = (Severity.WARNING, Severity.ERROR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A row of the table."""

    name: str
    of: str
    do: tuple[str, ...]
    verdict: str | None
    is_harmful: bool
    rules: frozenset[str] = frozenset()
    ref: str = ""
    nights: str = "young"
    platforms: int = 1
    words: tuple[str, ...] = ()

    @property
    def reference(self) -> Reference:
        return Reference.parse(self.ref or f"registry.example/pairs/{self.name}:1.4.2")

    def on(self, night: int) -> Built | None:
        """What the reference serves in a night; None: it is not there yet."""
        moves = {"young": (None, None, 0, 0), "steady": (0, 0, 0, 0), "habit": (0, 1, 2, 2)}
        number = moves[self.nights][night]
        if number is None:
            return None
        drafts = [Draft.of(self.of, platform) for platform in (LINUX_AMD64, ARM64)]
        images = [self._image(draft, number, night) for draft in drafts[: self.platforms]]
        if night == len(NIGHTS) - 1 and "add arm64" in self.do:
            images = [*images, *(Draft.of(self.of, ARM64).built(),)]
        if night == len(NIGHTS) - 1 and "attest" in self.do:
            return index(*images, attest(images[0], spdx(images[0], {"pkg:deb/debian/bash": "5"})))
        return images[0] if len(images) == 1 and "add arm64" not in self.do else index(*images)

    def _image(self, draft: Draft, number: int, night: int) -> Built:
        """One platform after so many rebuilds; the last move is that of the table."""
        is_last = night == len(NIGHTS) - 1
        draft.stamp = number
        for one in self.do:
            if one.startswith("init "):
                draft.apply(one.removeprefix("init "))
            elif is_last and (not one.startswith("arm64 ") or draft.platform == ARM64):
                draft.apply(one.removeprefix("arm64 "))
        return draft.built()


@cache
def pairs() -> tuple[Pair, ...]:
    """Every pair of the table."""
    return tuple(
        Pair(
            **{
                **row,
                "do": tuple(row["do"]),
                "rules": frozenset(row.get("rules", ())),
                "words": tuple(map(str, row.get("words", ()))),
            },
            is_harmful=kind == "harmful",
        )
        for kind in ("harmless", "harmful")
        for row in table()[kind]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the last night said of a pair."""

    pair: Pair
    verdict: str | None
    reason: str
    findings: tuple[Finding, ...]

    @property
    def loud(self) -> frozenset[str]:
        """The rules that raised a warning or an error."""
        return frozenset(one.rule for one in self.findings if one.severity in LOUD)

    @property
    def problems(self) -> Iterator[str]:
        """Everything that is not as it was written down."""
        pair = self.pair
        if self.verdict != pair.verdict:
            yield f"{self.verdict} instead of {pair.verdict}: {self.reason}"
        for rule in sorted(self.loud ^ pair.rules):
            yield f"{'false' if rule in self.loud else 'missed'} alarm: {rule}"
        told = "\n".join((self.reason, *(one.message for one in self.findings)))
        for word in pair.words:
            if word not in told:
                yield f"not told: {word!r}: {told}"


async def judged(folder: Path) -> tuple[Outcome, ...]:
    """What four nightly scans say of every pair; the last night counts."""
    double = Double()
    async with double.serving():
        site = _site(folder, double.url)
        result: AuditResult | None = None
        for night, day in enumerate(NIGHTS):
            _push(double, night)
            result = (await scan_async(replace(site, at=on_day(day)))).result
        assert result is not None
        assert not result.failures, result.failures[0]
    moves = {
        f"{one.repository.name}:{one.change.tag}": one.change
        for one in result.changes
        if one.change.at == on_day(NIGHTS[-1])
    }
    outcomes = []
    for pair in pairs():
        name = pair.reference.canonical
        change = moves.get(name)
        outcomes.append(
            Outcome(
                pair=pair,
                verdict=change.verdict.value if change else None,
                reason=change.reason if change else "",
                findings=tuple(
                    one
                    for one in result.findings
                    if one.reference is not None and one.reference.canonical == name
                ),
            )
        )
    return tuple(outcomes)


def _push(double: Double, night: int) -> None:
    day = NEW if night == len(NIGHTS) - 1 else OLD
    served = {
        reference: index(*(base_of(name, day, platform) for platform in (LINUX_AMD64, ARM64)))
        for reference, name in BASES.items()
    }
    served[STRANGE] = base_of("strange", OLD)
    served[f"{CORP}.{int(day == NEW)}"] = served[CORP]
    for pair in pairs():
        if (image := pair.on(night)) is not None:
            served[pair.reference.canonical] = image
    for name, image in served.items():
        reference = Reference.parse(name)
        for digest, document in image.documents.items():
            double.warehouse.manifests[digest] = (document.media_type, document.raw)
            double.warehouse.blobs[digest] = document.raw
        tags = double.warehouse.repositories.setdefault(reference.repository.path, {})
        tags[reference.tag or ""] = Pushed(digest=image.digest, at=on_day(NIGHTS[night]))


def _site(folder: Path, endpoint: str) -> Site:
    asked = {"endpoint": endpoint, "kind": "distribution", "credential": "anonymous"}
    watched: dict[str, list[str]] = {}
    for reference in (*(pair.reference.canonical for pair in pairs()), *BASES, *OTHERS):
        name, _, tag = reference.rpartition(":")
        watched.setdefault(name, []).append(tag)
    settings = {
        "version": 1,
        "database": "tagwatch.db",
        "registries": dict.fromkeys(("docker.io", "registry.example"), asked),
        "watch": [{"image": name, "tags": tags} for name, tags in watched.items()],
        "policy": {
            "bases": [
                {"ref": name, "tags": [tag]}
                for name, _, tag in (reference.rpartition(":") for reference in BASES)
            ],
            "tags": {"immutable": [r"^9\.9\.9$"]},
        },
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tagwatch.yaml").write_text(json.dumps(settings))
    site = open_site(folder / "tagwatch.yaml", environment={"HOME": str(folder)}, at=on_day(0))
    return replace(site, knowledge=Knowledge(official=frozenset(OFFICIAL)))


def told(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """The figures, and a line for everything that is not as it was written down."""
    harmless = [one for one in outcomes if not one.pair.is_harmful]
    harmful = [one for one in outcomes if one.pair.is_harmful]
    verdicts = sum(one.verdict == one.pair.verdict for one in outcomes)
    yield f"{len(outcomes)} pairs, {verdicts} verdicts as written down"
    yield f"false alarms: {sum(bool(one.loud) for one in harmless)} of {len(harmless)} harmless"
    yield f"missed alarms: {sum(not one.loud for one in harmful)} of {len(harmful)} harmful"
    for one in outcomes:
        yield from (f"  {one.pair.name}: {problem}" for problem in one.problems)


def main() -> int:
    """Print what came of it; 1 where anything is not as it was written down."""
    with tempfile.TemporaryDirectory() as name:
        outcomes = asyncio.run(judged(Path(name)))
    print(*told(outcomes), sep="\n")
    return 1 if any(True for one in outcomes for _ in one.problems) else 0


if __name__ == "__main__":
    sys.exit(main())
