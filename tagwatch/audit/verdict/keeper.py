"""What the rules said of a repository, kept: where nothing of it is new, they are not asked again.

A judgement holds what the rules said of every target of one repository, each before an ignore or a
base takes it out: that is decided anew each time, for it looks at the whole. It says of which
moment it is, and from when on time alone may change it. Whoever keeps it names all else that it
was made of.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from tagwatch.audit.model.coverage import Reading, State
from tagwatch.audit.model.evidence import Evidence, Newer
from tagwatch.audit.model.finding import Finding
from tagwatch.audit.rule.interface import Rule, Statement, Subject
from tagwatch.audit.rule.occasion import of_file, of_policy, of_target
from tagwatch.audit.verdict.exemption import base_references
from tagwatch.audit.verdict.result import Purpose
from tagwatch.family import RULES
from tagwatch.image.reference import Reference, Repository
from tagwatch.source.target import Extraction, Target, is_replaced
from tagwatch.value import dataclass, field, replace

if TYPE_CHECKING:
    from tagwatch.audit.model.knowledge import Knowledge
    from tagwatch.audit.model.policy import Policy
    from tagwatch.audit.verdict.exemption import Exemptions
    from tagwatch.audit.verdict.result import Case, Tally

__all__ = ["Due", "Judgement", "Keeper", "Stood", "Told", "Transcript"]

_READ = Reading(state=State.READ)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What was said of one target, by the rules about targets or by one about its file."""

    place: int
    """Which of the repository's targets it is, in the order of the run."""
    of: str = ""
    """What the target says, and where: a place alone is not trusted."""
    rule: str = ""
    """The rule about files; empty: all those about targets."""
    findings: tuple[Finding, ...] = ()
    """Each with its first fingerprint: how many before it have the same is counted anew."""
    subjects: tuple[str, ...] = ()
    """What tells each finding apart; see `Statement.subject`."""
    asked: tuple[str, ...] = ()
    """The rules that were asked, where an ignore may speak of the target."""
    wished: tuple[tuple[Reference, Purpose], ...] = ()
    """What a better judgement would have to look up."""
    kept: tuple[tuple[tuple[str, Mapping[str, str]], ...], ...] = ()
    """What was kept back, each time with the reasons."""

    def __bool__(self) -> bool:
        return bool(self.findings or self.asked or self.wished or self.kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the rules said of the targets of one repository, all of which were read."""

    at: datetime
    targets: int
    told: Collection[Told] = ()
    """Of targets of which anything was said, sorted by rule and place. It may be read from disk."""
    rules: tuple[str, ...] = ()
    """The rules about files that said any of it; empty text: some was said about targets."""
    occasions: tuple[str, ...] = ()
    bases: Mapping[str, str] = field(default_factory=dict)
    """See `exemption.base_references`."""
    adapted: Mapping[str, tuple[Newer, Newer]] = field(default_factory=dict)
    """By evidence key, the newer tags that were known, and those of them that are offered."""
    again_at: datetime | None = None
    """The first moment at which time alone may change it; None: never."""


class Session(Protocol):
    """The part of a judge that takes over what was said."""

    at: datetime
    bases: dict[str, str]
    adapted: dict[str, tuple[Newer, Newer]]
    tally: Tally
    exemptions: Exemptions

    def want(self, told: Told, target: Target) -> None:
        """Take over what was wished for and kept back at a target."""

    def take(self, finding: Finding, target: Target, subject: str) -> None:
        """Add a finding, or what takes it out."""


class Stood:
    """A judgement that holds still, while its targets come by in turn."""

    def __init__(self, judgement: Judgement, keys: Collection[str]) -> None:
        self.judgement = judgement
        self.keys = keys
        """The evidence keys of its targets."""
        self._ahead: dict[str, _Ahead] = {}
        """What was said of the next targets, by the rule about files that said it."""
        self._places: dict[str, int] = {}
        self._met_another = False

    @property
    def is_of_others(self) -> bool:
        """True where other targets came by than those that were judged."""
        return self._met_another or self._places.get("", 0) != self.judgement.targets

    def take_over(self, session: Session, targets: Collection[Target]) -> None:
        """Let a judge take over what was said of the next targets, in the order of the run."""
        judgement = self.judgement
        session.bases |= judgement.bases
        session.adapted |= judgement.adapted
        read, built = len(targets), 0
        if isinstance(targets, tuple):  # of a file, which may build them
            read = sum("built" not in target.facts for target in targets)
            built = sum(map(is_replaced, targets))
        session.tally.add(_READ, read)
        session.tally.built += built
        self.repeat(session, targets)

    def repeat(self, session: Session, targets: Collection[Target], rule: str = "") -> None:
        """Say again what was said of the next targets; `rule`: by one about files."""
        for told, target in self._next(targets, rule):
            if told.of != _named(target):
                self._met_another = True
                return
            if not rule:
                session.exemptions.tried(target, told.asked)
            session.want(told, target)
            for finding, subject in zip(told.findings, told.subjects, strict=True):
                session.take(_as_of(finding, session.at), target, subject)

    def _next(self, targets: Collection[Target], rule: str) -> Iterator[tuple[Told, Target]]:
        start = self._places.get(rule, 0)
        self._places[rule] = end = start + len(targets)
        if rule not in self.judgement.rules:
            return
        if rule not in self._ahead:
            self._ahead[rule] = _Ahead(self.judgement.told, rule)
        ahead = self._ahead[rule]
        place, rest = start, iter(targets)  # once: a watch makes its targets each time
        target: Target | None = None
        while ahead.next is not None and ahead.next.place < end:
            told = ahead.pop()
            if target is None or told.place >= place:
                target = next(islice(rest, told.place - place, None))
                place = told.place + 1
            yield told, target


class _Ahead:
    """What one rule said, or all those about targets: one after the other, the next in view."""

    def __init__(self, told: Iterable[Told], rule: str) -> None:
        self._rest = (one for one in told if one.rule == rule)
        self.next = next(self._rest, None)

    def pop(self) -> Told:
        """Return the next one, and go on."""
        told, self.next = self.next, next(self._rest, None)
        assert told is not None
        return told


def _named(target: Target | None) -> str:
    return "" if target is None else f"{target.text} {target.location}"


def _as_of(finding: Finding, at: datetime) -> Finding:
    """Return the finding as it is said at `at`, of an image that was read again then."""
    if "read_at" not in finding.evidence:
        return finding
    read_at = at.isoformat().replace("+00:00", "Z")
    return replace(finding, evidence={**finding.evidence, "read_at": read_at})


class Due:
    """The first moment at which time alone may change what rules were heard to say."""

    def __init__(self) -> None:
        self.at: datetime | None = None
        """None: never."""
        self.is_unknown = False
        """True where a rule could not tell: then it is asked again the next time."""
        self._undated: tuple[Evidence | None, Evidence | None] = (None, None)

    def asked(self, rule: Rule, subject: Subject) -> None:
        """Take down when a rule may say something else.

        An image that was read now will be read again till then: it is of no day.
        """
        if rule.again is None:
            return
        if subject.evidence is not None and subject.evidence.at == subject.at:
            known, undated = self._undated
            if known is not subject.evidence or undated is None:
                undated = replace(subject.evidence, at=None)
                self._undated = (subject.evidence, undated)
            subject = replace(subject, evidence=undated)
        try:
            self.note(rule.again(subject))
        except Exception:  # noqa: BLE001  # then it is asked again the next time
            self.is_unknown = True

    def note(self, moment: datetime | None) -> None:
        """Take down a moment; None stands for never."""
        if moment is not None and (self.at is None or moment < self.at):
            self.at = moment


class Transcript:
    """The judgement of a repository in the making. It takes down what the judge does."""

    def __init__(self, repository: Repository, at: datetime) -> None:
        self._repository = repository
        self._at = at
        self._places: dict[str, int] = {}
        self._told: list[Told] = []
        self._bases: dict[str, str] = {}
        self._adapted: dict[str, tuple[Newer, Newer]] = {}
        self._due = Due()
        self.occasions: set[str] = set()
        self.is_spoiled = False
        """True where it cannot be kept: not all of it was read, or it rests on something else."""
        self._begin()

    def _begin(self) -> None:
        self._findings: list[Finding] = []
        self._subjects: list[str] = []
        self._wished: list[tuple[Reference, Purpose]] = []
        self._kept: list[tuple[tuple[str, Mapping[str, str]], ...]] = []

    def close(
        self, asked: Iterable[str], target: Target | None, *, rule: str = "", place: int = 0
    ) -> None:
        """End what is said of a target, the one at `place` after those that came by before."""
        told = Told(
            place=self._places.get(rule, 0) + place,
            of=_named(target),
            rule=rule,
            findings=tuple(self._findings),
            subjects=tuple(self._subjects),
            asked=tuple(asked),
            wished=tuple(self._wished),
            kept=tuple(self._kept),
        )
        if told:
            self._told.append(told)
        self._begin()

    def close_by_file(self, statement: Statement, targets: Collection[Target], rule: str) -> None:
        """End what a rule about files says of one of some targets."""
        places = (place for place, one in enumerate(targets) if one == statement.target)
        place = next(places, None)
        last = self._told[-1] if self._told else None
        if place is None or statement.location is not None:
            self.is_spoiled = True  # of the file, or of several: that is not this repository's
            place = 0
        elif last is not None and last.rule == rule:
            # they are said again in the order of the targets
            self.is_spoiled = self.is_spoiled or last.place > self._places.get(rule, 0) + place
        self.close((), statement.target, rule=rule, place=place)

    def pass_by(self, targets: Collection[Target], rule: str = "") -> None:
        """Note that all was said of some targets."""
        self._places[rule] = self._places.get(rule, 0) + len(targets)

    def find(self, finding: Finding, subject: str) -> None:
        """Take down a finding, with its first fingerprint."""
        self._findings.append(finding)
        self._subjects.append(subject)

    def wish(self, reference: Reference, purpose: Purpose) -> None:
        """Take down that more is to be known of a reference that may be written."""
        self._wished.append((reference, purpose))

    def look(self, reference: Reference) -> None:
        """Take down that evidence was looked for: that of another repository may change."""
        self.is_spoiled = self.is_spoiled or reference.repository != self._repository

    def keep(self, refused: Sequence[tuple[str, Mapping[str, str]]]) -> None:
        """Take down what was kept back, with the reasons."""
        self._kept.append(tuple(refused))

    def read(
        self,
        evidence: Evidence | None,
        living: Evidence | None,
        reading: Reading,
        again_at: datetime | None,
    ) -> None:
        """Take down the evidence of a target, how it is known, and what is told of it.

        `again_at`: when less of it is to be told.
        """
        if evidence is None or living is None or evidence.at != self._at:
            self.is_spoiled = True
            return
        if reading.state is not State.READ or reading.reason is not None:
            self.is_spoiled = True
        self._bases |= base_references([evidence])
        if living is not evidence:
            newer = (evidence.resolution.newer, living.resolution.newer)
            self._adapted[evidence.key] = newer
        self._due.note(again_at)

    @property
    def asked(self) -> Callable[[Rule, Subject], None]:
        """See `Due.asked`."""
        return self._due.asked

    def judgement(self) -> Judgement | None:
        """Return what was made; None where it cannot be kept."""
        if self.is_spoiled or self._due.is_unknown:
            return None
        return Judgement(
            at=self._at,
            targets=self._places.get("", 0),
            told=tuple(sorted(self._told, key=lambda one: (one.rule, one.place))),
            rules=tuple(sorted({one.rule for one in self._told})),
            occasions=tuple(sorted(self.occasions)),
            bases=self._bases,
            adapted=self._adapted,
            again_at=self._due.at,
        )


class Keeper:
    """The judgements of one run: those that hold still, and those that are made to be kept."""

    def __init__(
        self, stood: Mapping[Repository, Stood], kept: Collection[Repository] = ()
    ) -> None:
        self.stood = stood
        self._kept = frozenset(kept) - stood.keys()
        """The repositories whose judgement is to be kept."""
        self._transcripts: dict[Repository, Transcript] = {}

    def drop_misplaced(self) -> bool:
        """Forget what turned out to be said of other targets; True where there is any of it.

        Then all is judged once more: the rest is taken over from the beginning.
        """
        misplaced = {one for one, stood in self.stood.items() if stood.is_of_others}
        if misplaced:
            self.stood = {
                one: Stood(stood.judgement, stood.keys)
                for one, stood in self.stood.items()
                if one not in misplaced
            }
            self._kept |= misplaced
            self._transcripts = {}
        return bool(misplaced)

    def shares(
        self, targets: Collection[Target]
    ) -> Iterator[tuple[Repository | None, Collection[Target]]]:
        """Yield the targets in their order, in stretches of one repository each.

        The watch list has its own, which know their repository before a target is made of them.
        """
        for part in getattr(targets, "parts", (targets,)):
            repository = getattr(part, "repository", None)
            if repository is not None:
                yield repository, part
                continue
            for target in part:
                reference = target.reference
                yield (reference.repository if reference is not None else None), (target,)

    def transcript(self, repository: Repository | None, at: datetime) -> Transcript | None:
        """Return what takes down what is said of a repository; None where that is not kept."""
        if repository is None or repository not in self._kept:
            return None
        if repository not in self._transcripts:
            self._transcripts[repository] = Transcript(repository, at)
        return self._transcripts[repository]

    def divides(self, rule: Rule, extraction: Extraction) -> bool:
        """Return True where a rule is asked about each repository of a file by itself.

        A watch list has nothing but targets, so that rules of ours say nothing of several at once.
        """
        parts = getattr(extraction.targets, "parts", ())
        return (
            rule.id in RULES
            and rule.again is None
            and bool(parts)
            and all(hasattr(part, "repository") for part in parts)
            and not (extraction.instructions or extraction.ports)
        )

    def occasions(self, case: Case, policy: Policy, knowledge: Knowledge) -> frozenset[str] | None:
        """Return the occasions that there are, and note those that each repository gives.

        None stands for all of them: where there are ignores, every rule is asked.
        """
        given = set(of_policy(policy))
        has_ignores = bool(policy.ignores)
        for _, extraction in case.files:
            given.update(of_file(extraction))
            has_ignores = has_ignores or bool(extraction.ignores)
            for repository, targets in self.shares(extraction.targets):
                if isinstance(targets, tuple):  # the watch list has no ignores
                    has_ignores = has_ignores or any(target.ignores for target in targets)
                if repository is not None and repository in self.stood:
                    given.update(self.stood[repository].judgement.occasions)
                    continue
                transcript = self.transcript(repository, case.at)
                for target in targets:
                    words = tuple(of_target(target, case.evidence, policy, knowledge))
                    given.update(words)
                    if transcript is not None:
                        transcript.occasions.update(words)
        return None if has_ignores else frozenset(given)

    @property
    def made(self) -> Iterator[tuple[Repository, Judgement]]:
        """The judgements that were made in this run and can be kept."""
        for repository, transcript in self._transcripts.items():
            if (judgement := transcript.judgement()) is not None:
                yield repository, judgement
