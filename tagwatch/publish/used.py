"""What is used, and what was only watched: an entry of many tags names more than anybody runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tagwatch.audit.model.evidence import evidence_key
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.source.target import Location, Target

__all__ = ["apart_of", "used_images"]


def apart_of(targets: Iterable[Target]) -> frozenset[Location]:
    """Return the entries of the watch list that name several images: nobody uses them all."""
    named = Counter(one.location for one in targets if one.kind == "watch")
    return frozenset(location for location, number in named.items() if number > 1)


def used_images(result: AuditResult) -> dict[str, list[Location]]:
    """Return the places of each image that files or single watches name, by key, in order."""
    apart = apart_of(result.targets)
    found: dict[str, list[Location]] = {}
    for target in result.targets:
        key = evidence_key(target)
        if key is not None and key in result.evidence and target.location not in apart:
            found.setdefault(key, []).append(target.location)
    return dict(sorted(found.items()))
