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

    reference: Reference
    evidence: Evidence | None
    places: Sequence[Location]


def used_images(result: AuditResult) -> Iterator[tuple[str, Used]]:
    """Yield each image that files or single watches name, read or not, by key."""
    apart = apart_of(result.targets)
    found: dict[str, tuple[Reference, list[Location]]] = {}
    for target in result.targets:
        key, reference = evidence_key(target), target.reference
        if key is not None and reference is not None and target.location not in apart:
            found.setdefault(key, (reference, []))[1].append(target.location)
    for key in sorted(found):
        reference, places = found[key]
        yield key, Used(reference=reference, evidence=result.evidence.get(key), places=places)
