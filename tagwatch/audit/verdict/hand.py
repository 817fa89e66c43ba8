"""The hand: it decides whether a reference may be written in place of the one that stands.

Whatever is written or advised goes through `Hand.choose`: the fixes of findings, pins, renewals,
newer tags, and what remedies name. A candidate is judged as if it stood there, by the same rules.
It passes if it carries no finding of `CLOSED`, and no other error or warning that what stands there
does not carry. A note of those rules counts, too, unless what stands has it. What the user ignores
with a reason counts nowhere.

A digest brings all moves of its tag that lie between it and what stands: a replaced image that was
rebuilt a night later is still none to write.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from tagwatch.audit.model.evidence import Evidence, evidence_key, is_readable
from tagwatch.audit.model.finding import Severity
from tagwatch.audit.model.history import UNRECORDED
from tagwatch.audit.rule.bench import Bench, active_rules
from tagwatch.audit.rule.interface import Candidate, Offer, Rule, RuleScope, Statement
from tagwatch.audit.rule.occasion import of_policy, of_target
from tagwatch.audit.rule.phrase import ENOUGH, served_now
from tagwatch.audit.rule.view import View, as_pin, listing, told_by, views
from tagwatch.audit.verdict.exemption import Exemptions
from tagwatch.audit.verdict.result import Purpose, Wanted
from tagwatch.image.reference import Reference
from tagwatch.source.target import Extraction, Instruction, Target
from tagwatch.value import dataclass, field, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tagwatch.audit.verdict.keeper import Transcript

__all__ = ["AT_ONCE", "CLOSED", "NOTES", "UNKNOWN", "Choice", "Hand", "Refusal", "Standing"]

CLOSED = frozenset(
    {"tag-replaced", "tag-downgraded", "tag-os-shifted", "cooldown", "tag-deleted"}
    | {"pin-unresolvable", "digest-tag-disagree", "version-eol", "os-eol", "image-retired"}
    | {"registry-not-allowed", "repository-not-allowed", "official-lookalike"}
    | {"platform-dropped", "platform-missing", "base-not-approved"}
)
"""Rules whose warnings and errors keep a candidate back, even where what stands has them, too."""
NOTES = frozenset(
    {"tag-moving", "tag-abandoned", "tag-rebuilt", "base-unknown", "base-behind", "eol-soon"}
)
"""Rules that say notes and nothing worse: of a candidate none of them counts."""
_OF_A_TAG = frozenset({"digest-unpinned", "tag-moving"})
"""Rules that speak of a tag because no digest stands beside it."""
UNKNOWN = "unknown"
"""The reason, in place of a rule, for what nothing or too little is known of."""
AT_ONCE = 2
"""So many unknown candidates of an offer are looked up at once: the first mostly passes."""
_NOBODY = "who said what it serves was not recorded; check it without --offline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What stands in a file, with what the rules say of it."""

    target: Target
    evidence: Evidence | None
    instructions: tuple[Instruction, ...] = ()
    carries: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """The rank of the worst statement by rule and subject."""

    @property
    def is_pinned(self) -> bool:
        """True where a digest stands in the file."""
        return self.target.reference is not None and self.target.reference.digest is not None

    @property
    def pulled(self) -> str | None:
        """The digest that is pulled today; None where that is not known, and for a pattern."""
        reference, told = self.target.reference, self.evidence
        assert reference is not None
        if reference.digest is not None or told is None:
            return reference.digest
        served = (told.resolution.tag, *told.resolution.aliases)
        return told.resolution.digest if reference.effective_tag in served else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A candidate that does not pass, and why."""

    candidate: Candidate
    reasons: Mapping[str, str]
    """What the rules say of it, by rule; under `unknown` what is not known of it."""

    @property
    def told(self) -> str:
        """That it is kept back, by which rules, and until when where that is known."""
        why = ", ".join(
            f"{rule} ({enough}{until})" if enough else rule
            for rule, said in self.reasons.items()
            for _, enough, until in [said.partition(ENOUGH)]
        )
        return f"{self.candidate.reference.brief} is kept back: {why}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The first candidate that passes, and those before it that do not."""

    candidate: Candidate | None
    refused: tuple[Refusal, ...] = ()
    unchecked: bool = False
    """True where it is not known whether the chosen digest is still there."""


