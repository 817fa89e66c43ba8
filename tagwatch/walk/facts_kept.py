"""What the ledger remembers of the files of facts that were read: whose they are, until when."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from tagwatch.audit.model.evidence import Evidence
from tagwatch.ledger.extract import WithExtracts
from tagwatch.ledger.read import Reader
from tagwatch.value import dataclass
from tagwatch.walk.site import Site, configured_place, source_name

__all__ = [
    "CACHE",
    "KeptFacts",
    "bases_followed",
    "expired_facts",
    "facts_told",
    "is_expired",
    "kept_facts",
    "open_remembered",
    "other_bases",
    "place_shown",
]

CACHE = "facts"
"""Under this name the ledger's cache keeps what is remembered, by place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFacts:
    """What the ledger remembers of the file of facts that it holds of a place."""

    at: datetime
    expires_at: datetime
    fetched_at: datetime
    counter: int
    key_id: str
    mark: str
    bases: tuple[str, ...] | None = None
    """See `FactsFile.bases`."""

    def to_text(self) -> str:
        times = (self.at, self.expires_at, self.fetched_at)
        told = (self.counter, self.key_id, self.mark, self.bases)
        return json.dumps([*(one.isoformat() for one in times), *told])

    @classmethod
    def of_text(cls, stored: str | None) -> KeptFacts | None:
        """Return what `to_text` wrote; None where nothing is kept, or by another version."""
        if not stored:
            return None
        try:
            at, expires_at, fetched_at, counter, key_id, mark, *bases = json.loads(stored)
            at, expires_at, fetched_at = map(datetime.fromisoformat, (at, expires_at, fetched_at))
        except (ValueError, TypeError):  # its facts are read again
            return None
        return cls(
            at=at,
            expires_at=expires_at,
            fetched_at=fetched_at,
            counter=counter,
            key_id=key_id,
            mark=mark,
            bases=tuple(bases[0]) if bases and bases[0] is not None else None,
        )


def kept_facts(site: Site, place: str) -> KeptFacts | None:
    """Return what is remembered of the facts stored for `place`; None where nothing is."""
    return KeptFacts.of_text(_remembered(site, place))


def bases_followed(site: Site) -> tuple[str, ...]:
    """Return what tells of a policy which bases images are compared with."""
    return tuple(sorted(" ".join((one.reference, *one.tags)) for one in site.policy.followed_bases))


def expired_facts(evidence: Mapping[str, Evidence], site: Site) -> frozenset[str]:
    """Return the sources whose facts are among the evidence, and expired.

    So are facts of which the ledger does not remember who signed them: a tagwatch that knew no
    public keys brought them.
    """
    sources = {one.source for one in evidence.values()} - {"seen"}
    return frozenset(source for source in sources if is_expired(source, site))


def is_expired(source: str, site: Site) -> bool:
    """Return True where the facts from there expired; see `expired_facts`."""
    return all(site.at >= one.expires_at for one in _kept_of(source, site))


def place_shown(place: str, site: Site) -> str:
    """Return the name of facts by the place where the ledger keeps them."""
    settings = site.settings.facts
    is_configured = settings is not None and place == configured_place(site)
    return source_name(settings, site) if settings is not None and is_configured else place


def _kept_of(source: str, site: Site) -> tuple[KeptFacts, ...]:
    """Return what is remembered of the files that evidence of this source may come from."""
    settings = site.settings.facts
    configured = "" if settings is None else source_name(settings, site)
    places = [source, configured_place(site)] if source == configured else [source]
    return tuple(found for place in places if (found := kept_facts(site, place)) is not None)


def other_bases(source: str, site: Site) -> str:
    """Return why facts do not answer what an image is built on; empty where they do.

    The scan that they come from compared images with the bases of its policy. Where the policy here
    names none, its answer counts.
    """
    followed = bases_followed(site)
    kept = _kept_of(source, site)
    if kept and all(one.bases is None for one in kept):
        return f"the facts from {source} tell of no bases: export them again"
    if not followed or any(one.bases == followed for one in kept):
        return ""
    compared = {base for one in kept for base in one.bases or ()}
    return (
        f"the facts from {source} compare images with {', '.join(sorted(compared)) or 'no base'}, "
        f"and the policy here names {', '.join(followed)}"
    )


def facts_told(evidence: Mapping[str, Evidence], expired: frozenset[str]) -> str:
    """Return the sources of evidence that this ledger did not see itself, with number and age."""
    brought: dict[str, list[Evidence]] = {}
    for one in evidence.values():
        if one.source != "seen":
            brought.setdefault(one.source, []).append(one)
    told = []
    for source, facts in sorted(brought.items()):
        oldest = min((one.at for one in facts if one.at is not None), default=None)
        since = f", read {oldest:%Y-%m-%d %H:%M} UTC or later" if oldest else ""
        end = ", expired" if source in expired else ""
        told.append(f"{source}: {len(facts)} of {len(evidence)}{since}{end}")
    return "; ".join(told)


def _remembered(site: Site, key: str) -> str | None:
    if not site.database.is_file():
        return None
    with Reader.open(site.database, site.origins) as ledger:
        return ledger.cached(CACHE, key)


def open_remembered(site: Site) -> WithExtracts:
    """Open what is remembered here: the ledger, and facts that count in this place."""
    return WithExtracts.open_with(site.database, site.origins, configured_place(site))
