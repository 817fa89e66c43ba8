"""Every remedy of every rule: a reference to write was an offer, so that it went through the hand.

What a rule says itself, and the texts of its offers, name no tag and no digest of any repository.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from tagwatch.audit.model.diff import Verdict
from tagwatch.audit.model.evidence import Evidence, Pin, Status
from tagwatch.audit.model.finding import Severity
from tagwatch.audit.model.knowledge import Retirement
from tagwatch.audit.model.policy import AccessList, Denied, Policy, RuleSettings
from tagwatch.audit.rule.catalogue import load_rule
from tagwatch.audit.rule.interface import Rule, RuleScope, RunSubject, Statement, Subject
from tagwatch.family import RULES
from tagwatch.image.reference import Reference
from tests.audit_case import audit, digest, evidence, said, seen, target
from tests.contract.rule_case import BASES, ENDS, FULL, NODE, Said, change, interval
from tests.contract.subject_spy import seen as shown_to_rules
from tests.contract.test_rules import CASES

ALL = [load_rule(name) for name in RULES]
NAMED = re.compile(
    r"@sha256:[0-9a-f]{6}|(?<![\w./=-])(?:[a-z0-9.-]+(?::\d+)?/)*[a-z][a-z0-9._-]*:[\w{]"
)
FORMS = ("name:tag", "[:tag]")
"""How a reference is written, in the advice of `reference-unresolved`."""


@pytest.mark.parametrize(
    ("text", "is_named"),
    [
        ("write redis:6.2.25", True),
        ("the same digest lives in legacy/redis:6.2.24", True),
        ("build on one of: python:{3.12-slim,3.13-slim}", True),
        (f"those platforms still have @{digest('b')}", True),
        ("use localhost:5000/redis:1", True),
        ("write {}", False),
        ("give ADD --checksum=sha256:…, or verify it in a RUN", False),
        ("write 127.0.0.1:8080:80, or the address that is meant", False),
        ("the file that knowledge: names", False),
    ],
)
def test_a_reference_is_found_in_a_text(text: str, is_named: bool) -> None:
    assert bool(NAMED.search(text)) is is_named


@pytest.mark.parametrize("name", sorted(CASES))
def test_what_a_rule_says_itself_names_no_reference(name: str) -> None:
    for case in CASES[name]:
        for rule, statement in _statements(case):
            texts = [statement.remedy, *(offer.text for offer in statement.offers)]
            for text in texts:
                for form in FORMS:
                    text = text.replace(form, "")
                assert not NAMED.search(text), f"{rule.id}: {case.why}: {text}"


def _statements(case: Said) -> Iterator[tuple[Rule, Statement]]:
    """What each rule says where the judge asks all of them about the case's subjects."""
    shown = shown_to_rules(
        lambda policy: replace(case, policy=policy).result("tag-latest"), case.policy
    )
    for rule in ALL:
        for subject in shown[rule.scope]:
            if _is_asked(rule, subject):
                options = {**rule.defaults, **case.policy.settings(rule.id, "", None).options}
                for statement in rule.check(replace(subject, options=options)):
                    yield rule, statement


def _is_asked(rule: Rule, subject: Any) -> bool:
    if rule.scope is RuleScope.RUN:
        return isinstance(subject, RunSubject)
    return not isinstance(subject, Subject) or not rule.reads or subject.evidence is not None


GONE_BACK = (interval("b", 30, 2, tag="6.2.24"), interval("a", 2, tag="6.2.24"))


def _moved(*history: Any, **more: Any) -> Evidence:
    return seen(FULL, history=history, change=change(Verdict.REPLACED, **more))


def _remedy(rule: str, facts: Evidence, *beside: Evidence, **more: Any) -> str:
    result = audit([FULL], [facts], beside={one.key: one for one in beside}, **more)
    (finding,) = said(result, rule)
    return finding.remedy


def _past(letter: str, history: Iterable[Any], *, exists: bool) -> Evidence:
    one = target(f"redis:6.2.24@{digest(letter)}")
    pin = Pin(exists=exists, served_by_tag=True, tags=())
    return seen(one, history=tuple(history), pin=pin, resolution={"digest": digest(letter)})


