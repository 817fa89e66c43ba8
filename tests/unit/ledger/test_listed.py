"""What an answer lists of a repository, in the next answer: unread, whole, and as of then."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tagwatch.audit.model.evidence import (
    Evidence,
    Newer,
    Resolution,
    SelectedEvidence,
    Status,
    until,
)
from tagwatch.audit.model.history import Interval
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.config.settings import Watch
from tagwatch.image.digest import digest_of
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import RepositorySnapshot, Scope, TagObservation
from tagwatch.ledger.codec import compress_alike
from tagwatch.ledger.evidence import beginning_of
from tagwatch.ledger.maintenance import check, mend
from tagwatch.ledger.piece import sweep
from tagwatch.ledger.record import Judged, Listing
from tagwatch.ledger.spool import Spool
from tagwatch.ledger.write import Ledger
from tagwatch.source.target import Location, Targets
from tagwatch.walk.watch_list import Watched

REDIS = Repository.parse("docker.io/library/redis")
TAGS = tuple(f"7.{number}" for number in range(40))
DIGEST = digest_of(b"x")
AT = datetime(2026, 1, 1, 2, tzinfo=UTC)
LATER = AT + timedelta(days=3)
PLACE = Location(path="tagwatch.yaml", line=1, column=1, end_line=1, end_column=2)
PART = Watched(watch=Watch(image="redis", location=PLACE), repository=REDIS, tags=TAGS)
START = f"{REDIS.name}:"


def evidence(tag: str, at: datetime = AT, *, ended: bool = False) -> Evidence:
    resolution = Resolution(
        input=f"redis:{tag}", status=Status.RESOLVED, digest=DIGEST, newer=Newer(patch="7.99")
    )
    past = Interval(tag=tag, digest=DIGEST, first_seen=AT, last_seen=at, ended=ended)
    return Evidence(key=START + tag, resolution=resolution, at=at, history=(past,))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "tagwatch.db") as opened:
        tags = tuple(TagObservation(tag=tag, digest=DIGEST) for tag in TAGS)
        snapshot = RepositorySnapshot(
            repository=REDIS, at=AT, scope=Scope.FULL, tags=tags, names=frozenset(TAGS)
        )
        opened.add(opened.begin_run("scan", AT), snapshot)
        yield opened


def night(ledger: Ledger, spool: Spool, part: Watched, at: datetime) -> int:
    """Finish a run with this evidence, and return its number."""
    result = AuditResult(
        at=at, targets=Targets([Targets([part])]), evidence=SelectedEvidence(spool, part.keys)
    )
    listing = Listing(repository=REDIS, made_from=b"all", images=len(spool), parts=(part,))
    run_id = ledger.begin_run("scan", at)
    ledger.finish_run(run_id, result, listings=(listing,))
    stored = ledger.result(run_id)
    assert stored is not None
    assert tuple(stored.targets) == tuple(part)
    assert list(stored.evidence) == sorted(part.keys)
    return run_id


def first_night(ledger: Ledger, *, ended: bool = False) -> Judged:
    """Store evidence as a first night does, and return what is known of it afterwards."""
    every = [evidence(tag, ended=ended) for tag in TAGS]
    made = Judged(
        repository=REDIS,
        made_from=b"all",
        again_at=None,
        listed=compress_alike(b"[]"),
        keys=tuple(one.key for one in every),
    )
    ledger.put_evidence(every, {})
    ledger.put_judged("", [made], (), AT)
    spool = Spool()
    for one in every:
        spool.put(one)
    night(ledger, spool, PART, AT)
    return ledger.judged("", LATER)[REDIS]


def listed_again(ledger: Ledger, judged: Judged) -> Spool:
    spool = Spool()
    spool.put_list(tuple(PART.keys), judged, LATER, ledger.path)
    return spool


def test_a_list_stands_in_the_next_answer_and_nobody_reads_it(ledger: Ledger) -> None:
    judged = first_night(ledger)
    assert judged.lists is not None
    spool = listed_again(ledger, judged)
    assert len(spool) == len(TAGS)
    assert START + TAGS[3] in spool
    assert START + "8" not in spool
    assert sorted(spool) == sorted(PART.keys)
    before = ledger._connection.execute("SELECT count(*) FROM piece").fetchone()
    run_id = night(ledger, spool, replace(PART, number=judged.lists.targets[0]), LATER)
    assert ledger._connection.execute("SELECT count(*) FROM piece").fetchone() == before
    assert spool.number_of(START, len(TAGS)) == judged.lists.evidence, "it is unread"
    stored = ledger.result(run_id)
    assert stored is not None
    wanted = {START + tag: until(evidence(tag), LATER) for tag in TAGS}
    assert dict(stored.evidence) == wanted, "as of that night"
    assert ledger.known_by(LATER, "", ("evidence",)) == ledger.known_by(AT, "", ("evidence",))
    assert dict(spool) == wanted
    assert spool.number_of(START, len(TAGS)) is None, "now it is read"


def test_what_is_put_beside_a_list_takes_its_place(ledger: Ledger) -> None:
    spool = listed_again(ledger, first_night(ledger))
    other = replace(evidence(TAGS[0], LATER), lifecycle="frozen")
    spool.put(other)
    assert spool[other.key] == other
    assert len(spool) == len(TAGS)
    assert spool[START + TAGS[1]] == until(evidence(TAGS[1]), LATER)


def test_what_does_not_go_on_with_time_is_listed_anew(ledger: Ledger) -> None:
    """An interval that ended in that night ends then for ever."""
    assert first_night(ledger, ended=True).lists is None


def test_what_is_told_otherwise_is_listed_anew(ledger: Ledger) -> None:
    """Newer tags that have reached their end are known, and not told."""
    judged = first_night(ledger)
    spool = listed_again(ledger, judged)
    key = START + TAGS[0]
    told = {key: (Newer(patch="7.99"), Newer(patch="7.98"))}
    result = AuditResult(at=LATER, evidence=SelectedEvidence(spool, [key], adapted=told))
    run_id = ledger.begin_run("scan", LATER)
    ledger.finish_run(run_id, result)
    stored = ledger.result(run_id)
    assert stored is not None
    assert stored.evidence[key].resolution.newer.patch == "7.98"


def test_a_damaged_list_is_read_from_what_it_was_made_of(ledger: Ledger) -> None:
    judged = first_night(ledger)
    assert judged.lists is not None
    assert ledger.is_readable(judged.lists.evidence)
    ledger._connection.execute("DELETE FROM piece WHERE depth > 0")
    assert not ledger.is_readable(judged.lists.evidence)
    spool = listed_again(ledger, judged)
    assert spool[START + TAGS[5]] == until(evidence(TAGS[5]), LATER)


def test_a_list_outlives_the_answers_that_hold_it(ledger: Ledger) -> None:
    judged = first_night(ledger)
    ledger._connection.execute("DELETE FROM run")
    sweep(ledger._connection)
    spool = listed_again(ledger, judged)
    assert spool[START + TAGS[5]] == until(evidence(TAGS[5]), LATER)
    ledger._connection.execute("DELETE FROM judged")
    sweep(ledger._connection)
    assert ledger.evidence([START + TAGS[5]]), "its text stands there"
    ledger._connection.execute("DELETE FROM evidence")
    sweep(ledger._connection)
    assert ledger._connection.execute("SELECT count(*) FROM piece").fetchone() == (0,)


def test_where_a_piece_is_lost_no_list_is_held(ledger: Ledger) -> None:
    first_night(ledger)
    path = ledger.path
    ledger._connection.execute(
        "UPDATE piece SET body = x'00' WHERE id = (SELECT max(id) FROM piece WHERE depth = 0)"
    )
    ledger.close()
    assert any("piece" in sentence for sentence in check(path))
    mend(path)
    assert check(path) == ()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT lists FROM judged").fetchall() == [(None,)]


def test_damaged_numbers_are_no_lists(ledger: Ledger) -> None:
    first_night(ledger)
    for damaged in ("[", "{}", "[1]", '[1, ["2"]]'):
        ledger._connection.execute("UPDATE judged SET lists = ?", (damaged,))
        assert ledger.judged("", LATER)[REDIS].lists is None, damaged


def test_how_the_keys_of_one_repository_begin() -> None:
    for key, start in {
        "docker.io/library/redis:7": "docker.io/library/redis:",
        "r.example:5000/a/b:1.2@sha256:0": "r.example:5000/a/b:",
        "r.example:5000/a@sha256:0": "r.example:5000/a@sha256:",
    }.items():
        assert beginning_of(key) == start
