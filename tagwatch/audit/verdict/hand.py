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

from collections.abc import Iterable, Iterator, Mapping, Sequence

from tagwatch.audit.model.evidence import Evidence, evidence_key, is_readable
from tagwatch.audit.model.finding import Finding, Severity
from tagwatch.audit.model.history import UNRECORDED
from tagwatch.audit.rule.bench import Bench, active_rules
from tagwatch.audit.rule.interface import Candidate, Offer, Rule, RuleScope, Statement
from tagwatch.audit.rule.occasion import of_policy, of_target
from tagwatch.audit.rule.phrase import ENOUGH, instead, served_now
from tagwatch.audit.rule.view import View, as_pin, listing, told_by, views
from tagwatch.audit.verdict.exemption import Exemptions
from tagwatch.audit.verdict.result import SHARED, KeptBack, Purpose, Wanted
from tagwatch.image.reference import Reference
from tagwatch.source.target import Extraction, Instruction, Location, Target
from tagwatch.source.text.edit import Fix, bump, pin
from tagwatch.value import dataclass, field, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tagwatch.audit.verdict.keeper import Transcript

__all__ = ["AT_ONCE", "CLOSED", "NOTES", "UNKNOWN", "Choice", "Hand", "Refusal", "Standing"]
__all__ += ["Remedies", "comment_of", "fix_of", "says_more"]

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
_MORE = ("to ", "the ")
"""With these words begins advice that is no other way to do the same: `to go back, write …`."""
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


class Remedies:
    """The remedies and fixes of one judgement, and what was kept back in it."""

    def __init__(self, hand: Hand, strategy: str | None) -> None:
        self.hand = hand
        self._strategy = strategy
        self._kept_back: dict[tuple[Location, str], KeptBack] = {}
        self._fixes: list[Fix] = []

    @property
    def is_sure(self) -> bool:
        """True where the fixes of findings will be written."""
        return self._strategy == "findings"

    def settled(self, statement: Statement, standing: Standing) -> Statement:
        """Return the statement with the remedy, and the fix, that its offers come to."""
        if not statement.offers:
            return statement
        parts: list[str] = []
        fix = statement.fix
        refused: list[Refusal] = []
        for offer in statement.offers:
            sure = offer.writes and self.is_sure
            choice = self.hand.choose(standing, offer, sure=sure)
            if (chosen := choice.candidate) is None:
                refused += [] if offer.despite else choice.refused
                continue
            unchecked = "; whether that is still there was not checked" if choice.unchecked else ""
            written = _written(chosen.reference, standing.target)
            canonical = chosen.reference.canonical
            parts.append(offer.text.format(written, canonical=canonical) + unchecked)
            if offer.writes and fix is None:
                fix = self._fix(standing.target, chosen)
                if fix is not None and choice.refused:
                    # the statement may name what is not written
                    told = f"{choice.refused[0].told}, {written} passes"
                    statement = replace(statement, message=f"{statement.message}; {told}")
        if parts:
            return replace(statement, remedy=_joined(parts), fix=fix)
        if not refused:
            return statement
        if self._strategy in (None, "findings"):
            self._keep_back(standing.target, refused)
        kept = refused[0].told
        return replace(statement, remedy="; ".join(filter(None, (statement.remedy, kept))))

    def propose(self, standing: Standing, offers: Iterable[Offer]) -> None:
        """Note the fix that the strategy makes at a target, or that it is kept back."""
        target = standing.target
        for offer in offers:
            choice = self.hand.choose(standing, offer, sure=True)
            if choice.candidate is None:
                self._keep_back(target, choice.refused)
            elif (fix := self._fix(target, choice.candidate)) is not None:
                self._fixes.append(fix)
            else:
                self._keep_shared(target, choice.candidate)

    def _fix(self, target: Target, candidate: Candidate) -> Fix | None:
        return fix_of(target, candidate, self.hand if self._strategy is not None else None)

    def _keep_back(self, target: Target, refused: Iterable[Refusal]) -> None:
        self.keep(target, [(str(one.candidate.reference), one.reasons) for one in refused])

    def _keep_shared(self, target: Target, candidate: Candidate) -> None:
        """Note a reference whose text others are made of: an edit there would change them, too."""
        shared = next((field for field in target.fields if field.shared), None)
        if shared is None or target.reference is None or target.reference.digest is not None:
            return
        why = f"the value at {shared.location} is used elsewhere too; "
        reasons = {SHARED: f"{why}give this image one of its own"}
        self.keep(target, [(str(candidate.reference), reasons)])

    def keep(self, target: Target, refused: Sequence[tuple[str, Mapping[str, str]]]) -> None:
        """Add what was kept back at a place to what was before."""
        if self.hand.notes is not None:
            self.hand.notes.keep(refused)
        key = (target.location, target.text)
        before = self._kept_back.get(key)
        told = dict(before.refused if before else ())
        self._kept_back[key] = KeptBack(
            location=target.location,
            reference=target.reference,
            refused=tuple({**dict(refused), **told}.items()),
        )

    @property
    def kept_back(self) -> tuple[KeptBack, ...]:
        """The places where every candidate was kept back, sorted."""
        return tuple(one for _, one in sorted(self._kept_back.items(), key=lambda item: item[0]))

    def fixes(self, findings: Iterable[Finding]) -> tuple[Fix, ...]:
        """Return the fixes of the strategy; `findings` are sorted, the worst first."""
        if self.is_sure:
            return tuple(finding.fix for finding in findings if finding.fix is not None)
        return tuple(self._fixes)


def _written(reference: Reference, target: Target) -> str:
    """Return a candidate as the file that holds `target` takes it."""
    assert target.reference is not None
    if reference.repository != target.reference.repository:
        return str(reference)
    return instead(target, reference.tag, reference.digest)


def _joined(parts: Iterable[str]) -> str:
    """Return pieces of advice as one: ways to choose from, whose verb is said once, and more."""
    first, *others = parts
    verb = first.partition(" ")[0] + " "
    told = [
        f"; {one}" if one.startswith(_MORE) else f", or {one.removeprefix(verb)}" for one in others
    ]
    return "".join((first, *told))


def fix_of(target: Target, candidate: Candidate, hand: Hand | None = None) -> Fix | None:
    """Return the edit that writes a candidate; None where none is exact.

    `hand` tells which full tag stands behind a renewed digest, for a comment that names another tag
    than the reference.
    """
    reference, own = candidate.reference, target.reference
    if own is None or own.repository != reference.repository:
        return None
    if reference.digest is None:
        return bump(target, reference.tag) if reference.tag else None
    concrete = candidate.concrete
    if concrete is None and hand is not None and reference.tag and says_more(target):
        known = hand.known(reference.tag, target)
        if known is not None and known.resolution.digest == reference.digest:
            concrete = known.resolution.tag
    tag = reference.tag if own.tag is not None or own.digest is None else None
    return pin(target, tag, reference.digest, concrete=concrete or reference.tag)


def says_more(target: Target) -> bool:
    """Return True where the comment names another tag than the reference, mostly a concrete one."""
    assert target.reference is not None
    return target.reference.tag is not None and comment_of(target) not in (
        None,
        target.reference.tag,
    )


def comment_of(target: Target) -> str | None:
    """Return the tag in the comment beside a reference; None where there is none."""
    return next((field.text for field in target.fields if field.name == "comment"), None)


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