class Hand:
    """Judges candidates for what stands in files, and notes what it would have to know of them."""

    def __init__(
        self,
        bench: Bench,
        exemptions: Exemptions,
        evidence: Mapping[str, Evidence],
        beside: Mapping[str, Evidence],
    ) -> None:
        self._bench = bench
        self._exemptions = exemptions
        self._evidence = evidence
        self._beside = beside
        self._rules: dict[tuple[frozenset[str], bool], tuple[Rule, ...]] = {}
        self._of_policy = frozenset(of_policy(bench.policy))
        self._judged_for: Standing | None = None
        self._judged: dict[object, Mapping[str, str]] = {}
        self.wanted: dict[str, Wanted] = {}
        """What a better judgement would have to look up, by evidence key."""
        self.notes: Transcript | None = None
        """Takes down what happens, where somebody keeps the answers."""

    def standing(
        self,
        said: Iterable[tuple[Rule, Statement]],
        target: Target,
        evidence: Evidence | None,
        instructions: tuple[Instruction, ...],
    ) -> Standing:
        """Return what stands at a target, with what the rules said of it."""
        carries: dict[tuple[str, str], int] = {}
        for rule, statement in said:
            rank = self._bench.severity(rule, statement, target).rank
            key = (rule.id, statement.subject)
            carries[key] = max(carries.get(key, rank), rank)
        return Standing(
            target=target, evidence=evidence, instructions=instructions, carries=carries
        )

    def others(self, extraction: Extraction, standing: Standing | None) -> Iterator[Standing]:
        """Yield what stands elsewhere in the file. It may not be judged yet: it carries nothing."""
        for one in extraction.targets:
            if one.reference is not None and (standing is None or one is not standing.target):
                yield Standing(
                    target=one,
                    evidence=self._evidence.get(evidence_key(one) or ""),
                    instructions=extraction.instructions,
                )

    def choose(self, standing: Standing, offer: Offer, *, sure: bool = False) -> Choice:
        """Return the first candidate of `offer` that may be written in place of what stands.

        `sure`: it will be written, so that one of which too little is known does not pass.
        """
        refused: list[Refusal] = []
        unknown = 0
        for candidate in offer.candidates:
            if candidate.reference == standing.target.reference:
                return Choice(candidate=candidate)  # written in full, or again: nothing changes
            goes_back, reference = bool(offer.despite), candidate.reference
            too_new = self._objections_to_name(reference, standing)
            facts = self._facts(
                reference,
                standing,
                sure=sure,
                goes_back=goes_back,
                wants=not too_new and (not sure or unknown < AT_ONCE),
            )
            reasons = self._objections(reference, facts, standing, offer)
            if too_new:
                refused.append(Refusal(candidate=candidate, reasons={**reasons, **too_new}))
                continue
            unknown += facts is None
            unchecked = reference.digest is not None and not _is_there(facts)
            if (sure and facts is None) or (unchecked and not goes_back):
                reasons |= {UNKNOWN: "whether it is there, and what it is, is not known"}
            elif sure and (_is_unrecorded(facts) or _is_unrecorded(standing.evidence)):
                reasons |= {UNKNOWN: _NOBODY}
            if not reasons:
                return Choice(candidate=candidate, refused=tuple(refused), unchecked=unchecked)
            refused.append(Refusal(candidate=candidate, reasons=reasons))
        return Choice(candidate=None, refused=tuple(refused))

    def known(self, tag: str, target: Target, *, wants: bool = True) -> Evidence | None:
        """Return what is known of a tag of the same repository.

        `wants`: it is wanted if that is nothing.
        """
        assert target.reference is not None
        reference = Reference(repository=target.reference.repository, tag=tag)
        found = self._known(reference)
        if found is None and wants:
            self.want(reference, target, Purpose.WRITE)
        return found

    def want(self, reference: Reference, target: Target, purpose: Purpose) -> None:
        """Note that more is to be known of a reference that may be written at `target`."""
        if self.notes is not None:
            self.notes.wish(reference, purpose)
        key, before = reference.canonical, self.wanted.get(reference.canonical)
        if before is None or purpose.rank > before.purpose.rank:
            target = replace(target, reference=reference, selector=None)
            self.wanted[key] = Wanted(target=target, purpose=purpose)

    def _known(self, reference: Reference | None) -> Evidence | None:
        if reference is None:
            return None
        if self.notes is not None:
            self.notes.look(reference)
        key = reference.canonical
        for source in (self._evidence, self._beside):
            if is_readable(found := source.get(key)):
                return found
        return None

    def _facts(
        self,
        reference: Reference,
        standing: Standing,
        *,
        sure: bool,
        goes_back: bool,
        wants: bool,
    ) -> Evidence | None:
        """Return what is known of a candidate: read, or as what stands tells it.

        `wants`: more may be looked up.
        """
        told, own = standing.evidence, standing.target.reference
        assert own is not None
        tag, digest = reference.tag, reference.digest
        if tag is None and digest is None:
            return None  # a repository alone: its name is judged
        is_own = own.repository == reference.repository and standing.target.selector is None
        if told is not None and is_own and own.digest is None and tag == own.effective_tag:
            if digest == told.resolution.digest and digest is not None:
                return as_pin(told, reference)
            if digest is None:
                return told
        if (found := self._known(reference)) is not None:
            return found
        alone = Reference(repository=reference.repository, tag=tag)
        if digest is not None and tag is not None:
            served = self._known(alone)
            if served is not None and served.resolution.digest == digest:
                return as_pin(served, reference)
        derived = told_by(told, reference) if told is not None and is_own else None
        is_same = derived is not None and derived.resolution.digest == standing.pulled
        if wants and (sure or not is_same):  # advice may rest on what is known of the same image
            is_now = told is not None and digest in (None, served_now(told))
            wanted = alone if tag is not None and is_now else reference
            purpose = Purpose.WRITE if sure and wanted.digest is None else Purpose.ADVISE
            purpose = Purpose.CONFIRM if goes_back else purpose
            self.want(wanted, standing.target, purpose)
        return derived

    def _objections(
        self, reference: Reference, facts: Evidence | None, standing: Standing, offer: Offer
    ) -> dict[str, str]:
        """Return what speaks against a candidate, by rule; nothing where it passes."""
        target = replace(standing.target, reference=reference, selector=None)
        for view in views(
            facts,
            reference,
            standing.evidence,
            standing.pulled,
            goes_back=bool(offer.despite),
        ):
            said = self._objections_to(target, view, standing)
            if found := {rule: why for rule, why in said.items() if rule not in offer.despite}:
                return found  # what the image is today comes first, and is reason enough
        return {}

    def _objections_to_name(self, reference: Reference, standing: Standing) -> Mapping[str, str]:
        """Return what speaks against a tag by its name alone: that it is too new to look at."""
        told, own = standing.evidence, standing.target.reference
        is_own = own is not None and own.repository == reference.repository
        if told is None or not is_own or self._known(reference) is not None:
            return {}
        if (view := listing(told, reference)) is None:
            return {}
        target = replace(standing.target, reference=reference, selector=None)
        return self._objections_to(target, view, standing)

    def _objections_to(self, target: Target, view: View, standing: Standing) -> Mapping[str, str]:
        """Return what speaks against one view of a candidate. Several offers share candidates, and
        the candidates of a tag its moves: each is judged once for what stands.
        """
        if self._judged_for is not standing:
            self._judged_for, self._judged = standing, {}
        assert target.reference is not None
        digest = None if view.is_past else target.reference.digest
        moves = len(view.evidence.history) if view.evidence is not None else 0
        named = (target.reference.repository, target.reference.tag, digest)
        key = (named, moves, view.is_past, view.is_alias, view.is_listing)
        if key in self._judged:
            return self._judged[key]
        found: dict[str, str] = {}
        own = standing.target.reference
        is_other = own is None or own.repository != target.reference.repository
        for rule, statement in self._said(target, view, standing):
            severity = self._bench.severity(rule, statement, target)
            if self._exemptions.covers(rule.id, target):
                continue
            if rule.id in _OF_A_TAG and target.reference.digest is None and standing.is_pinned:
                continue  # it is written beside a digest, as what stands
            if is_other and rule.id not in CLOSED:
                continue  # what stands is another image: its warnings are no measure
            if _counts(rule.id, statement, severity, standing, view):
                found.setdefault(rule.id, statement.message)
        self._judged[key] = found
        return found

    def _said(
        self, target: Target, view: View, standing: Standing
    ) -> Iterator[tuple[Rule, Statement]]:
        bench, pulled = self._bench, standing.pulled or ""
        subject = bench.subject(target, view.evidence, standing.instructions, in_place_of=pulled)
        for rule in self._asked(target, view):
            if not bench.is_asked(rule, target, view.evidence):
                continue
            try:
                for statement in bench.ask(rule, subject):
                    yield rule, statement
            except Exception as error:  # noqa: BLE001  # what cannot be judged does not pass
                message = f"it cannot be judged: {type(error).__name__}"
                yield rule, Statement(message=message, severity=Severity.ERROR)

    def _asked(self, target: Target, view: View) -> Iterable[Rule]:
        """Return the rules with an occasion to speak of a candidate."""
        bench = self._bench
        if view.is_past:
            given = frozenset({"change"})
        elif view.is_listing:
            given = frozenset({"history"})
        else:
            evidence = {view.evidence.key: view.evidence} if view.evidence is not None else {}
            told = of_target(target, evidence, bench.policy, bench.knowledge)
            given = self._of_policy.union(told)
            if self._known(target.reference) is None:
                given -= {"pin"}  # it was not read as a pin: what it says of one was put there
        is_part = view.is_past or view.is_listing  # rules that always speak know too little of it
        if (given, is_part) not in self._rules:
            self._rules[given, is_part] = tuple(
                rule
                for rule in active_rules(bench.policy, given)
                if rule.scope is RuleScope.TARGET
                and (not is_part or rule.when)
                and (rule.id not in NOTES or bench.is_set(rule))
            )
        return self._rules[given, is_part]


def _counts(
    rule: str, statement: Statement, severity: Severity, standing: Standing, view: View
) -> bool:
    """Return True where a statement about a candidate speaks against it."""
    carried = standing.carries.get((rule, statement.subject))
    if severity.rank < Severity.WARNING.rank:
        return rule in CLOSED and carried is None and not view.is_past
    return rule in CLOSED or (carried or 0) < severity.rank


def _is_unrecorded(facts: Evidence | None) -> bool:
    """Return True for what an older program stored: it did not record who said it."""
    return facts is not None and facts.origin == UNRECORDED


def _is_there(facts: Evidence | None) -> bool:
    """Return True where it is known that the candidate's digest can be pulled."""
    return facts is not None and facts.pin is not None and facts.pin.exists is True
