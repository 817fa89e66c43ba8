"""Asking: what the targets, the watch list and the approved bases want to know of registries.

The only network of a walk. Each snapshot is in the ledger before the next task begins.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter, defaultdict
from collections.abc import (
    AsyncIterator,
    Callable,
    Coroutine,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager, suppress
from functools import partial
from time import monotonic

from tagwatch.config.settings import Watch
from tagwatch.crawl.engine.interface import Engine
from tagwatch.crawl.plan import PlanSettings, Want, plan, wants_of
from tagwatch.crawl.task import Need, Pattern
from tagwatch.errors import RegistryError
from tagwatch.image.digest import Digest
from tagwatch.image.reference import Repository
from tagwatch.image.selector import is_pattern
from tagwatch.image.snapshot import Failure, Gone, Quota, Remark, RepositorySnapshot
from tagwatch.ledger.record import Move
from tagwatch.ledger.write import Ledger
from tagwatch.member import load_member
from tagwatch.registry.client import Registries, open_registries
from tagwatch.registry.settings import RegistrySettings
from tagwatch.source.target import Target
from tagwatch.value import dataclass, field
from tagwatch.walk.batch import Batch
from tagwatch.walk.prefix import below, nothing_below, prefix_of
from tagwatch.walk.site import Site
from tagwatch.walk.work import RegistryWork

__all__ = ["Answers", "Asker", "Patience", "Reading", "open_asker", "pattern_of", "wants_of_run"]

_GLOB = re.compile(r"[*?\[]")
_LAST_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """When to stop asking: so long after `begun_at` at once, or when `stop` is set, in good order.

    Then nothing new is begun, and what is under way has `_LAST_SECONDS` to be finished.
    """

    max_seconds: float | None = None
    stop: asyncio.Event | None = None
    begun_at: float = field(default_factory=monotonic)

    @property
    def seconds_left(self) -> float | None:
        """How long asking may still take; None: as long as it takes."""
        if self.max_seconds is None:
            return None
        return max(self.max_seconds - (monotonic() - self.begun_at), 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a snapshot says beside what the ledger keeps of it.

    `lines`: `names`, one a line: a run keeps them all, and as a set they were ten times as large.
    """

    lines: str | None
    absent: frozenset[str]
    pins: Mapping[Digest, bool]
    failures: tuple[Failure, ...]

    @property
    def names(self) -> tuple[str, ...] | None:
        """The listed tags whose digest was not seen, sorted; None where nothing was listed."""
        return None if self.lines is None else tuple(filter(None, self.lines.split("\n")))


@dataclass(slots=True, kw_only=True)
class Answers:
    """Everything one run was told. `moves` are in the ledger, not explained yet."""

    readings: dict[Repository, Reading] = field(default_factory=dict)
    moves: list[Move] = field(default_factory=list)
    gone: list[Gone] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    quotas: dict[str, Quota] = field(default_factory=dict)
    requests: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    stopped: bool = False

    def add(self, more: Answers) -> None:
        """Join what a second round of the same run was told; a first reading stands."""
        self.readings = {**more.readings, **self.readings}
        self.moves += more.moves
        self.gone += more.gone
        self.failures += more.failures
        self.remarks += more.remarks
        self.quotas |= more.quotas
        hosts = sorted({*self.requests, *more.requests})
        self.requests = {
            host: Counter(self.requests.get(host, {})) + Counter(more.requests.get(host, {}))
            for host in hosts
        }
        self.stopped |= more.stopped


@asynccontextmanager
async def open_asker(site: Site) -> AsyncIterator[Asker]:
    """The registries of a run, connections and all."""
    settings = {
        host: RegistrySettings(**options) for host, options in site.settings.registries.items()
    }
    async with open_registries(settings, environment=site.environment, home=site.home) as found:
        yield Asker(site, found, settings)


