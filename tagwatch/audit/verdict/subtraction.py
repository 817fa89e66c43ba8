"""Base subtraction: what is wrong with a base is said of it, once, not of all that stand on it.

Without it a base that nobody here can change drowns the findings that somebody can.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tagwatch.audit.model.base import BaseVerdict
from tagwatch.audit.model.evidence import Evidence
from tagwatch.audit.model.finding import Finding
from tagwatch.value import replace

__all__ = ["base_references", "charge_to_base"]

_INHERITED = frozenset(
    {"eol-soon", "os-eol", "os-mismatch", "platform-missing", "secret-in-env", "secret-in-history"}
    | {"version-eol"}
)
"""Rules about what an image takes over from its base and its own file cannot mend."""

_Facts = tuple[str, str, tuple[tuple[str, str], ...]]

_EXACT = frozenset({BaseVerdict.EXACT_CURRENT, BaseVerdict.EXACT_STALE, BaseVerdict.EXACT_RETIRED})


def base_references(evidence: Iterable[Evidence]) -> dict[str, str]:
    """Canonical reference of an image -> that of its base, where its layers prove one base."""
    found: dict[str, str] = {}
    for item in evidence:
        bases = {match.base.reference if match.base else "" for match in item.bases}
        proven = all(match.verdict in _EXACT for match in item.bases)
        if proven and len(bases) == 1 and (base := bases.pop()) not in ("", item.key):
            found[item.key] = base
    return found


def charge_to_base(
    findings: Iterable[Finding], bases: Mapping[str, str]
) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """What stays, and what was charged to a base: there the same rule found the same facts.

    `bases`: see `base_references`; the line of ancestors is followed. A base's finding carries in
    `evidence["charged"]` how many findings it stands for. A finding of unknown outcome is never
    charged: it says that something was not read, and that may differ.
    """
    items = tuple(findings)
    found_on = {
        _facts(finding, _name(finding)): finding for finding in items if not finding.unknown
    }
    stays: list[Finding] = []
    charged: list[Finding] = []
    counts: dict[str, int] = {}
    for finding in items:
        culprit = _culprit(finding, found_on, bases)
        if culprit is None:
            stays.append(finding)
        else:
            charged.append(finding)
            counts[culprit.fingerprint] = counts.get(culprit.fingerprint, 0) + 1
    return tuple(
        replace(finding, evidence={**finding.evidence, "charged": str(counts[finding.fingerprint])})
        if finding.fingerprint in counts
        else finding
        for finding in stays
    ), tuple(charged)


def _culprit(
    finding: Finding, found_on: Mapping[_Facts, Finding], bases: Mapping[str, str]
) -> Finding | None:
    """The same finding on the oldest ancestor that has it; None where the image has it alone."""
    if finding.rule not in _INHERITED or finding.unknown:
        return None
    culprit = None
    for base in _line(_name(finding), bases):
        culprit = found_on.get(_facts(finding, base), culprit)
    return culprit


def _facts(finding: Finding, name: str) -> _Facts:
    """What the finding says, said of the image `name`."""
    return finding.rule, name, tuple(sorted(finding.evidence.items()))


def _line(name: str, bases: Mapping[str, str]) -> tuple[str, ...]:
    """The ancestors of an image, nearest first; none where they stand on each other."""
    line = [name]
    while base := bases.get(line[-1]):
        if base in line:
            return ()
        line.append(base)
    return tuple(line[1:])


def _name(finding: Finding) -> str:
    return finding.reference.canonical if finding.reference else ""
