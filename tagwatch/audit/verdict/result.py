"""What one audit is about, and its result: findings, changes, failures, how much was covered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from tagwatch.audit.model.coverage import Coverage, Reading, Reason, Remembered, State
from tagwatch.audit.model.evidence import Evidence
from tagwatch.audit.model.finding import Finding, Severity
from tagwatch.audit.model.history import Change
from tagwatch.image.reference import Reference, Repository, without_userinfo
from tagwatch.source.target import Extraction, Location, Problem, Target
from tagwatch.source.text.edit import Fix
from tagwatch.value import dataclass, field, late, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tagwatch.image.snapshot import Failing, Failure, Gone, Quota, Remark

__all__ = [
    "LAPSED",
    "SHARED",
    "UNCHECKED",
    "AuditResult",
    "Case",
    "Ignored",
    "KeptBack",
    "Purpose",
    "RepositoryChange",
    "Since",
    "Tally",
    "Wanted",
    "is_outage",
    "with_fix_lines",
]

__getattr__ = late(
    __name__,
    dict.fromkeys(("Failing", "Failure", "Gone", "Quota", "Remark"), "tagwatch.image.snapshot"),
)

LAPSED = "lapsed"
"""The fact of a finding that went by time alone: its tag serves what it told of."""
SHARED = "shared"
"""The reason, in place of a rule, of what is kept back because other references share its text."""
UNCHECKED = "check-incomplete"
"""The rule that reports what could not be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """A finding that an ignore, the baseline or its base took out."""

    finding: Finding
    by: str
    """What took it out: `baseline`, `its base`, or the ignore's kind and place."""
    reason: str = ""
    owner: str = ""
    until: str = ""
    """The ignore's last day, `2026-05-02`; empty where it has no end."""


class Purpose(StrEnum):
    """What a reference is wanted for, and so what a look-up of it is worth."""

    ADVISE = "advise"
    """To advise it, or to write an older build: what is remembered is enough."""
    CONFIRM = "confirm"
    """To advise an older build: a registry may be asked whether that is still there."""
    WRITE = "write"
    """To write it: everything that a check would want to know."""

    @property
    def rank(self) -> int:
        """How much is looked up for it."""
        return list(Purpose).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A reference of which too little is known to judge it as a candidate."""

    target: Target
    purpose: Purpose

    @property
    def key(self) -> tuple[str, Purpose]:
        """What tells it from other wishes."""
        return str(self.target.reference), self.purpose


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptBack:
    """A place where something would be written instead, if all of that were not warned of itself.

    Or if the text there served no other reference.
    """

    location: Location
    reference: Reference | None
    """What stands there."""
    refused: tuple[tuple[str, Mapping[str, str]], ...]
    """Each reference that was kept back, the one to prefer first, with the reasons by rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryChange:
    """A change with the repository whose tag moved."""

    repository: Repository
    change: Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """The differences from what stood before. Findings are matched by fingerprint."""

    new: tuple[Finding, ...]
    worse: tuple[Finding, ...]
    """Findings that were there before with a lower severity."""
    fixed: tuple[Finding, ...]
    """Findings that are gone from places that this run could read."""
    same: tuple[Finding, ...]


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
    repositories: frozenset[str] = frozenset()
    """The folders of paths that are other git repositories, by the name that a source gave them."""
    nights: Mapping[Repository, Failing] | None = None
    """For how long each repository fails that failed in this scan; None: this is no scan."""


