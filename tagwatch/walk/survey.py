"""A survey: ask, remember, explain, match, gather. Both walks, check and scan, go through it.

    ask        what targets and watches want  -> answers; snapshots  walk.ask, walk.watch_list
               platforms of what moved                               walk.other_platforms
    remember   what is stored of a repository -> its memory          walk.recall, walk.remember
    explain    moves without a verdict        -> changes             walk.verdicts
    match      an image                       -> its bases           walk.bases, as gather needs it
    gather     a target and the memory        -> evidence            walk.round, audit.fact.gather

The steps after asking are a repository's turn (`walk.turn`). As soon as the bases were read, turns
are taken while the others are still asked; those that need what all have answered come last. Where
images stand on no known base, older builds are asked for, and a second round takes these images
through the steps again.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache, partial
from typing import TYPE_CHECKING

from tagwatch.audit.base.index import BaseIndex
from tagwatch.audit.model.coverage import UNASKED, whole_failures
from tagwatch.audit.verdict.result import RepositoryChange
from tagwatch.config.settings import Watch
from tagwatch.crawl.plan import Want
from tagwatch.crawl.task import Need
from tagwatch.image.digest import Digest
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Failing, RepositorySnapshot
from tagwatch.image.vocabulary import limited
from tagwatch.ledger.record import Move, Telling
from tagwatch.ledger.spool import Spool
from tagwatch.ledger.write import Ledger
from tagwatch.source.target import Location, Target
from tagwatch.value import dataclass, field, replace
from tagwatch.walk.ask import Answers, Asker, open_asker, wants_of_run
from tagwatch.walk.bases import Seeds, match
from tagwatch.walk.judged import Settled
from tagwatch.walk.loop import Patience, together
from tagwatch.walk.need import SCAN_SHOWS, needs_of
from tagwatch.walk.recall import base_repositories, recall_bases, recall_repository
from tagwatch.walk.remember import remember_bases, remember_claimed, remember_versions
from tagwatch.walk.round import Round, frame_of
from tagwatch.walk.site import BASES_ASKED, Site, bases_key
from tagwatch.walk.turn import Early, Share, Turns, shares_of, store_of
from tagwatch.walk.watch_list import Watched, places_of, within

if TYPE_CHECKING:
    from tagwatch.audit.base.seed import Wish
    from tagwatch.audit.reading.image import Image
    from tagwatch.walk.verdicts import Explained

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
    scope, news, every = order.scope, None, order.watches
    async with open_asker(site, ledger, run_id, patience=patience, progress=progress) as asker:
        watches, failures = await asker.expand(every if scope is None else within(every, scope))
        wants = [
            want
            for want in wants_of_run(order.targets, watches, site, with_bases=order.whole)
            if scope is None or want.repository in scope
        ]
        wanted = {want.repository for want in wants}
        turns = Turns(answers=Answers())
        answers = turns.answers
        bases = wanted.intersection(base_repositories(site.policy, order.targets))
        early = Early(
            shares=shares_of(order.targets, watches, repositories=wanted),
            turns=turns,
            bases_left=set(bases),
            may_move=_may_move(ledger, order.project),
            begin=lambda: _begin_round(order, ledger, site, turns, needs),
            check=patience.check_after,
        )
        awaited = [replace(want, is_awaited=want.repository in bases) for want in wants]
        await _ask(asker, awaited, needs, early)
        answers.failures += failures
        if order.project is not None:
            from tagwatch.walk.untold import Untold  # only scans tell

            news = Untold.read(
                ledger,
                order.project,
                wanted=wanted,
                watches=(*every, *watches),
                scope=scope,
            )
        told = news.moves if news is not None else frozenset()
        moves = _moves_to_explain(ledger, answers, needs, told, site)
        if moves and not answers.stopped:
            from tagwatch.walk.other_platforms import read_moved  # most nights nothing moves

            answers.add(await read_moved(asker, ledger, moves, site, needs))
        shares = shares_of(order.targets, watches, moves, answers.by_repository)
        first = early.round or _begin_round(order, ledger, site, turns, needs)
        await _go_through(turns.left_of(shares), first, turns, patience)
        wished = {*turns.wishes, *_wishes_of(order.images, first)}
        if first.seeds is not None and wished and not answers.stopped:
            answers.add(await asker.ask(first.seeds.wants(wished), needs=Need.DOCUMENTS))
            remember_claimed(ledger, wished)
            again = Turns(answers=answers, evidence=turns.evidence)
            second = _begin_round(order, ledger, site, again, needs)
            second = replace(second, seeds=None, project=None, judged={})
            await _go_through(shares_of(turns.waiting).values(), second, again, patience)
        if order.whole and scope is None and not answers.stopped:  # else asked again next time
            ledger.cache(BASES_ASKED, bases_key(site), site.at.isoformat(), site.at)
    answers.settle()
    telling = news.telling(turns.explained, turns.evidence, ledger) if news else Telling()
    return Survey(
        answers=answers,
        places=places_of((*every, *watches)) if every else {},
        watched=turns.listed,
        evidence=turns.evidence,
        explained=turns.explained,
        telling=telling,
        settled=turns.settled,
    )


async def _ask(asker: Asker, wants: Iterable[Want], needs: Need, early: Early) -> None:
    """Ask for all that is wanted, and let repositories have their turn meanwhile.

    Where only names are asked for, what is known of an image depends on who else has it: then all
    is asked before.
    """
    if Need.DOCUMENTS not in needs:
        await asker.ask(wants, needs=needs, answers=early.turns.answers)
        return

    async def ask() -> None:
        await asker.ask(wants, needs=needs, answers=early.turns.answers, tell=early.tell)
        early.end()

    await together(early.run(), ask())


async def _go_through(
    shares: Iterable[Share], this_round: Round, turns: Turns, patience: Patience
) -> None:
    """Let everybody who is left have their turn, now that all have answered."""
    store = store_of(this_round)
    with limited(patience.check_after):
        await turns.take(shares, this_round, store)
        store.flush()
    turns.close()


def _may_move(ledger: Ledger, project: str | None) -> Callable[[Repository], bool]:
    """Return whether a repository that has been read may have a move to explain in this run.

    It is asked before all that the run tells is known: so it may say so too often.
    """
    moved: dict[Repository, list[Digest]] = {}
    for move in ledger.unexplained_moves():
        moved.setdefault(move.repository, []).append(move.after)
    untold = ledger.facts(project) if moved and project is not None else ()
    told = {fact.happened.repository for fact in untold}

    def may_move(repository: Repository) -> bool:
        if repository not in moved:
            return False
        return repository in told or bool(ledger.stored_documents(moved[repository]))

    return may_move


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


def _moves_to_explain(
    ledger: Ledger, answers: Answers, needs: Need, told: Container[Move], site: Site
) -> list[Move]:
    """Return the moves without a verdict to look into: none where no image is asked for.

    Those that are told by this run, those that it saw, and those of repositories that it asked
    whose image was read meanwhile. An image that nobody names is never read: its moves are not
    looked into every night.
    """
    moves = ledger.unexplained_moves() if Need.DOCUMENTS in needs else ()
    stored = ledger.stored_documents(move.after for move in moves)
    return [
        move
        for move in moves
        if move in told
        or (
            move.repository in answers.by_repository
            and (move.at == site.at or move.after in stored)
        )
    ]


def _begin_round(order: Order, ledger: Ledger, site: Site, turns: Turns, needs: Need) -> Round:
    """Store the builds of bases that were read, and return a round with all known builds."""
    answers = turns.answers
    for repository in base_repositories(site.policy, order.targets):
        with turns.trouble.apart(repository):
            _name_new_builds(ledger, repository, answers, site)
            remember_bases(ledger, [repository])
    bases = recall_bases(ledger, site.policy, order.targets)
    state_of_others, others = cache(partial(ledger.state_of_all, site.at)), bases.others

    def others_as_of_state() -> BaseIndex:
        state_of_others()  # first: what is stored from then on is news the next time
        return others()

    bases = replace(bases, others=others_as_of_state)
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
        state_of_others=state_of_others,
    )


def _name_new_builds(ledger: Ledger, repository: Repository, answers: Answers, site: Site) -> None:
    """Store the versions of what a base's tags serve since this run.

    Images that moved in the same night are explained by them, perhaps before the base's own turn.
    """
    answer = answers.by_repository.get(repository)
    news = (one for one in ledger.intervals(repository) if one.first_seen == site.at)
    if answer is not None and any(one.version is None for one in news):
        remember_versions(ledger, recall_repository(ledger, repository, answer, site.at))


def _wishes_of(images: Iterable[Image], this_round: Round) -> Iterator[Wish]:
    """Yield what images of this machine wish for."""
    if this_round.seeds is None:
        return
    for image in images:
        matches = match(image, this_round.bases, this_round.site.policy)
        yield from this_round.seeds.open_wishes(image, matches, is_new=True)
