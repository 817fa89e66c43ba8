"""A scan of some repositories only: what it may ask, and what stands outside, as it was.

Its answer is that of the whole: what it did not ask about is taken from the last scan, so that
pages, figures and coverage are always those of everything. Nothing outside is new, fixed or unread.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from tagwatch.audit.judge import worst_first
from tagwatch.audit.model.coverage import Reading, State
from tagwatch.audit.model.evidence import Evidence, evidence_key
from tagwatch.audit.model.finding import Finding
from tagwatch.audit.verdict.news import in_scope
from tagwatch.audit.verdict.result import AuditResult, Case
from tagwatch.errors import NothingToReadError
from tagwatch.image.reference import Repository
from tagwatch.ledger.read import Reader
from tagwatch.source.target import Extraction, Target, Targets
from tagwatch.value import dataclass, replace
from tagwatch.walk.site import Site
from tagwatch.walk.watch_list import is_watched

__all__ = ["Outside", "joined", "outside", "scope_of"]

_WATCHED = "watch"
_NEVER = datetime.min.replace(tzinfo=UTC)


def scope_of(
    names: Iterable[str] | None, targets: Iterable[Target], site: Site
) -> frozenset[Repository] | None:
    """Return the repositories of these names that anything names; None: all.

    Raises `InvalidReferenceError`, and `NothingToReadError` where nothing names any of them.
    """
    if names is None:
        return None
    asked = frozenset(Repository.parse(name).identity for name in names)
    known = {target.reference.repository for target in targets if target.reference is not None}
    known |= {Repository.parse(base.reference) for base in site.policy.followed_bases}
    scope = frozenset(
        one for one in asked if one in known or is_watched(one, site.settings.watch, None)
    )
    if not scope:
        told = ", ".join(sorted(map(str, asked))) or "none"
        raise NothingToReadError(
            f"no file, watch or base of the configuration names what is to be scanned: {told}",
            hint="name repositories without tag, as `registry.example/team/app`",
        )
    return scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What the last scan said of the repositories that a run does not ask."""

    scope: frozenset[Repository]
    last: AuditResult

    def added_to(self, case: Case) -> Case:
        """Return the case of the whole: this run's in the scope, the last one's outside.

        Targets that files name since, outside the scope, are left to the next whole scan.
        """
        evidence = _Both(case.evidence, self.last.evidence)
        files = [
            (path, replace(extraction, targets=self._known(extraction.targets, evidence)))
            for path, extraction in case.files
        ]
        watched: dict[str, list[Sequence[Target]]] = {}
        for target in self.last.targets:
            if target.kind == _WATCHED and self._is_outside(target):
                watched.setdefault(target.location.path, []).append((target,))
        files += [(path, Extraction(targets=Targets(targets))) for path, targets in watched.items()]
        from tagwatch.walk.unwatched import is_unwatched  # only a scan of some repositories asks

        last = self.last
        known = {
            key: last.readings.get(key, Reading(state=State.READ))
            for target in last.targets
            if self._is_outside(target)
            and (key := evidence_key(target)) is not None
            and key in last.evidence
        }
        return replace(
            case,
            readings=known,
            files=files,
            problems=(*case.problems, *filter(is_unwatched, last.problems)),
            evidence=evidence,
            failures=(
                *case.failures,
                *(one for one in last.failures if one.repository not in self.scope),
            ),
            remarks=(
                *case.remarks,
                *(one for one in last.remarks if one.repository not in self.scope),
            ),
        )

    def _known(self, targets: Sequence[Target], evidence: Mapping[str, Evidence]) -> list[Target]:
        return [
            target
            for target in targets
            if not self._is_outside(target) or evidence_key(target) in evidence
        ]

    def _is_outside(self, target: Target) -> bool:
        return target.reference is not None and target.reference.repository not in self.scope


class _Both(Mapping[str, Evidence]):
    """The evidence of this run, and that of the last one where this one has none."""

    def __init__(self, now: Mapping[str, Evidence], last: Mapping[str, Evidence]) -> None:
        self._now, self._last = now, last

    def __getitem__(self, key: str) -> Evidence:
        return self._now[key] if key in self._now else self._last[key]

    def __contains__(self, key: object) -> bool:
        return key in self._now or key in self._last

    def __iter__(self) -> Iterator[str]:
        yield from self._now
        yield from (key for key in self._last if key not in self._now)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def outside(scope: frozenset[Repository] | None, ledger: Reader, project: str) -> Outside | None:
    """Return what the project's last scan said outside the scope; None for a whole run."""
    if scope is None:
        return None
    last = ledger.last_result(project=project)
    return Outside(scope=scope, last=last or AuditResult(at=_NEVER))


def joined(
    result: AuditResult, stood: Iterable[Finding], scope: frozenset[Repository] | None
) -> AuditResult:
    """Return the result with its findings in the scope, and with those that stand outside it."""
    findings = [finding for finding in result.findings if in_scope(finding, scope)]
    findings += [finding for finding in stood if not in_scope(finding, scope)]
    return replace(result, findings=tuple(sorted(findings, key=worst_first)))
