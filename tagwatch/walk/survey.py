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
from datetime import datetime
from itertools import chain

from tagwatch.audit.base.seed import Wish
from tagwatch.audit.fact.memory import Memory
from tagwatch.audit.model.coverage import UNASKED, whole_failures
from tagwatch.audit.model.evidence import evidence_key
from tagwatch.audit.reading.image import Image
from tagwatch.audit.verdict.result import RepositoryChange
from tagwatch.config.settings import Watch
from tagwatch.crawl.task import Need
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Failing, RepositorySnapshot
from tagwatch.image.vocabulary import keep_time, limited
from tagwatch.ledger.record import Move
from tagwatch.ledger.spool import Spool
from tagwatch.ledger.write import Ledger
from tagwatch.source.target import Location, Target
from tagwatch.value import dataclass, field, replace
from tagwatch.walk.ask import Answers, Patience, open_asker, wants_of_run
from tagwatch.walk.bases import Seeds, match
from tagwatch.walk.need import SCAN_SHOWS, needs_of
from tagwatch.walk.recall import base_repositories, recall_bases, recall_past, recall_repository
from tagwatch.walk.remember import (
    EvidenceStore,
    claimed_version,
    remember_bases,
    remember_claimed,
    remember_versions,
)
from tagwatch.walk.round import Round, frame_of, gather_evidence
from tagwatch.walk.site import BASES_ASKED, Site, bases_key
from tagwatch.walk.watch_list import Watched, idle, places_of, watched

__all__ = ["Order", "Survey", "count_nights", "survey"]

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


@dataclass(slots=True, kw_only=True)
class Survey:
    """The result of a survey."""

    answers: Answers
    places: Mapping[Repository, Location] = field(default_factory=dict)
    """Where the watch list names a repository or prefix, even if nothing came of it."""
    watched: list[Watched] = field(default_factory=list)
    """The targets of the watch list, without images that files name."""
    evidence: Spool = field(default_factory=Spool)
    changes: list[RepositoryChange] = field(default_factory=list)


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
    async with open_asker(site, ledger, run_id, patience=patience, progress=progress) as asker:
        watches, failures = await asker.expand(order.watches)
        wants = wants_of_run(order.targets, watches, site, with_bases=order.whole)
        answers = await asker.ask(wants, needs=needs)
        answers.failures += failures
        found = Survey(answers=answers, places=places_of((*order.watches, *watches)))
        moves = _moves_to_explain(ledger, answers, needs)
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
            second = replace(_begin_round(order, ledger, site, answers, needs), seeds=None)
            with limited(patience.check_after):
                _go_through(_shares(waiting.targets), second, found)
        if order.whole and not answers.stopped:  # else the next run asks for bases again
            ledger.cache(BASES_ASKED, bases_key(site.policy), site.at.isoformat(), site.at)
    return found


def count_nights(ledger: Ledger, found: Survey, at: datetime) -> Mapping[Repository, Failing]:
    """Return for how long each repository fails that failed in this scan, and remember it."""
    failed = whole_failures(found.answers.failures)
    failing = {
        repository: failure.code
        for repository, failure in failed.items()
        if failure.code not in UNASKED
    }
    asked = {*found.answers.by_repository, *found.places}
    return ledger.count_nights(at, failing, asked - failed.keys())


def _moves_to_explain(ledger: Ledger, answers: Answers, needs: Need) -> list[Move]:
    """Return the moves without a verdict that this run or an earlier one has read the image of.

    A verdict is stored once and for all, so a move that a run saw by names alone waits until its
    repository is asked for images. An interrupted run stored what it read: its moves never wait.
    """
    moves = ledger.unexplained_moves() if Need.DOCUMENTS in needs else ()
    stored = ledger.stored_documents(move.after for move in moves)
    return [
        move for move in moves if move.after in stored or move.repository in answers.by_repository
    ]


def _begin_round(order: Order, ledger: Ledger, site: Site, answers: Answers, needs: Need) -> Round:
    """Store the builds of bases that were read, and return a round with all known builds."""
    for repository in base_repositories(site.policy, order.targets):
        with answers.apart(repository):
            remember_bases(ledger, [repository])
    bases = recall_bases(ledger, site.policy, order.targets)
    asked = Need.DOCUMENTS in needs
    seeds = Seeds(
        ledger=ledger,
        policy=site.policy,
        at=site.at,
        answers=answers.by_repository,
        bases=bases,
    )
    return Round(
        site=site,
        ledger=ledger,
        answers=answers.by_repository,
        bases=bases,
        documents_asked=asked,
        frame=frame_of(ledger, site, bases, documents_asked=asked),
        seeds=seeds if order.whole else None,
    )


def _go_through(shares: Iterable[_Share], this_round: Round, found: Survey) -> _Waiting:
    """Take one repository after the other through the steps after asking.

    Return the targets that wait for older builds of bases.
    """
    waiting = _Waiting()
    store = EvidenceStore(ledger=this_round.ledger, at=this_round.site.at)
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
    memory = _remember(share, this_round)
    if share.moves:
        memory = _explain(share, memory, this_round, found)
    listed = _watch(share, memory, found)
    claimed: dict[str, str] = {}
    for one in gather_evidence(_wanted(share.targets, listed), memory, this_round):
        found.evidence.put(one.evidence)
        store.put(one.evidence, made_from=one.made_from, is_unchanged=one.is_unchanged)
        claimed |= claimed_version(memory, one.evidence.resolution)
        if one.wished:
            waiting.targets.append(one.target)
            waiting.wishes.update(one.wished)
    if claimed:
        this_round.ledger.set_versions(share.repository, claimed)


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
    found.changes += explain_moves(ledger, share.moves, memory, bases, this_round.site, unread)
    return recall_past(ledger, memory)


def _watch(share: _Share, memory: Memory, found: Survey) -> list[Watched]:
    """Return what the watch list comes to in a repository, beside what files name."""
    named = {evidence_key(target) for target in share.targets}
    listed = list(watched(share.watches, memory, beside=named))
    found.watched += listed
    found.answers.remarks += idle(share.watches, memory, listed)
    return listed


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
