"""Laws of all rules over all cases: occasions hide nothing, and rules know how long they are right.

`again` is the promise: up to that moment a rule says the same of the same subject.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

import tagwatch.audit.rule
from tagwatch.audit.model.base_match import BaseVerdict, MatchedBase
from tagwatch.audit.model.diff import Verdict
from tagwatch.audit.model.evidence import Evidence, is_readable, until
from tagwatch.audit.model.finding import Severity
from tagwatch.audit.model.history import Interval
from tagwatch.audit.model.policy import IgnorePolicy, Policy, PolicyIgnore, RuleSettings
from tagwatch.audit.rule.catalogue import load_rule
from tagwatch.audit.rule.interface import (
    FileSubject,
    Rule,
    RuleScope,
    RunSubject,
    Statement,
    Subject,
    row,
)
from tagwatch.family import RULES
from tests.audit_case import AT, digest, evidence, target
from tests.contract.rule_case import (
    ENDS,
    FULL,
    LATEST,
    PINNED,
    PYTHON,
    SERIES,
    Said,
    ago,
    facts,
    ignored,
    interval,
    match,
    moved,
    pinned,
)
from tests.contract.subject_spy import seen
from tests.contract.test_rules import CASES

CASE = [pytest.param(name, cases, id=name) for name, cases in sorted(CASES.items())]
ALL = [load_rule(name) for name in RULES]
OFF = [name for name in RULES if row(name)["severity"] is Severity.OFF]
INSTANT = timedelta(microseconds=1)
DAY = timedelta(days=1)
ON = "tag-latest"  # as for any rule that is on, the case's policy holds
FOLLOWED = 4
"""At so many moments at which a rule looks again it is asked in turn."""


def with_all(case: Said) -> Said:
    """The case with every rule on; `cooldown` says more where the policy names it."""
    on = {name: RuleSettings(severity=Severity.NOTE) for name in (*OFF, "cooldown")}
    return replace(case, policy=replace(case.policy, rules={**on, **case.policy.rules}))


def read_now(case: Said) -> Said:
    """The case where registries were read at the moment of the check."""
    at = case.case.get("at", AT)
    return replace(case, facts=tuple(replace(fact, at=at) for fact in case.facts))


def with_a_restless_past(cases: Iterable[Said]) -> Iterator[Said]:
    """Cases whose tags served other images some hours and days ago: what is offered grows older."""
    for case in cases:
        at = case.case.get("at", AT)
        facts = tuple(_restless(fact, at) for fact in case.facts)
        if facts != case.facts:
            yield replace(case, facts=facts)


def _restless(fact: Evidence, at: datetime) -> Evidence:
    if not fact.history or fact.history[-1].ended:
        return fact
    last, ages = fact.history[-1], (20, 8, 2.6, 1.7, 0.9)
    served = zip("edcb", ages, ages[1:], strict=False)
    return replace(
        fact,
        history=(
            *(
                Interval(
                    tag=last.tag,
                    digest=digest(letter),
                    first_seen=at - DAY * since,
                    last_seen=at - DAY * until,
                    ended=True,
                )
                for letter, since, until in served
            ),
            replace(last, first_seen=at - DAY * ages[-1]),
        ),
    )


@pytest.mark.parametrize(("name", "cases"), CASE)
def test_the_judgement_is_the_same_without_occasions(name: str, cases: Iterable[Said]) -> None:
    """An ignore, if only of what is nowhere, makes the judge ask every rule."""
    for case in map(with_all, cases):
        end = case.case.get("at", AT).date()
        nowhere = PolicyIgnore(rule="add-remote", image="nowhere/*", reason="r", expires=end)
        policy = replace(case.policy, ignores=(*case.policy.ignores, nowhere))
        given, asked = case.result(ON), replace(case, policy=policy).result(ON)
        unused = "the ignore of add-remote nowhere/* took nothing out"
        said = [finding for finding in asked.findings if finding.message != unused]
        assert list(given.findings) == said, case.why
        assert given.ignored == asked.ignored, case.why
        assert (given.coverage, given.complete) == (asked.coverage, asked.complete)


@pytest.mark.parametrize(("name", "cases"), CASE)
def test_what_a_rule_says_stays_until_it_looks_again(name: str, cases: Iterable[Said]) -> None:
    every = [with_all(case) for case in cases]
    for case in (*every, *map(read_now, every), *with_a_restless_past(every)):
        shown = _shown(case)
        for rule in ALL:
            for place, subject in enumerate(shown[rule.scope]):
                if _is_judged(rule, subject):
                    _stays(rule, case, place, _of(rule, subject))


def _stays(rule: Rule, case: Said, place: int, subject: Any) -> None:
    for _ in range(FOLLOWED):
        again = rule.again(subject) if rule.again else None
        said = list(rule.check(subject))
        for at in _moments(subject.at, again):
            later = _at(rule, case, place, subject, at)
            assert list(rule.check(later)) == said, f"{rule.id}: {case.why}: {subject.at}, {at}"
        if again is None:
            return
        subject = _at(rule, case, place, subject, again)


@pytest.mark.parametrize(("name", "cases"), CASE)
def test_an_image_that_is_read_again_is_said_the_same_of(name: str, cases: Iterable[Said]) -> None:
    """A scan keeps what is said, and asks again when a rule may speak otherwise: `Transcript`."""
    every = [with_all(case) for case in cases]
    for case in map(read_now, (*every, *with_a_restless_past(every))):
        shown = _shown(case)[RuleScope.TARGET]
        for rule in (rule for rule in ALL if rule.scope is RuleScope.TARGET):
            for subject in (_of(rule, one) for one in shown if one.evidence is not None):
                if _is_judged(rule, subject):
                    _is_kept(rule, case, subject)


def _is_kept(rule: Rule, case: Said, subject: Any) -> None:
    undated = replace(subject, evidence=replace(subject.evidence, at=None))
    again = rule.again(undated) if rule.again else None
    said = _undated(rule.check(subject))
    for at in _moments(subject.at, again):
        later = replace(subject, at=at, evidence=until(subject.evidence, at))
        assert _undated(rule.check(later)) == said, f"{rule.id}: {case.why}: {subject.at}, {at}"


def _undated(said: Iterable[Statement]) -> list[Statement]:
    """Statements without when the image was read: that is told anew each time."""
    return [
        replace(one, evidence={key: one.evidence[key] for key in one.evidence if key != "read_at"})
        for one in said
    ]


def _moments(at: datetime, again: datetime | None) -> Iterator[datetime]:
    """Moments after `at` and before `again`: near both, near the ends of days, far away."""
    end = again or datetime.max.replace(tzinfo=UTC)
    assert end > at
    midnight = datetime.combine(at.date() + DAY, time(), UTC)
    wanted = {at + INSTANT, midnight - INSTANT, midnight, at + (end - at) / 2, end - INSTANT}
    wanted |= {at + DAY * count for count in (1, 8, 32, 100, 400, 4_000)}
    return (one for one in sorted(wanted) if at < one < end)


def _shown(case: Said, at: datetime | None = None) -> dict[RuleScope, list[Any]]:
    """What the judge shows to rules of each scope in this case, beside candidates for a fix."""
    more = {} if at is None else {"at": at}
    timed = replace(case, case={**case.case, **more})
    shown = seen(lambda policy: replace(timed, policy=policy).result(ON), case.policy)
    standing = [one for one in shown[RuleScope.TARGET] if one.in_place_of is None]
    return {**shown, RuleScope.TARGET: standing}


def _at(rule: Rule, case: Said, place: int, subject: Any, at: datetime) -> Any:
    """The subject at another time. Which ignores count then is for the judge to say."""
    if isinstance(subject, RunSubject) and subject.ignores:
        return _of(rule, _shown(case, at)[RuleScope.RUN][place])
    return replace(subject, at=at)


def _is_judged(rule: Rule, subject: Any) -> bool:
    """As the judge decides it."""
    if not isinstance(subject, Subject):
        return True
    built = "built" in subject.target.facts
    is_enough = is_readable(subject.evidence) or not rule.reads or rule.judges_text
    return is_enough and (rule.judges_built or not built)


def _of(rule: Rule, subject: Any) -> Any:
    """The subject with the rule's own options."""
    path, reference = "", None
    if isinstance(subject, Subject):
        path, reference = subject.target.location.path, subject.target.reference
    elif isinstance(subject, FileSubject):
        path = subject.path
    options = subject.policy.settings(rule.id, path, reference).options
    return replace(subject, options={**rule.defaults, **options})


