"""What newer there is of the images in files: judged, and judged again with what is remembered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tagwatch.audit.model.evidence import Evidence
from tagwatch.audit.rule.phrase import WATCH
from tagwatch.audit.verdict.outlook import Level, Prospects, prospects_of
from tagwatch.audit.verdict.result import AuditResult, Purpose
from tagwatch.errors import UsageError
from tagwatch.source.target import Extraction, Target
from tagwatch.value import replace
from tagwatch.walk.candidates import MAX_ROUNDS
from tagwatch.walk.look_up import Asking, look_up
from tagwatch.walk.site import Site

__all__ = ["level_of", "prospects_in", "prospects_of_result"]


def level_of(named: Level | str) -> Level:
    """Return the level of that name. Raises `UsageError`."""
    try:
        return Level(named)
    except ValueError as error:
        raise UsageError(f"no such level: {named!r}", hint=f"one of {', '.join(Level)}") from error


def prospects_in(
    files: Sequence[tuple[str, Extraction]],
    evidence: Mapping[str, Evidence],
    site: Site,
    *,
    level: Level = Level.MAJOR,
) -> Prospects:
    """Return the outlook of the images in files.

    Nobody is asked for what might be written instead, as for the remedies of a check: what is
    remembered of it counts, and its name.
    """
    beside: dict[str, Evidence] = {}
    asked: set[tuple[str, Purpose]] = set()
    for _ in range(MAX_ROUNDS):
        found = prospects_of(
            files,
            evidence,
            site.policy,
            site.knowledge,
            at=site.at,
            beside=beside,
            level=level,
        )
        wanted = [one for one in found.wanted if one.key not in asked]
        asked |= {one.key for one in wanted}
        if not wanted:
            break
        known = look_up([one.target for one in wanted], site, Asking(offline=True)).evidence
        if not known:
            break
        beside |= known
    return found


def prospects_of_result(result: AuditResult, site: Site) -> Prospects:
    """Return the outlook of the images that a result's files name, as of when that was made."""
    by_path: dict[str, list[Target]] = {}
    for target in result.targets:
        if target.kind != WATCH:
            by_path.setdefault(target.location.path, []).append(target)
    files = [(path, Extraction(targets=tuple(found))) for path, found in by_path.items()]
    return prospects_in(files, result.evidence, replace(site, at=result.at))
