"""One survey: ask, remember, explain, gather. Both walks have it in their middle."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, groupby

from tagwatch.audit.base.index import BaseIndex
from tagwatch.audit.base.match import MatchContext, match_bases
from tagwatch.audit.fact.gather import dated, gather
from tagwatch.audit.fact.memory import Memory
from tagwatch.audit.judge import may_speak
from tagwatch.audit.model.base import BaseMatch
from tagwatch.audit.model.evidence import Evidence, evidence_key, until
from tagwatch.audit.model.policy import Policy
from tagwatch.audit.reading.image import Image
from tagwatch.audit.verdict.result import RepositoryChange
from tagwatch.config.settings import Watch
from tagwatch.crawl.plan import Want
from tagwatch.crawl.task import Need
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import RepositorySnapshot
from tagwatch.ledger.record import Move
from tagwatch.ledger.spool import Spool
from tagwatch.ledger.write import Ledger
from tagwatch.source.target import Location, Target
from tagwatch.value import dataclass, field, replace
from tagwatch.walk.ask import Answers, Patience, open_asker, wants_of_run
from tagwatch.walk.prefix import prefix_of
from tagwatch.walk.recall import (
    base_repositories,
    recall_bases,
    recall_past,
    recall_repository,
    store_bases,
    unread_bases,
)
from tagwatch.walk.seed import Seeding
from tagwatch.walk.site import BASES_ASKED, Site, bases_key
from tagwatch.walk.standing import Standing, may_stand
from tagwatch.walk.version import claimed_version, named_versions
from tagwatch.walk.watched import Watched, idle, watched

__all__ = ["Order", "Survey", "needs_of", "survey"]

_STORED_AT_ONCE = 500
Progress = Callable[[RepositorySnapshot], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a survey is asked for.

    `whole`: follow the approved bases as well, and read older builds of them for the images that
    stand on none that is known, `images` of this machine among them. `needs`: what to read (None:
    what the policy's rules judge).
    """

    targets: Sequence[Target]
    watches: Sequence[Watch] = ()
    images: Sequence[Image] = ()
    whole: bool = False
    needs: Need | None = None


@dataclass(slots=True, kw_only=True)
class Survey:
    """What a survey learnt. `watched`: what the watch list came to beside what files name.

    `places`: where the watch list names a repository or prefix, be it that nothing came of it.
    """

    answers: Answers
    places: dict[Repository, Location] = field(default_factory=dict)
    watched: list[Watched] = field(default_factory=list)
    evidence: Spool = field(default_factory=Spool)
    changes: list[RepositoryChange] = field(default_factory=list)


async def survey(
    order: Order,
    ledger: Ledger,
    run_id: int,
    site: Site,
    *,
    patience: Patience,
    progress: Progress | None = None,
) -> Survey:
    """Ask what targets and watches need and gather evidence for each; it is stored, too.

    What one repository refuses harms only its own targets.
    """
    needs = needs_of(site.policy) if order.needs is None else order.needs
    async with open_asker(site) as asker:
        expanded, failures = await asker.expand(order.watches, patience)
        wants = wants_of_run(order.targets, expanded, site, with_bases=order.whole)
        answers = await asker.ask(
            wants,
            ledger,
            run_id,
            needs=needs,
            patience=patience,
            progress=progress,
        )
        answers.failures += failures
        found = Survey(answers=answers, places=_places((*order.watches, *expanded)))
        asked = Need.DOCUMENTS in needs
        remembering = _Remembering(ledger, site, found, documents_asked=asked, seeds=order.whole)
        remembering.run(order.targets, expanded, order.images)
        if (seeds := remembering.seeds()) and not answers.stopped:
            answers.add(
                await asker.ask(
                    seeds,
                    ledger,
                    run_id,
                    needs=Need.DOCUMENTS,
                    patience=patience,
                    progress=progress,
                )
            )
            remembering.match_again()
        if order.whole and not answers.stopped:
            ledger.cache(BASES_ASKED, bases_key(site.policy), site.at.isoformat(), site.at)
    return found


