"""Read images by digest: manifests, configs and attestations that are not stored yet.

Where a registry's pulls are counted, what is read follows from the plan: the images of a task are
given room when all tasks that were called before it have what they want, or when as much is left as
those can want at most; and what one of them pulls is not pulled again for another. So it does not
matter which answer is the first to come.
"""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict, deque
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Container,
    Iterable,
    Iterator,
    Mapping,
)
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from functools import partial
from itertools import islice, takewhile
from typing import Generic, TypeVar

from tagwatch.crawl.task import CrawlTask, Need
from tagwatch.errors import (
    HostileAnswerError,
    InvalidDocumentError,
    NotFoundError,
    RegistryError,
)
from tagwatch.image.digest import Digest
from tagwatch.image.manifest import (
    MANIFEST_TYPES,
    SCHEMA1_TYPES,
    Descriptor,
    Index,
    Manifest,
    parse_manifest,
)
from tagwatch.image.platform import Platform
from tagwatch.image.snapshot import Document
from tagwatch.registry.interface import Crew, Crewed, FreePulls, PullRoom, Registry

__all__ = ["Before", "ImageReader", "Ration", "Recall", "Ticket", "each", "lacks", "recall_nothing"]

_MAX_ATTESTATION_BYTES = 16 * 1024 * 1024
_MOST_AT_ONCE = 256
"""The `concurrency` of a registry that has no crew: the most that may be configured."""
_LOOKS_SECONDS = 0.2
"""How often one who waits for others looks whether there is enough for all by now."""
_UNKNOWN_SECONDS = 5.0
"""So long one waits for others where nobody has said yet how many pulls there are. A first answer
says it; until then no more than one image is read."""
_MOST_KEPT_BYTES = 32 * 1024 * 1024
"""So much of what was pulled is kept for others: some ten thousand manifests and configs."""
_MOST_PLATFORMS = 64
"""So many platforms of one index are read; real ones have up to 20, Windows builds included."""

_Item = TypeVar("_Item")
Recall = Callable[[Digest], Awaitable[Document | None]]
IsAmple = Callable[[float], bool | None]
Before = Callable[[], Awaitable[object]]


async def recall_nothing(_: Digest) -> Document | None:
    """Return what is stored where nothing is."""
    return None


class Ration:
    """What the tasks of one registry share in a run: an order of pulls, and what was pulled."""

    def __init__(self) -> None:
        self._first: deque[Ticket] = deque()
        self._last: deque[Ticket] = deque()
        self._under_way: dict[Digest, asyncio.Future[None]] = {}
        self._kept: dict[Digest, Document] = {}
        self._bytes_left = _MOST_KEPT_BYTES

    @contextmanager
    def ticket(
        self, before: Before | None = None, *, task: CrawlTask | None = None
    ) -> Iterator[Ticket]:
        """Yield the ticket of the next task; those with a `before` have a queue of their own."""
        most = _most_pulls(task) if task is not None else math.inf
        ticket = Ticket(self, self._first if before is None else self._last, before, most)
        try:
            yield ticket
        finally:
            ticket.pass_on()

    async def share(self, digest: Digest, ask: Callable[[], Awaitable[Document]]) -> Document:
        """Return what `ask` returns, or returned before for the same digest."""
        while digest in self._under_way:  # of several only one asks, and the next where it fails
            await asyncio.wait([self._under_way[digest]])
        if digest in self._kept:
            return self._kept[digest]
        ended = self._under_way[digest] = asyncio.get_running_loop().create_future()
        try:
            document = await ask()
        finally:
            del self._under_way[digest]
            ended.set_result(None)
        if len(document.raw) <= self._bytes_left:
            self._bytes_left -= len(document.raw)
            self._kept[digest] = document
        return document


