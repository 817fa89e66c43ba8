"""The answer of one audit: findings, resolutions, changes, failures and how much was covered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from tagwatch.audit.model.evidence import Evidence
from tagwatch.audit.model.finding import Finding, Severity
from tagwatch.audit.model.history import Change
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Failure, Gone, Quota, Remark
from tagwatch.source.target import Problem, Target
from tagwatch.value import dataclass, field, replace

__all__ = [
    "UNCHECKED",
    "AuditResult",
    "Coverage",
    "Ignored",
    "RepositoryChange",
    "Since",
    "with_fix_lines",
]

UNCHECKED = "check-incomplete"
"""The rule that tells what could not be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How many targets there were, and of how many the registry's facts could be read."""

    targets: int = 0
    read: int = 0
    unresolved: int = 0
    unavailable: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """A finding that an ignore, a baseline or an override took out, and in whose name."""

    finding: Finding
    by: str
    reason: str = ""
    owner: str = ""
    until: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryChange:
    """A change with the repository whose tag moved."""

    repository: Repository
    change: Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """What is different from an earlier result, by fingerprint."""

    new: tuple[Finding, ...]
    worse: tuple[Finding, ...]
    fixed: tuple[Finding, ...]
    same: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditResult:
    """One audit. `findings` are sorted: worst first, then by place. `evidence` is keyed like
    `Evidence.key`; `requests` is host -> kind -> count; `quotas` is by host. `failures` make it
    incomplete, `remarks` do not. `gone`: the tags that this run found to be there no more.
    """

    at: datetime
    findings: tuple[Finding, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    targets: Sequence[Target] = ()
    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    changes: tuple[RepositoryChange, ...] = ()
    problems: tuple[Problem, ...] = ()
    failures: tuple[Failure, ...] = ()
    remarks: tuple[Remark, ...] = ()
    gone: tuple[Gone, ...] = ()
    coverage: Coverage = field(default_factory=Coverage)
    requests: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    quotas: Mapping[str, Quota] = field(default_factory=dict)
    complete: bool = True
    policy_name: str = ""
    policy_digest: str = ""
    facts_from: str = ""

    def since(self, previous: AuditResult | None) -> Since:
        """What is new, worse, fixed and the same against `previous` (None: all is new)."""
        before = {finding.fingerprint: finding for finding in previous.findings} if previous else {}
        now = {finding.fingerprint for finding in self.findings}
        new: list[Finding] = []
        worse: list[Finding] = []
        same: list[Finding] = []
        for finding in self.findings:
            old = before.get(finding.fingerprint)
            if old is None:
                new.append(finding)
            elif finding.severity.rank > old.severity.rank:
                worse.append(finding)
            else:
                same.append(finding)
        gone = (old for key, old in before.items() if key not in now)
        unread = self._unread()
        fixed = tuple(old for old in gone if not {_repository(old), old.location.path} & unread)
        return Since(new=tuple(new), worse=tuple(worse), fixed=fixed, same=tuple(same))

    def _unread(self) -> set[object]:
        """The repositories and paths that this run could not read: nothing there is fixed by it."""
        told = {_repository(one) for one in self.findings if one.rule == UNCHECKED}
        failed = {failure.repository for failure in self.failures}
        paths = {problem.location.path for problem in self.problems if not problem.skipped}
        found: set[object] = {*told, *failed, *paths}
        return found - {None}

    def counts(self) -> dict[Severity, int]:
        """How many findings of each severity; every severity is a key.

        An image that could not be read at all is not among them: `coverage` counts it.
        """
        found = Counter(one.severity for one in self.findings if not _is_covered(one))
        return {severity: found[severity] for severity in Severity}

    def exit_code(self, fail_on: Severity | None, *, on_unavailable: str = "warn") -> int:
        """0 clean, 1 findings at or above `fail_on` (None: never), 4 incomplete and that fails.

        What could not be read fails by `on_unavailable` alone, unless it is an error: a file that
        cannot be understood, or the policy's own choice.
        """
        if fail_on is not None and any(
            finding.severity.rank >= fail_on.rank
            for finding in self.findings
            if finding.rule != UNCHECKED or finding.severity is Severity.ERROR
        ):
            return 1
        return 4 if not self.complete and on_unavailable == "fail" else 0


def _is_covered(finding: Finding) -> bool:
    """True for an image that could not be read at all."""
    return (
        finding.rule == UNCHECKED
        and finding.reference is not None
        and finding.severity is Severity.WARNING
    )


def _repository(finding: Finding) -> Repository | None:
    return finding.reference.repository if finding.reference is not None else None


def with_fix_lines(result: AuditResult, files: Mapping[str, bytes]) -> AuditResult:
    """`result` with `Fix.line` filled in for every fix whose file is in `files` (by path).

    A fix that adds or removes a line, or a line that is not UTF-8, keeps its line empty.
    """
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
    for edit in sorted(on_line, key=lambda edit: -edit.start):
        line[edit.start - start : edit.end - start] = edit.replacement.encode("utf-8", "replace")
    if b"\n" in line:
        return finding
    try:
        text = line.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        return finding
    return replace(finding, fix=replace(fix, line=text))
