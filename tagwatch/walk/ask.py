"""Ask registries what targets, the watch list and the approved bases want to know.

    want     targets, watches, bases    -> wants      `wants_of_run`
    plan     wants, and what is known   -> tasks      crawl.plan: what is known is left out
    run      tasks                      -> slot       crawl.engine: many at once, see `ENGINES`
    crawl    a task                     -> snapshot   crawl.crawler, called by walk.work
    store    snapshots                  -> ledger     ledger.sight, in batches of walk.work
    keep     what no ledger stores      -> answers    `RepositoryAnswer`

Only here does a survey use the network. A lane of the engine begins its next task only when the
snapshot of the last one is stored.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import (
    AsyncIterator,
    Callable,
    Container,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Any, Protocol, runtime_checkable

from tagwatch.config.settings import Engine as EngineSettings
from tagwatch.config.settings import Watch
from tagwatch.crawl.engine.interface import Engine, Sink, Slot
from tagwatch.crawl.engine.local import run
from tagwatch.crawl.image_reader import Before
from tagwatch.crawl.plan import PlanSettings, Want, in_turn, plan, wants_of
from tagwatch.crawl.refusal import broken
from tagwatch.crawl.task import CrawlTask, Need
from tagwatch.errors import LedgerError, OutOfTimeError
from tagwatch.image.digest import Digest
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import (
    Failure,
    Gone,
    Quota,
    Remark,
    RepositorySnapshot,
)
from tagwatch.image.vocabulary import limited
from tagwatch.ledger.record import Stored
from tagwatch.ledger.write import Ledger
from tagwatch.member import load_member
from tagwatch.registry.client import open_registries
from tagwatch.registry.settings import RegistrySettings
from tagwatch.source.target import Target
from tagwatch.value import dataclass, field
from tagwatch.walk.loop import MORE_TIME, Patience, together, within
from tagwatch.walk.site import Site
from tagwatch.walk.watch_list import (
    prefix_of,
    want_of_watch,
    wants_of_bases,
)
from tagwatch.walk.work import Batch, RegistrySlot, Shelf, broken_snapshot

__all__ = ["Answers", "Asker", "Expecting", "RepositoryAnswer", "open_asker"]
__all__ += ["engine_options", "open_slot", "wants_of_run"]

Tell = Callable[[Sequence[Repository], Container[Repository]], None]
"""Is told which repositories were read and stored, and in which of them tags moved."""

_TOLD = 3


@runtime_checkable
class Expecting(Protocol):
    """What is told each snapshot, and wants to know how many there will be, too."""

    def expect(self, repositories: int) -> None:
        """Take note that so many more repositories are asked: bases and second rounds add some."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryAnswer:
    """What a registry said of one repository in this run and the ledger does not keep."""

    lines: str | None
    """`names` as text, one a line. A run keeps those of every repository; as sets they took ten
    times the memory."""
    absent: frozenset[str]
    """Tags that were asked for one by one and answered 404."""
    pins: Mapping[Digest, bool]
    """Whether each digest that somebody relies on is still served."""
    failures: tuple[Failure, ...]

    @property
    def names(self) -> tuple[str, ...] | None:
        """The listed tags whose digest was not seen, sorted; None where nothing was listed."""
        return None if self.lines is None else tuple(filter(None, self.lines.split("\n")))


@dataclass(slots=True, kw_only=True)
class Answers:
    """Everything that registries said in one run."""

    by_repository: dict[Repository, RepositoryAnswer] = field(default_factory=dict)
    gone: list[Gone] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    quotas: dict[str, Quota] = field(default_factory=dict)
    unread: dict[Digest, Failure] = field(default_factory=dict)
    """Why parts of images were not read; see `RepositorySnapshot.unread`."""
    requests: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """By host, how many requests of each kind were made."""
    stopped: bool = False
    """True where patience ran out before everything was asked."""

    def add(self, more: Answers) -> None:
        """Add the answers of a second round; of a repository, the first answer is kept."""
        self.by_repository = {**more.by_repository, **self.by_repository}
        self.gone += more.gone
        self.failures += more.failures
        self.remarks += more.remarks
        self.quotas |= more.quotas
        self.unread |= more.unread
        hosts = sorted({*self.requests, *more.requests})
        self.requests = {
            host: Counter(self.requests.get(host, {})) + Counter(more.requests.get(host, {}))
            for host in hosts
        }
        self.stopped |= more.stopped

    def settle(self) -> None:
        """Put in order what came as it arrived, so that nobody can tell who answered first."""
        self.failures.sort(key=lambda one: (one.repository, one.tag or ""))
        self.quotas = dict(sorted(self.quotas.items()))

    @contextmanager
    def apart(self, repository: Repository) -> Iterator[None]:
        """Keep a repository's trouble its own: what nobody foresaw becomes its failure.

        A ledger that cannot be read or written is everybody's, and raised.
        """
        try:
            yield
        except LedgerError:
            raise
        except Exception as error:  # noqa: BLE001  # the top of a repository's work
            self.failures.append(broken(repository, error))
            self.stopped |= isinstance(error, OutOfTimeError)


