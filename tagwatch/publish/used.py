"""What is used, and what was only watched: an entry of many tags names more than anybody runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from tagwatch.audit.model.evidence import Evidence, evidence_key
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.image.reference import Reference
from tagwatch.source.target import Location, Target, parts_of
from tagwatch.value import dataclass

__all__ = ["Used", "apart_of", "used_images", "used_targets"]


def apart_of(targets: Collection[Target]) -> frozenset[Location]:
    """Return the entries of the watch list that name several images: nobody uses them all."""
    named: Counter[Location] = Counter()
    for part in parts_of(targets):
        if (place := getattr(part, "location", None)) is not None:
            named[place] += len(part)
        else:
            named.update(one.location for one in part if one.kind == "watch")
    return frozenset(location for location, number in named.items() if number > 1)


def used_targets(targets: Collection[Target], apart: Collection[Location]) -> Iterator[Target]:
    """Yield the targets that do not stand apart; of those that do, none is made."""
    for part in parts_of(targets):
        if getattr(part, "location", None) not in apart:
            yield from (one for one in part if one.location not in apart)


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """An image that is used. `evidence`: None where nothing is known of it."""

    text: str
    """Its name as the first place has it."""
    reference: Reference
    evidence: Evidence | None
    places: Sequence[Location]


def used_images(result: AuditResult) -> Iterator[tuple[str, Used]]:
    """Yield each image that files or single watches name, read or not, by key.

    What is built here, or has another image in its place, is none.
    """
    apart = apart_of(result.targets)
    found: dict[str, tuple[Target, Reference, list[Location]]] = {}
    for target in used_targets(result.targets, apart):
        key, reference = evidence_key(target), target.reference
        if key is not None and reference is not None and "built" not in target.facts:
            found.setdefault(key, (target, reference, []))[2].append(target.location)
    for key in sorted(found):
        target, reference, places = found[key]
        yield (
            key,
            Used(
                text=target.text,
                reference=reference,
                evidence=result.evidence.get(key),
                places=places,
            ),
        )
