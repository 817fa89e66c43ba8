"""Exemptions: findings are taken out by an ignore, or charged to the base that they come from.

An ignore that is expired, lacks a reason, or has no end although the policy demands one takes
nothing out and is reported. So is an ignore that took nothing out although what it names was
audited: no stale ignore stays unseen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta

from tagwatch.audit.model.base_match import BaseVerdict
from tagwatch.audit.model.evidence import Evidence
from tagwatch.audit.model.finding import Finding
from tagwatch.audit.model.policy import IgnorePolicy, Policy, PolicyIgnore
from tagwatch.audit.rule.interface import IgnoreUse
from tagwatch.audit.verdict.result import Ignored
from tagwatch.source.target import Extraction, Ignore, Location, Target
from tagwatch.value import dataclass, field, replace

__all__ = [
    "Exemptions",
    "base_references",
    "charge_to_base",
    "ignore_problem",
]

_NOWHERE = Location(path="policy", line=1, column=1, end_line=1, end_column=1)


@dataclass(slots=True, kw_only=True)
class _Entry:
    """An ignore, inline or of the policy, and what became of it. See `IgnoreUse`."""

    rules: tuple[str, ...]
    subject: str
    location: Location
    problem: str
    covers: Callable[[Target], bool]
    """Returns True for a target that the ignore names."""
    reason: str
    owner: str = ""
    until: str = ""
    inline: Ignore | None = None
    used: bool = False
    tried: bool = False
    met: bool = False
    """True where a target that it covers was audited, whatever rules were asked."""

    def speaks_of(self, rule: str) -> bool:
        return rule in self.rules or "*" in self.rules


@dataclass(slots=True, kw_only=True)
class Exemptions:
    """All ignores of a run: those of the policy, and the inline ones as files are read."""

    policy: Policy
    at: datetime
    _listed: list[_Entry] = field(default_factory=list)
    """The policy's ignores, in its order."""
    _inline: dict[Ignore, _Entry] = field(default_factory=dict)
    _by_path: dict[str, list[_Entry]] = field(default_factory=dict)
    """The inline ignores of each file."""

    def __post_init__(self) -> None:
        self._listed = [self._from_policy(ignore) for ignore in self.policy.ignores]

    def read(self, path: str, extraction: Extraction) -> None:
        """Take in the inline ignores of a file.

        One on a line that names no image counts as tried: no target will ever try it.
        """
        if not extraction.ignores:
            return
        attached = {ignore for target in extraction.targets for ignore in target.ignores}
        for ignore in extraction.ignores:
            if not ignore.invalid:
                entry = self._entry(ignore)
                entry.tried = entry.tried or ignore not in attached
                self._by_path.setdefault(path, []).append(entry)

    def tried(self, target: Target, rules: Iterable[str]) -> None:
        """Record that `rules` were asked about `target`."""
        # A tried entry stays tried: its globs need not be matched against every other target.
        entries = [*self._of(target), *(e for e in self._listed if not e.tried)]
        if not entries:
            return
        asked = set(rules)
        for entry in entries:
            if entry.covers(target):
                entry.met = True
                entry.tried |= "*" in entry.rules or bool(asked & set(entry.rules))

    def taken_out(self, finding: Finding, target: Target) -> Ignored | None:
        """Return `finding` as taken out by the first ignore that covers it; None where none does.

        Every ignore that covers it is marked as used.
        """
        first: _Entry | None = None
        listed = [entry for entry in self._listed if entry.covers(target)]
        for entry in (*self._of(target), *self._at(finding.location), *listed):
            if entry.speaks_of(finding.rule) and not entry.problem:
                entry.used = True
                first = first or entry
        if first is None:
            return None
        return Ignored(
            finding=finding,
            by=f"{'inline ignore' if first.inline else 'policy'} {first.location}",
            reason=first.reason,
            owner=first.owner,
            until=first.until,
        )

    def covers(self, rule: str, target: Target) -> bool:
        """Return True where an ignore takes out what `rule` says of `target`; it is not used by
        that.
        """
        return any(
            entry.speaks_of(rule) and not entry.problem
            for entry in (*self._of(target), *(e for e in self._listed if e.covers(target)))
        )

    def counting(self, targets: Iterable[Target]) -> tuple[bool, ...]:
        """Return which ignores count today: those of the policy, then those at the targets."""
        inline = (entry for target in targets for entry in self._of(target))
        return tuple(not entry.problem for entry in (*self._listed, *inline))

    def uses(self, *, whole: bool) -> tuple[IgnoreUse, ...]:
        """Return how each ignore did.

        `whole` True: the targets are all there are, so an ignore that met none counts as tried.
        """
        return tuple(
            IgnoreUse(
                rules=entry.rules,
                subject=entry.subject,
                location=entry.location,
                problem=entry.problem,
                used=entry.used,
                tried=entry.tried or (whole and not entry.met),
                reason=entry.reason,
                owner=entry.owner,
                until=entry.until,
                inline=entry.inline,
            )
            for entry in (*self._inline.values(), *self._listed)
        )

    def _of(self, target: Target) -> list[_Entry]:
        return [self._entry(ignore) for ignore in target.ignores]

    def _at(self, place: Location) -> list[_Entry]:
        """Return the inline ignores for the lines of a finding that is about no single image."""
        return [
            entry
            for entry in self._by_path.get(place.path, ())
            if entry.inline is not None and place.line <= entry.inline.line <= place.end_line
        ]

    def _entry(self, ignore: Ignore) -> _Entry:
        entry = self._inline.get(ignore)
        if entry is None:
            until = date.fromisoformat(ignore.until) if ignore.until else None
            problem = ignore_problem(
                self.policy.ignore_policy, self.at, until, ignore.reason, permanent=until is None
            )
            if not self.policy.ignore_policy.allow_inline:
                problem = "the policy does not allow inline ignores"
            entry = self._inline[ignore] = _Entry(
                rules=ignore.rules,
                subject=", ".join(ignore.rules),
                location=ignore.location or _NOWHERE,
                problem=problem,
                covers=lambda target: ignore in target.ignores,
                reason=ignore.reason,
                until=ignore.until,
                inline=ignore,
            )
        return entry

    def _from_policy(self, ignore: PolicyIgnore) -> _Entry:
        return _Entry(
            rules=(ignore.rule,),
            subject=" ".join(filter(None, (ignore.rule, ignore.image, ignore.path))),
            location=ignore.place or _NOWHERE,
            problem=ignore_problem(
                self.policy.ignore_policy,
                self.at,
                ignore.expires,
                ignore.reason,
                permanent=ignore.permanent,
            ),
            covers=lambda target: ignore.names(target.location.path, target.reference),
            reason=ignore.reason,
            owner=ignore.owner,
            until=ignore.expires.isoformat() if ignore.expires else "",
        )


