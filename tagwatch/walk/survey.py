"""A survey: ask, remember, explain, match, gather. Both walks, check and scan, go through it.

    ask        what targets and watches want  -> answers; snapshots  walk.ask, walk.watch_list
               platforms of what moved                               walk.moved
    remember   what is stored of a repository -> its memory          walk.recall, walk.remember
    explain    moves without a verdict        -> changes             walk.verdicts
    match      an image                       -> its bases           walk.bases, as gather needs it
    gather     a target and the memory        -> evidence            walk.round, audit.fact.gather

All is asked, and what was read stored, before the first round begins. A round takes one repository
after the other through the other steps. Where images stand on no known base, older builds are asked
for, and a second round takes these images through the steps again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace as standard_replace
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING

from tagwatch.audit.base.seed import Wish
from tagwatch.audit.fact.memory import Memory
from tagwatch.audit.model.coverage import UNASKED, whole_failures
from tagwatch.audit.model.diff import Verdict
from tagwatch.audit.model.evidence import evidence_key
from tagwatch.audit.model.history import Change
from tagwatch.audit.reading.image import Image
from tagwatch.audit.verdict.result import RepositoryChange
from tagwatch.config.settings import Watch
from tagwatch.crawl.plan import Want
from tagwatch.crawl.task import Need
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Failing, RepositorySnapshot
from tagwatch.image.vocabulary import keep_time, limited
from tagwatch.ledger.record import Fact, Move, Telling
from tagwatch.ledger.spool import Spool
from tagwatch.ledger.write import Ledger
from tagwatch.source.target import Location, Target
from tagwatch.value import dataclass, field, replace
from tagwatch.walk.ask import Answers, Patience, open_asker, wants_of_run
from tagwatch.walk.bases import Seeds, match
from tagwatch.walk.judged import Settled, judged_now, recall_judged
from tagwatch.walk.need import SCAN_SHOWS, needs_of
from tagwatch.walk.recall import base_repositories, recall_bases, recall_past, recall_repository
from tagwatch.walk.remember import (
    EvidenceStore,
    claimed_version,
    remember_bases,
    remember_claimed,
    remember_versions,
)
from tagwatch.walk.round import Round, frame_of, gather_evidence, made_whole_from
from tagwatch.walk.site import BASES_ASKED, Site, bases_key
from tagwatch.walk.watch_list import Watched, idle, is_watched, places_of, watched, within

if TYPE_CHECKING:
    from tagwatch.walk.verdicts import Explained

__all__ = ["Order", "Survey", "changes_of", "count_nights", "survey"]

Progress = Callable[[RepositorySnapshot], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """The order for a survey: what to look at, and how much to read."""

    targets: Sequence[Target]
    watches: Sequence[Watch] = ()
    images: Sequence[Image] = ()
    """Images of this machine, whose bases are looked for, too."""
    whole: bool = False
    """Follow the approved bases, and read older builds of them for images that match none."""
    needs: Need | None = None
    """What to fetch; None: what the policy's rules read and a scan shows."""
    project: str | None = None
    """Who is told what happened to tags (a scan's project); None: nobody."""
    scope: frozenset[Repository] | None = None
    """The only repositories to ask; None: all that is wanted."""


@dataclass(slots=True, kw_only=True)
class Survey:
    """The result of a survey."""

    answers: Answers
    places: Mapping[Repository, Location] = field(default_factory=dict)
    """Where the watch list names a repository or prefix, even if nothing came of it."""
    watched: list[Watched] = field(default_factory=list)
    """The targets of the watch list, without images that files name."""
    evidence: Spool = field(default_factory=Spool)
    explained: list[Explained] = field(default_factory=list)
    """The moves that this run looked into."""
    telling: Telling = field(default_factory=Telling)
    """What happened to tags and is told by this run."""
    settled: dict[Repository, Settled] = field(default_factory=dict)
    """The repositories of which all was made that there is to make: their judgement may be kept."""

    def changes(self, at: datetime) -> tuple[RepositoryChange, ...]:
        """Return the changes that this run found out about, and those that it saw at `at`."""
        return tuple(one.told for one in self.explained if one.is_final or one.move.at == at)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Share:
    """A round's work on one repository."""

    repository: Repository
    targets: list[Target] = field(default_factory=list)
    watches: list[Watch] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    """Targets whose images stand on no known base, and what to read for them."""

    targets: list[Target] = field(default_factory=list)
    wishes: set[Wish] = field(default_factory=set)