class Tally:
    """Counts targets by how their images are known."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._since: dict[str, datetime] = {}
        self.built = 0
        """Targets that are built here, whose images nobody reads."""

    def add(self, reading: Reading, targets: int = 1) -> None:
        """Count targets whose images are known so."""
        self._counts[reading.state] = self._counts.get(reading.state, 0) + targets
        if reading.reason is not None:
            self._counts[reading.reason] = self._counts.get(reading.reason, 0) + targets
            if reading.since is not None:
                before = self._since.get(reading.reason, reading.since)
                self._since[reading.reason] = min(before, reading.since)

    @property
    def coverage(self) -> Coverage:
        """What was counted."""
        counts = self._counts
        return Coverage(
            targets=sum(counts.get(state, 0) for state in State),
            read=counts.get(State.READ, 0),
            remembered=counts.get(State.REMEMBERED, 0),
            unresolved=counts.get(State.UNRESOLVED, 0),
            unavailable=counts.get(State.UNAVAILABLE, 0),
            built=self.built,
            reasons=tuple(
                Remembered(reason=reason, targets=counts[reason], since=self._since.get(reason))
                for reason in Reason
                if counts.get(reason)
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditResult:
    """The result of one audit."""

    at: datetime
    findings: tuple[Finding, ...] = ()
    """Sorted worst first, then by place."""
    ignored: tuple[Ignored, ...] = ()
    targets: Sequence[Target] = ()
    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    """The targets' evidence by `Evidence.key`."""
    changes: tuple[RepositoryChange, ...] = ()
    problems: tuple[Problem, ...] = ()
    failures: tuple[Failure, ...] = ()
    """Each one makes the result incomplete."""
    remarks: tuple[Remark, ...] = ()
    """They leave the result complete."""
    gone: tuple[Gone, ...] = ()
    """The tags that were found to be deleted."""
    explained: tuple[RepositoryChange, ...] = ()
    """Moves that an earlier run told of without a verdict, and that have one now."""
    coverage: Coverage = field(default_factory=Coverage)
    readings: Mapping[str, Reading] = field(default_factory=dict)
    """How each image that this run did not read is known, by evidence key."""
    requests: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """How many requests of each kind were made, by host."""
    quotas: Mapping[str, Quota] = field(default_factory=dict)
    """Quotas by host."""
    complete: bool = True
    """True where every resolvable target, every file and every repository could be read.

    What is remembered and still fresh, or was asked for offline, counts as read here."""
    policy_name: str = ""
    policy_digest: str = ""
    facts_from: str = ""
    kept_back: tuple[KeptBack, ...] = ()
    """The places where every candidate was kept back, one each."""
    fixes: tuple[Fix, ...] = ()
    """The fixes of the strategy that was judged for. Where two clash, the one to prefer is first.
    """
    wanted: tuple[Wanted, ...] = ()
    """What to look up to judge candidates better."""

    def counts(self) -> dict[Severity, int]:
        """Return how many findings there are of each severity; every severity is a key.

        The finding about an image that could not be read is left out: `coverage` counts it.
        """
        found = Counter(one.severity for one in self.findings if not _is_covered(one))
        return {severity: found[severity] for severity in Severity}

    def exit_code(self, fail_on: Severity | None, *, on_unavailable: str = "warn") -> int:
        """Return 0 for clean, 1 for findings at or above `fail_on`, 4 for incomplete.

        `fail_on` None: never 1. Only `on_unavailable="fail"` gives 4. What could not be read never
        gives 1, unless its finding is an error: a file that cannot be understood, or the policy's
        own choice.
        """
        if fail_on is not None and any(
            finding.severity.rank >= fail_on.rank
            for finding in self.findings
            if finding.rule != UNCHECKED or finding.severity is Severity.ERROR
        ):
            return 1
        return 4 if not self.complete and on_unavailable == "fail" else 0

    @property
    def refusals(self) -> tuple[Failure, ...]:
        """What could not be read: the failures without the limits that a configuration sets."""
        return tuple(one for one in self.failures if not one.is_limit)


def _is_covered(finding: Finding) -> bool:
    """Return True for the finding about an image that could not be read at all, or several."""
    return (
        finding.rule == UNCHECKED
        and (finding.reference is not None or "images" in finding.evidence)
        and finding.severity is Severity.WARNING
        and finding.evidence.get("state", State.UNAVAILABLE) == State.UNAVAILABLE
    )


def is_outage(finding: Finding) -> bool:
    """Return True for a finding about a registry or repository, in place of one about each image.

    Its `evidence` names the `registry`; and the `repository`, where only that one is meant.
    """
    return finding.rule == UNCHECKED and "registry" in finding.evidence


def with_fix_lines(result: AuditResult, files: Mapping[str, bytes]) -> AuditResult:
    """Return `result` with `Fix.line` filled in for every fix whose file is in `files` (by path).

    Of a line that may hold a secret it is what is written, alone. It stays empty where the fixed
    text has more than one line or is not UTF-8.
    """
    if not files:
        return result
    return replace(
        result, findings=tuple(_with_line(finding, files) for finding in result.findings)
    )


def _with_line(finding: Finding, files: Mapping[str, bytes]) -> Finding:
    fix = finding.fix
    raw = files.get(fix.path) if fix is not None else None
    if fix is None or raw is None or not 0 <= fix.start <= fix.end <= len(raw):
        return finding
    start = raw.rfind(b"\n", 0, fix.start) + 1
    newline = raw.find(b"\n", fix.end)
    end = newline if newline >= 0 else len(raw)
    line = bytearray(raw[start:end])
    beside = (edit for edit in fix.also if edit.path == fix.path)
    on_line = [edit for edit in (fix, *beside) if start <= edit.start <= edit.end <= end]
    for edit in sorted(on_line, key=lambda edit: -edit.start):  # from the end: offsets stay right
        line[edit.start - start : edit.end - start] = edit.replacement.encode("utf-8", "replace")
    if b"\n" in line:
        return finding
    try:
        text = line.removeprefix(b"\xef\xbb\xbf").decode().strip()
    except UnicodeDecodeError:
        return finding
    from tagwatch.audit.reading.secret_line import without_secrets  # many checks fix nothing

    place = text.find(fix.replacement)
    shown = without_secrets(text, place, place + len(fix.replacement)) if place >= 0 else ""
    return replace(finding, fix=replace(fix, line=without_userinfo(shown)))
