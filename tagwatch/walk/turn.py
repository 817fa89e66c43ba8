"""The turn of a repository: recall, remember, explain, match, gather, and store what comes of it.

Turns are taken in the event loop while other repositories are still asked, one after the other and
in short slices. What waits for its turn is a name: what was read of it is in the ledger. A turn
that comes before all have answered leaves to the end what the others may have a say in: images
whose base is only claimed or that are gone, images that were not read whole (the same digest may be
read elsewhere), and repositories that something moved in or that failed. So what is stored and told
does not depend on which registry was the first to answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import replace as standard_replace
from itertools import chain
from typing import TYPE_CHECKING

from tagwatch.audit.base.seed import Wish
from tagwatch.audit.fact.memory import Memory
from tagwatch.audit.model.evidence import evidence_key
from tagwatch.config.settings import Watch
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Remark
from tagwatch.image.vocabulary import keep_time, limited
from tagwatch.ledger.record import Move
from tagwatch.ledger.spool import Spool
from tagwatch.source.target import Target
from tagwatch.value import dataclass, field, replace
from tagwatch.walk.ask import Answers
from tagwatch.walk.judged import Settled, judged_now, recall_judged
from tagwatch.walk.loop import give_way
from tagwatch.walk.recall import recall_past, recall_repository
from tagwatch.walk.remember import (
    EvidenceStore,
    claimed_version,
    remember_versions,
    with_claim,
)
from tagwatch.walk.round import (
    Round,
    gather_evidence,
    made_whole_from,
    rests_on_others,
    with_others,
)
from tagwatch.walk.watch_list import Keys, Watched, idle, watched

if TYPE_CHECKING:
    from tagwatch.walk.verdicts import Explained

__all__ = ["Early", "Share", "Turns", "shares_of", "store_of"]

_SLICE = 4
"""So many targets of a long repository are gathered before requests get a hearing again."""


_IDLE_SECONDS = 0.5
"""After so long without a turn, what the last ones made is stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A round's work on one repository."""

    repository: Repository
    targets: list[Target] = field(default_factory=list)
    watches: list[Watch] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)


def shares_of(
    targets: Iterable[Target],
    watches: Iterable[Watch] = (),
    moves: Iterable[Move] = (),
    repositories: Iterable[Repository] = (),
) -> dict[Repository, Share]:
    """Return the work on each repository, in the order of repositories."""
    shares: dict[Repository, Share] = {}

    def of(repository: Repository) -> Share:
        return shares.setdefault(repository, Share(repository=repository))

    for repository in repositories:
        of(repository)
    for target in targets:
        if target.reference is not None:
            of(target.reference.repository).targets.append(target)
    for watch in watches:
        of(Repository.parse(watch.image).identity).watches.append(watch)
    for move in sorted(moves, key=lambda move: (move.at, move.tag)):
        of(move.repository).moves.append(move)
    return dict(sorted(shares.items()))


@dataclass(slots=True, kw_only=True)
class _Open:
    """A turn that waits for what other repositories tell."""

    made_from: bytes | None
    """See `made_whole_from`."""
    is_settled: bool
    """Whether what was gathered so far may be recalled as a whole."""
    claimed: dict[str, str] = field(default_factory=dict)
    """The versions that images state; see `claimed_version`."""
    rests_on_others: bool = False
    """Whether any of it is made of what all other repositories serve."""
    unclaimed: set[str] = field(default_factory=set)
    """Tags that evidence tells of which states no version of them."""
    late: set[str] = field(default_factory=set)
    """The evidence keys of what is left to gather."""