class Ticket:
    """The place of a task among those that want pulls of the same registry.

    `most`: so many pulls it may want.
    """

    def __init__(
        self, ration: Ration, queue: deque[Ticket], before: Before | None, most: float
    ) -> None:
        self.ration = ration
        self.most = most
        self._queue, self._before = queue, before
        self.has_passed = False
        self.is_first = asyncio.Event()
        queue.append(self)
        self._call_first()

    async def turn(self, is_ample: IsAmple, pulls: int) -> None:
        """Wait until all tasks before it have passed on, or there is enough for them and this.

        `is_ample`: see `PullRoom.has_ample_room`; `pulls`: so many are wanted now. One repository
        may take minutes to answer: others need not wait for what nobody takes away.
        """
        if self._before is not None:
            await self._before()
        unknown = _UNKNOWN_SECONDS
        while not self.is_first.is_set():
            others = takewhile(self._is_other, self._queue)
            ahead = sum(one.most for one in others if not one.has_passed)
            enough = is_ample(pulls + ahead)
            if enough or (enough is None and unknown <= 0):
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self.is_first.wait(), _LOOKS_SECONDS)
            unknown -= _LOOKS_SECONDS

    def _is_other(self, ticket: Ticket) -> bool:
        return ticket is not self

    def pass_on(self) -> None:
        """Let the next task have its turn: this one has what it wants, or ends."""
        self.has_passed = True
        self.is_first.set()  # what it wants later waits for nobody
        self._call_first()

    def _call_first(self) -> None:
        while self._queue and self._queue[0].has_passed:
            self._queue.popleft()
        if self._queue:
            self._queue[0].is_first.set()


def _most_pulls(task: CrawlTask) -> int:
    """Return how many pulls a task may take, whatever its registry answers."""
    images = len(task.tags) + len(task.pins) + sum(one.max_tags for one in task.patterns)
    return images * (1 + _entries_of(task)) + sum(map(len, task.parts))


def _entries_of(task: CrawlTask) -> int:
    """Return how many manifests of one index a task may read."""
    platforms = len(task.platforms) or 1
    return 2 * platforms if Need.ATTESTATIONS in task.needs else platforms


