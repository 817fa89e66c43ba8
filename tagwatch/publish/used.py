"""What is used, and what was only watched: an entry of many tags names more than anybody runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from tagwatch.audit.model.evidence import Evidence, evidence_key
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.image.reference import Reference
from tagwatch.source.target import Location, Target
from tagwatch.value import dataclass

__all__ = ["Used", "apart_of", "used_images"]


def apart_of(targets: Iterable[Target]) -> frozenset[Location]:
    """Return the entries of the watch list that name several images: nobody uses them all."""
    named = Counter(one.location for one in targets if one.kind == "watch")
    return frozenset(location for location, number in named.items() if number > 1)


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
    for target in result.targets:
        key, reference = evidence_key(target), target.reference
        if key is None or reference is None or "built" in target.facts:
            continue
        if target.location not in apart:
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