@dataclass(slots=True, kw_only=True)
class Turns:
    """The turns of a run, and what comes of them. Each harms only its own repository's evidence."""

    answers: Answers
    """What registries have said so far."""
    evidence: Spool = field(default_factory=Spool)
    explained: list[Explained] = field(default_factory=list)
    settled: dict[Repository, Settled] = field(default_factory=dict)
    """See `Survey.settled`."""
    trouble: Answers = field(default_factory=Answers)
    """What failed in a turn that no registry is to blame for."""
    _listed: dict[Repository, list[Watched]] = field(default_factory=dict)
    _remarks: dict[Repository, tuple[Remark, ...]] = field(default_factory=dict)
    _waiting: dict[Repository, list[Target]] = field(default_factory=dict)
    _wishes: set[Wish] = field(default_factory=set)
    _open: dict[Repository, _Open] = field(default_factory=dict)
    _done: set[Repository] = field(default_factory=set)
    _deferred: set[Repository] = field(default_factory=set)
    """Those that wait until all have answered before anything is looked at."""

    @property
    def listed(self) -> list[Watched]:
        """What the watch list comes to, in the order of repositories."""
        return [one for _, listed in sorted(self._listed.items()) for one in listed]

    @property
    def wishes(self) -> frozenset[Wish]:
        """What to read for images that stand on no known base."""
        return frozenset(self._wishes)

    @property
    def waiting(self) -> list[Target]:
        """The targets of these images, in the order of repositories."""
        return [one for _, targets in sorted(self._waiting.items()) for one in targets]

    def left_of(self, shares: Mapping[Repository, Share]) -> list[Share]:
        """Return those whose turn has not come or not ended, or that have to explain a move."""
        return [
            share
            for repository, share in shares.items()
            if repository not in self._done
            or repository in self._open
            or repository in self._deferred
            or share.moves
        ]

    def close(self) -> None:
        """Add to the answers what went wrong in turns, and what there is to remark."""
        self.answers.failures += self.trouble.failures
        self.answers.stopped |= self.trouble.stopped
        self.answers.remarks += chain.from_iterable(one for _, one in sorted(self._remarks.items()))

    async def take(self, shares: Iterable[Share], this_round: Round, store: EvidenceStore) -> None:
        """Let one repository after the other have its turn, and store what comes of it."""
        for share in shares:
            with self.trouble.apart(share.repository):
                await self._take_one(share, this_round, store)
            self._done.add(share.repository)
            store.flush_if_full()
            await give_way()

    async def _take_one(self, share: Share, this_round: Round, store: EvidenceStore) -> None:
        """Take one repository through the steps after asking. Raises `OutOfTimeError`."""
        keep_time()
        self.settled.pop(share.repository, None)  # it may have moves now to explain
        paused = self._open.pop(share.repository, None)
        if share.moves:
            paused = None  # what was gathered knows nothing of them
        in_files = _by_key(share.targets)
        if paused is None and self._is_too_early(share, this_round):
            self._deferred.add(share.repository)
            return
        self._deferred.discard(share.repository)
        if paused is None and self._recall(share, in_files, this_round, store):
            return
        memory = _remember(share, this_round)
        if share.moves:
            memory = self._explain(share, memory, this_round)
        await give_way()
        listed, is_idle = self._watch(share, memory)
        wanted = _Wanted(in_files, listed)
        if paused is None:
            self._waiting.pop(share.repository, None)
            made_from = made_whole_from(in_files, share.watches, share.repository, this_round)
            turn = _Open(
                made_from=made_from,
                is_settled=made_from is not None and not (share.moves or is_idle),
            )
            await self._gather(turn, wanted.items(), memory, this_round, store)
        else:
            turn, keys = paused, paused.late
            turn.late = set()
            rest = (one for one in wanted.items() if one[0] in keys)
            await self._gather(turn, rest, memory, this_round, store)
        if turn.late:
            self._open[share.repository] = turn
            return
        if turn.claimed:
            self._store_claims(turn, in_files, share, this_round)
        if turn.rests_on_others and turn.made_from is not None:
            is_early = this_round.bases.is_early
            turn.made_from = None if is_early else with_others(turn.made_from, this_round)
        if turn.made_from is not None and turn.is_settled and (in_files or listed):
            keys_now = Keys(in_files=tuple(in_files), listed=listed)
            judged = judged_now(memory, turn.made_from, share.watches, listed, keys_now, this_round)
            store.judged.append(judged)
            self.settled[share.repository] = Settled(
                made_from=turn.made_from, keys=keys_now, listed=listed
            )

    async def _gather(
        self,
        turn: _Open,
        wanted: Iterable[tuple[str, Target]],
        memory: Memory,
        this_round: Round,
        store: EvidenceStore,
    ) -> None:
        """Gather the evidence of these targets, a few in a slice; `turn` takes note of it."""
        gathered = gather_evidence(wanted, memory, this_round, turn.late)
        for number, one in enumerate(gathered, 1):
            claimed = claimed_version(memory, one.evidence.resolution)
            evidence = with_claim(one.evidence, claimed)
            self.evidence.put(evidence)
            is_unchanged = one.is_unchanged and evidence is one.evidence
            store.put(evidence, made_from=one.made_from, is_unchanged=is_unchanged)
            turn.claimed |= claimed
            turn.unclaimed |= {past.tag for past in evidence.history[-1:]} - claimed.keys()
            turn.is_settled &= one.is_settled
            turn.rests_on_others |= one.rests_on_others
            if one.wished:
                self._waiting.setdefault(memory.repository, []).append(one.target)
                self._wishes.update(one.wished)
            if not number % _SLICE:
                await give_way()

    def _is_too_early(self, share: Share, this_round: Round) -> bool:
        """Return True where what was made may hold still, and all others have a say in that."""
        judged = this_round.judged.get(share.repository)
        is_early = this_round.bases.is_early and not share.moves
        return is_early and judged is not None and rests_on_others(judged.made_from)

    def _store_claims(
        self, turn: _Open, in_files: Mapping[str, Target], share: Share, this_round: Round
    ) -> None:
        """Store the versions that images state; the evidence is made from these, too.

        That is so where all of it tells of them, and nobody else has stored anything meanwhile.
        """

        def made_from() -> bytes | None:
            return made_whole_from(in_files, share.watches, share.repository, this_round)

        with this_round.ledger.in_one_step():
            is_alone = turn.made_from == made_from()
            this_round.ledger.set_versions(share.repository, turn.claimed)
            turn.made_from = made_from() if is_alone else None
        turn.is_settled &= turn.unclaimed.isdisjoint(turn.claimed)

    def _recall(
        self,
        share: Share,
        in_files: Mapping[str, Target],
        this_round: Round,
        store: EvidenceStore,
    ) -> bool:
        """Take over what was made of a repository of which nothing is new; False where it is."""
        if share.repository not in this_round.judged or share.moves:
            return False
        spool = self.evidence
        recalled = recall_judged(share.repository, in_files, share.watches, this_round, spool)
        if recalled is None:
            return False
        self._listed[share.repository] = [*recalled.listed]
        store.still.append(recalled.judged)
        self.settled[share.repository] = Settled(
            made_from=recalled.judged.made_from,
            keys=recalled.keys,
            listed=recalled.listed,
            is_listed=recalled.judged.lists is not None,
        )
        return True

    def _explain(self, share: Share, memory: Memory, this_round: Round) -> Memory:
        """Give every move of a repository its verdict, and return the memory that has them."""
        from tagwatch.walk.verdicts import explain_moves  # many runs have nothing to explain

        ledger, bases, unread = this_round.ledger, this_round.bases.index, self.answers.unread
        explained = list(explain_moves(ledger, share.moves, memory, bases, this_round.site, unread))
        self.explained += explained
        told = {one.move.tag: one.change for one in explained if not one.is_final}
        return standard_replace(recall_past(ledger, memory), unexplained=told)

    def _watch(self, share: Share, memory: Memory) -> tuple[list[Watched], bool]:
        """Return what the watch list comes to in a repository, beside what files name.

        With True where an entry comes to nothing, of which each run tells.
        """
        if not share.watches:
            return [], False
        named = {evidence_key(target) for target in share.targets}
        listed = list(watched(share.watches, memory, beside=named))
        remarks = tuple(idle(share.watches, memory, listed))
        self._listed[share.repository] = listed
        self._remarks[share.repository] = remarks
        return listed, bool(remarks)


