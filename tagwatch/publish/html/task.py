"""Findings as a page tells them: what says the same of the same image is one task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tagwatch.audit.model.finding import Finding, Severity
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.publish.interface import PublishContext, RuleText
from tagwatch.publish.wording import fix_text, key_finder, now_of
from tagwatch.value import dataclass

__all__ = ["Place", "Task", "Tasks", "Together", "together_of", "worst_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a task has to be done. `fix` is text to paste, empty where none is exact."""

    where: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Findings of one rule with one message: what, where, why, and the fix of each place."""

    anchor: str
    severity: Severity
    rule: str
    title: str
    message: str
    why: str
    remedy: str
    now: str
    image: str
    state: str
    unknown: bool
    places: tuple[Place, ...]
    evidence: tuple[tuple[str, str], ...]


_Key = tuple[str, str, str]
Together = Mapping[_Key, Sequence[Finding]]
"""Findings by their rule, message and image's key, empty where they are about none."""


def together_of(result: AuditResult) -> Together:
    found: dict[_Key, list[Finding]] = {}
    key_of = key_finder(result)
    for finding in result.findings:
        key = key_of(finding) or ""
        found.setdefault((finding.rule, finding.message, key), []).append(finding)
    return found


def worst_of(findings: Iterable[Finding]) -> int:
    return max(finding.severity.rank for finding in findings)


class Tasks:
    """Findings with one rule, message and image together: `keys`, worst first, then as sorted.

    `todo`: the first `most`, which the page shows whole, so that others may link to them. `news`:
    new or worse ones. `anchors`: the link targets of the images that the page shows.
    """

    def __init__(
        self,
        result: AuditResult,
        together: Together,
        context: PublishContext,
        anchors: Mapping[str, str],
        most: int,
    ) -> None:
        self._result = result
        self._together = together
        self._context = context
        self._anchors = anchors
        self.since = since = context.since
        self._states = {finding.fingerprint: "new" for finding in since.new} if since else {}
        self._states |= {one.fingerprint: "worse" for one in since.worse} if since else {}
        self.keys = sorted(together, key=lambda key: -worst_of(together[key]))
        self.todo = self.keys[:most]
        self.news = [key for key in self.keys if self._state(key)]
        self._shown = frozenset(self.todo)

    def made(self, keys: Iterable[_Key]) -> tuple[Task, ...]:
        """The tasks of these keys; without an anchor where the page does not show one whole."""
        return tuple(self._task(key) for key in keys)

    def by_image(self) -> dict[str, list[_Key]]:
        """The keys of the images that have a card."""
        found: dict[str, list[_Key]] = {}
        for key in self.keys:
            if key[2] in self._anchors:
                found.setdefault(key[2], []).append(key)
        return found

    def _state(self, key: _Key) -> str:
        fingerprints = (finding.fingerprint for finding in self._together[key])
        return next((self._states[one] for one in fingerprints if one in self._states), "")

    def _task(self, key: _Key) -> Task:
        findings = self._together[key]
        first = max(findings, key=lambda finding: finding.severity.rank)
        rule = self._context.rules.get(first.rule, RuleText(title=""))
        evidence = self._result.evidence.get(key[2])
        return Task(
            anchor=f"finding-{first.fingerprint[:12]}" if key in self._shown else "",
            severity=first.severity,
            rule=first.rule,
            title=rule.title,
            message=first.message,
            why=rule.risk,
            remedy=first.remedy or rule.remedy,
            now=now_of(evidence) if evidence else "",
            image=self._anchors.get(key[2], ""),
            state=self._state(key),
            unknown=first.unknown,
            places=tuple(Place(where=str(f.location), fix=fix_text(f)) for f in findings),
            evidence=tuple(first.evidence.items()),
        )