async def survey(
    order: Order,
    ledger: Ledger,
    run_id: int,
    site: Site,
    *,
    patience: Patience,
    progress: Progress | None = None,
) -> Survey:
    """Ask what targets and watches want to know, gather evidence of each, and store it.

    A repository that cannot be read harms only the evidence of its own targets.
    """
    needs = needs_of(site.policy, SCAN_SHOWS) if order.needs is None else order.needs
    scope = order.scope
    async with open_asker(site, ledger, run_id, patience=patience, progress=progress) as asker:
        watches, failures = await asker.expand(within(order.watches, scope))
        wants = [
            want
            for want in wants_of_run(order.targets, watches, site, with_bases=order.whole)
            if scope is None or want.repository in scope
        ]
        answers = await asker.ask(wants, needs=needs)
        answers.failures += failures
        found = Survey(answers=answers, places=places_of((*order.watches, *watches)))
        news = _Untold.read(order, ledger, watches, wants)
        moves = _moves_to_explain(ledger, answers, needs, news, site)
        if moves and not answers.stopped:
            from tagwatch.walk.moved import read_moved  # most nights nothing moves

            answers.add(await read_moved(asker, ledger, moves, site, needs))
        shares = _shares(order.targets, watches, moves, answers)
        first = _begin_round(order, ledger, site, answers, needs)
        with limited(patience.check_after):
            waiting = _go_through(shares, first, found)
        wished = {*waiting.wishes, *_wishes_of(order.images, first)}
        if first.seeds is not None and wished and not answers.stopped:
            answers.add(await asker.ask(first.seeds.wants(wished), needs=Need.DOCUMENTS))
            remember_claimed(ledger, wished)
            second = _begin_round(order, ledger, site, answers, needs)
            second = replace(second, seeds=None, project=None, judged={})
            with limited(patience.check_after):
                _go_through(_shares(waiting.targets), second, found)
        if order.whole and scope is None and not answers.stopped:  # else asked again next time
            ledger.cache(BASES_ASKED, bases_key(site), site.at.isoformat(), site.at)
    found.telling = news.telling(found, ledger)
    return found


def count_nights(
    ledger: Ledger, found: Survey, at: datetime, project: str
) -> Mapping[Repository, Failing]:
    """Return for how long each repository fails that failed in this scan, and remember it."""
    failed = whole_failures(found.answers.failures)
    failing = {
        repository: failure.code
        for repository, failure in failed.items()
        if failure.code not in UNASKED
    }
    asked = {*found.answers.by_repository, *found.places}
    return ledger.count_nights(at, failing, asked - failed.keys(), project)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Untold:
    """What happened to tags that the run's project was not told yet, at one moment."""

    project: str | None = None
    scope: frozenset[Repository] | None = None
    facts: tuple[Fact, ...] = ()
    """Of repositories that the project watches, in the scope."""
    up_to: int | None = None

    @classmethod
    def read(
        cls, order: Order, ledger: Ledger, watches: Iterable[Watch], wants: Iterable[Want]
    ) -> _Untold:
        """Read it, after everything that was asked is stored. Nothing where nobody is told."""
        if order.project is None:
            return cls()
        up_to = ledger.newest_fact()  # read first: what comes in between is told, and counted once
        known = {want.repository for want in wants}
        facts = tuple(
            fact
            for fact in ledger.facts(order.project)
            if fact.happened.repository in known
            or is_watched(fact.happened.repository, (*order.watches, *watches), order.scope)
        )
        return cls(
            project=order.project,
            scope=order.scope,
            facts=facts,
            up_to=up_to if order.scope is None else None,
        )

    @property
    def moves(self) -> frozenset[Move]:
        """The moves among the facts."""
        return frozenset(fact.happened for fact in self.facts if isinstance(fact.happened, Move))

    def telling(self, found: Survey, ledger: Ledger) -> Telling:
        """Return what the run tells of it, each move with what is known of its cause by now."""
        if self.project is None:
            return Telling()
        by_move = {one.move: one for one in found.explained}
        facts, still_open = [], set()
        named = {
            fact.happened
            for fact in self.facts
            if f"{fact.happened.repository.name}:{fact.happened.tag}" in found.evidence
        }
        read = ledger.stored_documents(move.after for move in self.moves)
        for fact in self.facts:
            move = fact.happened
            if not isinstance(move, Move) or fact.change is not None:
                facts.append(fact)
                continue
            explained = by_move.get(move)
            change = explained.change if explained is not None else _unknown(move)
            facts.append(replace(fact, change=change))
            if not (explained is not None and explained.is_final) and (
                move in named or move.after in read
            ):
                still_open.add(fact.seq)
        explained_now = tuple(
            fact
            for fact in ledger.explained(self.project)
            if self.scope is None or fact.happened.repository in self.scope
        )
        return Telling(
            facts=tuple(facts),
            up_to=self.up_to,
            open=frozenset(still_open),
            explained=explained_now,
        )


