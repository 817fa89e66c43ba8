"""What an image stands on, matched for itself.

Stored evidence serves everybody who names the image, a Dockerfile that builds on it among them;
for that one the image is its own base. Here it never is.
"""

from __future__ import annotations

from tagwatch.audit.base.index import BaseIndex
from tagwatch.audit.base.match import MatchContext, match_bases
from tagwatch.audit.model.base import BaseMatch
from tagwatch.audit.model.evidence import Evidence
from tagwatch.audit.model.resolution import Resolution
from tagwatch.audit.reading.image import Image, has_unread_attestations, read_image
from tagwatch.image.digest import Digest
from tagwatch.image.platform import Platform
from tagwatch.ledger.read import Reader
from tagwatch.value import replace
from tagwatch.walk.recall import StoredDocuments, base_repositories, recall_bases
from tagwatch.walk.site import Site

__all__ = ["awaits_provenance", "local_stands_on", "stands_on"]


def stands_on(evidence: Evidence | None, site: Site) -> tuple[BaseMatch, ...]:
    """The base of each audited platform, from what is stored; none where nothing was read.

    Raises `LedgerError`.
    """
    if evidence is None or evidence.resolution.digest is None or not site.database.is_file():
        return ()
    with Reader.open(site.database) as ledger:
        image = _image(evidence.resolution, evidence.resolution.digest, ledger)
        return _match(image, ledger, site, site.policy.defaults.audited)


def awaits_provenance(evidence: Evidence | None, site: Site) -> bool:
    """True where layers alone do not tell one base, and what the image attests was not read.

    A scan reads no attestation unless a rule asks for it. Raises `LedgerError`.
    """
    if evidence is None or evidence.resolution.digest is None or not site.database.is_file():
        return False
    with Reader.open(site.database) as ledger:
        image = _image(evidence.resolution, evidence.resolution.digest, ledger)
        if not has_unread_attestations(image):
            return False
        matches = _match(image, ledger, site, site.policy.defaults.audited)
    return not all(match.is_exact and not match.aliases for match in matches)


def _image(resolution: Resolution, digest: Digest, ledger: Reader) -> Image:
    name = resolution.reference.canonical if resolution.reference else ""
    image = read_image(digest, StoredDocuments(ledger), reference=name)
    if resolution.version is None:
        return image
    return replace(image, version=resolution.version, version_from=resolution.basis.value)


def local_stands_on(image: Image, site: Site) -> tuple[BaseMatch, ...]:
    """The base of each platform of an image of this machine. Raises `LedgerError`."""
    if not site.database.is_file():
        return match_bases(image, BaseIndex())
    with Reader.open(site.database) as ledger:
        return _match(image, ledger, site, None)


def _match(
    image: Image, ledger: Reader, site: Site, audited: tuple[Platform, ...] | None
) -> tuple[BaseMatch, ...]:
    index = recall_bases(ledger, base_repositories(site.policy, ()), site.policy)
    context = MatchContext(rank=site.policy.base_place, audited=audited)
    return match_bases(image, index, context)
