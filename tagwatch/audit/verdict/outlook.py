"""The outlook of images: what each is now, what newer there is to move to, and until when.

It is pure. What it names as newer passed `verdict.hand`, like all that is advised or written: no
step leads to an image that is dead, replaced or too young. What is kept back is told with its
reasons. Rules about files do not speak here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum

from tagwatch.audit.model.evidence import Evidence, Status, evidence_key, is_readable
from tagwatch.audit.model.knowledge import Knowledge
from tagwatch.audit.model.policy import Policy
from tagwatch.audit.rule.bench import Bench, active_rules
from tagwatch.audit.rule.image_too_old import built_at
from tagwatch.audit.rule.interface import RuleScope, Subject
from tagwatch.audit.rule.occasion import Occasions, occasions
from tagwatch.audit.rule.offering import lower, offer_tags
from tagwatch.audit.rule.phrase import ENOUGH
from tagwatch.audit.rule.release_end import ReleaseEnd, known_ends, release_ends
from tagwatch.audit.verdict.exemption import Exemptions
from tagwatch.audit.verdict.fixing import is_fixable
from tagwatch.audit.verdict.hand import Hand, Refusal, Standing
from tagwatch.audit.verdict.keeper import Due
from tagwatch.audit.verdict.result import Wanted
from tagwatch.image.reference import Reference
from tagwatch.source.target import Extraction, Location, Target
from tagwatch.value import dataclass, field, replace

__all__ = ["End", "Level", "Outlook", "Prospect", "Prospects", "Step", "prospects_of"]

_UNREAD = "its registry was not read"
_UNKNOWN = "nothing is known of it"


class Level(StrEnum):
    """The size of a step to a newer version."""

    PATCH = "patch"
    """Within the patch series; of a line without versions (dates, counts of builds), any."""
    MINOR = "minor"
    """Within the major version."""
    MAJOR = "major"
    """To a later major version."""

    @property
    def rank(self) -> int:
        """How large the step is, from 1."""
        return list(Level).index(self) + 1


class Outlook(StrEnum):
    """What an image may move to, in a word."""

    OUTDATED = "outdated"
    """There is something newer that may be written."""
    WAITING = "waiting"
    """All that is newer is kept back: too young, dead, replaced …"""
    CURRENT = "up-to-date"
    """Nothing newer is there."""
    NOT_COMPARABLE = "not-comparable"
    """Its tag stands in no order with others."""
    NOT_FOUND = "not-found"
    """Its tag or digest does not exist, and nothing is there in its place."""
    NOT_READ = "not-read"
    """Nobody knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """The end of a release line that an image has inside."""

    product: str
    line: str
    on: date | None
    """The last day; None where it is over since a day that is not known."""
    is_over: bool
    sure: bool = True
    """False for a guess by a name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step to something newer."""

    level: Level
    reference: Reference | None
    """The newest that may be written; None where all of it is kept back."""
    between: tuple[Reference, ...] = ()
    """The newest of each major version on the way to `reference` that may be written, the newest
    first."""
    ends: tuple[End, ...] = ()
    """The ends of what `reference` has inside."""
    kept_back: Reference | None = None
    """What is newer still, and may not be written; None where `reference` is the newest."""
    reasons: Mapping[str, str] = field(default_factory=dict)
    """What the rules say against `kept_back`, by rule."""
    listed_at: datetime | None = None
    """When the tag of `reference` was first there; None where it is older, or nobody knows."""
    old_enough_from: str = ""
    """When `kept_back` has cooled down, `2026-11-25 02:00 UTC`; empty where that is not all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prospect:
    """One image, with its places and its outlook."""

    name: str
    """As short as people write it, or the text where it names no image."""
    reference: Reference | None
    places: tuple[Location, ...]
    outlook: Outlook
    now: str | None = None
    """The concrete tag or version that it is."""
    digest: str | None = None
    built_at: datetime | None = None
    """When its newest audited platform was built, by its publisher's word."""
    read_at: datetime | None = None
    ends: tuple[End, ...] = ()
    """The ends of its release lines, its own product first."""
    steps: tuple[Step, ...] = ()
    """The smallest first; no two name the same reference."""
    why: str = ""
    """Why nothing newer is named, or that what is there does not exist."""

    @property
    def is_over(self) -> bool:
        """True where a release line in it is surely past its end of life."""
        return any(one.is_over and one.sure for one in self.ends)

    @property
    def is_outdated(self) -> bool:
        """True where there is something to do: to move on, or to leave a line that is over."""
        return self.is_over or self.outlook is Outlook.OUTDATED

    def step(self, level: Level) -> Step | None:
        """Return the step of this size."""
        return next((one for one in self.steps if one.level is level), None)

    @property
    def farthest(self) -> int:
        """The rank of the largest step that may be made; 0 for none."""
        return max((one.level.rank for one in self.steps if one.reference), default=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prospects:
    """All images of some files, the most urgent first."""

    at: datetime
    images: tuple[Prospect, ...]
    level: Level = Level.MAJOR
    complete: bool = True
    """False where something could not be read."""
    wanted: tuple[Wanted, ...] = ()
    """What to look up to judge better what is newer."""
    again_at: datetime | None = None
    """The first moment at which time alone may change any of it: `at` where nobody can tell, None
    for never."""

    @property
    def outdated(self) -> tuple[Prospect, ...]:
        """The images with something to do."""
        return tuple(one for one in self.images if one.is_outdated)

    def of(self, outlook: Outlook) -> tuple[Prospect, ...]:
        """Return the images with this outlook that are not past their end of life."""
        return tuple(one for one in self.images if one.outlook is outlook and not one.is_over)

    def with_step(self, level: Level) -> int:
        """Return how many images may make a step of this size."""
        return sum(
            (step := one.step(level)) is not None and step.reference is not None
            for one in self.images
        )


def prospects_of(
    files: Sequence[tuple[str, Extraction]],
    evidence: Mapping[str, Evidence],
    policy: Policy,
    knowledge: Knowledge,
    *,
    at: datetime,
    beside: Mapping[str, Evidence],
    level: Level = Level.MAJOR,
) -> Prospects:
    """Return the outlook of every image in these files, one for each distinct reference.

    `beside`: evidence of what might be written instead, by key. Images that the files build, the
    watch list, and names whose tag another file has are left out.
    """
    session = _Session(files, evidence, policy, knowledge, at=at, beside=beside, level=level)
    together: dict[str, list[tuple[Target, Extraction]]] = {}
    for _, extraction in files:
        for target in extraction.targets:
            if target.reference is None or is_fixable(target):
                key = evidence_key(target) or f"\0{target.text}"
                together.setdefault(key, []).append((target, extraction))
    images = [session.judged(targets) for targets in together.values()]
    return Prospects(
        at=at,
        images=tuple(sorted(images, key=_most_urgent)),
        level=level,
        wanted=tuple(session.hand.wanted.values()),
        complete=not any(one.outlook is Outlook.NOT_READ and one.reference for one in images),
        again_at=at if session.due.is_unknown else session.due.at,
    )


def _most_urgent(one: Prospect) -> tuple[object, ...]:
    order = list(Outlook)
    return (not one.is_over, order.index(one.outlook), -one.farthest, one.name)


class _Session:
    """What one outlook is made with: the rules, and the hand that decides."""

    def __init__(
        self,
        files: Sequence[tuple[str, Extraction]],
        evidence: Mapping[str, Evidence],
        policy: Policy,
        knowledge: Knowledge,
        *,
        at: datetime,
        beside: Mapping[str, Evidence],
        level: Level,
    ) -> None:
        self._evidence = evidence
        self._levels = [one for one in Level if one.rank <= level.rank]
        self.due = Due()
        self._bench = Bench(at, policy, knowledge)
        self._bench.noting = self.due.asked
        given = occasions(files, policy, Occasions(evidence, policy, knowledge))
        self._rules = [
            rule for rule in active_rules(policy, given) if rule.scope is RuleScope.TARGET
        ]
        exemptions = Exemptions(policy=policy, at=at)
        self.hand = Hand(self._bench, exemptions, evidence, beside)

    def judged(self, targets: Sequence[tuple[Target, Extraction]]) -> Prospect:
        """Return the outlook of an image, with all places that name it."""
        try:
            return self._prospect(targets)
        except Exception as error:  # noqa: BLE001  # one image's trouble is that image's
            target, _ = targets[0]
            return Prospect(
                name=_name(target) if target.reference is not None else target.text,
                reference=target.reference,
                places=tuple(sorted({one.location for one, _ in targets})),
                outlook=Outlook.NOT_READ,
                why=f"it cannot be judged: {type(error).__name__}",
            )

    def _prospect(self, targets: Sequence[tuple[Target, Extraction]]) -> Prospect:
        target, extraction = targets[0]
        places = tuple(sorted({one.location for one, _ in targets}))
        if target.reference is None:
            why = f"no value for {', '.join(target.missing)}" if target.missing else target.invalid
            return Prospect(
                name=target.text,
                reference=None,
                places=places,
                outlook=Outlook.NOT_READ,
                why=why or "no reference",
            )
        known = self._evidence.get(evidence_key(target) or "")
        subject = self._subject(target, known)
        found = Prospect(
            name=_name(target),
            reference=target.reference,
            places=places,
            outlook=Outlook.NOT_READ,
            ends=self._ends(subject),
            why=_why_unread(known),
        )
        if known is None or not is_readable(known):
            return found
        steps = tuple(self._steps(target, known, extraction))
        outlook, why = _outlook(target, known, steps)
        return replace(
            found,
            now=known.resolution.name,
            digest=known.resolution.digest,
            built_at=built_at(subject),
            read_at=known.at,
            steps=steps,
            outlook=outlook,
            why=why,
        )

    def _steps(self, target: Target, known: Evidence, extraction: Extraction) -> Iterator[Step]:
        newer = known.resolution.newer
        if not newer:
            return
        standing = self._standing(target, known, extraction)
        named: set[Reference] = set()
        for level in self._levels:
            tags = lower(newer, level)
            for offer in offer_tags(target, *tags):
                choice = self.hand.choose(standing, offer)
                chosen = choice.candidate.reference if choice.candidate is not None else None
                first = choice.refused[0] if choice.refused else None
                if chosen not in named and (chosen is not None or first is not None):
                    step = self._step(level, target, chosen, first)
                    tag = chosen.tag if chosen is not None else None
                    yield replace(
                        step,
                        listed_at=known.new_tags.get(tag or ""),
                        between=self._between(target, standing, newer.majors, tag)
                        if level is Level.MAJOR
                        else (),
                    )
                named |= {chosen} if chosen is not None else set()

    def _between(
        self, target: Target, standing: Standing, majors: Sequence[str], chosen: str | None
    ) -> tuple[Reference, ...]:
        """Return the newest of each major version below the `chosen` tag, if it passes."""
        if chosen is None:
            return ()
        below = majors[majors.index(chosen) + 1 :] if chosen in majors else majors
        offers = (offer for tag in below for offer in offer_tags(target, tag))
        choices = (self.hand.choose(standing, offer).candidate for offer in offers)
        return tuple(one.reference for one in choices if one is not None)

    def _step(
        self, level: Level, target: Target, chosen: Reference | None, first: Refusal | None
    ) -> Step:
        there = replace(target, reference=chosen, selector=None) if chosen is not None else None
        reasons = first.reasons if first is not None else {}
        young = reasons.get("cooldown", "") if len(reasons) == 1 else ""
        return Step(
            level=level,
            reference=chosen,
            ends=self._ends(self._subject(there, None)) if there is not None else (),
            kept_back=first.candidate.reference if first is not None else None,
            reasons=reasons,
            old_enough_from=young.partition(f"{ENOUGH} ")[2],
        )

    def _standing(self, target: Target, known: Evidence, extraction: Extraction) -> Standing:
        """Return what stands at the target, with what the rules say of it."""
        carries: dict[tuple[str, str], int] = {}
        subject = self._bench.subject(target, known, extraction.instructions)
        for rule in self._rules:
            if not self._bench.is_asked(rule, target, known):
                continue
            try:
                said = tuple(self._bench.ask(rule, subject))
            except Exception:  # noqa: BLE001, S112  # what it may carry then excuses no candidate
                continue
            for statement in said:
                rank = self._bench.severity(rule, statement, target).rank
                key = (rule.id, statement.subject)
                carries[key] = max(carries.get(key, rank), rank)
        return Standing(
            target=target, evidence=known, instructions=extraction.instructions, carries=carries
        )

    def _subject(self, target: Target, known: Evidence | None) -> Subject:
        return self._bench.subject(target, known, ())

    def _ends(self, subject: Subject) -> tuple[End, ...]:
        for end in known_ends(subject):
            if end.over_at is not None and end.over_at > subject.at:
                self.due.note(end.over_at)
        return tuple(_end(one, subject) for one in release_ends(subject))


def _end(one: ReleaseEnd, subject: Subject) -> End:
    return End(
        product=one.product.name,
        line=one.cycle.name,
        on=one.ends,
        is_over=one.is_past(subject.at.date()),
        sure=one.sure,
    )


def _why_unread(known: Evidence | None) -> str:
    if known is None:
        return _UNKNOWN
    return next((one.message for one in known.failures if one.message), _UNREAD)


def _outlook(target: Target, known: Evidence, steps: Iterable[Step]) -> tuple[Outlook, str]:
    resolution, newer = known.resolution, known.resolution.newer
    own, gone = target.reference, ""
    if resolution.status is Status.NOT_FOUND:
        what = "digest" if own is not None and own.digest is not None else "tag"
        gone = f"its {what} does not exist"
    if any(one.reference is not None for one in steps):
        return Outlook.OUTDATED, gone
    if any(steps):
        return Outlook.WAITING, gone
    if gone:
        return Outlook.NOT_FOUND, gone
    if newer.not_comparable:
        return Outlook.NOT_COMPARABLE, newer.not_comparable
    return Outlook.CURRENT, ""


def _name(target: Target) -> str:
    assert target.reference is not None
    if target.selector is not None:
        return f"{Reference(repository=target.reference.repository)}:{target.selector}"
    return target.reference.brief
