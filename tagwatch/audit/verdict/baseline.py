"""Baselines: findings that are known from before and fail no run until they are fixed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from tagwatch.audit.model.finding import Finding
from tagwatch.audit.verdict.result import AuditResult, Ignored
from tagwatch.errors import InputError
from tagwatch.value import dataclass

__all__ = ["Baseline", "KnownFinding", "make_baseline", "read_baseline", "write_baseline"]

# Their order is that of the keys in the user's file: another one would change every line of it.
_FIELDS = ("fingerprint", "rule", "subject", "path", "first_seen")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class KnownFinding:
    """A finding that the baseline holds. Entries sort in the order of the fields."""

    path: str
    rule: str
    subject: str
    """The image as it was written."""
    fingerprint: str
    first_seen: str
    """The day, `2026-05-02`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The findings that are known."""

    known: Mapping[str, KnownFinding]
    """Known findings by fingerprint."""

    def taken_out(self, finding: Finding) -> Ignored | None:
        """Return `finding` as ignored where it is known. `check-incomplete` never is."""
        entry = self.known.get(finding.fingerprint)
        if entry is None or finding.rule == "check-incomplete":
            return None
        return Ignored(finding=finding, by="baseline", reason=f"known since {entry.first_seen}")

    def fixed(self, result: AuditResult) -> tuple[KnownFinding, ...]:
        """Return the sorted entries of audited files whose findings are gone.

        A partial audit proves nothing fixed: then the answer is empty.
        """
        if not result.complete:
            return ()
        seen = {finding.fingerprint for finding in result.findings}
        seen |= {ignored.finding.fingerprint for ignored in result.ignored}
        audited = {target.location.path for target in result.targets}
        return tuple(
            sorted(
                entry
                for entry in self.known.values()
                if entry.fingerprint not in seen and entry.path in audited
            )
        )

    def pruned(self, result: AuditResult) -> Baseline:
        """Return this baseline without the entries that `result` shows to be fixed."""
        gone = {entry.fingerprint for entry in self.fixed(result)}
        return Baseline(known={key: value for key, value in self.known.items() if key not in gone})


def make_baseline(
    findings: Iterable[Finding], today: date, before: Baseline | None = None
) -> Baseline:
    """Make a baseline of `findings`, less `check-incomplete`; those in `before` keep their day."""
    old = before.known if before else {}
    return Baseline(
        known={
            finding.fingerprint: old.get(finding.fingerprint)
            or KnownFinding(
                path=finding.location.path,
                rule=finding.rule,
                subject=finding.text,
                fingerprint=finding.fingerprint,
                first_seen=today.isoformat(),
            )
            for finding in findings
            if finding.rule != "check-incomplete"
        }
    )


def write_baseline(baseline: Baseline) -> str:
    """Return the text of the baseline's file: sorted JSON objects, which read well in a diff."""
    entries = [
        {name: getattr(entry, name) for name in _FIELDS}
        for entry in sorted(baseline.known.values())
    ]
    return json.dumps(entries, indent=2, ensure_ascii=False) + "\n"


def read_baseline(text: str) -> Baseline:
    """Read what `write_baseline` wrote. Raises `InputError`."""
    try:
        known = _entries(json.loads(text))
    except (ValueError, TypeError, RecursionError) as error:
        raise InputError(
            f"the baseline cannot be read: {str(error)[:120]}",
            hint="write it again with `tagwatch baseline write`",
        ) from error
    return Baseline(known={entry.fingerprint: entry for entry in known})


def _entries(document: Any) -> list[KnownFinding]:
    if not isinstance(document, list):
        raise TypeError("it is no list of findings")
    return [_known(number, entry) for number, entry in enumerate(document, 1)]


def _known(number: int, entry: Any) -> KnownFinding:
    values: dict[str, Any] = entry if isinstance(entry, dict) else {}
    wrong = [name for name in _FIELDS if not isinstance(values.get(name), str)]
    if wrong:
        raise TypeError(f"entry {number} has no text under {', '.join(wrong)}")
    return KnownFinding(**{name: values[name] for name in _FIELDS})
