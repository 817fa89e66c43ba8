"""Crawl one repository: the fewest requests that answer a task, failures as part of the answer.

Cost with a catalogue: the listing's pages, then nothing for a tag that serves what it served.
Without one: one request for the names, one HEAD a selected tag; where nobody counts pulls, the GET
of a tag never seen before stands in for its HEAD. Either way a digest never seen before costs at
most one GET for an index and one manifest and one config GET an audited platform.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from tagwatch.audit.version.candidate import candidates
from tagwatch.audit.version.resolve import named_by_alias
from tagwatch.crawl.image_reader import ImageReader, Recall, each
from tagwatch.crawl.task import CrawlTask, Need, Pattern
from tagwatch.errors import (
    HostileAnswerError,
    InvalidDocumentError,
    LyingDigestError,
    NotFoundError,
    RegistryError,
)
from tagwatch.image.digest import Digest
from tagwatch.image.selector import (
    Selector,
    SelectorKind,
    is_pattern,
    parse_selector,
    select,
    select_names,
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
from tagwatch.registry.interface import FreePulls, Listing, Registry, WholeLists

__all__ = ["crawl_repository"]

_MAX_ROUNDS = 4
_MOST_ASKED = 500


async def crawl_repository(
    task: CrawlTask, registry: Registry, recall: Recall = lambda _: None
) -> RepositorySnapshot:
    """Ask everything in `task`; what a registry refuses is a failure in the snapshot, never raised.

    `recall`: see `ImageReader`.
    """
    crawl = _Crawl(task=task, registry=registry, recall=recall)
    listing = await crawl.list_names()
    selection = crawl.select(listing)
    await crawl.observe(selection, listing)
    if listing is not None and not crawl.has_digests(listing) and Need.NAMES in task.needs:
        await crawl.name_the_floating(selection.documented, listing.names)
    await crawl.check_pins()
    if Need.DOCUMENTS in task.needs:
        await crawl.read_documents(selection.documented, task.pins)
    elif Need.UNNAMED in task.needs:
        await crawl.read_documents(*crawl.unnamed(selection.documented, listing))
    return crawl.snapshot(listing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The selected tags."""

    watched: frozenset[str]
    """The tags whose digests are wanted."""
    documented: frozenset[str]
    """Those among them whose documents are wanted, too."""


