"""What was made of a repository, as of later: encoded evidence is moved on as a value is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tagwatch.audit.model.base_match import BaseMatch, BaseVerdict, MatchedBase
from tagwatch.audit.model.diff import Verdict
from tagwatch.audit.model.evidence import Evidence, Resolution, Status, until
from tagwatch.audit.model.history import Change, Interval
from tagwatch.image.digest import digest_of
from tagwatch.ledger.codec import encode
from tagwatch.ledger.evidence import as_of

AT = datetime(2026, 1, 1, 2, 0, 0, 7, tzinfo=UTC)
LATER = AT + timedelta(days=3)
BEFORE = AT - timedelta(days=9)
OLD, NEW = digest_of(b"old"), digest_of(b"new")
BASE = MatchedBase(reference="docker.io/library/python:3.12", tag="3.12", last_seen=AT)
ENDED = Interval(tag="7", digest=OLD, first_seen=BEFORE, last_seen=BEFORE, ended=True, ended_at=AT)
OPEN = Interval(tag="7", digest=NEW, first_seen=AT, last_seen=AT)
PLAIN = Evidence(
    key="docker.io/library/redis:7",
    resolution=Resolution(input="redis:7", status=Status.RESOLVED, digest=NEW),
    at=AT,
    history=(ENDED, OPEN),
)
CHANGE = Change(tag="7", before=OLD, after=NEW, at=AT, verdict=Verdict.REBUILT)
MATCH = BaseMatch(platform="linux/amd64", verdict=BaseVerdict.EXACT_CURRENT)
CASES = {
    "plain": PLAIN,
    "nothing of the tag": replace(PLAIN, history=()),
    "a tag that was not seen then": replace(PLAIN, history=(replace(OPEN, last_seen=BEFORE),)),
    "a tag that ended then": replace(PLAIN, history=(replace(ENDED, last_seen=AT),)),
    "a change of that night": replace(PLAIN, change=CHANGE, first_seen=AT),
    "on a base": replace(PLAIN, bases=(replace(MATCH, base=BASE, current=BASE),)),
    "on an older build": replace(
        PLAIN, bases=(replace(MATCH, base=replace(BASE, last_seen=BEFORE), current=BASE),)
    ),
    "no time": replace(PLAIN, at=None),
    "a text like it": replace(PLAIN, origin=f'"last_seen":{encode(AT).decode()},"ended"'),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("at", [AT, LATER])
def test_encoded_evidence_is_moved_on_as_a_value_is(case: str, at: datetime) -> None:
    evidence = CASES[case]
    assert as_of(encode(evidence), at) == encode(until(evidence, at))