class ImageReader:
    """A reader of what `task` audits. `documents`: what it read; `at_hand`: manifests got already.

    `recall` returns what is stored of any repository: the same digest is the same bytes there.
    `ticket` says when its turn is where the registry may refuse pulls.
    """

    def __init__(self, task: CrawlTask, registry: Registry, recall: Recall, ticket: Ticket) -> None:
        self.documents: dict[Digest, Document] = {}
        self.at_hand: dict[Digest, Document] = {one.digest: one for one in task.lacking}
        self._task = task
        self._registry = registry
        self._recall = recall
        self._ticket = ticket
        self._door = asyncio.Lock()
        # once for all images: to look at what an object can do takes as long as a small request
        self._free = registry if isinstance(registry, FreePulls) else None
        self._roomy = registry if isinstance(registry, PullRoom) else None
        crew = registry.crew if isinstance(registry, Crewed) else None
        self.crew = crew or Crew(most=_MOST_AT_ONCE)
        self._reading: defaultdict[Digest, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def read(self, digest: Digest, media_type: str | None = None) -> None:
        """Read one image on all audited platforms. Raises `RegistryError`, `InvalidDocumentError`.

        `media_type`: what `digest` is said to be, which tells how many pulls it may take.

        What fails for the moment is read again by the next run. Until then the image's manifest is
        not kept, because it would say that the whole image is stored already.
        """
        try:
            async with self._room(self._pulls_of(digest, media_type)):
                await self._read(digest)
        except RegistryError as error:
            self._drop(digest, error)
            raise

    def _pulls_of(self, digest: Digest, media_type: str | None) -> int:
        """Return how many pulls an image may take."""
        entries = 0 if media_type in MANIFEST_TYPES else _entries_of(self._task)
        return (digest not in self.at_hand) + entries

    @asynccontextmanager
    async def _room(self, pulls: int) -> AsyncIterator[None]:
        """Give room for so many pulls, where the registry counts them."""
        if not pulls or self._roomy is None:
            yield
            return
        async with AsyncExitStack() as room:
            async with self._turn(pulls):
                await room.enter_async_context(self._roomy.room_for_image(pulls))
            yield

    @asynccontextmanager
    async def _turn(self, pulls: int) -> AsyncIterator[None]:
        """Let one image after the other ask for room, as they are ordered, when it is their turn.

        Where the registry refuses none, nobody has to wait for others.
        """
        if self._roomy is None or not self._roomy.may_refuse_room:
            yield
            return
        with self.crew.away():  # else all who wait would keep out those that they wait for
            await self._door.acquire()  # it lets in who comes first, and they come in order
            try:
                await self._ticket.turn(self._roomy.has_ample_room, pulls)
            except BaseException:
                self._door.release()
                raise
        try:
            yield
        finally:
            self._door.release()

    async def let_pass(self) -> None:
        """Let other tasks have their turn, once all that is read until now has room."""
        async with self._door:
            self._ticket.pass_on()

    @property
    def pulls_are_free(self) -> bool:
        """See `FreePulls`; False for a registry that does not say."""
        return self._free is not None and self._free.pulls_are_free

    async def read_part(self, digests: Collection[Digest]) -> Mapping[Digest, NotFoundError]:
        """Read manifests with their configs, once there is room for all; return which are gone.

        An index is read alone. Raises `RegistryError`, `InvalidDocumentError`.
        """
        gone: dict[Digest, NotFoundError] = {}
        async with AsyncExitStack() as room:
            async with self._turn(len(digests)):
                lacking = [digest for digest in digests if not await self._is_stored(digest)]
                if lacking and self._roomy is not None:
                    await room.enter_async_context(self._roomy.room_for_image(len(lacking)))
            for digest in lacking:
                try:
                    await self._read_platform(digest)
                except NotFoundError as error:
                    gone[digest] = error
        return gone

    async def _is_stored(self, digest: Digest) -> bool:
        return digest in self._task.documents or await self._recall(digest) is not None

    async def _read(self, digest: Digest) -> None:
        document = await self._manifest(digest)
        if document is None or document.media_type in SCHEMA1_TYPES:
            return
        parsed = parse_manifest(document.raw, document.media_type)
        if isinstance(parsed, Manifest):
            await self._read_config(parsed)
            return
        for entry in _audited(parsed, self._task.platforms):
            await self._read_platform(entry.digest)
        if Need.PLATFORMS in self._task.needs:
            await self._read_others(parsed)
        if Need.ATTESTATIONS in self._task.needs:
            await self._read_attestations(parsed)

    async def _read_others(self, index: Index) -> None:
        """Read the platforms that nobody audits, as long as pulls are free.

        Nobody relies on them yet, so what cannot be read is left for the night it moves in.
        """
        for entry in index.images[:_MOST_PLATFORMS]:
            if not self.pulls_are_free:
                return
            with suppress(RegistryError, InvalidDocumentError):
                await self._read_platform(entry.digest)

    async def _read_platform(self, digest: Digest) -> None:
        """Read a manifest of an index and its config; without the config, keep neither."""
        document = await self._manifest(digest)
        if document is None or document.media_type in SCHEMA1_TYPES:
            return
        parsed = parse_manifest(document.raw, document.media_type)
        if isinstance(parsed, Manifest):
            try:
                await self._read_config(parsed)
            except RegistryError as error:
                self._drop(digest, error)
                raise

    def _drop(self, digest: Digest, error: RegistryError) -> None:
        if not isinstance(error, HostileAnswerError | NotFoundError):
            self.documents.pop(digest, None)

    async def _manifest(self, digest: Digest) -> Document | None:
        """Return a manifest by digest; None where it is stored already.

        Indexes of one build share their manifests: what is under way is not asked twice.
        """
        async with self._reading[digest]:
            if digest in self._task.documents or digest in self.documents:
                return None
            document = self.at_hand.pop(digest, None) or await self._recall(digest)
            if document is None:
                document = await self._shared(
                    digest, partial(self._registry.manifest, self._task.repository, digest)
                )
            self.documents[digest] = document
            return document

    async def _read_config(self, manifest: Manifest) -> None:
        """Read the config of an image; artifacts have none that tagwatch reads."""
        config = manifest.config
        known = config.digest in self._task.documents or config.digest in self.documents
        if manifest.is_image and not known:
            self.documents[config.digest] = await self._blob(config)

    async def _read_attestations(self, index: Index) -> None:
        """Read the statements attached to the audited platforms' images."""
        audited = {entry.digest for entry in _audited(index, self._task.platforms)}
        for entry in index.attestations:
            if entry.attested not in audited:
                continue
            document = await self._manifest(entry.digest)
            parsed = parse_manifest(document.raw, document.media_type) if document else None
            if not isinstance(parsed, Manifest):
                continue
            for layer in parsed.layers:
                if layer.size <= _MAX_ATTESTATION_BYTES and layer.digest not in self.documents:
                    self.documents[layer.digest] = await self._blob(layer)

    async def _blob(self, entry: Descriptor) -> Document:
        stored = await self._recall(entry.digest)
        if stored is not None:
            return stored
        ask = partial(self._registry.blob, self._task.repository, entry.digest, entry.size)
        return await self._shared(entry.digest, ask)

    async def _shared(self, digest: Digest, ask: Callable[[], Awaitable[Document]]) -> Document:
        """Return what `ask` returns; what is pulled is shared with the registry's other tasks."""
        return await (ask() if self.pulls_are_free else self._ticket.ration.share(digest, ask))


def lacks(
    document: Document, *, stored: Container[Digest], platforms: Iterable[Platform], needs: Need
) -> bool:
    """Return True for a stored index of which something that is audited is not stored."""
    try:
        index = parse_manifest(document.raw, document.media_type)
    except InvalidDocumentError:
        return False  # it would be read no better again
    if not isinstance(index, Index):
        return False
    wanted = {entry.digest for entry in _audited(index, platforms)}
    if Need.ATTESTATIONS in needs:
        wanted |= {entry.digest for entry in index.attestations if entry.attested in wanted}
    return any(digest not in stored for digest in wanted)


def _audited(index: Index, platforms: Iterable[Platform]) -> Iterable[Descriptor]:
    """Return the entries of the audited platforms; the first image where none is offered."""
    entries = (entry for platform in platforms for entry in index.images_for(platform))
    found = {entry.digest: entry for entry in islice(entries, _MOST_PLATFORMS)}
    return found.values() or index.images[:1]


async def each(
    work: Callable[[_Item], Awaitable[None]], items: Iterable[_Item], crew: Crew
) -> None:
    """Run `work` on every item, in their order, many at once.

    The registry bounds how many requests are under way. A task for each of ten thousand images
    would only wait for it: so there is one, which calls in others where the `crew` has room.
    """
    left = deque(items)
    if not left:
        return
    helpers = _Helpers(work, left, crew)
    try:
        async with asyncio.TaskGroup() as group:
            helpers.call_in(group)
    finally:
        helpers.go()


class _Helpers(Generic[_Item]):
    """The part of a crew that works on some items.

    No function in a function: those that call each other live on, with all that their repository
    served, until somebody collects garbage.
    """

    def __init__(
        self,
        work: Callable[[_Item], Awaitable[None]],
        left: deque[_Item],
        crew: Crew,
    ) -> None:
        self._work = work
        self._left = left
        self._crew = crew
        self._count = 0

    def call_in(self, group: asyncio.TaskGroup) -> None:
        """Let one more help."""
        self._count += 1
        self._crew.size += 1
        group.create_task(self._help(group))

    def go(self) -> None:
        """Leave the crew: those who were cancelled before they began are still counted."""
        self._crew.size -= self._count

    async def _help(self, group: asyncio.TaskGroup) -> None:
        try:
            while self._left:
                item = self._left.popleft()
                if self._left and max(self._crew.size, self._count) < self._crew.most:
                    self.call_in(group)
                await self._work(item)
        finally:
            self._count -= 1
            self._crew.size -= 1
