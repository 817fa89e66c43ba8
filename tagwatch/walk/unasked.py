"""What is remembered of references that nobody asked about yet.

A night that lists a repository tells of every tag in it, also of those that a file names only
tomorrow. No network and no event loop is imported, and the ledger is only read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from tagwatch.audit.base.index import BaseIndex
from tagwatch.audit.base.match import MatchContext, match_bases
from tagwatch.audit.fact.gather import gather
from tagwatch.audit.model.evidence import Evidence, evidence_key, is_readable
from tagwatch.image.reference import Repository
from tagwatch.ledger.read import Reader
from tagwatch.source.target import Target
from tagwatch.value import replace
from tagwatch.walk.recall import (
    base_repositories,
    recall_bases,
    recall_repository,
    unread_bases,
)
from tagwatch.walk.site import Site

__all__ = ["recall_unasked"]


def recall_unasked(targets: Sequence[Target], ledger: Reader, site: Site) -> dict[str, Evidence]:
    """Evidence of the targets whose digest is remembered, by key, as old as that memory.

    That something is not there is never told from memory: it may have been pushed since.
    """
    wanted: dict[Repository, dict[str, Target]] = {}
    for target in targets:
        key, reference = evidence_key(target), target.reference
        if key is not None and reference is not None:
            wanted.setdefault(reference.repository, {}).setdefault(key, target)
    bases = recall_bases(ledger, base_repositories(site.policy, targets), site.policy)
    return {
        evidence.key: evidence
        for repository, named in wanted.items()
        for evidence in _of_repository(repository, named.values(), ledger, site, bases)
    }


def _of_repository(
    repository: Repository,
    targets: Iterable[Target],
    ledger: Reader,
    site: Site,
    bases: BaseIndex,
) -> Iterator[Evidence]:
    memory = recall_repository(ledger, repository, None, site.at)
    for target in targets:
        context = MatchContext(
            rank=site.policy.base_place,
            is_base=target.kind == "from",
            audited=site.policy.defaults.audited,
        )
        evidence = gather(
            target,
            memory,
            platforms=site.policy.defaults.audited,
            bases=partial(match_bases, index=bases, context=context),
            at=site.at,
        )
        if not is_readable(evidence) or evidence.resolution.digest is None:
            continue
        if _named_tag(target) not in memory.table.tags and not memory.is_listed:
            continue  # a pattern speaks of every tag, and not every tag is known
        seen = evidence.history[-1].last_seen if evidence.history else evidence.at
        yield replace(
            evidence,
            at=seen,
            documents_asked=evidence.documents_read,
            bases_unread=unread_bases(bases, site.policy),
        )


def _named_tag(target: Target) -> str | None:
    named = target.reference if target.selector is None else None
    return named.effective_tag if named is not None else None
