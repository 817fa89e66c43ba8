"""Tags that moved, as people read them: aliases together, and what nobody names aside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from tagwatch.audit.model.diff import Verdict
from tagwatch.audit.model.finding import Severity
from tagwatch.audit.model.history import Change
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.image.digest import Digest
from tagwatch.image.reference import Repository
from tagwatch.publish.wording import change_severity, count, one_line
from tagwatch.value import dataclass

__all__ = ["Movement", "movements", "tags_moved", "unnamed_sentence"]

_SHOWN_TAGS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """Tags of one repository that went together from one digest to another.

    `change` is that of the first of `tags`; those that files or watches name stand first.
    `named` False: none is named and why they moved was not established, as nobody asked for it.
    """

    repository: Repository
    tags: tuple[str, ...]
    change: Change
    severity: Severity
    named: bool

    @property
    def name(self) -> str:
        """The first tag as people write it."""
        return one_line(f"{self.repository}:{self.tags[0]}")

    @property
    def also(self) -> str:
        """The other tags: `also 6, 6-bookworm and 2 more`; empty where there is none."""
        others = self.tags[1:]
        more = len(others) - _SHOWN_TAGS
        said = ", ".join(one_line(tag) for tag in others[:_SHOWN_TAGS])
        return (f"also {said}" + (f" and {more} more" if more > 0 else "")) if others else ""

    @property
    def reason(self) -> str:
        """Why, without what the step from version to version says already.

        A platform that took this step alone is named.
        """
        change = self.change
        step = f"version {change.version_before} to {change.version_after}"
        if not change.reason.endswith(step):
            return change.reason
        lone = change.diff.alone if change.diff else ()
        names = [name for name in change.platforms if name in lone]
        more = f" and {len(names) - 1} more" if names[1:] else ""
        return f"only {names[0]}{more}" if names else ""


def movements(result: AuditResult) -> tuple[Movement, ...]:
    """Every change of the result in one movement, worst first, then in the result's order."""
    together: dict[tuple[Repository, Digest, Digest, Verdict], list[Change]] = {}
    for moved in result.changes:
        change = moved.change
        key = (moved.repository, change.before, change.after, change.verdict)
        together.setdefault(key, []).append(change)
    named = _named_tags(result)
    found = [_movement(key[0], changes, named) for key, changes in together.items()]
    return tuple(sorted(found, key=lambda movement: (-movement.severity.rank, not movement.named)))


def tags_moved(result: AuditResult) -> str:
    """How many tags moved, of how many the reason was looked for, and how many are gone."""
    others = sum(len(one.tags) for one in movements(result) if not one.named)
    named = len(result.changes) - others
    parts = [
        f"{count(named, 'tag')} moved" if named else "",
        f"{count(others, 'tag')} moved that nothing names" if others else "",
        f"{count(len(result.gone), 'tag')} gone" if result.gone else "",
    ]
    return ", ".join(part for part in parts if part)


def unnamed_sentence(unnamed: Iterable[Movement]) -> str:
    """One sentence for all that moved and is not named; empty where nothing is."""
    counts: Counter[Repository] = Counter()
    for movement in unnamed:
        counts[movement.repository] += len(movement.tags)
    if not counts:
        return ""
    where = ", ".join(f"{one_line(str(name))} {number}" for name, number in sorted(counts.items()))
    return f"{count(counts.total(), 'tag')} moved that no file and no watch names: {where}"


def _movement(
    repository: Repository, changes: list[Change], named: Mapping[Repository, frozenset[str]]
) -> Movement:
    here = named.get(repository, frozenset())
    ordered = sorted(changes, key=lambda change: change.tag not in here)
    first = ordered[0]
    is_named = first.tag in here or first.verdict is not Verdict.UNKNOWN
    return Movement(
        repository=repository,
        tags=tuple(change.tag for change in ordered),
        change=first,
        severity=change_severity(first) if is_named else Severity.NOTE,
        named=is_named,
    )


def _named_tags(result: AuditResult) -> dict[Repository, frozenset[str]]:
    """The tags that files and watches name; for a pattern, the tag that it stands for."""
    changed: dict[str, set[str]] = {}
    for moved in result.changes:
        changed.setdefault(moved.repository.name, set()).add(moved.change.tag)
    found: dict[str, set[str]] = {}
    for key in result.evidence if changed else ():
        name, _, tag = key.partition("@")[0].rpartition(":")
        if name in changed:
            is_tag = tag in changed[name]
            named = tag if is_tag else result.evidence[key].resolution.tag or tag
            found.setdefault(name, set()).add(named)
    return {
        moved.repository: frozenset(found.get(moved.repository.name, ()))
        for moved in result.changes
    }