def needs_of(policy: Policy) -> Need:
    """What the rules judge: attestations cost requests of their own, and only one rule asks."""
    needs = Need.NAMES | Need.DOCUMENTS
    return needs | Need.ATTESTATIONS if may_speak("attestation-missing", policy) else needs


class _Remembering:
    """From what was stored to evidence, one repository at a time."""

    def __init__(
        self, ledger: Ledger, site: Site, found: Survey, *, documents_asked: bool, seeds: bool
    ) -> None:
        self._ledger = ledger
        self._site = site
        self._found = found
        self._documents_asked = documents_asked
        self._seeds = seeds
        self._seeding: Seeding | None = None
        self._open: list[Target] = []
        self._bases = BaseIndex()
        self._bases_unread: tuple[str, ...] = ()
        self._unstored: list[Evidence] = []
        self._made_from: dict[str, bytes] = {}
        self._unchanged: list[str] = []

    def run(
        self, targets: Sequence[Target], watches: Sequence[Watch], images: Iterable[Image] = ()
    ) -> None:
        self._of_bases = base_repositories(self._site.policy, targets)
        self._recall_bases()
        if self._seeds:
            readings = self._found.answers.readings
            self._seeding = Seeding(self._ledger, self._site, readings, self._bases)
            for image in images:
                matches = match_bases(
                    image, self._bases, MatchContext(rank=self._site.policy.base_place)
                )
                self._seeding.note(image, matches, is_new=True)
        moves = _by_repository(self._ledger.unexplained_moves())
        wanted = _targets_by_repository(targets)
        listed = _watches_by_repository(watches)
        for repository in sorted({*self._found.answers.readings, *wanted, *moves, *listed}):
            self._remember(
                repository,
                moves.get(repository, ()),
                wanted.get(repository, []),
                listed.get(repository, []),
            )
        self._store()

    def seeds(self) -> list[Want]:
        """What to read of the approved bases, so that more images find what they stand on."""
        return list(self._seeding.wants()) if self._seeding is not None else []

    def match_again(self) -> None:
        """Match the images that wished for seeds, now that these were read."""
        if self._seeding is None:
            return
        self._seeding.store_claimed()
        self._seeding = None
        self._recall_bases()
        waiting = _targets_by_repository(self._open)
        for repository, targets in sorted(waiting.items()):
            reading = self._found.answers.readings.get(repository)
            memory = recall_repository(self._ledger, repository, reading, self._site.at)
            for target in targets:
                evidence = self._gather(target, memory)
                self._found.evidence.put(evidence)
                self._unstored.append(evidence)
        self._store()

    def _recall_bases(self) -> None:
        for repository in self._of_bases:
            store_bases(self._ledger, repository)
        self._bases = recall_bases(self._ledger, self._of_bases, self._site.policy)
        self._bases_unread = unread_bases(self._bases, self._site.policy)
        self._standing = Standing.of(
            self._ledger,
            self._site,
            self._of_bases,
            bases_unread=self._bases_unread,
            documents_asked=self._documents_asked,
        )

    def _remember(
        self,
        repository: Repository,
        moves: Sequence[Move],
        targets: list[Target],
        watches: list[Watch],
    ) -> None:
        memory = self._recall(repository, moves)
        named = {evidence_key(target) for target in targets}
        found = list(watched(watches, memory, beside=named))
        self._found.watched += found
        self._found.answers.remarks += idle(watches, memory, found)
        wanted: dict[str, Target] = {}
        for target in (*sorted(targets, key=_is_not_parent), *chain.from_iterable(found)):
            if (key := evidence_key(target)) is not None:
                wanted.setdefault(key, target)
        claimed: dict[str, str] = {}
        for evidence in self._evidence_of(wanted, memory):
            self._found.evidence.put(evidence)
            claimed |= claimed_version(memory, evidence.resolution)
        if claimed:
            self._ledger.set_versions(repository, claimed)
        if len(self._unstored) + len(self._unchanged) >= _STORED_AT_ONCE:
            self._store()

    def _recall(self, repository: Repository, moves: Sequence[Move]) -> Memory:
        """What is known of a repository, its versions named and its moves explained."""
        reading = self._found.answers.readings.get(repository)
        memory = recall_repository(self._ledger, repository, reading, self._site.at)
        if versions := named_versions(memory):
            self._ledger.set_versions(repository, versions)
        if moves:
            from tagwatch.walk.explain import explain_moves  # many nights have nothing to explain

            changes = explain_moves(self._ledger, moves, memory, self._bases, self._site)
            self._found.changes += changes
        return recall_past(self._ledger, memory) if versions or moves else memory

    def _evidence_of(self, wanted: Mapping[str, Target], memory: Memory) -> Iterator[Evidence]:
        """What is known of each target: what stands is not made again."""
        reading = self._found.answers.readings.get(memory.repository)
        made_from = self._standing.made_from(wanted, memory.repository, reading)
        standing = self._ledger.standing(made_from) if made_from else {}
        for key, target in wanted.items():
            before = standing.get(key)
            now = (
                dated(before, target, memory, at=self._site.at)
                if before is not None
                else self._gather(target, memory)
            )
            yield now
            if before is not None and now == until(before, self._site.at):
                self._unchanged.append(key)
                continue
            self._unstored.append(now)
            if may_stand(now) and key in made_from:
                self._made_from[key] = made_from[key]

    def _store(self) -> None:
        """Evidence can be made again, so that repositories may share a wait for the disk."""
        self._ledger.put_evidence(self._unstored, self._made_from)
        self._ledger.touch_evidence(self._unchanged, self._site.at)
        self._unstored.clear()
        self._made_from.clear()
        self._unchanged.clear()

    def _gather(self, target: Target, memory: Memory) -> Evidence:
        evidence = gather(
            target,
            memory,
            platforms=self._site.policy.defaults.audited,
            bases=lambda image: self._match(image, target, memory),
            at=self._site.at,
        )
        asked = self._documents_asked or evidence.documents_read
        return replace(evidence, documents_asked=asked, bases_unread=self._bases_unread)

    def _match(self, image: Image, target: Target, memory: Memory) -> tuple[BaseMatch, ...]:
        context = MatchContext(
            rank=self._site.policy.base_place,
            is_base=not _is_not_parent(target),
            audited=self._site.policy.defaults.audited,
        )
        matches = match_bases(image, self._bases, context)
        if self._seeding is not None and not context.is_base:
            is_new = self._is_new(target, memory)
            if self._seeding.note(image, matches, is_new=is_new):
                self._open.append(target)
        return matches

    def _is_new(self, target: Target, memory: Memory) -> bool:
        """True where this run is the first that saw the image under this name."""
        tag = target.reference.effective_tag if target.reference else None
        past = memory.intervals.get(tag, ()) if tag else ()
        if past:
            return past[-1].first_seen == self._site.at
        return not self._ledger.evidence([evidence_key(target) or ""])