def test_the_way_back_from_a_replaced_image_is_checked() -> None:
    """It is told that nobody looked whether the digest is there; one that is gone is not named."""
    diff = "compare the two with tagwatch diff"
    write = f"{diff}; to go back, write redis:6.2.24@{digest('b')}"
    facts = _moved(*GONE_BACK)
    unchecked = "; whether that is still there was not checked"
    assert _remedy("tag-replaced", facts) == write + unchecked
    assert _remedy("tag-replaced", facts, _past("b", GONE_BACK, exists=True)) == write
    assert _remedy("tag-replaced", facts, _past("b", GONE_BACK, exists=False)) == diff


def test_the_way_back_passes_over_a_build_that_was_replaced_itself() -> None:
    history = (
        interval("c", 30, 9, tag="6.2.24"),
        interval("b", 9, 2, tag="6.2.24", verdict="replaced"),
        interval("a", 2, tag="6.2.24", verdict="replaced"),
    )
    beside = [_past(letter, history, exists=True) for letter in "bc"]
    remedy = _remedy("tag-replaced", _moved(*history), *beside)
    assert remedy.endswith(f"to go back, write redis:6.2.24@{digest('c')}")


def test_who_pins_an_older_build_is_led_nowhere() -> None:
    one = target(f"redis:6.2.24@{digest('b')}")
    facts = seen(
        one, history=GONE_BACK, change=change(Verdict.REPLACED), resolution={"digest": digest("b")},
        pin=Pin(exists=True, served_by_tag=True, tags=()),
    )  # fmt: skip
    (finding,) = said(audit([one], [facts]), "tag-replaced")
    assert finding.remedy == "compare the two with tagwatch diff"


NO_NGINX = Policy(repositories=AccessList(deny=(Denied(match="docker.io/library/nginx"),)))


def test_a_name_that_the_policy_refuses_is_not_advised() -> None:
    slip = target("shop/ngnix:1")
    for policy, words in (
        (Policy(), "write nginx where that is meant"),
        (NO_NGINX, "nginx is kept back: repository-not-allowed"),
    ):
        (finding,) = said(audit([slip], (), policy, knowledge=ENDS), "official-lookalike")
        assert words in finding.remedy


def test_an_image_that_has_ended_itself_is_not_advised() -> None:
    ends = {
        "docker.io/shop/old": Retirement(
            kind="moved", since="2024", to=("docker.io/shop/new", "quay.io/shop/newest (paid)")
        ),
        "docker.io/shop/new": Retirement(kind="ended", since="2025"),
    }
    knowledge = replace(ENDS, retired={name: (end,) for name, end in ends.items()})
    (finding,) = said(audit([target("shop/old:1")], (), knowledge=knowledge), "image-retired")
    assert finding.remedy == "use quay.io/shop/newest (paid)"


def test_an_approved_base_that_was_replaced_is_not_advised() -> None:
    swapped = target("python:3.12-slim")
    moved = seen(swapped, change=change(Verdict.REPLACED, tag="3.12-slim"))
    policy = replace(BASES, bases=tuple(replace(one, allow_versions="") for one in BASES.bases))
    result = audit([NODE], [seen(NODE)], policy, beside={moved.key: moved})
    (finding,) = said(result, "base-not-approved")
    assert finding.remedy == "build on python:3.13-slim"


def test_another_image_is_not_held_to_the_warnings_of_what_stands() -> None:
    """`digest-unpinned` would speak of each; no fix writes another image, so it is only told."""
    one = target(f"shop/ngnix:1@{digest('a')}")
    rules = {"digest-unpinned": RuleSettings(severity=Severity.ERROR)}
    (finding,) = said(audit([one], (), Policy(rules=rules), knowledge=ENDS), "official-lookalike")
    assert finding.remedy.startswith("write nginx where that is meant")


def test_a_home_that_the_policy_refuses_is_not_named() -> None:
    gone = evidence(
        FULL, status=Status.NOT_FOUND, elsewhere=(Reference.parse("legacy/redis:6.2.24"),)
    )
    policy = Policy(repositories=AccessList(deny=(Denied(match="docker.io/legacy/*"),)))
    (finding,) = said(audit([FULL], [gone]), "tag-deleted")
    assert finding.remedy == "the same digest lives in legacy/redis:6.2.24"
    (finding,) = said(audit([FULL], [gone], policy), "tag-deleted")
    assert finding.remedy == (
        "write a tag that exists; legacy/redis:6.2.24 is kept back: repository-not-allowed"
    )