@dataclass(slots=True, kw_only=True)
class Early:
    """Turns that are taken while other repositories are asked.

    They begin when the repositories that images may stand on have answered, and never where one of
    these has moved: what moved is read when all have answered, and is a build to match, too. Being
    told of puts a repository in line that need not wait for the others.
    """

    shares: Mapping[Repository, Share]
    turns: Turns
    bases_left: set[Repository]
    """Repositories to wait for, until they are told of."""
    may_move: Callable[[Repository], bool]
    """True for a repository with a move to explain: that needs what is read of it at the end."""
    begin: Callable[[], Round]
    """Returns the round, of which `EvidenceStore` stores the evidence."""
    check: Callable[[], None]
    """Raises where the time of the run is over."""
    round: Round | None = None
    """Set when it has begun."""
    _line: asyncio.Queue[Repository | None] = field(default_factory=asyncio.Queue)
    _may_begin: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, told: Iterable[Repository], moves: Container[Repository]) -> None:
        """Take note that these repositories were read and stored; `moves`: in which tags moved."""
        for repository in told:
            answer = self.turns.answers.by_repository.get(repository)
            if repository in moves or self.may_move(repository):
                continue
            self.bases_left.discard(repository)
            if answer is not None and not answer.failures and repository in self.shares:
                self._line.put_nowait(repository)
        if not self.bases_left:
            self._may_begin.set()

    def end(self) -> None:
        """Say that all was asked: who stands in line still has its turn, if any had."""
        self._line.put_nowait(None)
        self._may_begin.set()

    async def run(self) -> None:
        """Take the turns of everybody in line, until `end`."""
        await self._may_begin.wait()
        if self.bases_left:
            return
        store: EvidenceStore | None = None
        with limited(self.check):
            while (repository := await self._next(store)) is not None:
                if store is None:
                    self.round = self.begin()
                    early = replace(self.round, bases=self.round.bases.before_others())
                    store = store_of(early)
                await asyncio.sleep(0)  # whoever brought it lets go of it: it may be long
                await self.turns.take([self.shares[repository]], early, store)
            if store is not None:
                store.flush()

    async def _next(self, store: EvidenceStore | None) -> Repository | None:
        """Wait for the next in line, and store what was made where that takes long."""
        if store is not None and self._line.empty():
            try:
                async with asyncio.timeout(_IDLE_SECONDS):
                    return await self._line.get()
            except TimeoutError:
                store.flush()
        return await self._line.get()


