"""Crawl one repository: the fewest requests that answer a task, failures as part of the answer.

Cost with a catalogue: the listing's pages, then nothing for a tag that serves what it served.
Without one: one request for the names, one HEAD a selected tag; where nobody counts pulls, the GET
of a tag never seen before stands in for its HEAD. Either way a digest never seen before costs at
most one GET for an index and one manifest and one config GET an audited platform; where pulls are
free, of every platform.
"""

from __future__ import annotations

from asyncio import sleep
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from itertools import chain
from typing import TypeVar

from tagwatch.audit.version.candidate import candidates
from tagwatch.audit.version.resolve import named_by_alias
from tagwatch.crawl.image_reader import ImageReader, Ration, Recall, Ticket, each, recall_nothing
from tagwatch.crawl.present import Present, Selection, select_tags
from tagwatch.crawl.refusal import broken, cut_off, refused, too_many, vanished
from tagwatch.crawl.task import CrawlTask, Need
from tagwatch.errors import (
    HostileAnswerError,
    InvalidDocumentError,
    LyingDigestError,
    NotFoundError,
    RegistryError,
    TagwatchError,
)
from tagwatch.image.digest import Digest
from tagwatch.image.selector import (
    Selector,
    SelectorKind,
    is_pattern,
    parse_selector,
)
from tagwatch.image.snapshot import (
    FORGET_WATERMARK,
    Failure,
    Remark,
    RepositorySnapshot,
    Scope,
    TagObservation,
)
from tagwatch.image.tag_table import TagTable
from tagwatch.registry.interface import (
    Hasty,
    Listing,
    Past,
    Registry,
    Relisting,
    Unlisted,
    WholeLists,
)

__all__ = ["crawl_repository"]

_Item = TypeVar("_Item")

_MAX_ROUNDS = 4
_PATIENT = nullcontext()
_MOST_ASKED = 500


async def crawl_repository(
    task: CrawlTask,
    registry: Registry,
    recall: Recall = recall_nothing,
    ticket: Ticket | None = None,
) -> RepositorySnapshot:
    """Ask everything in `task`; what a registry refuses is a failure in the snapshot, never raised.

    `recall`, `ticket`: see `ImageReader`.
    """
    if ticket is None:
        with Ration().ticket() as alone:
            return await crawl_repository(task, registry, recall, alone)
    crawl = _Crawl(task=task, registry=registry, recall=recall, ticket=ticket)
    listing = await crawl.list_names()
    await sleep(0)  # a list may be long: between its readings the run's time may be over
    selection = crawl.select(listing)
    await crawl.observe(selection, listing)
    if listing is not None and crawl.now.lacks_digests(listing) and Need.NAMES in task.needs:
        await crawl.name_the_floating(selection.documented, listing)
    await crawl.check_pins()
    await crawl.read_parts()
    await sleep(0)
    if Need.DOCUMENTS in task.needs:
        await crawl.read_documents(selection.documented, task.pins, listing)
    elif Need.UNNAMED in task.needs:
        await crawl.read_documents(*crawl.unnamed(selection.documented, listing), listing)
    crawl.doubt(listing)
    return crawl.snapshot(listing)