class Asker:
    """Turns wants into tasks, runs them, and stores what comes back."""

    def __init__(
        self, site: Site, registries: Registries, settings: Mapping[str, RegistrySettings]
    ) -> None:
        self._site = site
        self._registries = registries
        self._settings = settings
        self._told: dict[str, Counter[str]] = {}

    async def ask(
        self,
        wants: Iterable[Want],
        ledger: Ledger,
        run_id: int,
        *,
        needs: Need,
        patience: Patience,
        progress: Callable[[RepositorySnapshot], None] | None = None,
    ) -> Answers:
        """Run every task; a repository that fails harms only its own answer.

        Requests are told once: those of `expand` with what is asked after it.

        What was stored when patience ran out stays stored; `stopped` says that it did.
        """
        answers, wants = Answers(), list(wants)
        requests: defaultdict[str, Counter[str]] = defaultdict(Counter)
        work = RegistryWork(
            self._registries,
            self._settings,
            lambda digest: ledger.documents((digest,)).get(digest),
        )

        def store(snapshots: Sequence[RepositorySnapshot]) -> None:
            stored = ledger.add(run_id, *snapshots)
            answers.moves += stored.moves
            answers.gone += stored.gone
            for snapshot in snapshots:
                answers.readings[snapshot.repository] = _reading(snapshot)
                answers.failures += snapshot.failures
                answers.remarks += snapshot.remarks
                requests[snapshot.repository.host].update(snapshot.requests)
                if snapshot.quota is not None:
                    answers.quotas[snapshot.repository.host] = snapshot.quota
                if progress is not None:
                    progress(snapshot)

        batch = Batch(store)
        tasks = plan(
            wants,
            ledger.known,
            ledger.stored_documents,
            self._plan_settings(needs),
            indexes=lambda digests: ledger.documents(digests).values(),
        )
        try:
            async with _within(patience):
                await self._engine()(tasks, work, batch.add, stop=patience.stop)
        except TimeoutError:
            answers.stopped = True
        batch.store()
        for host, kinds in self._registries.requests.items():
            requests[host].update(Counter(kinds) - self._told.get(host, Counter()))
            self._told[host] = Counter(kinds)
        answers.requests = {host: kinds for host, kinds in sorted(requests.items()) if kinds}
        answers.stopped |= patience.stop is not None and patience.stop.is_set()
        if answers.stopped:
            left = {want.repository for want in wants} - answers.readings.keys()
            answers.failures += [_not_reached(repository) for repository in sorted(left)]
        return answers

    async def expand(
        self, watches: Iterable[Watch], patience: Patience
    ) -> tuple[list[Watch], list[Failure]]:
        """Watches with each `…/prefix/*` replaced by the repositories below it.

        Cost: the pages of one listing a prefix. What is not listed when patience runs out is left
        out; the asking that follows says that the run was stopped.
        """
        expanded: list[Watch] = []
        failures: list[Failure] = []
        with suppress(TimeoutError):
            async with _within(patience):
                await self._expand(watches, expanded, failures)
        return expanded, failures

    async def _expand(
        self, watches: Iterable[Watch], expanded: list[Watch], failures: list[Failure]
    ) -> None:
        for watch in watches:
            prefix = prefix_of(watch.image)
            if prefix is None:
                expanded.append(watch)
                continue
            try:
                found = await self._registries.of(prefix.host).list_repositories(prefix.path)
            except RegistryError as error:
                failures.append(_failure(prefix.repository, error))
                continue
            kept = list(below(watch, prefix, found))
            expanded += kept
            if not kept:
                failures.append(_failure(prefix.repository, nothing_below(watch, len(found))))

    def _plan_settings(self, needs: Need) -> PlanSettings:
        sweeps = {host: settings.full_sweep for host, settings in self._settings.items()}
        return PlanSettings(
            at=self._site.at,
            platforms=self._site.policy.defaults.audited,
            needs=needs,
            full_sweep_of=sweeps,
        )

    def _engine(self) -> Engine:
        settings = self._site.settings.engine
        engine: Callable[..., Coroutine[None, None, None]] = load_member("engines", settings.name)
        return partial(engine, address=settings.address) if settings.address else engine


@asynccontextmanager
async def _within(patience: Patience) -> AsyncIterator[None]:
    """Raises `TimeoutError` where patience runs out before the block ends, or even begins."""
    seconds = patience.seconds_left
    if seconds == 0:
        raise TimeoutError
    async with asyncio.timeout(seconds) as deadline:
        hurry = asyncio.ensure_future(_hurry(deadline, patience.stop)) if patience.stop else None
        try:
            yield
        finally:
            if hurry is not None:
                hurry.cancel()


async def _hurry(deadline: asyncio.Timeout, stop: asyncio.Event) -> None:
    await stop.wait()
    ends_at = asyncio.get_running_loop().time() + _LAST_SECONDS
    deadline.reschedule(min(ends_at, deadline.when() or ends_at))


def wants_of_run(
    targets: Iterable[Target], watches: Iterable[Watch], site: Site, *, with_bases: bool
) -> Iterator[Want]:
    """Everything a run asks: files first, then the watch list, then the approved bases.

    Of a base without `tags` only the names: which of them to read depends on the images.
    """
    yield from wants_of(targets)
    yield from (_want_of_watch(watch) for watch in watches)
    for base in site.policy.followed_bases if with_bases else ():
        globs = frozenset(tag for tag in base.tags if _GLOB.search(tag))
        yield Want(
            repository=Repository.parse(base.reference).identity,
            tags=frozenset(base.tags) - globs,
            patterns=frozenset(Pattern(selector="*", include=(glob,)) for glob in globs),
            priority=2,
        )


def pattern_of(watch: Watch, text: str) -> Pattern | None:
    """One of a watch's tags as a pattern; None where it is a tag's name."""
    if not is_pattern(text):
        return None
    return Pattern(
        selector=text, include=watch.include, exclude=watch.exclude, max_tags=watch.max_tags
    )


def _want_of_watch(watch: Watch) -> Want:
    patterns = {text: pattern_of(watch, text) for text in watch.tags or ("*",)}
    return Want(
        repository=Repository.parse(watch.image).identity,
        tags=frozenset(text for text, pattern in patterns.items() if pattern is None),
        patterns=frozenset(pattern for pattern in patterns.values() if pattern is not None),
        priority=1,
    )


def _reading(snapshot: RepositorySnapshot) -> Reading:
    there = {observation.tag for observation in snapshot.tags}
    return Reading(
        lines="\n".join(sorted(snapshot.names - there)) if snapshot.names is not None else None,
        absent=snapshot.asked - there,
        pins=snapshot.pins,
        failures=snapshot.failures,
    )


def _not_reached(repository: Repository) -> Failure:
    return Failure(
        repository=repository,
        code="stopped",
        message="the run was stopped before its registry had answered",
        hint="give it more time; what was read is remembered, so the next run has less to ask",
    )


def _failure(repository: Repository, error: RegistryError) -> Failure:
    return Failure(
        repository=repository,
        code=error.code,
        message=error.message,
        status=error.status,
        hint=error.hint,
    )