@asynccontextmanager
async def open_asker(
    site: Site,
    ledger: Ledger,
    run_id: int,
    *,
    patience: Patience,
    progress: Callable[[RepositorySnapshot], None] | None = None,
) -> AsyncIterator[Asker]:
    """Open the connections of a run, and yield the `Asker` that uses them."""
    settings = {
        host: RegistrySettings(**options) for host, options in site.settings.registries.items()
    }

    shelf = Shelf(ledger)
    opened = open_registries(settings, environment=site.environment, home=site.home)
    async with (
        opened as registries,
        open_slot(RegistrySlot(registries, settings, shelf.now, shelf.before), site) as slot,
    ):
        yield Asker(
            site=site,
            ledger=ledger,
            run_id=run_id,
            slot=slot,
            shelf=shelf,
            settings=settings,
            patience=patience,
            progress=progress,
        )


def open_slot(home: RegistrySlot, site: Site) -> AbstractAsyncContextManager[Slot]:
    """Return what asks the registries, as the site's engine has it."""
    engine = site.settings.engine
    open_engine: Engine = load_member("engines", engine.name)
    return open_engine(home, **engine_options(engine))


def engine_options(engine: EngineSettings) -> dict[str, Any]:
    """Return the keyword arguments that an engine's function is given: what somebody configured."""
    files = engine.security
    options: dict[str, Any] = {"address": engine.address} if engine.address else {}
    if files is not None:
        options["security"] = {"ca": files.ca, "cert": files.cert, "key": files.key}
    if engine.insecure:
        options["insecure"] = True
    if engine.wait != EngineSettings().wait:
        options["wait_seconds"] = engine.wait.total_seconds()
    return options


@dataclass(slots=True, kw_only=True)
class Asker:
    """The asking part of a run: it turns wants into tasks, runs them, and stores the snapshots."""

    site: Site
    ledger: Ledger
    run_id: int
    slot: Slot
    shelf: Shelf
    settings: Mapping[str, RegistrySettings]
    patience: Patience
    progress: Callable[[RepositorySnapshot], None] | None = None
    """Called with each repository's snapshot when it is stored; see `Expecting`."""
    counted: dict[str, Counter[str]] = field(default_factory=dict)
    """By host, the requests that earlier answers have counted already."""

    async def ask(
        self,
        wants: Iterable[Want],
        *,
        needs: Need,
        answers: Answers | None = None,
        tell: Tell | None = None,
    ) -> Answers:
        """Ask for everything that is wanted; a repository that fails harms only its own answer.

        `answers`: what to add them to, as they come; `tell`: called when some are added.
        Each request is counted once; those of `expand` are counted with the `ask` after it. Where
        patience runs out, `stopped` is set, and what was stored until then stays stored.
        """
        answers, wants = Answers() if answers is None else answers, list(wants)
        urgent = sorted(wants, key=in_turn)
        repositories = dict.fromkeys(want.repository for want in urgent)
        self.slot.expect(repositories)
        self.shelf.begin()
        progress: object = self.progress
        if isinstance(progress, Expecting):
            progress.expect(len(repositories))

        def store(snapshots: Sequence[RepositorySnapshot]) -> None:
            stored, snapshots = self._stored(snapshots)
            answers.gone += stored.gone
            answers.remarks += surfaced(stored.surfaced)
            for snapshot in snapshots:
                _keep(answers, snapshot)
                if self.progress is not None:
                    self.progress(snapshot)
            if tell is not None:
                moved = {move.repository for move in stored.moves}
                tell([snapshot.repository for snapshot in snapshots], moved)

        batch = Batch(store)
        try:
            with limited(self.patience.check):
                async with within(self.patience):
                    await self._crawl(wants, needs, batch.add)
        except TimeoutError:
            answers.stopped = True
        # After a timeout snapshots may be left in the batch whose workers were cancelled.
        batch.store()
        answers.requests = self._counted()
        answers.stopped |= self.patience.stop is not None and self.patience.stop.is_set()
        if answers.stopped:
            left = {want.repository for want in wants} - answers.by_repository.keys()
            answers.failures += [_not_reached(repository) for repository in sorted(left)]
        return answers

    def _counted(self) -> Mapping[str, Mapping[str, int]]:
        """Return the requests that were made since this was called last, by host and kind."""
        made: dict[str, Counter[str]] = {}
        for host, kinds in sorted(self.slot.requests.items()):
            more = Counter(kinds) - self.counted.get(host, Counter())
            if more:
                made[host] = more
            self.counted[host] = Counter(kinds)
        return made

    async def _crawl(self, wants: Sequence[Want], needs: Need, sink: Sink) -> None:
        """Run the tasks; what others wait for runs beside them, and its counted pulls come last."""
        first = min((want.priority for want in wants), default=0)
        urgent = {
            want.repository for want in wants if want.priority == first or not want.is_awaited
        }
        beside = [want for want in wants if want.repository not in urgent]
        if not urgent or not beside:
            await self._run(self._plan(wants, needs), sink)
            return
        others, done = [want for want in wants if want.repository in urgent], asyncio.Event()

        async def ask_others() -> None:
            await self._run(self._plan(others, needs), sink)
            done.set()

        await together(
            self._run(self._plan(beside, needs), sink, done.wait),
            ask_others(),
        )

    async def _run(
        self, tasks: Iterable[CrawlTask], sink: Sink, before: Before | None = None
    ) -> None:
        """Run tasks in the lanes of the engine's slot."""
        crawl = partial(self.slot.crawl, before=before)
        await run(tasks, crawl, sink, concurrency=self.slot.lanes, stop=self.patience.stop)

    def _plan(self, wants: Iterable[Want], needs: Need) -> Iterator[CrawlTask]:
        """Return the tasks that answer the wants, the most urgent first."""
        return plan(
            wants,
            self.ledger.known,
            self.ledger.stored_documents,
            self._plan_settings(needs),
            indexes=lambda digests: self.ledger.documents(digests).values(),
        )

    def _stored(
        self, snapshots: Sequence[RepositorySnapshot]
    ) -> tuple[Stored, Sequence[RepositorySnapshot]]:
        """Store snapshots; one that cannot be stored is replaced by one that says why.

        A ledger that cannot be written is everybody's trouble, and raised.
        """
        try:
            return self.ledger.add(self.run_id, *snapshots), snapshots
        except LedgerError:
            raise
        except Exception as error:
            if len(snapshots) == 1:
                if snapshots[0].complete is False and not snapshots[0].tags:
                    raise  # it says no more than why
                snapshots = [broken_snapshot(snapshots[0].repository, snapshots[0].at, error)]
        each = [self._stored([snapshot]) for snapshot in snapshots]
        return _together(stored for stored, _ in each), [one for _, told in each for one in told]

    async def expand(self, watches: Iterable[Watch]) -> tuple[list[Watch], list[Failure]]:
        """Replace each watch of `…/prefix/*` by one for each repository below it.

        Cost: one listing a prefix, a request a page. A prefix that is not listed when patience runs
        out is left out; the `ask` that follows then sets `stopped`.
        """
        watches = tuple(watches)
        if not any(prefix_of(watch.image) for watch in watches):
            return list(watches), []
        from tagwatch.walk.prefix import Expansion

        expansion = Expansion(watches, self.slot, self.ledger)
        with suppress(TimeoutError):
            async with within(self.patience):
                await expansion.make()
        failures = [*expansion.failures, *map(_not_reached, expansion.unlisted)]
        return expansion.watches, failures

    def _plan_settings(self, needs: Need) -> PlanSettings:
        sweeps = {host: settings.full_sweep for host, settings in self.settings.items()}
        return PlanSettings(
            at=self.site.at,
            platforms=self.site.policy.defaults.audited,
            needs=needs,
            full_sweep_of=sweeps,
        )


