"""The judgement: files and evidence in, findings out. It is pure and reports what is not known.

It makes one pass over the targets. A rule that the policy turned off, or that has no occasion to
speak, is never imported. A rule that reads more than text is skipped where there is no evidence;
`check-incomplete` reports that target.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from tagwatch.audit.model.coverage import GAPS, Reading, State, Terms, whole_failures
from tagwatch.audit.model.evidence import (
    Evidence,
    Newer,
    SelectedEvidence,
    evidence_key,
    is_to_tell,
    name_in,
    reading_of,
)
from tagwatch.audit.model.finding import Finding, Severity, fingerprint, in_sample
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
from tagwatch.audit.rule.occasion import Occasions, occasions, of_file, of_policy
from tagwatch.audit.verdict.exemption import Exemptions, base_references, charge_to_base
from tagwatch.audit.verdict.result import AuditResult, Case, Ignored, Tally
from tagwatch.family import RULES
from tagwatch.image.reference import Repository
from tagwatch.source.target import Extraction, Location, Problem, Target, Targets, is_replaced
from tagwatch.value import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from tagwatch.audit.rule.inside import Living
    from tagwatch.audit.verdict.baseline import Baseline
    from tagwatch.audit.verdict.fixing import Strategy
    from tagwatch.audit.verdict.hand import Standing
    from tagwatch.audit.verdict.keeper import Keeper, Stood, Told, Transcript
    from tagwatch.audit.verdict.mending import Remedies

    _Check = Callable[[FileSubject], Iterator[Statement]]

_READ = Reading(state=State.READ)

__all__ = ["judge", "worst_first"]


def judge(
    case: Case,
    policy: Policy,
    knowledge: Knowledge,
    *,
    baseline: Baseline | None = None,
    strategy: Strategy | None = None,
    keeper: Keeper | None = None,
) -> AuditResult:
    """Apply every rule to every target as the policy says, and return the result of the audit.

    With a `strategy` the result has the fixes that it makes, none of which is warned of. With a
    `keeper` what it holds of repositories is taken over, and the rest of it is made.

    Its findings are sorted worst first, then by place. It is complete only where the evidence of
    every resolvable target was read, every file was read and no repository failed.
    """
    session = _Session(case, policy, knowledge, baseline, strategy, keeper)
    for path, extraction in case.files:
        session.judge_file(path, extraction)
    if keeper is not None and keeper.drop_misplaced():
        return judge(case, policy, knowledge, baseline=baseline, strategy=strategy, keeper=keeper)
    session.judge_run()
    # Images that no target names can link an image to an older ancestor. The bases of targets were
    # noted during the pass: a scan reads evidence from disk, so it is not looked up a second time.
    unnamed = (case.evidence[key] for key in case.evidence if not session.has_met(key))
    findings, charged = charge_to_base(
        session.findings, {**session.bases, **base_references(unnamed)}
    )
    told = tuple(sorted(findings, key=worst_first))
    coverage, mended = session.tally.coverage, session.remedies
    unread = any(not problem.skipped for problem in session.problems)
    failed = any(not failure.is_limit for failure in case.failures)
    is_whole = not coverage.unavailable and not any(one.reason in GAPS for one in coverage.reasons)
    return AuditResult(
        at=case.at,
        findings=told,
        ignored=(*session.ignored, *(_charged(finding) for finding in charged)),
        targets=session.targets,
        evidence=SelectedEvidence(
            case.evidence, session.keys, session.living, session.adapted, session.whole
        ),
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
        kept_back=mended.kept_back if mended is not None else (),
        fixes=mended.fixes(told) if mended is not None else (),
        wanted=tuple(mended.hand.wanted.values()) if mended is not None else (),
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
        keeper: Keeper | None,
    ) -> None:
        self._case = case
        self.at = case.at
        self._policy = policy
        self._knowledge = knowledge
        self._baseline = baseline
        self._strategy = strategy
        self._keeper = keeper
        self._bench = Bench(case.at, policy, knowledge)
        self.exemptions = Exemptions(policy=policy, at=case.at)
        self._ordinals: Counter[str] = Counter()
        self._of_place: frozenset[str] = frozenset()
        """The occasions that the policy and the file in hand give."""
        self._gives = Occasions(case.evidence, policy, knowledge)
        self._given = self._occasions()
        rules = active_rules(policy, self._given)
        self._of_target = [rule for rule in rules if rule.scope is RuleScope.TARGET]
        self._of_file = [(rule, rule.check) for rule in rules if rule.scope is RuleScope.FILE]
        self._of_build = [(rule, rule.of_build) for rule in rules if rule.of_build is not None]
        self._of_run = [rule for rule in rules if rule.scope is RuleScope.RUN]
        self._by_occasion: dict[frozenset[str], list[Rule]] = {}
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
        self.tally = Tally()
        self._said: set[tuple[str, Location | None, str]] = set()
        self.findings: list[Finding] = []
        self.ignored: list[Ignored] = []
        self.targets = Targets(extraction.targets for _, extraction in case.files)
        self.keys: set[str] = set()
        """The evidence keys of targets, without those of `whole`."""
        self.whole: dict[str, Collection[str]] = {}
        """By the name of a repository, all keys of one of which everything stands."""
        self.adapted: dict[str, tuple[Newer, Newer]] = {}
        """By key, the newer tags that are known, and those of them that are told."""
        self.readings: dict[str, Reading] = {}
        """By evidence key, how images are known that were not simply read."""
        self.bases: dict[str, str] = {}
        self.problems: list[Problem] = list(case.problems)
        self.remedies: Remedies | None = None
        self.living = _Offers(knowledge, case.at)
        self._last: dict[str, Finding] = {}
        """By rule, its last finding: the next one mostly advises the same, for the same reasons."""

    def _shares(
        self, targets: Collection[Target]
    ) -> Iterable[tuple[Repository | None, Collection[Target]]]:
        """Return the targets in stretches of one repository; as they are where nothing is kept."""
        return ((None, targets),) if self._keeper is None else self._keeper.shares(targets)

    def _stood(self, repository: Repository | None) -> Stood | None:
        """Return what was said of a repository and holds still."""
        if self._keeper is None or repository is None:
            return None
        return self._keeper.stood.get(repository)

    def _transcript(self, repository: Repository | None) -> Transcript | None:
        """Return what takes down what is said of a repository; None where that is not kept."""
        if self._keeper is None:
            return None
        return self._keeper.transcript(repository, self.at)

    def _occasions(self) -> frozenset[str] | None:
        """Return the occasions that files and evidence give; None stands for all of them."""
        case, policy = self._case, self._policy
        if self._keeper is not None:
            given = self._keeper.occasions(case, policy, self._knowledge)
        # An ignore is unused only if its rule was asked: where there are ignores, every rule is.
        elif policy.ignores or any(
            extraction.ignores or any(target.ignores for target in extraction.targets)
            for _, extraction in case.files
        ):
            return None
        else:
            given = occasions(case.files, policy, self._gives)
        return (
            None
            if given is None
            else given | ({"gap"} if case.problems or case.failures else set())
        )

    def judge_file(self, path: str, extraction: Extraction) -> None:
        """Ask the rules about each target of a file, then those about the file."""
        self.problems.extend(extraction.problems)
        self.exemptions.read(path, extraction)
        self._of_place = frozenset((*of_policy(self._policy), *of_file(extraction)))
        for repository, targets in self._shares(extraction.targets):
            if repository is not None and (stood := self._stood(repository)) is not None:
                self.whole[repository.name] = stood.keys
                stood.take_over(self, targets)
                continue
            transcript = self._transcript(repository)
            for target in targets:
                self._judge_target(target, extraction, transcript)
        for rule, check in self._of_file:
            self._judge_by_file(rule, check, path, extraction)
        for rule, check in self._of_build if extraction.instructions else ():
            self._ask_by_file(rule, check, path, extraction, extraction.targets)

    def has_met(self, key: str) -> bool:
        """Return True where a target came by that has this evidence key."""
        return key in self.keys or key in self.whole.get(name_in(key), ())

    def want(self, told: Told, target: Target) -> None:
        """Take over what was wished for and kept back at a target."""
        for reference, purpose in told.wished:
            self._mending.hand.want(reference, target, purpose)
        for refused in told.kept:
            self._mending.keep(target, refused)

    def _judge_target(
        self, target: Target, extraction: Extraction, transcript: Transcript | None = None
    ) -> None:
        is_built = "built" in target.facts
        self.tally.built += is_replaced(target)
        evidence = None if is_built else self._evidence_of(target, transcript)
        asked = []
        said: list[tuple[Rule, Statement]] = []
        bench = self._bench
        bench.noting = transcript.asked if transcript is not None else None
        subject = bench.subject(target, evidence, extraction.instructions)
        for rule in self._rules_about(target):
            if not bench.is_asked(rule, target, evidence):
                continue
            asked.append(rule.id)
            try:
                said.extend((rule, statement) for statement in bench.ask(rule, subject))
            except Exception as error:  # noqa: BLE001  # one image's trouble is that image's
                self._failed(rule, target.text, target.location, error)
                if transcript is not None:
                    transcript.is_spoiled = True
        self.exemptions.tried(target, asked)
        if self._is_mended(target, said):
            self._mending.hand.notes = transcript
            said = self._settled(said, target, evidence, extraction)
            self._mending.hand.notes = None
        for rule, statement in said:
            self._add(rule, statement, target, transcript)
        if transcript is not None:
            bench.noting = None
            may_be_ignored = bool(self._policy.ignores or target.ignores)
            transcript.close(asked if may_be_ignored else (), target)
            transcript.pass_by((target,))

    def _rules_about(self, target: Target) -> list[Rule]:
        """Return the rules that have an occasion to speak of a target, or all of them."""
        if self._given is None:
            return self._of_target
        given = self._of_place | self._gives.of(target)
        if given not in self._by_occasion:
            self._by_occasion[given] = [
                rule for rule in self._of_target if not rule.when or rule.when & given
            ]
        return self._by_occasion[given]

    def _settled(
        self,
        said: list[tuple[Rule, Statement]],
        target: Target,
        evidence: Evidence | None,
        extraction: Extraction,
    ) -> list[tuple[Rule, Statement]]:
        """Return what rules said of a target, with the remedies and fixes that this comes to."""
        mending, standing, found = self._mending, None, []
        if target.reference is not None:
            standing = mending.hand.standing(said, target, evidence, extraction.instructions)
        for rule, statement in said:
            told = self._held(statement, extraction, standing)
            found.append((rule, told if standing is None else mending.settled(told, standing)))
        if standing is not None and evidence is not None and self._strategy is not None:
            from tagwatch.audit.verdict.fixing import offers_of

            offers = offers_of(self._strategy, target, evidence, mending.hand)
            mending.propose(standing, offers)
        return found

    def _held(
        self, statement: Statement, extraction: Extraction, standing: Standing | None = None
    ) -> Statement:
        """Return the statement without its own fix where that writes what does not pass."""
        if statement.fix is None:
            return statement
        from tagwatch.audit.verdict.own_fix import held  # a plug-in's

        return held(statement, extraction, standing, self._mending)

    def _is_mended(self, target: Target, said: Iterable[tuple[Rule, Statement]]) -> bool:
        """Return True where something is, or would be, written instead of what stands."""
        if target.reference is not None and self._strategy is not None:
            return True
        return any(statement.offers or statement.fix for _, statement in said)

    @property
    def _mending(self) -> Remedies:
        """What is offered and written; many checks find nothing to mend, and load nothing of it."""
        if self.remedies is None:
            from tagwatch.audit.verdict.hand import Hand
            from tagwatch.audit.verdict.mending import Remedies

            case = self._case
            hand = Hand(self._bench, self.exemptions, case.evidence, case.beside)
            self.remedies = Remedies(hand, self._strategy)
        return self.remedies

    def _failed(self, rule: Rule, what: str, location: Location, error: Exception) -> None:
        """Note that a rule could not judge something: the run is incomplete, and goes on."""
        problem = Problem(
            message=f"{rule.id} cannot judge {what!r}: {type(error).__name__}: {str(error)[:200]}",
            location=location,
            hint="this is a bug, of the rule or of tagwatch: please report it",
        )
        self.problems.append(problem)

    def _evidence_of(self, target: Target, transcript: Transcript | None) -> Evidence | None:
        """Return the target's evidence as it is told, and count how its image is known."""
        key, reference = evidence_key(target), target.reference
        if key is None or reference is None:
            self.tally.add(Reading(state=State.UNRESOLVED))
            return None
        evidence = self._case.evidence.get(key)
        if key not in self.keys:
            if evidence is not None:
                self.bases |= base_references([evidence])
            said = self._case.readings.get(key)
            found = said or reading_of(evidence, reference.repository, self._terms)
            if found != _READ:  # of a hundred thousand this is so
                self.readings[key] = found
        self.keys.add(key)
        reading = self.readings.get(key, _READ)
        self.tally.add(reading)
        if is_to_tell(evidence, reading):
            self._unchecked.append(Unchecked(target=target, evidence=evidence, reading=reading))
            if transcript is not None:
                transcript.is_spoiled = True
        living = self.living(evidence) if evidence is not None else None
        if evidence is not None and living is not None and living is not evidence:
            self.adapted[evidence.key] = (evidence.resolution.newer, living.resolution.newer)
        if transcript is not None:
            again_at = self.living.again(evidence) if evidence is not None else None
            transcript.read(evidence, living, reading, again_at)
        return living

    def _judge_by_file(self, rule: Rule, check: _Check, path: str, extraction: Extraction) -> None:
        """Ask a rule about a file: where that is a watch list, about each repository by itself."""
        if self._keeper is None or not self._keeper.divides(rule, extraction):
            for target in extraction.targets:
                self.exemptions.tried(target, (rule.id,))
            self._ask_by_file(rule, check, path, extraction, extraction.targets)
            return
        for repository, targets in self._shares(extraction.targets):
            if self._policy.ignores:
                for target in targets:
                    self.exemptions.tried(target, (rule.id,))
            if (stood := self._stood(repository)) is not None:
                stood.repeat(self, targets, rule.id)
                continue
            transcript = self._transcript(repository)
            self._ask_by_file(rule, check, path, extraction, tuple(targets), transcript)
            if transcript is not None:
                transcript.pass_by(targets, rule.id)

    def _ask_by_file(
        self,
        rule: Rule,
        check: _Check,
        path: str,
        extraction: Extraction,
        targets: Sequence[Target],
        transcript: Transcript | None = None,
    ) -> None:
        """Ask a rule about the targets of a file, all of them or those of one repository."""
        subject = FileSubject(
            path=path,
            targets=targets,
            instructions=extraction.instructions,
            ports=extraction.ports,
            evidence=self._case.evidence,
            at=self._case.at,
            policy=self._policy,
            options=self._bench.settings(rule, path, None).options,
        )
        try:
            statements = tuple(check(subject))
        except Exception as error:  # noqa: BLE001  # one file's trouble is that file's
            start = Location(path=path, line=1, column=1, end_line=1, end_column=1)
            self._failed(rule, path, start, error)
            if transcript is not None:
                transcript.is_spoiled = True
            return
        for statement in statements:
            said = (rule.id, statement.location, statement.message)
            if statement.location is not None and said in self._said:
                continue  # two files of one project (a base and its override) led to this place
            self._said.add(said)
            target = statement.target or _stand_in(path, statement, targets)
            settings = self._bench.settings(rule, path, target.reference)
            if settings.severity is not Severity.OFF:
                self._add(rule, self._held(statement, extraction), target, transcript)
                if transcript is not None:
                    transcript.close_by_file(statement, targets, rule.id)

    def judge_run(self) -> None:
        """Ask the rules about the run, after every file was judged."""
        unread = any(not problem.skipped for problem in self.problems)
        for rule in self._of_run:
            subject = RunSubject(
                ignores=self.exemptions.uses(whole=self._case.whole and not unread),
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

    def _add(
        self, rule: Rule, statement: Statement, target: Target, transcript: Transcript | None = None
    ) -> None:
        last = self._last.get(rule.id)
        remedy, evidence = statement.remedy, statement.evidence
        if last is not None:  # of twenty thousand, this is a third of the memory
            remedy = last.remedy if last.remedy == remedy else remedy
            evidence = last.evidence if last.evidence == evidence else evidence
        finding = Finding(
            rule=rule.id,
            severity=self._bench.severity(rule, statement, target),
            message=statement.message,
            location=statement.location or target.location,
            fingerprint=fingerprint(rule.id, target, subject=statement.subject),
            reference=target.reference,
            text=target.text,
            remedy=remedy,
            evidence=evidence,
            fix=statement.fix,
            unknown=statement.unknown,
        )
        self._last[rule.id] = finding
        settings = self._bench.settings(rule, finding.location.path, target.reference)
        if settings.severity is None:  # where the policy rates a rule, that counts everywhere
            stages = target.facts.get("stages", "").split("\n")
            finding = in_sample(finding, self._case.repositories, stages)
        if transcript is not None:
            transcript.find(finding, statement.subject)
        self.take(finding, target, statement.subject)

    def take(self, finding: Finding, target: Target, subject: str) -> None:
        """Add a finding, or what takes it out."""
        # A file may name one image twice: each finding needs a fingerprint of its own.
        ordinal = self._ordinals[finding.fingerprint]
        self._ordinals[finding.fingerprint] += 1
        if ordinal:
            other = fingerprint(finding.rule, target, ordinal=ordinal, subject=subject)
            finding = replace(finding, fingerprint=other)
        ignored = self.exemptions.taken_out(finding, target)
        if ignored is None and self._baseline is not None:
            ignored = self._baseline.taken_out(finding)
        if ignored is None:
            self.findings.append(finding)
        else:
            self.ignored.append(ignored)


class _Offers:
    """What is told of evidence. It outlives the judgement, so it holds nothing else of that."""

    def __init__(self, knowledge: Knowledge, at: datetime) -> None:
        self._knowledge = knowledge
        self._day = at.date()
        self._living: Living | None = None

    def __call__(self, evidence: Evidence) -> Evidence:
        """Return the evidence without offers of newer tags whose support has ended."""
        if not evidence.resolution.newer:
            return evidence
        if self._living is None:
            from tagwatch.audit.rule.inside import Living

            self._living = Living(self._knowledge, self._day)
        return self._living.offers_of(evidence)

    def again(self, evidence: Evidence) -> datetime | None:
        """Return when less of it is to be told; None: never, as far as anything was offered."""
        return self._living.again(evidence) if self._living is not None else None


def _stand_in(path: str, statement: Statement, targets: Iterable[Target]) -> Target:
    """Return a stand-in target for a statement about a file, an ignore or the whole run."""
    start = Location(path=path, line=1, column=1, end_line=1, end_column=1)
    first = next((target.location for target in targets), start)
    location = statement.location or first
    return Target(text=statement.subject, location=location, kind="file")
