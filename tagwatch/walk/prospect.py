"""What newer there is of the images in files: judged, and judged again with what is remembered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b

from tagwatch.audit.model.evidence import Evidence, evidence_key
from tagwatch.audit.model.finding import Finding, Severity
from tagwatch.audit.rule.phrase import WATCH
from tagwatch.audit.verdict.exemption import Exemptions
from tagwatch.audit.verdict.news import News
from tagwatch.audit.verdict.outlook import Level, Prospect, Prospects, Step, prospects_of
from tagwatch.audit.verdict.result import AuditResult, Purpose
from tagwatch.errors import UsageError
from tagwatch.ledger.read import Reader
from tagwatch.publish.interface import OutdatedPage
from tagwatch.publish.outdated import prospects_sentence
from tagwatch.source.target import Extraction, Target
from tagwatch.value import replace
from tagwatch.walk.candidates import MAX_ROUNDS
from tagwatch.walk.keeping import rules_made_from
from tagwatch.walk.look_up import Asking, look_up
from tagwatch.walk.site import BASES_ASKED, Site, bases_key, project_of
from tagwatch.walk.watch_list import Watched

__all__ = ["level_of", "newly_offered", "outdated_page", "prospects_in"]

_BEHIND = "base-behind"


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
    remembers: bool = True,
) -> Prospects:
    """Return the outlook of the images in files.

    Nobody is asked for what might be written instead, as for the remedies of a check: what is
    remembered of it counts, and its name. `remembers` False: only what `evidence` tells, and the
    name.
    """
    beside: dict[str, Evidence] = {}
    again_at: datetime | None = None
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
        moments = (one for one in (again_at, found.again_at) if one is not None)
        again_at = min(moments, default=None)  # what is wanted depends on the time, too
        wanted = [one for one in found.wanted if one.key not in asked]
        asked |= {one.key for one in wanted}
        if not wanted or not remembers:
            break
        known = look_up([one.target for one in wanted], site, Asking(offline=True)).evidence
        if not known:
            break
        beside |= known
    return replace(found, again_at=again_at)


def outdated_page(
    result: AuditResult, site: Site, ledger: Reader, shown: OutdatedPage | None
) -> tuple[Prospects | None, OutdatedPage]:
    """Return the outlook of the images that a result's files name, and what a page tells of it.

    The outlook is that of when the result was made. It is None where the page that is `shown` tells
    what would be found: nobody looks.
    """
    made_from = _made_from(result, site, ledger)
    if shown is not None and shown.holds(made_from, result.at):
        return None, shown
    found = _as_of(result.at, result.targets, result, site, remembers=True)
    return found, OutdatedPage(
        sentence=prospects_sentence(found),
        made_from=made_from,
        at=result.at,
        again_at=found.again_at,
    )


def _made_from(result: AuditResult, site: Site, ledger: Reader) -> str:
    """Return what names all that the outlook is made of, but for the time; empty if nobody knows.

    A candidate is known by what was remembered of it, whoever read it.
    """
    targets = tuple(_in_files(result.targets))
    site, project = replace(site, at=result.at), project_of(site)
    rules = rules_made_from(site) if targets else None  # of none, nothing is to be found
    stored = ledger.known_by(result.at, project, ("targets", "evidence"))
    if rules is None or stored is None:
        return ""
    said = (
        sorted(stored.items()),
        Exemptions(policy=site.policy, at=site.at).counting(targets),
        sorted(site.origins.items()),
        repr(site.settings.facts),
        ledger.cached(BASES_ASKED, bases_key(site)) is None,
    )
    before = rules + ledger.state_of_remembered(project, result.at)
    return blake2b(before + repr(said).encode(), digest_size=16).hexdigest()


def newly_offered(result: AuditResult, news: News, site: Site) -> tuple[Finding, ...]:
    """Return what a scan has to tell of newer minor and major versions, a finding a place.

    That is what may be written since this scan and might not at the one before: the tag is new, or
    has cooled down. Patch releases are findings of `base-behind` and told by those, and so is what
    the policy has that rule look for beyond them. None of a first scan.
    """
    if news.before is None:
        return ()
    targets = [one for one in _in_files(result.targets) if _may_be_new(one, result)]
    if not targets:
        return ()
    now = _as_of(result.at, targets, result, site, remembers=True)
    # by its name: a tag that was rebuilt since then, and is young again, was told when it was new
    then = _as_of(news.before, targets, result, site, remembers=False)
    said = {
        (one.reference, one.evidence.get("newer")) for one in result.findings if one.rule == _BEHIND
    }
    before = {(one.name, step.reference) for one in then.images for step in one.steps}
    found: list[Finding] = []
    for one in now.images:
        for step in one.steps:
            if step.level is Level.PATCH or step.reference is None:
                continue
            is_new = step.listed_at is not None and step.listed_at > news.before
            was_offered = step.listed_at is None or (one.name, step.reference) in before
            is_said = (one.reference, step.reference.tag) in said
            if not is_said and (is_new or not was_offered):
                found += _told(one, step)
    return tuple(found)


def _as_of(
    at: datetime, targets: Iterable[Target], result: AuditResult, site: Site, *, remembers: bool
) -> Prospects:
    site = replace(site, at=at)
    return prospects_in(_files(targets), result.evidence, site, remembers=remembers)


def _may_be_new(target: Target, result: AuditResult) -> bool:
    """Return True where a newer minor or major version is of a tag that was not always there."""
    known = result.evidence.get(evidence_key(target) or "")
    if known is None or not known.new_tags:
        return False
    newer = known.resolution.newer
    tags = (newer.minor, *newer.minors, newer.major, *newer.majors)
    return any(tag in known.new_tags for tag in tags if tag)


def _told(one: Prospect, step: Step) -> Iterable[Finding]:
    assert step.reference is not None
    for place in one.places:
        yield Finding(
            rule=_BEHIND,
            severity=Severity.NOTE,
            message=f"{one.name} is behind: {step.reference.tag} is a newer {step.level} version",
            location=place,
            fingerprint=f"newer {one.name} {step.reference.tag} {place}",
            reference=one.reference,
            text=one.name,
        )


def _in_files(targets: Iterable[Target]) -> Iterator[Target]:
    """Yield the targets that files name; entries of the watch list do not make theirs for that."""
    for part in getattr(targets, "parts", None) or ():
        if not isinstance(part, Watched):
            yield from _in_files(part)
    if not hasattr(targets, "parts"):
        yield from (target for target in targets if target.kind != WATCH)


def _files(targets: Iterable[Target]) -> list[tuple[str, Extraction]]:
    by_path: dict[str, list[Target]] = {}
    for target in _in_files(targets):
        by_path.setdefault(target.location.path, []).append(target)
    return [(path, Extraction(targets=tuple(found))) for path, found in by_path.items()]