def changes_of(facts: Iterable[Fact]) -> tuple[RepositoryChange, ...]:
    """Return the changes behind the moves among these facts, by repository and in order."""
    moved = (
        RepositoryChange(repository=fact.happened.repository, change=fact.change)
        for fact in facts
        if fact.change is not None
    )
    return tuple(sorted(moved, key=lambda one: (one.repository, one.change.at, one.change.tag)))


def _unknown(move: Move) -> Change:
    return Change(
        tag=move.tag,
        before=move.before,
        after=move.after,
        at=move.at,
        verdict=Verdict.UNKNOWN,
        reason="not explained yet",
    )


def _moves_to_explain(
    ledger: Ledger, answers: Answers, needs: Need, news: _Untold, site: Site
) -> list[Move]:
    """Return the moves without a verdict to look into: none where no image is asked for.

    Those that are told by this run, those that it saw, and those of repositories that it asked
    whose image was read meanwhile. An image that nobody names is never read: its moves are not
    looked into every night.
    """
    moves = ledger.unexplained_moves() if Need.DOCUMENTS in needs else ()
    stored = ledger.stored_documents(move.after for move in moves)
    told = news.moves
    return [
        move
        for move in moves
        if move in told
        or (
            move.repository in answers.by_repository
            and (move.at == site.at or move.after in stored)
        )
    ]


def _begin_round(order: Order, ledger: Ledger, site: Site, answers: Answers, needs: Need) -> Round:
    """Store the builds of bases that were read, and return a round with all known builds."""
    for repository in base_repositories(site.policy, order.targets):
        with answers.apart(repository):
            _name_new_builds(ledger, repository, answers, site)
            remember_bases(ledger, [repository])
    bases = recall_bases(ledger, site.policy, order.targets)
    asked = Need.DOCUMENTS in needs
    seeds = Seeds(
        ledger=ledger,
        policy=site.policy,
        at=site.at,
        answers=answers.by_repository,
        bases=bases,
        from_memory=order.scope is not None,
    )
    return Round(
        site=site,
        ledger=ledger,
        answers=answers.by_repository,
        bases=bases,
        documents_asked=asked,
        frame=frame_of(ledger, site, bases, documents_asked=asked),
        seeds=seeds if order.whole else None,
        project=order.project if order.whole else None,
        judged=ledger.judged(order.project, site.at) if order.whole and order.project else {},
    )


def _name_new_builds(ledger: Ledger, repository: Repository, answers: Answers, site: Site) -> None:
    """Store the versions of what a base's tags serve since this run.

    Images that moved in the same night are explained by them, perhaps before the base's own turn.
    """
    answer = answers.by_repository.get(repository)
    news = (one for one in ledger.intervals(repository) if one.first_seen == site.at)
    if answer is not None and any(one.version is None for one in news):
        remember_versions(ledger, recall_repository(ledger, repository, answer, site.at))


def _go_through(shares: Iterable[_Share], this_round: Round, found: Survey) -> _Waiting:
    """Take one repository after the other through the steps after asking.

    Return the targets that wait for older builds of bases.
    """
    waiting = _Waiting()
    store = EvidenceStore(
        ledger=this_round.ledger, at=this_round.site.at, project=this_round.project or ""
    )
    for share in shares:
        with found.answers.apart(share.repository):
            _go_through_one(share, this_round, found, store, waiting)
        store.flush_if_full()
    store.flush()
    return waiting