@dataclass(kw_only=True)
class _Crawl:
    """The state of one crawl: what is known so far of its repository."""

    task: CrawlTask
    registry: Registry
    recall: Recall
    seen: dict[str, TagObservation] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)
    pins: dict[Digest, bool] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    unread: frozenset[str] = frozenset()
    unmoved: frozenset[str] = frozenset()
    """Known tags that a listing of what moved left out: they serve what they served before."""
    images: ImageReader = field(init=False)

    def __post_init__(self) -> None:
        self.images = ImageReader(self.task, self.registry, self.recall)

    async def list_names(self) -> Listing | None:
        """Return the listing where the task needs one, or where it is the cheapest way to digests.

        None where no list is needed, or the registry gave none.
        """
        task = self.task
        by_listing = self.registry.has_catalogue and task.tags
        if not (by_listing or Need.NAMES in task.needs or task.patterns):
            return None
        try:
            listing = await self.registry.list_tags(
                task.repository, watermark=task.watermark, known=task.known, at=task.at
            )
        except RegistryError as error:
            self.fail(error)
            return None
        self.seen = {observation.tag: observation for observation in listing.observations}
        if listing.gap:
            self.cut_off(listing.gap)
        elif listing.scope is Scope.SINCE:
            self.unmoved = frozenset(task.known.keys() - self.seen.keys() - listing.undigested)
        return listing

    def has_digests(self, listing: Listing) -> bool:
        """Return True where the listing is a catalogue's: it tells what each tag serves."""
        return self.registry.has_catalogue and not listing.plain

    def select(self, listing: Listing | None) -> Selection:
        """Return the tags that the task names, and those in the listing that its patterns match.

        A range (`6.2.x`) asks what its newest tag is; only `*` and `/regex/` ask for every tag's
        documents.
        """
        task = self.task
        if listing is None or not task.patterns:
            return Selection(watched=task.tags, documented=task.tags)
        names = self.names(listing)
        watched, documented = set(task.tags), set(task.tags)
        for pattern in task.patterns:
            selector = parse_selector(pattern.selector)
            every = select_names(selector, filter(pattern.lets_through, names))
            if every is not None and len(every) <= pattern.max_tags:
                watched |= every
                documented |= every
                continue
            best = select(selector, self.table(names))
            found = [tag.text for tag in best if pattern.lets_through(tag.text)]
            if len(found) > pattern.max_tags:
                self.too_many(pattern, len(found))
            watched.update(found[: pattern.max_tags])
            documented.update(found[: 1 if every is None else pattern.max_tags])
        return Selection(watched=frozenset(watched), documented=frozenset(documented))

    def names(self, listing: Listing) -> frozenset[str]:
        """Return every tag there is. A listing of what moved leaves out those known before."""
        known = self.task.known if listing.scope is Scope.SINCE else ()
        return listing.names.union(known)

    def too_many(self, pattern: Pattern, count: int) -> None:
        """Say that a watch is wider than its cap."""
        self.failures.append(
            Failure(
                repository=self.task.repository,
                code="too-many-tags",
                message=f"{pattern.selector!r} matches {count} tags; {pattern.max_tags} were read",
                hint="narrow the watch with tags, include or exclude, or raise max_tags",
            )
        )

    def cut_off(self, gap: str) -> None:
        """Say that the listing is not whole: what it leaves out is neither gone nor unchanged."""
        self.failures.append(
            Failure(
                repository=self.task.repository,
                code="cut-off",
                message=f"{self.task.repository.host}: the listing of "
                f"{self.task.repository.path!r} is cut short: {gap}",
                hint="the next run lists it again",
            )
        )

    async def observe(self, selection: Selection, listing: Listing | None) -> None:
        """Ask for the digest of every selected tag that the listing did not give."""
        if self.is_over:
            return
        if Need.DOCUMENTS in self.task.needs:
            self.unread = selection.documented - self.task.known.keys()
            if listing is not None:
                self.unread &= self.names(listing)  # what no list names is hardly there
        unknown = set(selection.watched - self.seen.keys())
        if listing is not None:
            vanished = self.task.known.keys() - listing.names - self.seen.keys()
            if not self.has_digests(listing):
                unknown |= vanished  # a listing may be cut short: only a 404 says deleted
            elif listing.gap:  # whatever it did not get to is asked, within reason
                unknown = unknown if len(unknown) <= _MOST_ASKED else unknown & self.task.tags
            elif listing.scope is Scope.SINCE:
                unknown -= self.task.known.keys() - listing.undigested
            else:
                unknown &= listing.undigested | self.unlisted(listing)
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
        return bool(there - self.names(listing))

    @property
    def is_over(self) -> bool:
        """True where asking for single tags is no use: nothing is there, or nobody answers."""
        return any(
            failure.tag is None
            and (failure.code in ("not-found", "denied") or failure.status is None)
            for failure in self.failures
            if failure.code not in ("too-many-tags", "cut-off", HostileAnswerError.code)
        )

    async def ask(self, tags: Collection[str]) -> None:
        """Ask what each of `tags` serves; remember absence and failure, and keep them apart."""

        async def one(tag: str) -> None:
            try:
                observation = await self.observation(tag)
            except RegistryError as error:
                self.fail(error, tag=tag)
                return
            self.asked.add(tag)
            if observation is not None:
                self.seen[tag] = observation

        await each(one, sorted(tags))

    async def observation(self, tag: str) -> TagObservation | None:
        """Return what a tag serves; None where it does not exist.

        One never seen before is read at once where its documents are wanted and a pull costs no
        more than a HEAD: that spares every new image a request.
        """
        if tag in self.unread and self.pulls_are_free:
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
        return await self.registry.head(self.task.repository, tag)

    @property
    def pulls_are_free(self) -> bool:
        """See `FreePulls`; False for a registry that does not say."""
        return isinstance(self.registry, FreePulls) and self.registry.pulls_are_free

    async def name_the_floating(self, selected: frozenset[str], names: frozenset[str]) -> None:
        """Ask what may name each range and each moved tag, newest first, until one does.

        One after the other: what one learns spares the next its requests.
        """
        for pattern in self.task.patterns:
            await self.settle(parse_selector(pattern.selector), names)
        moved = [
            tag
            for tag in sorted(selected)
            if tag in self.seen and self.task.known.get(tag) != self.seen[tag].digest
        ]
        table = TagTable.of({name: self.digest_now(name) for name in names} if moved else {})
        for tag in moved:
            digest = self.seen[tag].digest
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
            unknown = candidates(selector, self.table(names))
            if not (unknown := [tag for tag in unknown if tag not in self.asked]):
                return
            await self.ask(unknown)

    def digest_now(self, tag: str) -> Digest | None:
        """Return what the tag was seen to serve in this run: since the last it may have moved."""
        observation = self.seen.get(tag)
        return observation.digest if observation is not None else None

    def table(self, names: frozenset[str]) -> TagTable:
        """Return the names, each with its digest: as asked in this run, else as seen before."""
        digests: dict[str, Digest | None] = dict.fromkeys(names)
        digests |= {tag: digest for tag, digest in self.task.known.items() if tag in names}
        digests |= {tag: observation.digest for tag, observation in self.seen.items()}
        return TagTable.of(digests)

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
            await each(one, sorted(self.task.pins - served))

    def unnamed(
        self, documented: frozenset[str], listing: Listing | None
    ) -> tuple[frozenset[str], frozenset[Digest]]:
        """Return those of the tags and pins whose version only their own documents can name."""
        table = self.table(documented if listing is None else self.names(listing))
        tags = frozenset(tag for tag in documented if named_by_alias(tag, table) is None)
        return tags, frozenset(digest for digest in self.task.pins if digest not in table.groups)

    async def read_documents(self, documented: frozenset[str], pins: frozenset[Digest]) -> None:
        """Read manifests and configs of the audited platforms, of every digest not stored yet."""
        # A file may name a tag only now that was listed long ago: it is read all the same.
        known = {tag: self.task.known[tag] for tag in documented & self.unmoved}
        served = known | {tag: self.seen[tag].digest for tag in documented & self.seen.keys()}
        digests = {digest: tag for tag, digest in sorted(served.items())}
        digests |= {digest: "" for digest in sorted(pins) if self.pins.get(digest)}

        async def one(item: tuple[Digest, str]) -> None:
            digest, tag = item
            try:
                await self.images.read(
                    digest, self.seen[tag].media_type if tag in self.seen else None
                )
            except (RegistryError, InvalidDocumentError) as error:
                self.disown(digest, error)
                self.fail(error, tag=tag or None)

        await each(one, [item for item in digests.items() if item[0] not in self.task.documents])

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
        code = error.code if isinstance(error, RegistryError) else "invalid-document"
        status = error.status if isinstance(error, RegistryError) else None
        self.failures.append(
            Failure(
                repository=self.task.repository,
                tag=tag,
                code=code,
                status=status,
                message=error.message,
                hint=error.hint,
            )
        )

    def remarks(self, listing: Listing | None) -> tuple[Remark, ...]:
        """Return what was odd about the listing, for people."""
        said = listing.warnings if listing is not None else ()
        return tuple(Remark(repository=self.task.repository, message=text) for text in said)

    def snapshot(self, listing: Listing | None) -> RepositorySnapshot:
        """Return everything learnt. Only a whole listing with digests may speak for absent tags."""
        unread = [failure for failure in self.failures if failure.code != "invalid-document"]
        scope, watermark = Scope.SELECTED, None
        if listing is not None and self.has_digests(listing):
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
            pins=self.pins,
            complete=not unread,
            failures=tuple(self.failures),
            remarks=self.remarks(listing),
            quota=self.registry.quota,
            watermark=watermark,
            audited=self.task.audited,
            is_audited=self.is_audited and not unread,
        )
