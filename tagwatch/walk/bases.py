"""Match images against the known builds of bases, and say what to read where none is known.

A new ledger knows only what the approved bases are today. `audit.base.seed` says which older builds
an image then wishes for, and why; `Seeds` turns these wishes into wants.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass as standard_dataclass  # with slots nothing could be cached
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from tagwatch.audit.base.claim import claim_digests
from tagwatch.audit.base.seed import OlderTags, Wish, wishes
from tagwatch.audit.model.base_match import BaseMatch
from tagwatch.audit.model.evidence import Evidence
from tagwatch.audit.model.policy import Policy
from tagwatch.audit.reading.image import Image, has_unread_attestations, read_image
from tagwatch.image.digest import Digest
from tagwatch.image.platform import Platform
from tagwatch.image.reference import Reference, Repository
from tagwatch.image.tag_table import TagTable
from tagwatch.ledger.read import Reader
from tagwatch.value import replace
from tagwatch.walk.recall import KnownBases, StoredDocuments, recall_bases, recall_repository
from tagwatch.walk.site import Site

if TYPE_CHECKING:
    from tagwatch.crawl.plan import Want
    from tagwatch.walk.ask import RepositoryAnswer

__all__ = [
    "Seeds",
    "awaits_provenance",
    "bases_of",
    "bases_of_local",
    "is_told_by_facts",
    "match",
    "with_base",
]

_PRIORITY = 3
"""Older builds are asked for last; see `CrawlTask.priority`."""


def match(
    image: Image,
    bases: KnownBases,
    policy: Policy,
    *,
    is_base: bool = False,
    audited: tuple[Platform, ...] | None = None,
) -> tuple[BaseMatch, ...]:
    """Return the base of each platform of `image`. See `MatchContext` for `is_base`, `audited`."""
    from tagwatch.audit.base.match import MatchContext, match_bases  # for images that are new

    context = MatchContext(
        rank=policy.base_place, is_base=is_base, audited=audited, others=bases.others
    )
    return match_bases(image, bases.index, context)


def bases_of(evidence: Evidence | None, site: Site) -> tuple[BaseMatch, ...]:
    """Return the base of each audited platform, from what is stored; none where nothing was read.

    The bases in `evidence` are not used: a Dockerfile that builds on the image shares its evidence,
    and there the image is its own base. Here it never is. Raises `LedgerError`.
    """
    digest = _digest_of(evidence)
    if evidence is None or digest is None or not site.database.is_file():
        return ()
    with Reader.open(site.database, site.origins) as ledger:
        if is_told_by_facts(evidence, ledger):
            return evidence.stands_on or evidence.bases
        bases, audited = recall_bases(ledger, site.policy), site.policy.defaults.audited
        return match(_image(evidence, digest, ledger), bases, site.policy, audited=audited)


def is_told_by_facts(evidence: Evidence, ledger: Reader) -> bool:
    """Return True where imported facts alone tell of the image: nobody here has read it."""
    digest = _digest_of(evidence)
    is_read = digest is not None and bool(ledger.stored_documents((digest,)))
    return evidence.source != "seen" and not is_read


def with_base(evidence: Evidence, ledger: Reader, bases: KnownBases, policy: Policy) -> Evidence:
    """Return evidence that tells what `bases_of` does to who has no documents: for an extract."""
    digest = _digest_of(evidence)
    if digest is None:
        return evidence
    image = _image(evidence, digest, ledger)
    found = match(image, bases, policy, audited=policy.defaults.audited)
    return evidence if found == evidence.bases else replace(evidence, stands_on=found)


def awaits_provenance(evidence: Evidence | None, site: Site) -> bool:
    """Return True where layers alone do not tell one base, and attestations are unread.

    A scan reads attestations only where a rule reads them. Raises `LedgerError`.
    """
    digest = _digest_of(evidence)
    if evidence is None or digest is None or not site.database.is_file():
        return False
    with Reader.open(site.database, site.origins) as ledger:
        image = _image(evidence, digest, ledger)
        if not has_unread_attestations(image):
            return False
        bases, audited = recall_bases(ledger, site.policy), site.policy.defaults.audited
        matches = match(image, bases, site.policy, audited=audited)
    return not all(one.is_exact and not one.aliases for one in matches)


def bases_of_local(image: Image, site: Site) -> tuple[BaseMatch, ...]:
    """Return the base of each platform of an image of this machine. Raises `LedgerError`."""
    if not site.database.is_file():
        from tagwatch.audit.base.match import match_bases

        return match_bases(image, KnownBases().index)
    with Reader.open(site.database, site.origins) as ledger:
        return match(image, recall_bases(ledger, site.policy), site.policy)


def _digest_of(evidence: Evidence | None) -> Digest | None:
    return evidence.resolution.digest if evidence is not None else None


def _image(evidence: Evidence, digest: Digest, ledger: Reader) -> Image:
    resolution = evidence.resolution
    name = resolution.reference.canonical if resolution.reference else ""
    image = read_image(digest, StoredDocuments(ledger), reference=name)
    if resolution.version is None:
        return image
    return replace(image, version=resolution.version, version_from=resolution.basis.value)


@standard_dataclass(frozen=True, kw_only=True)
class Seeds:
    """The older builds of approved bases that a run may read for images without a known base.

    Images wish for builds only in the run that sees them, or one of the bases, for the first time.
    So a wish that cannot be fulfilled is not asked again every night.
    """

    ledger: Reader
    policy: Policy
    at: datetime
    answers: Mapping[Repository, RepositoryAnswer]
    bases: KnownBases
    from_memory: bool = False
    """True where the run asks some repositories only: the tags of bases are those known."""

    def open_wishes(
        self, image: Image, matches: Collection[BaseMatch], *, is_new: bool
    ) -> tuple[Wish, ...]:
        """Return the wishes of `image`, without what was read already.

        `is_new`: this run is the first to see the image.
        """
        if not (is_new or self._has_new_base) or not self._tables:
            return ()
        found = wishes(image, matches, self.policy.followed_bases, self._older)
        return tuple(wish for wish in found if not self._is_read(wish))

    def wants(self, wished: Iterable[Wish]) -> Iterator[Want]:
        """Yield a want for each wish: by digest where it is known, which saves a listing."""
        # imported here: an offline run matches, too, and must not load network code for it
        from tagwatch.crawl.plan import Want

        for wish in wished:
            repository = wish.reference.repository
            digest = wish.digest or self._tables[repository].digests.get(wish.tag or "")
            yield Want(
                repository=repository,
                tags=frozenset({wish.tag} if wish.tag and digest is None else ()),
                pins=frozenset({digest} if digest else ()),
                priority=_PRIORITY,
            )

    @cached_property
    def _tables(self) -> Mapping[Repository, TagTable]:
        """The tags of every approved repository that was asked in this run, or is remembered."""
        repositories = (Repository.parse(base.reference) for base in self.policy.followed_bases)
        return {
            repository: recall_repository(self.ledger, repository, answer, self.at).table
            for repository in dict.fromkeys(repositories)
            if (answer := self.answers.get(repository)) is not None or self.from_memory
        }

    @cached_property
    def _older(self) -> OlderTags:
        return OlderTags(self._tables)

    @cached_property
    def _has_new_base(self) -> bool:
        """True where this run is the first to see a tag that the policy follows."""
        return any(
            self._first_seen(Reference(repository=repository, tag=tag)) == self.at
            for base in self.policy.followed_bases
            for repository in (Repository.parse(base.reference),)
            for tag in base.tags
        )

    def _first_seen(self, reference: Reference) -> datetime | None:
        builds = self.bases.index.by_reference.get(reference.canonical, ())
        return min((build.first_seen for build in builds if build.first_seen), default=None)

    @cached_property
    def _digests(self) -> frozenset[Digest]:
        builds = (build for found in self.bases.index.by_platform.values() for build in found)
        return frozenset(digest for build in builds for digest in claim_digests(build))

    def _is_read(self, wish: Wish) -> bool:
        if wish.digest is not None:
            return wish.digest in self._digests
        reference = Reference(repository=wish.reference.repository, tag=wish.tag)
        return reference.canonical in self.bases.index.by_reference