def wants_of_run(
    targets: Iterable[Target], watches: Iterable[Watch], site: Site, *, with_bases: bool
) -> Iterator[Want]:
    """Yield what a run wants to know: first for files, then the watch list, then the bases."""
    yield from wants_of(targets)
    yield from map(want_of_watch, watches)
    if with_bases:
        yield from wants_of_bases(site.policy)


def _together(stored: Iterable[Stored]) -> Stored:
    every = tuple(stored)
    return Stored(
        moves=tuple(move for one in every for move in one.moves),
        gone=tuple(gone for one in every for gone in one.gone),
        surfaced=tuple(tag for one in every for tag in one.surfaced),
    )


def _keep(answers: Answers, snapshot: RepositorySnapshot) -> None:
    """Add what a registry said of one repository, without what the ledger keeps."""
    there = {observation.tag for observation in snapshot.tags}
    answers.by_repository[snapshot.repository] = RepositoryAnswer(
        lines="\n".join(sorted(snapshot.names - there)) if snapshot.names is not None else None,
        absent=snapshot.asked - there,
        pins=snapshot.pins,
        failures=tuple(one for one in snapshot.failures if not one.is_limit),
    )
    answers.failures += snapshot.failures
    answers.remarks += snapshot.remarks
    answers.unread |= snapshot.unread
    if snapshot.quota is not None:
        answers.quotas[snapshot.repository.host] = snapshot.quota


def _not_reached(repository: Repository) -> Failure:
    return Failure(
        repository=repository,
        code="stopped",
        message="the run was stopped before its registry had answered",
        hint=MORE_TIME,
    )


def surfaced(tags: Iterable[tuple[Repository, str]]) -> Iterator[Remark]:
    """Yield what to say of tags that moved and that were known by name alone."""
    for repository, found in groupby(tags, key=itemgetter(0)):
        names = [tag for _, tag in found]
        more = f" and {len(names) - _TOLD} more" if len(names) > _TOLD else ""
        said = f"moved, from what is not known: {', '.join(names[:_TOLD])}{more}"
        yield Remark(repository=repository, message=said)
