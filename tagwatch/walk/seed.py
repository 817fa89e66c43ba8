"""Seeding: older builds of approved bases, read once for the images that stand on no known build.

A new ledger knows the approved bases as of today only. What is wished for and why says
`audit.base.seed`; here it becomes what to ask, and what was read becomes builds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from functools import cached_property

from tagwatch.audit.base.build import claimed_builds
from tagwatch.audit.base.claim import claim_digests
from tagwatch.audit.base.index import BaseIndex
from tagwatch.audit.base.seed import OlderTags, Wish, wishes
from tagwatch.audit.model.base import BaseMatch
from tagwatch.audit.reading.image import Image
from tagwatch.crawl.plan import Want
from tagwatch.image.digest import Digest
from tagwatch.image.reference import Reference, Repository
from tagwatch.image.tag_table import TagTable
from tagwatch.ledger.write import Ledger
from tagwatch.walk.ask import Reading
from tagwatch.walk.recall import StoredDocuments, recall_repository
from tagwatch.walk.site import Site

__all__ = ["Seeding"]

_PRIORITY = 3


class Seeding:
    """What a run wishes to read of the approved bases beside what they serve now.

    Only images and bases that this run saw first wish for anything, so that a wish that was in
    vain is not asked again every night.
    """

    def __init__(
        self,
        ledger: Ledger,
        site: Site,
        readings: Mapping[Repository, Reading],
        bases: BaseIndex,
    ) -> None:
        self._ledger = ledger
        self._site = site
        self._readings = readings
        self._bases = bases
        self._wished: dict[Wish, bool] = {}

    def note(self, image: Image, matches: Collection[BaseMatch], *, is_new: bool) -> bool:
        """Remember what `image` wishes for; True where it does. It may be matched again then."""
        if not (is_new or self._has_new_base) or not self._tables:
            return False
        has_wish = False
        for wish in wishes(image, matches, self._site.policy.followed_bases, self._older):
            if wish not in self._wished:
                self._wished[wish] = not self._is_read(wish)
            has_wish |= self._wished[wish]
        return has_wish

    def wants(self) -> Iterator[Want]:
        """What to ask: digests where they are known, which spares listing the tags once more."""
        for wish in (wish for wish, is_open in self._wished.items() if is_open):
            repository = wish.reference.repository
            digest = wish.digest or self._tables[repository].digests.get(wish.tag or "")
            yield Want(
                repository=repository,
                tags=frozenset({wish.tag} if wish.tag and digest is None else ()),
                pins=frozenset({digest} if digest else ()),
                priority=_PRIORITY,
            )

    def store_claimed(self) -> None:
        """Remember what claims name by digest, as far as it was read; tags remember themselves."""
        documents = StoredDocuments(self._ledger)
        for wish, is_open in self._wished.items():
            if is_open and wish.digest is not None:
                builds = claimed_builds(wish.reference.canonical, wish.digest, documents)
                self._ledger.put_base_builds(builds)

    @cached_property
    def _tables(self) -> Mapping[Repository, TagTable]:
        """The tags of every approved repository that this run read."""
        at = self._site.at
        return {
            repository: recall_repository(self._ledger, repository, reading, at).table
            for repository in self._repositories()
            if (reading := self._readings.get(repository)) is not None
        }

    @cached_property
    def _older(self) -> OlderTags:
        return OlderTags(self._tables)

    @cached_property
    def _has_new_base(self) -> bool:
        """True where this run is the first that saw a followed tag."""
        return any(
            _first_seen(self._bases, Reference(repository=repository, tag=tag)) == self._site.at
            for base in self._site.policy.followed_bases
            for repository in (Repository.parse(base.reference),)
            for tag in base.tags
        )

    @cached_property
    def _digests(self) -> frozenset[Digest]:
        builds = (build for found in self._bases.by_platform.values() for build in found)
        return frozenset(digest for build in builds for digest in claim_digests(build))

    def _is_read(self, wish: Wish) -> bool:
        if wish.digest is not None:
            return wish.digest in self._digests
        reference = Reference(repository=wish.reference.repository, tag=wish.tag)
        return reference.canonical in self._bases.by_reference

    def _repositories(self) -> Iterable[Repository]:
        bases = self._site.policy.followed_bases
        return dict.fromkeys(Repository.parse(base.reference) for base in bases)


def _first_seen(bases: BaseIndex, reference: Reference) -> datetime | None:
    builds = bases.by_reference.get(reference.canonical, ())
    return min((build.first_seen for build in builds if build.first_seen), default=None)
