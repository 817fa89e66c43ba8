"""One survey: ask, remember, explain, gather. Both walks have it in their middle."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from tagwatch.audit.base import BaseMatch
from tagwatch.audit.base_index import BaseIndex
from tagwatch.audit.base_match import MatchContext, match_bases
from tagwatch.audit.evidence import Evidence, evidence_key
from tagwatch.audit.gather import gather
from tagwatch.audit.image import Image
from tagwatch.audit.judge import may_speak
from tagwatch.audit.memory import Memory
from tagwatch.audit.policy import SCRATCH, Policy
from tagwatch.audit.resolve import version_of
from tagwatch.audit.result import RepositoryChange
from tagwatch.config.settings import Watch
from tagwatch.crawl.plan import Want
from tagwatch.crawl.task import Need
from tagwatch.image.reference import Reference, Repository
from tagwatch.image.selector import SelectorKind, parse_selector, select
from tagwatch.image.snapshot import RepositorySnapshot
from tagwatch.ledger.record import Move
from tagwatch.ledger.write import Ledger
from tagwatch.source.target import Target
from tagwatch.value import dataclass, field, replace
from tagwatch.walk.ask import Answers, Patience, open_asker, pattern_of, wants_of_run
from tagwatch.walk.explain import explain_moves
from tagwatch.walk.recall import base_repositories, recall_bases, recall_repository, store_bases
from tagwatch.walk.seed import Seeding
from tagwatch.walk.site import Site

__all__ = ["Survey", "needs_of", "survey"]

_STORED_AT_ONCE = 500
Progress = Callable[[RepositorySnapshot], None]


@dataclass(slots=True, kw_only=True)
class Survey:
    """What a survey learnt. `watched`: what the watch list came to beside what files name."""

    answers: Answers
    watched: list[Target] = field(default_factory=list)
    evidence: dict[str, Evidence] = field(default_factory=dict)
    changes: list[RepositoryChange] = field(default_factory=list)


async def survey(
    targets: Sequence[Target],
    ledger: Ledger,
    run_id: int,
    site: Site,
    *,
    watches: Sequence[Watch] = (),
    whole: bool = False,
    needs: Need | None = None,
    patience: Patience | None = None,
    progress: Progress | None = None,
) -> Survey:
    """Ask what `targets` and `watches` need and gather evidence for each; it is stored, too.

    `whole`: follow the approved bases as well, and read older builds of them for the images that
    stand on none that is known. `needs`: what to read (None: what the policy's rules judge). What
    one repository refuses harms only its own targets.
    """
    needs = needs_of(site.policy) if needs is None else needs
    async with open_asker(site) as asker:
        patience = patience or Patience()
        expanded, failures = await asker.expand(watches, patience)
        wants = wants_of_run(targets, expanded, site, with_bases=whole)
        answers = await asker.ask(
            wants,
            ledger,
            run_id,
            needs=needs,
            patience=patience,
            progress=progress,
        )
        answers.failures += failures
        found = Survey(answers=answers)
        asked = Need.DOCUMENTS in needs
        remembering = _Remembering(ledger, site, found, documents_asked=asked, seeds=whole)
        remembering.run(targets, expanded)
        if (seeds := remembering.seeds()) and not answers.stopped:
            answers.add(
                await asker.ask(
                    seeds,
                    ledger,
                    run_id,
                    needs=Need.DOCUMENTS,
                    patience=patience.left(),
                    progress=progress,
                )
            )
            remembering.match_again()
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

    def run(self, targets: Sequence[Target], watches: Sequence[Watch]) -> None:
        self._of_bases = base_repositories(self._site.policy, targets)
        self._recall_bases()
        if self._seeds:
            readings = self._found.answers.readings
            self._seeding = Seeding(self._ledger, self._site, readings, self._bases)
        moves = _by_repository(self._ledger.unexplained_moves())
        wanted = _targets_by_repository(targets)
        watched = _watches_by_repository(watches)
        for repository in sorted({*self._found.answers.readings, *wanted, *moves, *watched}):
            self._remember(
                repository,
                moves.get(repository, ()),
                wanted.get(repository, []),
                watched.get(repository, []),
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
                self._found.evidence[evidence.key] = evidence
                self._unstored.append(evidence)
        self._store()

    def _recall_bases(self) -> None:
        for repository in self._of_bases:
            store_bases(self._ledger, repository)
        self._bases = recall_bases(self._ledger, self._of_bases, self._site.policy)
        self._bases_unread = _unread(self._bases, self._site.policy)

    def _remember(
        self,
        repository: Repository,
        moves: Iterable[Move],
        targets: list[Target],
        watches: list[Watch],
    ) -> None:
        reading = self._found.answers.readings.get(repository)
        memory = recall_repository(self._ledger, repository, reading, self._site.at)
        if versions := _new_versions(memory):
            self._ledger.set_versions(repository, versions)
        changes = explain_moves(self._ledger, moves, memory, self._bases, self._site)
        self._found.changes += changes
        named = {evidence_key(target) for target in targets}
        watched = [one for one in _watched(watches, memory) if evidence_key(one) not in named]
        self._found.watched += watched
        evidence: dict[str, Evidence] = {}
        for target in (*sorted(targets, key=_is_not_parent), *watched):
            key = evidence_key(target)
            if key is not None and key not in evidence:
                evidence[key] = self._gather(target, memory)
        self._found.evidence |= evidence
        self._unstored += evidence.values()
        if len(self._unstored) >= _STORED_AT_ONCE:
            self._store()

    def _store(self) -> None:
        """Evidence can be made again, so that repositories may share a wait for the disk."""
        self._ledger.put_evidence(self._unstored)
        self._unstored.clear()

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
            rank=self._rank,
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

    def _rank(self, reference: str) -> int | None:
        """The reference's place among the policy's bases."""
        base = self._site.policy.base_named(Reference.parse(reference))
        return self._site.policy.bases.index(base) if base is not None else None


def _unread(bases: BaseIndex, policy: Policy) -> tuple[str, ...]:
    """The policy's bases of which no build was ever read, in its order."""
    read = [Reference.parse(name) for name in bases.by_reference]
    return tuple(
        base.reference
        for base in policy.bases
        if base.reference != SCRATCH and not any(base.names(reference) for reference in read)
    )


def _is_not_parent(target: Target) -> bool:
    """False for what a `FROM` names: it is the base of what will be built, whoever else uses it."""
    return target.kind != "from"


def _new_versions(memory: Memory) -> dict[str, str]:
    """The concrete version of every tag whose digest is known, where it is not stored so."""
    named = {
        tag: version_of(tag, memory.table)
        for tag, digest in memory.table.digests.items()
        if digest is not None
    }
    stored = {tag: past[-1].version for tag, past in memory.intervals.items()}
    return {
        tag: version
        for tag, version in named.items()
        if version is not None and version != stored.get(tag)
    }


def _watched(watches: Iterable[Watch], memory: Memory) -> Iterator[Target]:
    """A target for each tag watched by name, `*` or regex; one for a range as a whole."""
    for watch in watches:
        for text in watch.tags or ("*",):
            pattern = pattern_of(watch, text)
            if pattern is None:
                yield _watch_target(watch, memory.repository, text)
                continue
            selector = parse_selector(text)
            if selector.kind is SelectorKind.RANGE:
                yield _watch_target(watch, memory.repository, None, text)
                continue
            found = [tag.text for tag in select(selector, memory.table)]
            for tag in [tag for tag in found if pattern.lets_through(tag)][: watch.max_tags]:
                yield _watch_target(watch, memory.repository, tag)


def _watch_target(
    watch: Watch, repository: Repository, tag: str | None, selector: str | None = None
) -> Target:
    reference = Reference(repository=repository, tag=tag)
    return Target(
        text=f"{repository}:{selector or tag}",
        location=watch.location,
        kind="watch",
        reference=reference,
        selector=selector,
    )


def _by_repository(moves: Iterable[Move]) -> Mapping[Repository, tuple[Move, ...]]:
    ordered = sorted(moves, key=lambda move: (move.repository, move.at, move.tag))
    return {
        repository: tuple(group)
        for repository, group in groupby(ordered, key=lambda move: move.repository)
    }


def _watches_by_repository(watches: Iterable[Watch]) -> dict[Repository, list[Watch]]:
    found: dict[Repository, list[Watch]] = {}
    for watch in watches:
        found.setdefault(Repository.parse(watch.image), []).append(watch)
    return found


def _targets_by_repository(targets: Iterable[Target]) -> dict[Repository, list[Target]]:
    found: dict[Repository, list[Target]] = {}
    for target in targets:
        if target.reference is not None:
            found.setdefault(target.reference.repository, []).append(target)
    return found