def store_of(this_round: Round) -> EvidenceStore:
    """Return a way to the ledger for the evidence of a round."""
    return EvidenceStore(
        ledger=this_round.ledger, at=this_round.site.at, project=this_round.project or ""
    )


def _remember(share: Share, this_round: Round) -> Memory:
    """Return the memory of a repository, with the versions that its tags name stored."""
    ledger = this_round.ledger
    answer = this_round.answers.get(share.repository)
    memory = recall_repository(ledger, share.repository, answer, this_round.site.at)
    return recall_past(ledger, memory) if remember_versions(ledger, memory) else memory


class _Wanted:
    """One target per evidence key, of which those of the watch list are made as they are drawn.

    `in_files`: the targets of files; `listed`: what `watched` yielded beside them.
    """

    def __init__(self, in_files: Mapping[str, Target], listed: Iterable[Watched]) -> None:
        self._in_files = in_files
        self._listed = listed

    def items(self) -> Iterator[tuple[str, Target]]:
        """Yield keys and targets; a `FROM` goes first, as its image is itself a base."""
        yield from self._in_files.items()
        for target in chain.from_iterable(self._listed):
            if (key := evidence_key(target)) is not None:
                yield key, target


def _by_key(targets: Iterable[Target]) -> dict[str, Target]:
    """Return one target per evidence key; a `FROM` goes first, as its image is itself a base."""
    wanted: dict[str, Target] = {}
    for target in sorted(targets, key=lambda target: target.kind != "from"):
        if (key := evidence_key(target)) is not None:
            wanted.setdefault(key, target)
    return wanted
