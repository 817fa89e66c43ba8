"""The judgement: files and evidence in, findings out. It is pure and reports what is not known.

It makes one pass over the targets. A rule that the policy turned off, or that has no occasion to
speak, is never imported. A rule that reads more than text is skipped where there is no evidence;
`check-incomplete` reports that target.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from tagwatch.audit.model.coverage import (
    GAPS,
    Coverage,
    Reading,
    Reason,
    Remembered,
    State,
    Terms,
    whole_failures,
)
from tagwatch.audit.model.evidence import (
    Evidence,
    SelectedEvidence,
    evidence_key,
    reading_of,
)
from tagwatch.audit.model.finding import Finding, Severity, fingerprint
from tagwatch.audit.model.knowledge import Knowledge
from tagwatch.audit.model.policy import Policy
from tagwatch.audit.rule.bench import Bench, active_rules
from tagwatch.audit.rule.catalogue import reads_of
from tagwatch.audit.rule.interface import (
    FileSubject,
    Reads,
    Rule,
    RuleScope,
    RunSubject,
    Statement,
    Unchecked,
)
from tagwatch.audit.rule.occasion import occasions
from tagwatch.audit.verdict.exemption import Exemptions, base_references, charge_to_base
from tagwatch.audit.verdict.result import AuditResult, Ignored, RepositoryChange
from tagwatch.family import RULES
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Failing, Failure, Gone, Quota, Remark
from tagwatch.source.target import Extraction, Location, Problem, Target, Targets
from tagwatch.value import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tagwatch.audit.verdict.baseline import Baseline
    from tagwatch.audit.verdict.fixing import Strategy
    from tagwatch.audit.verdict.hand import Hand, Remedies, Standing
    from tagwatch.audit.verdict.result import Wanted

__all__ = ["Case", "active_rules", "judge", "worst_first"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """The input of one judgement: the files, and what the run learnt about their images."""

    at: datetime
    files: Sequence[tuple[str, Extraction]]
    """The path and extraction of each file. The watch list is one of them."""
    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    """Evidence by `evidence_key`. It may be read from disk each time it is looked up."""
    beside: Mapping[str, Evidence] = field(default_factory=dict)
    """Evidence of what might be written instead, by key, as far as it is known."""
    changes: tuple[RepositoryChange, ...] = ()
    problems: tuple[Problem, ...] = ()
    failures: tuple[Failure, ...] = ()
    remarks: tuple[Remark, ...] = ()
    gone: tuple[Gone, ...] = ()
    requests: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """How many requests of each kind were made, by host."""
    quotas: Mapping[str, Quota] = field(default_factory=dict)
    """Quotas by host."""
    facts_from: str = ""
    whole: bool = False
    """True where this is everything there is (a scan): an ignore that names nothing is then unused.
    False where only some files were asked for."""
    complete: bool = True
    """False where the run was cut short."""
    watched: Mapping[Repository, Location] = field(default_factory=dict)
    """Where the watch list names each repository."""
    offline: bool = False
    """True where no registry may be asked."""
    readings: Mapping[str, Reading] = field(default_factory=dict)
    """How images are known that another run is about, by evidence key."""
    nights: Mapping[Repository, Failing] | None = None
    """For how long each repository fails that failed in this scan; None: this is no scan."""


def judge(
    case: Case,
    policy: Policy,
    knowledge: Knowledge,
    *,
    baseline: Baseline | None = None,
    strategy: Strategy | None = None,
) -> AuditResult:
    """Apply every rule to every target as the policy says, and return the result of the audit.

    With a `strategy` the result has the fixes that it makes, none of which is warned of.

    Its findings are sorted worst first, then by place. It is complete only where the evidence of
    every resolvable target was read, every file was read and no repository failed.
    """
    session = _Session(case, policy, knowledge, baseline, strategy)
    for path, extraction in case.files:
        session.judge_file(path, extraction)
    session.judge_run()
    # Images that no target names can link an image to an older ancestor. The bases of targets were
    # noted during the pass: a scan reads evidence from disk, so it is not looked up a second time.
    unnamed = (case.evidence[key] for key in case.evidence if key not in session.keys)
    findings, charged = charge_to_base(
        session.findings, {**session.bases, **base_references(unnamed)}
    )
    told = tuple(sorted(findings, key=worst_first))
    coverage = session.coverage
    unread = any(not problem.skipped for problem in session.problems)
    failed = any(not failure.is_limit for failure in case.failures)
    is_whole = not coverage.unavailable and not any(one.reason in GAPS for one in coverage.reasons)
    return AuditResult(
        at=case.at,
        findings=told,
        ignored=(*session.ignored, *(_charged(finding) for finding in charged)),
        targets=session.targets,
        evidence=SelectedEvidence(case.evidence, session.keys, session.living, session.adapted),
        changes=case.changes,
        problems=tuple(session.problems),
        failures=case.failures,
        remarks=tuple(sorted(case.remarks)),
        gone=tuple(sorted(case.gone)),
        coverage=coverage,
        readings={key: one for key, one in session.readings.items() if one.state is not State.READ},
        requests=case.requests,
        quotas=case.quotas,
        complete=case.complete and not (failed or unread) and is_whole,
        policy_name=policy.name,
        policy_digest=policy.digest,
        facts_from=case.facts_from,
        kept_back=session.remedies.kept_back if session.remedies is not None else (),
        fixes=session.remedies.fixes(told) if session.remedies is not None else (),
        wanted=session.wanted,
    )


def _charged(finding: Finding) -> Ignored:
    return Ignored(finding=finding, by="its base", reason="said once, of the base it stands on")


def worst_first(finding: Finding) -> tuple[int, Location, str, str]:
    """Return a key that sorts findings worst first, then by place."""
    return (-finding.severity.rank, finding.location, finding.rule, finding.message)


class _Session:
    """The state of one judgement: what was found so far, and what may take findings out."""

    def __init__(
        self,
        case: Case,
        policy: Policy,
        knowledge: Knowledge,
        baseline: Baseline | None,
        strategy: Strategy | None,
    ) -> None:
        self._case = case
        self._policy = policy
        self._knowledge = knowledge
        self._baseline = baseline
        self._strategy = strategy
        self._bench = Bench(case.at, policy, knowledge)
        self._exemptions = Exemptions(policy=policy, at=case.at)
        self._ordinals: Counter[str] = Counter()
        rules = active_rules(policy, self._occasions())
        self._of_target = [rule for rule in rules if rule.scope is RuleScope.TARGET]
        self._of_file = [rule for rule in rules if rule.scope is RuleScope.FILE]
        self._of_run = [rule for rule in rules if rule.scope is RuleScope.RUN]
        reads = reads_of(policy)
        self._terms = Terms(
            at=case.at,
            documents=bool(reads),
            attestations=Reads.ATTESTATIONS in reads,
            audited=policy.defaults.audited,
            failed=whole_failures(case.failures) if case.failures else {},
            offline=case.offline,
        )
        self._unchecked: list[Unchecked] = []
        self._counts: Counter[str] = Counter()
        self._since: dict[str, datetime] = {}
        self._said: set[tuple[str, Location | None, str]] = set()
        self.findings: list[Finding] = []
        self.ignored: list[Ignored] = []
        self.targets = Targets(extraction.targets for _, extraction in case.files)
        self.keys: set[str] = set()
        self.adapted: set[str] = set()
        self.readings: dict[str, Reading] = {}
        self.bases: dict[str, str] = {}
        self.problems: list[Problem] = list(case.problems)
        self._hand: Hand | None = None
        self.remedies: Remedies | None = None

    def _occasions(self) -> frozenset[str] | None:
        """Return the occasions that files and evidence give; None stands for all of them."""
        case, policy = self._case, self._policy
        # An ignore is unused only if its rule was asked: where there are ignores, every rule is.
        if policy.ignores or any(
            extraction.ignores or any(target.ignores for target in extraction.targets)
            for _, extraction in case.files
        ):
            return None
        given = occasions(case.files, case.evidence, policy, self._knowledge)
        return given | {"gap"} if case.problems or case.failures else given

    @property
    def coverage(self) -> Coverage:
        counts = self._counts
        return Coverage(
            targets=sum(counts[state] for state in State),
            read=counts[State.READ],
            remembered=counts[State.REMEMBERED],
            unresolved=counts[State.UNRESOLVED],
            unavailable=counts[State.UNAVAILABLE],
            reasons=tuple(
                Remembered(reason=reason, targets=counts[reason], since=self._since.get(reason))
                for reason in Reason
                if counts[reason]
            ),
        )

    def judge_file(self, path: str, extraction: Extraction) -> None:
        """Ask the rules about each target of a file, then those about the file."""
        self.problems.extend(extraction.problems)
        self._exemptions.read(path, extraction)
        for target in extraction.targets:
            self._judge_target(target, extraction)
        for rule in self._of_file:
            self._judge_by_file(rule, path, extraction)

    def _judge_target(self, target: Target, extraction: Extraction) -> None:
        is_built = "built" in target.facts
        evidence = None if is_built else self._evidence_of(target)
        if evidence is not None:
            known, evidence = evidence, self.living(evidence)
            if evidence is not known:
                self.adapted.add(evidence.key)
        asked = []
        said: list[tuple[Rule, Statement]] = []
        bench = self._bench
        for rule in self._of_target:
            if not bench.is_asked(rule, target, evidence):
                continue
            asked.append(rule.id)
            try:
                spoken = bench.ask(rule, target, evidence, extraction.instructions)
                said.extend((rule, statement) for statement in spoken)
            except Exception as error:  # noqa: BLE001  # one image's trouble is that image's
                self._failed(rule, target.text, target.location, error)
        self._exemptions.tried(target, asked)
        standing = self._standing(target, evidence, extraction, said)
        for rule, statement in said:
            told = statement
            if statement.fix is not None:
                told = self._held(statement, extraction, standing)
            if standing is not None and statement.offers:
                told = self._mending.settled(told, standing)
            self._add(rule, told, target)
        if standing is not None and self._strategy is not None and evidence is not None:
            from tagwatch.audit.verdict.fixing import offers_of

            mending = self._mending
            assert self._hand is not None
            mending.propose(standing, offers_of(self._strategy, target, evidence, self._hand))

    def _standing(
        self,
        target: Target,
        evidence: Evidence | None,
        extraction: Extraction,
        said: Iterable[tuple[Rule, Statement]],
    ) -> Standing | None:
        """Return what stands at the target; None where nothing is offered to write instead."""
        if target.reference is None or not (
            self._strategy is not None
            or any(statement.offers or statement.fix for _, statement in said)
        ):
            return None
        from tagwatch.audit.verdict.hand import Standing  # many checks find nothing to mend

        carries: dict[tuple[str, str], int] = {}
        for rule, statement in said:
            rank = self._bench.severity(rule, statement, target).rank
            key = (rule.id, statement.subject)
            carries[key] = max(carries.get(key, rank), rank)
        return Standing(
            target=target,
            evidence=evidence,
            instructions=extraction.instructions,
            carries=carries,
        )

    def _held(
        self, statement: Statement, extraction: Extraction, standing: Standing | None = None
    ) -> Statement:
        """Return the statement of a rule that brings a fix of its own, held to what may be written.

        What stands elsewhere in the file may not be judged yet: nothing that speaks against the
        candidate is taken for carried there.
        """
        from tagwatch.audit.verdict.hand import Standing

        others = (
            Standing(
                target=one,
                evidence=self._case.evidence.get(evidence_key(one) or ""),
                instructions=extraction.instructions,
            )
            for one in extraction.targets
            if one.reference is not None and (standing is None or one is not standing.target)
        )
        return self._mending.held(statement, (*((standing,) if standing else ()), *others))

    @property
    def _mending(self) -> Remedies:
        """What is offered and written; many checks find nothing to mend, and load nothing of it."""
        if self.remedies is None:
            from tagwatch.audit.verdict.hand import Hand, Remedies

            case = self._case
            self._hand = Hand(self._bench, self._exemptions, case.evidence, case.beside)
            self.remedies = Remedies(self._hand, self._strategy)
        return self.remedies

    @property
    def wanted(self) -> tuple[Wanted, ...]:
        return tuple(self._hand.wanted.values()) if self._hand is not None else ()

    def _failed(self, rule: Rule, what: str, location: Location, error: Exception) -> None:
        """Note that a rule could not judge something: the run is incomplete, and goes on."""
        problem = Problem(
            message=f"{rule.id} cannot judge {what!r}: {type(error).__name__}: {str(error)[:200]}",
            location=location,
            hint="this is a bug, of the rule or of tagwatch: please report it",
        )
        self.problems.append(problem)

    def living(self, evidence: Evidence) -> Evidence:
        """Return the evidence without offers of newer tags whose support has ended."""
        if not evidence.resolution.newer:
            return evidence
        from tagwatch.audit.rule.inside import with_living_offers

        return with_living_offers(evidence, self._knowledge, self._case.at.date())

    def _evidence_of(self, target: Target) -> Evidence | None:
        """Return the target's evidence, and count how its image is known."""
        key, reference = evidence_key(target), target.reference
        if key is None or reference is None:
            self._counts[State.UNRESOLVED] += 1
            return None
        evidence = self._case.evidence.get(key)
        if key not in self.keys:
            if evidence is not None:
                self.bases |= base_references([evidence])
            said = self._case.readings.get(key)
            self.readings[key] = said or reading_of(evidence, reference.repository, self._terms)
        self.keys.add(key)
        reading = self.readings[key]
        self._count(reading)
        if _is_to_tell(evidence, reading):
            self._unchecked.append(Unchecked(target=target, evidence=evidence, reading=reading))
        return evidence

    def _count(self, reading: Reading) -> None:
        self._counts[reading.state] += 1
        if reading.reason is not None:
            self._counts[reading.reason] += 1
            if reading.since is not None:
                before = self._since.get(reading.reason, reading.since)
                self._since[reading.reason] = min(before, reading.since)

    def _judge_by_file(self, rule: Rule, path: str, extraction: Extraction) -> None:
        subject = FileSubject(
            path=path,
            targets=extraction.targets,
            instructions=extraction.instructions,
            ports=extraction.ports,
            evidence=self._case.evidence,
            at=self._case.at,
            policy=self._policy,
            options=self._bench.settings(rule, path, None).options,
        )
        for target in extraction.targets:
            self._exemptions.tried(target, (rule.id,))
        try:
            statements = tuple(rule.check(subject))
        except Exception as error:  # noqa: BLE001  # one file's trouble is that file's
            start = Location(path=path, line=1, column=1, end_line=1, end_column=1)
            self._failed(rule, path, start, error)
            return
        for statement in statements:
            said = (rule.id, statement.location, statement.message)
            if statement.location is not None and said in self._said:
                continue  # two files of one project (a base and its override) led to this place
            self._said.add(said)
            target = statement.target or _stand_in(path, statement, extraction.targets)
            settings = self._bench.settings(rule, path, target.reference)
            if settings.severity is not Severity.OFF:
                told = self._held(statement, extraction) if statement.fix else statement
                self._add(rule, told, target)

    def judge_run(self) -> None:
        """Ask the rules about the run, after every file was judged."""
        unread = any(not problem.skipped for problem in self.problems)
        for rule in self._of_run:
            subject = RunSubject(
                ignores=self._exemptions.uses(whole=self._case.whole and not unread),
                unchecked=tuple(self._unchecked),
                problems=tuple(self.problems),
                failures=self._case.failures,
                targets=self.targets,
                watched=self._case.watched,
                nights=self._case.nights,
                known_rules=frozenset((*RULES, *self._policy.plugins)),
                at=self._case.at,
                knowledge=self._knowledge,
                policy=self._policy,
                options=self._bench.everywhere(rule).options,
            )
            for statement in rule.check(subject):
                target = statement.target or _stand_in(".", statement, self.targets)
                settings = self._bench.settings(rule, target.location.path, target.reference)
                if settings.severity is not Severity.OFF:
                    self._add(rule, self._held_anywhere(statement), target)

    def _held_anywhere(self, statement: Statement) -> Statement:
        """Return the statement of a rule about the run, as `_held` does for the file it edits."""
        edited = statement.fix.path if statement.fix is not None else None
        for path, extraction in self._case.files:
            if path == edited:
                statement = self._held(statement, extraction)
        return statement

    def _add(self, rule: Rule, statement: Statement, target: Target) -> None:
        finding = Finding(
            rule=rule.id,
            severity=self._bench.severity(rule, statement, target),
            message=statement.message,
            location=statement.location or target.location,
            fingerprint=self._fingerprint(rule.id, target, statement.subject),
            reference=target.reference,
            text=target.text,
            remedy=statement.remedy,
            evidence=statement.evidence,
            fix=statement.fix,
            unknown=statement.unknown,
        )
        ignored = self._exemptions.taken_out(finding, target)
        if ignored is None and self._baseline is not None:
            ignored = self._baseline.taken_out(finding)
        if ignored is None:
            self.findings.append(finding)
        else:
            self.ignored.append(ignored)

    def _fingerprint(self, rule: str, target: Target, subject: str) -> str:
        # A file may name one image twice: each finding needs a fingerprint of its own.
        first = fingerprint(rule, target, subject=subject)
        ordinal = self._ordinals[first]
        self._ordinals[first] += 1
        return fingerprint(rule, target, ordinal=ordinal, subject=subject) if ordinal else first


def _is_to_tell(evidence: Evidence | None, reading: Reading) -> bool:
    """Return True where a finding says that the image was not read, or only in part."""
    if reading.state is State.UNAVAILABLE or reading.reason in GAPS:
        return True
    # A registry that gave no answer then is no fact of what was read before and is fresh still.
    return any(
        one.tag is not None or one.code == "not-found" or reading.reason is None
        for one in (evidence.failures if evidence is not None else ())
    )


def _stand_in(path: str, statement: Statement, targets: Iterable[Target]) -> Target:
    """Return a stand-in target for a statement about a file, an ignore or the whole run."""
    start = Location(path=path, line=1, column=1, end_line=1, end_column=1)
    first = next((target.location for target in targets), start)
    location = statement.location or first
    return Target(text=statement.subject, location=location, kind="file")
