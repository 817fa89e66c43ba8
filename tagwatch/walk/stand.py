"""What an image stands on, matched for itself.

Stored evidence serves everybody who names the image, a Dockerfile that builds on it among them;
for that one the image is its own base. Here it never is.
"""

from __future__ import annotations

from tagwatch.audit.base import BaseMatch
from tagwatch.audit.base_match import MatchContext, match_bases
from tagwatch.audit.evidence import Evidence
from tagwatch.audit.image import read_image
from tagwatch.audit.policy import Policy
from tagwatch.image.reference import Reference
from tagwatch.ledger.read import Reader
from tagwatch.value import replace
from tagwatch.walk.recall import StoredDocuments, base_repositories, recall_bases
from tagwatch.walk.site import Site

__all__ = ["stands_on"]


def stands_on(evidence: Evidence | None, site: Site) -> tuple[BaseMatch, ...]:
    """The base of each audited platform, from what is stored; none where nothing was read.

    Raises `LedgerError`.
    """
    resolution = evidence.resolution if evidence is not None else None
    if resolution is None or resolution.digest is None or not site.database.is_file():
        return ()
    name = resolution.reference.canonical if resolution.reference else ""
    with Reader.open(site.database) as ledger:
        image = read_image(resolution.digest, StoredDocuments(ledger), reference=name)
        if resolution.version is not None:
            basis = resolution.basis.value
            image = replace(image, version=resolution.version, version_from=basis)
        index = recall_bases(ledger, base_repositories(site.policy, ()), site.policy)
        context = MatchContext(
            rank=lambda reference: _rank(reference, site.policy),
            audited=site.policy.defaults.audited,
        )
        return match_bases(image, index, context)


def _rank(reference: str, policy: Policy) -> int | None:
    base = policy.base_named(Reference.parse(reference))
    return policy.bases.index(base) if base is not None else None