def ignore_problem(
    rules: IgnorePolicy, at: datetime, until: date | None, reason: str, *, permanent: bool
) -> str:
    """Return why an ignore does not count; empty where it does. Its last day (UTC) still counts."""
    if not reason.strip():
        return "it gives no reason"
    if until is None:
        if permanent and rules.allow_permanent:
            return ""
        return "it has no end, and the policy does not allow permanent ignores"
    today = at.date()
    if today > until:
        return f"it expired on {until.isoformat()}"
    if rules.max_days is not None and until > today + timedelta(days=rules.max_days):
        return f"its end, {until.isoformat()}, is more than {rules.max_days} days away"
    return ""


_INHERITED = frozenset(
    {"eol-soon", "os-eol", "os-mismatch", "platform-missing", "secret-in-env", "secret-in-history"}
    | {"version-eol"}
)
"""Rules about what an image inherits from its base, and what its own file cannot fix."""
_Facts = tuple[str, str, tuple[tuple[str, str], ...]]
_EXACT = frozenset({BaseVerdict.EXACT_CURRENT, BaseVerdict.EXACT_STALE, BaseVerdict.EXACT_RETIRED})


def base_references(evidence: Iterable[Evidence]) -> dict[str, str]:
    """Return the base of each image whose layers prove one, by canonical references.

    An image whose platforms have different bases is left out.
    """
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
    """Return the findings that stay, and those charged to a base.

    A finding is charged where the same rule found the same facts on an ancestor of its image;
    `bases` (see `base_references`) gives the ancestors. The finding on the base then carries in
    `evidence["charged"]` how many others it stands for. A finding of unknown outcome is never
    charged: it says that something was not read, and that may differ.
    """
    items = tuple(findings)
    if not bases:
        return items, ()
    ancestors = frozenset(bases.values())
    found_on = {
        _facts(finding, name): finding
        for finding in items
        if _may_be_charged(finding) and (name := _name(finding)) in ancestors
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
    """Return the same finding on the oldest ancestor that has it; None where no ancestor has it."""
    if not _may_be_charged(finding):
        return None
    culprit = None
    for base in _line(_name(finding), bases):
        culprit = found_on.get(_facts(finding, base), culprit)
    return culprit


def _may_be_charged(finding: Finding) -> bool:
    return finding.rule in _INHERITED and not finding.unknown


def _facts(finding: Finding, name: str) -> _Facts:
    """Return what the finding says, as if it were about the image `name`."""
    return finding.rule, name, tuple(sorted(finding.evidence.items()))


def _line(name: str, bases: Mapping[str, str]) -> tuple[str, ...]:
    """Return the ancestors of an image, nearest first; none where they form a circle."""
    line = [name]
    while base := bases.get(line[-1]):
        if base in line:
            return ()
        line.append(base)
    return tuple(line[1:])


def _name(finding: Finding) -> str:
    return finding.reference.canonical if finding.reference else ""