@dataclass(kw_only=True)
class _Crawl:
    """The state of one crawl: what is known so far of its repository."""

    task: CrawlTask
    registry: Registry
    recall: Recall
    ticket: Ticket
    seen: dict[str, TagObservation] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)
    pins: dict[Digest, bool] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    refused: dict[Digest, Failure] = field(default_factory=dict)
    unread: frozenset[str] = frozenset()
    is_doubted: bool = False
    left: frozenset[str] = frozenset()
    unlisted_tags: frozenset[str] = frozenset()
    images: ImageReader = field(init=False)
    now: Present = field(init=False)

    def __post_init__(self) -> None:
        self.images = ImageReader(self.task, self.registry, self.recall, self.ticket)
        self.now = Present(
            task=self.task, seen=self.seen, has_catalogue=self.registry.has_catalogue
        )

    async def list_names(self) -> Listing | None:
        """Return the listing where the task needs one, or where it is the cheapest way to digests.

        None where no list is needed, or the registry gave none.
        """
        task = self.task
        by_listing = self.registry.has_catalogue and task.tags
        if not (by_listing or Need.NAMES in task.needs or task.patterns):
            return None
        try:
            listing = await self.listed_now()
        except RegistryError as error:
            self.fail(error)
            return None
        self.seen.update({observation.tag: observation for observation in listing.observations})
        if listing.gap:
            self.failures.append(cut_off(task.repository, listing.gap, lasts=listing.lasts))
        return listing

    async def listed_now(self) -> Listing:
        """Return the listing. A registry is told as much of the past as it wants to know."""
        task = self.task
        if not isinstance(self.registry, Relisting):
            return await self.registry.list_tags(
                task.repository, watermark=task.watermark, known=task.known, at=task.at
            )
        past = Past(
            watermark=task.watermark or task.swept_from,
            known=task.known,
            listed=task.listed,
            sweep=task.watermark is None,
        )
        return await self.registry.list_again(task.repository, past, at=task.at)

    def select(self, listing: Listing | None) -> Selection:
        """Return what somebody watches, as far as the listing tells."""
        task = self.task
        if listing is None or not task.patterns:
            return Selection(watched=task.tags, documented=task.tags)
        names = self.now.names(listing)
        found = select_tags(task, names, lambda: self.now.table(names))
        self.failures += [too_many(task.repository, *one) for one in found.wider]
        self.left = found.left
        return found

    async def observe(self, selection: Selection, listing: Listing | None) -> None:
        """Ask for the digest of every selected tag that the listing did not give."""
        if self.is_over:
            return
        if Need.DOCUMENTS in self.task.needs:
            self.unread = selection.documented - self.task.known.keys()
            if listing is not None:
                self.unread &= self.now.names(listing)  # what no list names is hardly there
        unknown = set(selection.watched - self.seen.keys())
        if listing is not None:
            vanished = self.task.known.keys() - listing.names - self.seen.keys()
            if not self.now.has_digests(listing):
                unknown |= vanished  # a listing may be cut short: only a 404 says deleted
            elif listing.gap:  # whatever it did not get to is asked, within reason
                unknown = unknown if len(unknown) <= _MOST_ASKED else unknown & self.task.tags
            elif listing.scope is Scope.SINCE:
                unknown -= self.task.known.keys() - listing.undigested
                unknown -= self.now.hopeless(listing)
            else:
                unknown &= listing.undigested | self.unlisted(listing)
                unknown -= self.now.hopeless(listing)
                if listing.scope is Scope.NEWEST:
                    unknown |= vanished  # of what its pages did not reach, nobody said why
        if listing is not None and listing.names and not listing.gap:
            self.unlisted_tags = frozenset(unknown - self.now.names(listing))
        await self.ask(unknown)

    def unlisted(self, listing: Listing) -> frozenset[str]:
        """Return tags that somebody names and a whole listing does not: a cache may serve them."""
        whole = isinstance(self.registry, WholeLists) and self.registry.lists_everything
        if whole:
            return frozenset()
        return frozenset(tag for tag in self.task.tags - listing.names if not is_pattern(tag))

    def is_partial(self, listing: Listing) -> bool:
        """Return True where a tag is there that the listing should have had and has not.

        Then it says nothing of other tags either. A listing of what moved need not have the tags
        that were known before.
        """
        there = self.asked & self.seen.keys()
        return bool(there - self.now.names(listing))

    @property
    def is_over(self) -> bool:
        """True where asking for single tags is no use: nothing is there, or nobody answers."""
        return any(
            failure.tag is None
            and (failure.code in ("not-found", "denied") or failure.status is None)
            for failure in self.failures
            if not failure.is_limit and failure.code not in ("cut-off", HostileAnswerError.code)
        )

    async def ask(self, tags: Collection[str]) -> None:
        """Ask what each of `tags` serves; remember absence and failure, and keep them apart."""

        async def one(tag: str) -> None:
            try:
                with self.patience_with(tag):
                    observation = await self.observation(tag)
            except RegistryError as error:
                self.fail(error, tag=tag)
                return
            self.asked.add(tag)
            if observation is not None:
                self.seen[tag] = observation

        await each(one, sorted(tags), self.images.crew)

    async def observation(self, tag: str) -> TagObservation | None:
        """Return what a tag serves; None where it does not exist.

        One never seen before is read at once where its documents are wanted and a pull costs no
        more than a HEAD: that spares every new image a request.
        """
        if tag in self.unread and self.images.pulls_are_free:
            try:
                document = await self.registry.manifest(self.task.repository, tag)
            except NotFoundError:
                return None
            except HostileAnswerError:
                pass  # what cannot be read may still have a digest
            else:
                self.images.at_hand[document.digest] = document
                return TagObservation(
                    tag=tag, digest=document.digest, media_type=document.media_type
                )
        if tag in self.unlisted_tags and isinstance(self.registry, Unlisted):
            return await self.registry.head_unlisted(self.task.repository, tag)
        return await self.registry.head(self.task.repository, tag)

    def patience_with(self, tag: str) -> AbstractContextManager[None]:
        """Return how to ask a tag: one that failed the last time, too, is asked once."""
        if tag in self.task.failing and isinstance(self.registry, Hasty):
            return self.registry.without_retries()
        return _PATIENT

    async def name_the_floating(self, selected: frozenset[str], listing: Listing) -> None:
        """Ask what may name each range and each moved tag, newest first, until one does.

        One after the other: what one learns spares the next its requests.
        """
        names = self.now.names(listing)
        for pattern in self.task.patterns:
            await sleep(0)
            await self.settle(parse_selector(pattern.selector), names)
        unnamed = [tag for tag in sorted(selected) if self.now.may_lack_a_name(tag, listing)]
        if unnamed and self.now.may_be_old(listing):
            await self.ask(self.now.named_before(unnamed, names))
        await sleep(0)
        table = TagTable.of(
            {name: self.now.digest_now(name, listing) for name in names} if unnamed else {}
        )
        for tag in unnamed:
            await sleep(0)
            digest = self.now.digest_now(tag, listing)
            for candidate in candidates(tag, table):
                if candidate not in self.seen:
                    await self.ask([candidate])
                found = self.seen.get(candidate)
                if found is not None and found.digest == digest:
                    break

    async def settle(self, selector: Selector, names: frozenset[str]) -> None:
        """Ask what could show that a range's best tag is not what its text says."""
        if selector.kind is not SelectorKind.RANGE:
            return
        for _ in range(_MAX_ROUNDS):
            unknown = candidates(selector, self.now.table(names))
            if not (unknown := [tag for tag in unknown if tag not in self.asked]):
                return
            await self.ask(unknown)

    def doubt(self, listing: Listing | None) -> None:
        """Where most tags are gone at once, say so, and that they are not believed to be gone."""
        lost = self.now.vanished(listing)
        if listing is None or not lost or self.is_partial(listing):
            return
        self.asked -= lost
        self.is_doubted = True
        self.failures.append(vanished(self.task.repository, len(lost), len(self.task.known)))

    async def check_pins(self) -> None:
        """Ask whether each pinned digest is still there; no request where a tag serves it."""
        served = {observation.digest for observation in self.seen.values()}

        async def one(digest: Digest) -> None:
            try:
                found = await self.registry.head(self.task.repository, digest)
            except RegistryError as error:
                self.fail(error)
                return
            self.pins[digest] = found is not None

        self.pins.update(dict.fromkeys(self.task.pins & served, True))
        if not self.is_over:
            await each(one, sorted(self.task.pins - served), self.images.crew)

    async def read_parts(self) -> None:
        """Read the manifests that are wanted by digest; a refusal is told of each that lacks."""

        async def one(part: tuple[Digest, ...]) -> None:
            why: Mapping[Digest, RegistryError | InvalidDocumentError]
            try:
                why = await self.images.read_part(part)
            except (RegistryError, InvalidDocumentError) as error:
                why = dict.fromkeys(lacking(part), error)
            except TagwatchError:
                raise  # the run's own: its ledger or its settings
            except Exception as error:  # noqa: BLE001  # one image's trouble is that image's
                told = broken(self.task.repository, error)
                self.refused |= dict.fromkeys(lacking(part), told)
                return
            for digest, reason in why.items():
                self.refused[digest] = refused(self.task.repository, reason, None)

        def lacking(part: tuple[Digest, ...]) -> list[Digest]:
            return [digest for digest in part if digest not in self.images.documents]

        others = Need.DOCUMENTS | Need.UNNAMED
        await self.each_image(one, sorted(self.task.parts), are_last=not self.task.needs & others)

    async def each_image(
        self, read: Callable[[_Item], Awaitable[None]], items: Iterable[_Item], *, are_last: bool
    ) -> None:
        """Read images, in their order; after the last ones other tasks have their turn."""

        async def one(item: _Item | None) -> None:
            await (self.images.let_pass() if item is None else read(item))

        await each(one, chain(items, (None,) if are_last else ()), self.images.crew)

    def unnamed(
        self, documented: frozenset[str], listing: Listing | None
    ) -> tuple[frozenset[str], frozenset[Digest]]:
        """Return those of the tags and pins whose version only their own documents can name."""
        table = self.now.table(documented if listing is None else self.now.names(listing))
        tags = frozenset(tag for tag in documented if named_by_alias(tag, table) is None)
        return tags, frozenset(digest for digest in self.task.pins if digest not in table.groups)

    async def read_documents(
        self, documented: frozenset[str], pins: frozenset[Digest], listing: Listing | None
    ) -> None:
        """Read manifests and configs of the audited platforms, of every digest not stored yet.

        A file may name a tag only now that was listed long ago: it is read all the same.
        """
        if listing is not None:
            documented -= self.now.hopeless(listing)
        digests = {
            digest: tag
            for tag in sorted(documented)
            if (digest := self.now.digest_now(tag, listing)) is not None
        }
        digests |= {digest: "" for digest in sorted(pins) if self.pins.get(digest)}

        async def one(item: tuple[Digest, str]) -> None:
            digest, tag = item
            try:
                media_type = self.seen[tag].media_type if tag in self.seen else None
                with self.patience_with(tag):
                    await self.images.read(digest, media_type)
            except (RegistryError, InvalidDocumentError) as error:
                self.disown(digest, error)
                self.fail(error, tag=tag or None)
            except TagwatchError:
                raise  # the run's own: its ledger or its settings
            except Exception as error:  # noqa: BLE001  # one image's trouble is that image's
                self.failures.append(broken(self.task.repository, error, tag or None))

        lacking = [item for item in digests.items() if item[0] not in self.task.documents]
        await self.each_image(one, lacking, are_last=True)

    def disown(self, digest: Digest, error: RegistryError | InvalidDocumentError) -> None:
        """Forget a digest where the bytes under it have another one: it was never served."""
        if isinstance(error, LyingDigestError) and digest not in self.images.documents:
            for tag in [tag for tag, one in self.seen.items() if one.digest == digest]:
                del self.seen[tag]
                self.asked.discard(tag)
            self.pins.pop(digest, None)

    @property
    def is_audited(self) -> bool:
        """True where every image was read for all that the task audits, stored ones among them."""
        lacking = {one.digest for one in self.task.lacking}
        return Need.DOCUMENTS in self.task.needs and lacking <= self.images.documents.keys()

    def fail(self, error: RegistryError | InvalidDocumentError, *, tag: str | None = None) -> None:
        """Remember a refusal as data."""
        self.failures.append(refused(self.task.repository, error, tag))

    def remarks(self, listing: Listing | None) -> tuple[Remark, ...]:
        """Return what was odd about the listing, for people."""
        said = listing.warnings if listing is not None else ()
        if listing is not None and listing.unseen:
            said += (listing.unseen,)
        if listing is not None and listing.scope is Scope.NEWEST and not listing.holds:
            unseen = len((self.task.known.keys() & listing.names) - self.seen.keys())
            if unseen:
                said += (f"whether {unseen} older tags moved since the last listing was not seen",)
        if listing is not None and (unasked := self.now.unasked(self.left, listing)):
            said += (f"the newest tags answered: {unasked} older ones were not asked",)
        return tuple(Remark(repository=self.task.repository, message=text) for text in said)

    def snapshot(self, listing: Listing | None) -> RepositorySnapshot:
        """Return everything learnt. Only a whole listing with digests may speak for absent tags."""
        unread = [
            failure
            for failure in self.failures
            if failure.code != "invalid-document" and not failure.is_limit
        ]
        scope, watermark = Scope.SELECTED, None
        if listing is not None and self.now.has_digests(listing):
            if self.is_partial(listing):
                watermark = FORGET_WATERMARK
            else:
                scope, watermark = listing.scope, listing.watermark
        return RepositorySnapshot(
            repository=self.task.repository,
            at=self.task.at,
            scope=scope,
            tags=tuple(self.seen[tag] for tag in sorted(self.seen)),
            names=listing.names if listing is not None else None,
            asked=frozenset(self.asked),
            documents=self.images.documents,
            unread=self.refused,
            pins=self.pins,
            complete=not unread,
            failures=tuple(self.failures),
            remarks=self.remarks(listing),
            quota=self.registry.quota,
            watermark=watermark,
            audited=self.task.audited,
            is_audited=self.is_audited and not unread,
            unseen=listing.unseen if listing is not None else "",
            by_count=scope is Scope.NEWEST and self.task.watermark is not None,
            holds=scope is Scope.NEWEST and self.now.is_told(listing),
            is_doubted=self.is_doubted,
        )
