"""What is news: in a scope, and below a prefix whose listing failed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from tagwatch.audit.model.finding import Finding, Severity
from tagwatch.audit.model.history import Interval
from tagwatch.audit.verdict.news import News, differences, news_of
from tagwatch.audit.verdict.result import LAPSED
from tagwatch.config.settings import Watch
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Failure
from tagwatch.publish import machine
from tagwatch.publish.interface import PublishContext
from tagwatch.publish.result_sentence import since_sentence
from tagwatch.source.target import Targets
from tagwatch.walk.watch_list import Names, Watched
from tests.audit_case import AT, audit, digest, evidence, place, seen, target

LATEST = target("redis:latest")
APP = target("ghcr.io/shop/api:latest", line=2)
WATCHED = replace(target("ghcr.io/shop/web:latest"), location=place("tagwatch.yaml", line=7))
EVERY = audit((LATEST, APP, WATCHED), tuple(map(seen, (LATEST, APP, WATCHED)))).findings


def texts(findings: tuple[object, ...]) -> set[str]:
    return {one.text for one in findings}  # type: ignore[attr-defined]  # findings


def test_nothing_outside_the_scope_comes_or_goes() -> None:
    now = audit((LATEST,), (evidence(LATEST),))
    api = frozenset({Repository.parse("ghcr.io/shop/api")})
    assert texts(differences(EVERY, now, scope=api).fixed) == {"ghcr.io/shop/api:latest"}
    assert texts(differences((), now, scope=api).new) == set()
    assert texts(differences(EVERY, now).fixed) == {
        "ghcr.io/shop/api:latest",
        "ghcr.io/shop/web:latest",
    }


def test_what_a_failed_listing_of_a_prefix_left_out_stands() -> None:
    """A file still names one repository below it, and was fixed there."""
    fixed = target("ghcr.io/shop/api:1.0.0", line=2)
    now = audit((LATEST, fixed), (seen(LATEST), seen(fixed, "1.0.0")))
    for code, gone in (("unavailable", 1), ("cut-off", 2)):
        failure = Failure(
            repository=Repository(registry="ghcr.io", path="shop"), code=code, message="502"
        )
        found = differences(EVERY, replace(now, failures=(failure,)))
        assert len(texts(found.fixed)) == gone, code
    everywhere = Failure(
        repository=Repository(registry="ghcr.io", path="*"), code="stopped", message="stopped"
    )
    found = differences(EVERY, replace(now, failures=(everywhere,)))
    assert texts(found.fixed) == {"ghcr.io/shop/api:latest"}


def test_the_first_news_are_since_nothing() -> None:
    now = audit((LATEST,), (evidence(LATEST),))
    assert news_of(now, (), before=None).is_first
    assert not news_of(now, now.findings, before=AT).is_first


def test_what_stands_on_is_not_kept() -> None:
    """There may be as many findings as tags: they are compared one by one, as they are read."""
    kept = []

    def stood() -> Iterator[Finding]:
        for one in EVERY:
            old = replace(one, message="said else") if one is EVERY[0] else replace(one)
            yield old
            kept.append(sys.getrefcount(old) > 3)  # one is that of who reads

    now = audit((LATEST, APP, WATCHED), tuple(map(seen, (LATEST, APP, WATCHED))))
    found = news_of(now, stood(), before=AT)
    assert kept == [False] * len(EVERY)
    assert found.since.same == now.findings
    assert found.reworded == (now.findings[0],)


@pytest.mark.parametrize(
    ("serves", "lapsed", "told"),
    [("b", True, "1 no longer told"), ("a", False, "1 fixed"), ("c", False, "1 fixed")],
)
def test_a_replaced_tag_that_serves_the_same_is_not_fixed(
    serves: str, lapsed: bool, told: str
) -> None:
    """After its month a tampering alarm went with a check mark, and nobody had gone back."""
    begun = AT - timedelta(days=40)
    alarm = Finding(
        rule="tag-replaced",
        severity=Severity.ERROR,
        message="redis:latest moved",
        location=LATEST.location,
        fingerprint="f",
        reference=LATEST.reference,
        evidence={"after": digest("b"), "moved_at": begun.isoformat()},
    )
    past = (Interval(tag="latest", digest=digest(serves), first_seen=begun, last_seen=AT),)
    known = audit((LATEST,), (replace(seen(LATEST), history=past),))
    now = replace(known, findings=())
    since = differences((alarm,), now)
    assert (LAPSED in since.fixed[0].evidence) is lapsed
    assert since_sentence(since, "") == told
    context = PublishContext(version="1", news=News(before=begun, since=since))
    (fixed,) = json.loads("".join(machine.news_parts(now, context)))["fixed"]
    assert fixed.get("lapsed", False) is lapsed
    elsewhere = replace(LATEST, location=place("compose.yaml"))
    mended = replace(now, targets=(APP, elsewhere))
    assert LAPSED not in differences((alarm,), mended).fixed[0].evidence, "of another file"
    watch = Watch(image="redis", location=LATEST.location)
    entry = Watched(watch=watch, repository=Repository.parse("redis"), tags=Names.of(["latest"]))
    watched = differences((alarm,), replace(now, targets=Targets([(APP,), entry])))
    assert (LAPSED in watched.fixed[0].evidence) is lapsed, "the watch list names it still"
    assert APP.reference is not None
    unnamed = replace(alarm, reference=replace(APP.reference, tag=None))
    assert LAPSED in differences((unnamed,), now).fixed[0].evidence, "by its age"
    for said in ("2026-05-02", "in May"):  # by a rule that somebody brought
        foreign = replace(unnamed, evidence={**unnamed.evidence, "moved_at": said})
        assert LAPSED not in differences((foreign,), now).fixed[0].evidence