def _go_through_one(
    share: _Share, this_round: Round, found: Survey, store: EvidenceStore, waiting: _Waiting
) -> None:
    """Take one repository through the steps after asking. Raises `OutOfTimeError`."""
    keep_time()
    in_files = _wanted(share.targets, ())
    if _recall(share, in_files, this_round, found, store):
        return
    memory = _remember(share, this_round)
    if share.moves:
        memory = _explain(share, memory, this_round, found)
    listed, is_idle = _watch(share, memory, found)
    claimed: dict[str, str] = {}
    made_from = made_whole_from(in_files, share.watches, share.repository, this_round)
    wanted = _wanted(share.targets, listed)
    is_settled = made_from is not None and not (share.moves or is_idle)
    for one in gather_evidence(wanted, memory, this_round):
        found.evidence.put(one.evidence)
        store.put(one.evidence, made_from=one.made_from, is_unchanged=one.is_unchanged)
        claimed |= claimed_version(memory, one.evidence.resolution)
        is_settled = is_settled and one.made_from is not None and not one.wished
        if one.wished:
            waiting.targets.append(one.target)
            waiting.wishes.update(one.wished)
    if claimed:
        this_round.ledger.set_versions(share.repository, claimed)
    if made_from is not None and is_settled and wanted:
        keys = tuple(wanted)
        store.judged.append(judged_now(memory, made_from, share.watches, listed, keys, this_round))
        found.settled[share.repository] = Settled(made_from=made_from, keys=keys)


def _recall(
    share: _Share,
    in_files: Mapping[str, Target],
    this_round: Round,
    found: Survey,
    store: EvidenceStore,
) -> bool:
    """Take over what was made of a repository of which nothing is new; False where something is."""
    if share.repository not in this_round.judged or share.moves:
        return False
    recalled = recall_judged(share.repository, in_files, share.watches, this_round)
    if recalled is None:
        return False
    found.watched += recalled.listed
    for key, line in recalled.lines.items():
        found.evidence.put_line(key, line)
    store.still.append(recalled.judged)
    made_from, keys = recalled.judged.made_from, tuple(recalled.lines)
    found.settled[share.repository] = Settled(made_from=made_from, keys=keys)
    return True


def _remember(share: _Share, this_round: Round) -> Memory:
    """Return the memory of a repository, with the versions that its tags name stored."""
    ledger = this_round.ledger
    answer = this_round.answers.get(share.repository)
    memory = recall_repository(ledger, share.repository, answer, this_round.site.at)
    return recall_past(ledger, memory) if remember_versions(ledger, memory) else memory


def _explain(share: _Share, memory: Memory, this_round: Round, found: Survey) -> Memory:
    """Give every move of a repository its verdict, and return the memory that has them."""
    from tagwatch.walk.verdicts import explain_moves  # many runs have nothing to explain

    ledger, bases, unread = this_round.ledger, this_round.bases.index, found.answers.unread
    explained = list(explain_moves(ledger, share.moves, memory, bases, this_round.site, unread))
    found.explained += explained
    told = {one.move.tag: one.change for one in explained if not one.is_final}
    return standard_replace(recall_past(ledger, memory), unexplained=told)


def _watch(share: _Share, memory: Memory, found: Survey) -> tuple[list[Watched], bool]:
    """Return what the watch list comes to in a repository, beside what files name.

    With True where an entry comes to nothing, of which each run tells.
    """
    named = {evidence_key(target) for target in share.targets}
    listed = list(watched(share.watches, memory, beside=named))
    found.watched += listed
    remarks = tuple(idle(share.watches, memory, listed))
    found.answers.remarks += remarks
    return listed, bool(remarks)


def _wanted(targets: Iterable[Target], listed: Iterable[Watched]) -> dict[str, Target]:
    """Return one target per evidence key; a `FROM` goes first, as its image is itself a base."""
    wanted: dict[str, Target] = {}
    parents_first = sorted(targets, key=lambda target: target.kind != "from")
    for target in chain(parents_first, *listed):
        if (key := evidence_key(target)) is not None:
            wanted.setdefault(key, target)
    return wanted


def _wishes_of(images: Iterable[Image], this_round: Round) -> Iterator[Wish]:
    """Yield what images of this machine wish for."""
    if this_round.seeds is None:
        return
    for image in images:
        matches = match(image, this_round.bases, this_round.site.policy)
        yield from this_round.seeds.open_wishes(image, matches, is_new=True)


def _shares(
    targets: Iterable[Target],
    watches: Iterable[Watch] = (),
    moves: Iterable[Move] = (),
    answers: Answers | None = None,
) -> list[_Share]:
    """Return the work on each repository, in the order of repositories."""
    shares: dict[Repository, _Share] = {}

    def of(repository: Repository) -> _Share:
        return shares.setdefault(repository, _Share(repository=repository))

    for repository in answers.by_repository if answers is not None else ():
        of(repository)
    for target in targets:
        if target.reference is not None:
            of(target.reference.repository).targets.append(target)
    for watch in watches:
        of(Repository.parse(watch.image).identity).watches.append(watch)
    for move in sorted(moves, key=lambda move: (move.at, move.tag)):
        of(move.repository).moves.append(move)
    return [share for _, share in sorted(shares.items())]
