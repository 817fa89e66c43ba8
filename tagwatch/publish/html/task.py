"""Findings as a page tells them: what has one cause is one task, with its places."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tagwatch.audit.model.finding import Finding, Severity, causes_of, urgency
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.publish.html.book import Book
from tagwatch.publish.interface import PublishContext, RuleText
from tagwatch.publish.used import apart_of
from tagwatch.publish.wording import fix_text, key_finder, now_of
from tagwatch.value import dataclass, replace

__all__ = ["Cause", "Place", "Task", "Tasks", "causes"]

_MOST_PLACES = 12
"""So many places of a task are listed; the others are counted, and stand in `by-file.html`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a task has to be done. `fix` is text to paste, empty where none is exact.

    `said`: the words about this place, where they are others than the task's. `url`: the line at
    its forge, or empty.
    """

    where: str
    url: str
    fix: str
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Findings of one cause: what, where, why, and the fix of each place.

    `href`: how this page leads to it; empty where no page shows it whole. `image`: how it leads to
    the image, and `images`, how many there are beside it.
    """

    anchor: str
    href: str
    severity: Severity
    rule: str
    rule_page: str
    title: str
    message: str
    why: str
    remedy: str
    now: str
    image: str
    images: int
    state: str
    unknown: bool
    apart: bool
    places: tuple[Place, ...]
    more_places: int
    evidence: tuple[tuple[str, str], ...]

    @property
    def total(self) -> int:
        """How many places there are."""
        return len(self.places) + self.more_places


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """The findings of one cause, the first of which is told, and the images they are about.

    `apart`: only a wide watch named them.
    """

    findings: Sequence[Finding]
    keys: tuple[str, ...]
    apart: bool

    @property
    def first(self) -> Finding:
        """The finding that is told."""
        return self.findings[0]

    @property
    def anchor(self) -> str:
        """Where it stands on its page."""
        return f"finding-{self.first.fingerprint[:12]}"


def causes(result: AuditResult) -> list[Cause]:
    """Return the causes of all findings: what a wide watch found last, the worst first in each."""
    key_of = key_finder(result)
    apart = apart_of(result.targets)
    found = []
    for findings in causes_of(result.findings):
        keys = tuple(filter(None, dict.fromkeys(map(key_of, findings))))
        alone = all(finding.location in apart for finding in findings)
        found.append(Cause(findings=findings, keys=keys, apart=alone))
    if all(one.apart for one in found):  # there is nothing from which it stands apart
        found = [Cause(findings=one.findings, keys=one.keys, apart=False) for one in found]
    found.sort(key=lambda one: urgency(one.first), reverse=True)
    return sorted(found, key=lambda one: one.apart)


class Tasks:
    """What the pages show of causes. `news`: those with a finding that is new or worse."""

    def __init__(
        self, result: AuditResult, found: Sequence[Cause], context: PublishContext, book: Book
    ) -> None:
        self._result = result
        self._context = context
        self._book = book
        self.causes = found
        self.since = since = context.since
        self._states = {finding.fingerprint: "new" for finding in since.new} if since else {}
        self._states |= {one.fingerprint: "worse" for one in since.worse} if since else {}
        self.news = [one for one in found if self._state(one)]

    def made(self, found: Iterable[Cause], page: str) -> tuple[Task, ...]:
        """Return the tasks of these causes, as `page` shows them."""
        return tuple(self.task(one, page) for one in found)

    def by_image(self, keys: Iterable[str]) -> Mapping[str, list[Cause]]:
        """Return the causes of these images."""
        wanted = frozenset(keys)
        found: dict[str, list[Cause]] = {}
        for one in self.causes:
            for key in one.keys:
                if key in wanted:
                    found.setdefault(key, []).append(one)
        return found

    def _state(self, cause: Cause) -> str:
        states = [self._states.get(one.fingerprint, "") for one in cause.findings]
        number = len([one for one in states if one])
        if not number:
            return ""
        word = next(filter(None, states))
        return word if number == len(states) else f"{number} of {len(states)} {word}"

    def told_anew(self, page: str, most: int) -> tuple[Task, ...]:
        """Return the causes with news, each by the words about its first new place."""
        return tuple(
            self.task(replace(one, findings=self._new_first(one)), page, anchor=one.anchor)
            for one in self.news[:most]
        )

    def _new_first(self, cause: Cause) -> Sequence[Finding]:
        return sorted(cause.findings, key=lambda one: one.fingerprint not in self._states)

    def task(self, cause: Cause, page: str, *, most: int = _MOST_PLACES, anchor: str = "") -> Task:
        """Return a cause as `page` shows it, with at most so many places.

        `anchor`: where it is told whole, if its findings stand in another order here.
        """
        first, anchor = cause.first, anchor or cause.anchor
        rule = self._context.rules.get(first.rule, RuleText(title=""))
        key = cause.keys[0] if cause.keys else ""
        evidence = self._result.evidence.get(key)
        href = self._book.to_task(anchor, page)
        shown = cause.findings[:most]
        return Task(
            anchor=anchor,
            href=href,
            severity=first.severity,
            rule=first.rule,
            rule_page=self._book.to_rule(first.rule) if rule.title else "",
            title=rule.title,
            message=first.message,
            why=rule.risk,
            remedy=first.remedy or rule.remedy,
            now=now_of(evidence) if evidence is not None else "",
            image=self._book.to_image(key, page),
            images=max(len(cause.keys) - 1, 0),
            state=self._state(cause),
            unknown=first.unknown,
            apart=cause.apart,
            places=tuple(
                Place(
                    where=str(one.location),
                    url=self._context.source_of(one.location),
                    fix=fix_text(one),
                    said=one.message if one.message != first.message else "",
                )
                for one in shown
            ),
            more_places=len(cause.findings) - len(shown),
            evidence=tuple(first.evidence.items()),
        )