def _is_not_parent(target: Target) -> bool:
    """False for what a `FROM` names: it is the base of what will be built, whoever else uses it."""
    return target.kind != "from"


def _by_repository(moves: Iterable[Move]) -> Mapping[Repository, tuple[Move, ...]]:
    ordered = sorted(moves, key=lambda move: (move.repository, move.at, move.tag))
    return {
        repository: tuple(group)
        for repository, group in groupby(ordered, key=lambda move: move.repository)
    }


def _places(watches: Iterable[Watch]) -> dict[Repository, Location]:
    found: dict[Repository, Location] = {}
    for watch in watches:
        prefix = prefix_of(watch.image)
        named = prefix.repository if prefix else Repository.parse(watch.image).identity
        found.setdefault(named, watch.location)
    return found


def _watches_by_repository(watches: Iterable[Watch]) -> dict[Repository, list[Watch]]:
    found: dict[Repository, list[Watch]] = {}
    for watch in watches:
        found.setdefault(Repository.parse(watch.image).identity, []).append(watch)
    return found


def _targets_by_repository(targets: Iterable[Target]) -> dict[Repository, list[Target]]:
    found: dict[Repository, list[Target]] = {}
    for target in targets:
        if target.reference is not None:
            found.setdefault(target.reference.repository, []).append(target)
    return found
