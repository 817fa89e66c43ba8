"""Look up what is known of images: in the ledger, and at registries where that is missing or old.

Where the ledger knows everything, no network code and no event loop is imported. Else `_ask` has
the rest surveyed (`walk.survey`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from time import monotonic

from tagwatch.audit.model.evidence import Evidence, Status, evidence_key, is_readable
from tagwatch.audit.model.history import UNRECORDED
from tagwatch.audit.verdict.result import RepositoryChange
from tagwatch.ledger.read import Reader
from tagwatch.source.target import Target
from tagwatch.value import dataclass, field, replace
from tagwatch.walk.site import BASES_ASKED, Site, bases_key, configured_place, project_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tagwatch.audit.reading.image import Image
    from tagwatch.audit.rule.interface import Reads
    from tagwatch.crawl.task import Need
    from tagwatch.image.snapshot import Failure, Quota, Remark, RepositorySnapshot
    from tagwatch.walk.survey import Survey

    Progress = Callable[[RepositorySnapshot], None]

__all__ = ["Asking", "Lookup", "look_up"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """The way to look up images: what registries may be asked for, and how long that may take."""

    offline: bool = False
    """Ask no registry."""
    refresh: bool = False
    """Ask for everything, however fresh what the ledger knows is."""
    max_seconds: float | None = None
    """Stop asking so many seconds after `begun_at`; None: no limit."""
    begun_at: float | None = None
    """A reading of the monotonic clock; None: the moment at which each look-up begins to ask."""
    progress: Progress | None = None
    """Called with the snapshot of each repository that was read."""
    with_bases: bool = False
    """The question is about the policy's bases: ask for them, too, where that was done longer ago
    than `max_age`."""
    learn_bases: bool = False
    """Ask for the policy's bases only where that was never done, or one could not be read."""
    documents: bool = True
    """False: read manifests and configs, which count against pull limits, only where no tag names
    a version."""
    shows: frozenset[Reads] = frozenset()
    """What the answer shows, beside what the policy's rules read."""

    def begun(self) -> Asking:
        """Return it with its time running: from now on where it does not run yet."""
        return replace(self, begun_at=monotonic()) if self.begun_at is None else self

    @property
    def seconds_left(self) -> float | None:
        """The seconds that are left of `max_seconds`; None: no limit."""
        if self.max_seconds is None or self.begun_at is None:
            return self.max_seconds
        return max(self.max_seconds - (monotonic() - self.begun_at), 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """The answer of a look-up: evidence, and what else registries said where they were asked."""

    evidence: Mapping[str, Evidence]
    """By evidence key."""
    changes: tuple[RepositoryChange, ...] = ()
    failures: tuple[Failure, ...] = ()
    remarks: tuple[Remark, ...] = ()
    requests: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """By host, how many requests of each kind were made."""
    quotas: Mapping[str, Quota] = field(default_factory=dict)
    """By host."""
    stopped: bool = False
    """True where time ran out before everything was asked."""

    @property
    def _is_own(self) -> bool:
        """True where this ledger saw all evidence itself, as mostly it did."""
        return all(one.source == "seen" for one in self.evidence.values())

    def expired(self, site: Site) -> frozenset[str]:
        """Return the sources of evidence on which nothing should rest any more."""
        if self._is_own:
            return frozenset()
        from tagwatch.walk.facts_kept import expired_facts

        return expired_facts(self.evidence, site)

    def without(self, sources: frozenset[str]) -> Lookup:
        """Return it without the evidence of these sources."""
        if not sources:
            return self
        evidence = {key: one for key, one in self.evidence.items() if one.source not in sources}
        return replace(self, evidence=evidence)

    def facts_from(self, expired: frozenset[str]) -> str:
        """Return the sources of evidence that this ledger did not see itself, in words."""
        if self._is_own:
            return ""
        from tagwatch.walk.facts_kept import facts_told

        return facts_told(self.evidence, expired)


def look_up(
    targets: Sequence[Target], site: Site, asking: Asking, *, images: Sequence[Image] = ()
) -> Lookup:
    """Return what is known of these targets. What a registry refuses is a failure in the answer.

    `images`: images of this machine, whose bases are asked for, too. Raises `LedgerError`.
    """
    evidence, asked_at = _stored(targets, site)
    if asking.offline:
        return Lookup(evidence={**_unasked(targets, evidence, site), **evidence})
    documents = _wants_documents(asking, site)
    old = [target for target in targets if _is_old(target, evidence, site, asking, documents)]
    # Without documents no image can be matched, so bases would be asked in vain.
    with_bases = documents and _are_bases_due(evidence, asked_at, site, asking, is_asking=bool(old))
    if with_bases:
        chosen = set(map(id, old))  # targets have no hash: their `facts` are a dict
        old = [
            target
            for target in targets
            if id(target) in chosen or _awaits_bases(target, evidence, asking)
        ]
    if not old and not (with_bases and images):
        return Lookup(evidence=evidence)
    surveyed = _ask(old, site, asking, with_bases=with_bases, images=images)
    answers = surveyed.answers
    return Lookup(
        evidence={**evidence, **surveyed.evidence},
        changes=surveyed.changes(site.at),
        failures=tuple(answers.failures),
        remarks=tuple(answers.remarks),
        requests=answers.requests,
        quotas=answers.quotas,
        stopped=answers.stopped,
    )


def _ask(
    targets: Sequence[Target],
    site: Site,
    asking: Asking,
    *,
    with_bases: bool,
    images: Sequence[Image],
) -> Survey:
    """Survey these targets in an event loop of its own."""
    from tagwatch.ledger.write import Ledger
    from tagwatch.walk.loop import Patience, run
    from tagwatch.walk.survey import Order, survey

    order = Order(targets=targets, images=images, whole=with_bases, needs=_needs(asking, site))

    async def survey_them() -> Survey:
        with Ledger.open(site.database, site.origins) as ledger:
            run_id = ledger.begin_run("check", site.at, project=project_of(site))
            patience = Patience(max_seconds=asking.max_seconds)
            if asking.begun_at is not None:
                patience = replace(patience, begun_at=asking.begun_at)
            return await survey(
                order, ledger, run_id, site, patience=patience, progress=asking.progress
            )

    return run(survey_them())


def _needs(asking: Asking, site: Site) -> Need:
    """Return what a crawl must fetch to answer."""
    from tagwatch.crawl.task import Need
    from tagwatch.walk.need import needs_of

    if not asking.documents:
        return Need.NAMES | Need.UNNAMED
    return needs_of(site.policy, asking.shows)


def _wants_documents(asking: Asking, site: Site) -> bool:
    """Return True where manifests and configs of every image are to be read."""
    from tagwatch.audit.rule.catalogue import reads_of

    return asking.documents and bool(asking.shows or reads_of(site.policy))


def _stored(targets: Sequence[Target], site: Site) -> tuple[dict[str, Evidence], datetime | None]:
    """Return what the ledger holds of these targets, however old, and when bases were asked for.

    Two queries. Evidence that was matched before the policy named these bases says nothing of them;
    so it counts all of them as unread.
    """
    if not site.database.is_file():
        return {}, None
    keys = {key for target in targets if (key := evidence_key(target)) is not None}
    bases = site.policy.followed_bases
    configured = ""
    if site.settings.facts is not None:
        configured = configured_place(site)
    with Reader.open(site.database, site.origins) as ledger:
        evidence = dict(ledger.evidence(sorted(keys), configured=configured))
        said = ledger.cached(BASES_ASKED, bases_key(site)) if bases else None
    if bases and said is None:
        unread = tuple(base.reference for base in bases)
        for key, found in evidence.items():
            if found.source == "seen":
                evidence[key] = replace(found, bases_unread=unread)
    return evidence, datetime.fromisoformat(said) if said else None


def _unasked(
    targets: Sequence[Target], evidence: Mapping[str, Evidence], site: Site
) -> Mapping[str, Evidence]:
    """Return evidence of targets that have none stored, by key, as far as the ledger can tell."""
    unknown = [
        target
        for target in targets
        if (key := evidence_key(target)) is not None and key not in evidence
    ]
    if not unknown or not site.database.is_file():
        return {}
    with Reader.open(site.database, site.origins) as ledger:
        remembered = set(ledger.repositories())
        known = [one for one in unknown if one.reference and one.reference.repository in remembered]
        if not known:
            return {}
        # imported here: gathering loads much, and most offline checks find evidence stored
        from tagwatch.walk.round import gather_remembered

        return gather_remembered(known, ledger, site)


def _is_old(
    target: Target, evidence: Mapping[str, Evidence], site: Site, asking: Asking, documents: bool
) -> bool:
    """Return True where evidence is missing, unreadable, incomplete, or older than `max_age`.

    So it is where nobody knows who said it.

    `documents`: manifests and configs are wanted, too.
    """
    key = evidence_key(target)
    if key is None:
        return False
    found = evidence.get(key)
    if asking.refresh or found is None or found.at is None or not is_readable(found):
        return True
    if found.origin == UNRECORDED or (documents and not found.documents_asked):
        return True
    if not asking.documents and _is_nameless(found):
        return True
    return site.at - found.at > site.settings.max_age


def _is_nameless(found: Evidence) -> bool:
    """Return True where no tag names the version and the image was not read.

    Then its own documents may name it; see `Need.UNNAMED`.
    """
    is_read = found.documents_asked or bool(found.failures)
    return found.resolution.status is Status.NO_VERSION and not is_read


def _are_bases_due(
    evidence: Mapping[str, Evidence],
    asked_at: datetime | None,
    site: Site,
    asking: Asking,
    *,
    is_asking: bool,
) -> bool:
    """Return True where the policy's bases are to be asked for.

    `asked_at`: when that was done last; `is_asking`: registries are asked for a target anyway.
    """
    if not site.policy.followed_bases or not (asking.with_bases or asking.learn_bases):
        return False
    is_late = asked_at is None or site.at - asked_at > site.settings.max_age
    if asking.with_bases:
        return asking.refresh or is_late
    # To learn bases is worth requests of its own only where evidence lacks them. Where registries
    # are asked anyway, bases that were never asked for are asked for, too.
    awaited = any(one.bases_unread for one in evidence.values())
    return is_late and (awaited or (is_asking and asked_at is None))


def _awaits_bases(target: Target, evidence: Mapping[str, Evidence], asking: Asking) -> bool:
    """Return True where asking for bases may change what is said of the target."""
    found = evidence.get(evidence_key(target) or "")
    return asking.with_bases or (found is not None and bool(found.bases_unread))