NEXT_DAY = datetime(2026, 11, 24, tzinfo=UTC)


def day(text: str) -> datetime:
    return datetime.combine(date.fromisoformat(text), time(), UTC)


def build(letter: str, days: float) -> MatchedBase:
    """A build of a base that came so many days ago."""
    return MatchedBase(
        reference="python:3.12-slim", tag="3.12-slim", digest=digest(letter), first_seen=ago(days)
    )


# rule: what is known, and when its statement may change by time alone, one after the other
AGAIN: dict[str, list[tuple[Said, tuple[datetime | None, ...]]]] = {
    "tag-latest": [
        (Said(why="today", targets=(LATEST,), facts=(evidence(LATEST, "8.2.1", at=AT),)),
         (NEXT_DAY, None)),
        (Said(why="no date", targets=(LATEST,), facts=(evidence(LATEST, "8.2.1"),)), (None,)),
    ],
    "tag-replaced": [
        (Said(why="a recent move", targets=(FULL,), facts=(moved(FULL, Verdict.REPLACED),)),
         (AT + 29 * DAY, None)),
    ],
    "platform-dropped": [
        (Said(why="an hour ago", targets=(FULL,),
              facts=(moved(FULL, Verdict.PLATFORMS_CHANGED, days=1 / 24),)),
         (AT + timedelta(hours=23), AT + 31 * DAY - timedelta(hours=1), None)),
    ],
    "cooldown": [
        (Said(why="a day old", targets=(SERIES,),
              facts=(evidence(SERIES, history=(interval("b", 9, 1), interval("a", 1))),)),
         (AT + 2 * DAY, None)),
        (Said(why="two to go back to, one of them young", targets=(SERIES,),
              facts=(evidence(SERIES, history=(interval("c", 9, 2), interval("b", 2, 1),
                                               interval("a", 1))),)),
         (AT + DAY, AT + 2 * DAY, None)),
        (Said(why="a new tag, a day old", targets=(FULL,),
              facts=(evidence(FULL, known_since=ago(9), history=(interval("a", 0.5),),
                              new_tags={"6.2.24": ago(1)}),)),
         (AT + 2 * DAY, None)),
        (Said(why="a name alone, a day old", targets=(FULL,),
              facts=(evidence(FULL, known_since=ago(9), new_tags={"6.2.24": ago(1)}),)),
         (AT + 2 * DAY, None)),
    ],
    "tag-abandoned": [
        (Said(why="no date", targets=(SERIES,),
              facts=(evidence(SERIES, lifecycle="abandoned", history=(interval("a", 200.5),)),)),
         (AT + DAY / 2, AT + DAY * 3 / 2)),
    ],
    "base-stale": [
        (Said(why="a pin", targets=(PINNED,),
              facts=(pinned(history=(interval("b", 40, 3), interval("a", 3)),
                            served_by_tag=True),)),
         (AT + 4 * DAY, None)),
        (Said(why="a base", targets=(PYTHON,),
              facts=(evidence(PYTHON, bases=(match(BaseVerdict.EXACT_STALE, current=build("a", 2)),
                                            match(BaseVerdict.EXACT_STALE, current=build("c", 9)),
                                            )),)),
         (AT + 5 * DAY, None)),
    ],
    "image-too-old": [
        (Said(why="young", targets=(SERIES,),
              facts=(evidence(SERIES, platforms=(facts(created_at=ago(100)),)),)),
         (AT + 81 * DAY, AT + 82 * DAY, AT + 83 * DAY)),
    ],
    "version-eol": [
        (Said(why="7.2 ends at the end of the year", targets=(target("redis:7.2.1"),),
              facts=(evidence(target("redis:7.2.1")),), knowledge=ENDS),
         (day("2027-01-01"), None)),
        (Said(why="of a line before 10, which ended in 2024", targets=(target("debian:9.13"),),
              facts=(evidence(target("debian:9.13")),), knowledge=ENDS,
              case={"at": day("2025-01-01")}),
         (day("2025-06-30"), day("2028-01-03"), day("2028-04-02"), day("2028-07-01"), None)),
    ],
    "eol-soon": [
        (Said(why="days are counted", targets=(target("redis:7.2.1"),),
              facts=(evidence(target("redis:7.2.1")),), knowledge=ENDS),
         (NEXT_DAY, NEXT_DAY + DAY)),
        (Said(why="far from it", targets=(target("redis:7.2.1"),),
              facts=(evidence(target("redis:7.2.1")),), knowledge=ENDS,
              case={"at": ago(365)}),
         (day("2026-10-02"), day("2026-10-03"))),
    ],
    "os-eol": [
        (Said(why="Debian 12", targets=(PYTHON,),
              facts=(evidence(PYTHON, platforms=(facts(os_release="debian bookworm"),)),),
              knowledge=ENDS),
         (day("2028-07-01"), None)),
    ],
    "policy-data-old": [
        (Said(why="facts of November", targets=(SERIES,), knowledge=ENDS),
         (day("2027-05-01"), day("2027-05-02"))),
    ],
    "ignore-expired": [
        (Said(why="its last day", targets=(ignored("2026-11-25"),)), (day("2026-11-26"), None)),
        (Said(why="too far away", targets=(ignored("2026-12-25"),),
              policy=Policy(ignore_policy=IgnorePolicy(max_days=7))),
         (day("2026-12-18"), day("2026-12-26"), None)),
    ],
    "ignore-unused": [
        (Said(why="its last day", targets=(ignored("2026-11-25"),)), (day("2026-11-26"), None)),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(AGAIN))
def test_when_a_rule_looks_again(name: str) -> None:
    rule = load_rule(name)
    assert rule.again is not None
    for case, moments in AGAIN[name]:
        (subject,) = _shown(case)[rule.scope]
        subject = _of(rule, subject)
        for expected in moments:
            assert rule.again(subject) == expected, case.why
            if expected is not None:
                subject = _at(rule, case, 0, subject, expected)


def test_a_day_after_the_last_that_there_is() -> None:
    """Options may be any whole number."""
    far = {"days": 10_000_000}
    for name in ("tag-replaced", "image-too-old", "eol-soon", "policy-data-old"):
        case, _ = AGAIN[name][0]
        (subject,) = _shown(case)[load_rule(name).scope]
        again = load_rule(name).again
        assert again is not None
        assert again(replace(subject, options=far)) in (None, NEXT_DAY)


def test_a_rule_that_reads_the_clock_says_when_it_looks_again() -> None:
    """By source: whoever reaches `subject.at` from `check` has `again`, and nobody else has."""
    functions = dict(_functions())
    reading = {name for name, (reads_clock, _) in functions.items() if reads_clock}
    while more := {name for name, (_, used) in functions.items() if used & reading} - reading:
        reading |= more
    clocked = {name for name in RULES if f"{_module(name)}.check" in reading}
    assert clocked | {"ignore-expired", "ignore-unused"} == {
        rule.id for rule in ALL if rule.again is not None
    }, "these two are shown what the judge made of its clock"
    assert {"cooldown", "version-eol", "tag-moving", "tag-os-shifted"} <= clocked


def _module(rule: str) -> str:
    return rule.replace("-", "_")


def _functions() -> Iterator[tuple[str, tuple[bool, set[str]]]]:
    """Every function of the rules' modules: does it read `subject.at`, and which does it use."""
    for path in sorted(Path(next(iter(tagwatch.audit.rule.__path__))).glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        home = {
            alias.asname or alias.name: f"{node.module.rpartition('.')[2]}.{alias.name}"
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module
            for alias in node.names
        }
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef):
                inner = list(ast.walk(function))
                names = {node.id for node in inner if isinstance(node, ast.Name)}
                reads = any(
                    isinstance(node, ast.Attribute)
                    and node.attr == "at"
                    and ast.unparse(node.value) == "subject"
                    for node in inner
                )
                used = {home.get(name, f"{path.stem}.{name}") for name in names}
                yield f"{path.stem}.{function.name}", (reads, used)
