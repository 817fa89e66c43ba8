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
from tagwatch.image.digest import Digest, digest_of
from tagwatch.image.manifest import OCI_MANIFEST
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Document, RepositorySnapshot, Scope, TagObservation
from tagwatch.ledger.codec import compress, compress_alike, text_of
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
    assert spool.number_of(START, len(TAGS)) == judged.lists.evidence, "it is read, and the same"
    assert spool._file is None and not spool._at_hand, "what can be read again is kept nowhere"
    spool.put(evidence(TAGS[3]))
    assert spool.number_of(START, len(TAGS)) is None, "now one differs"
    assert dict(spool) == {**wanted, START + TAGS[3]: evidence(TAGS[3])}


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


def own_texts(ledger: Ledger) -> tuple[int, int]:
    """How much evidence has its text in its row, and how much stands in a piece."""
    (counts,) = ledger._connection.execute("SELECT count(body), count(piece_id) FROM evidence")
    return counts[0], counts[1]


def test_evidence_stands_where_the_answer_lists_it(ledger: Ledger) -> None:
    judged = first_night(ledger)
    assert own_texts(ledger) == (0, len(TAGS))
    pieces = ledger._connection.execute("SELECT count(*) FROM piece WHERE depth = 0").fetchone()
    first = ledger.evidence([START + tag for tag in TAGS])
    assert first == {START + tag: evidence(tag) for tag in TAGS}

    ledger.put_judged("", (), [judged], LATER)
    assert ledger.evidence([START + TAGS[7]]) == {START + TAGS[7]: until(evidence(TAGS[7]), LATER)}

    changed = replace(evidence(TAGS[7], LATER), moves=3)
    ledger.put_evidence([changed], {})
    assert own_texts(ledger) == (1, len(TAGS) - 1), "one of many waits for the next answer"
    made = replace(judged, keys=tuple(PART.keys))
    ledger.put_judged("", [made], (), LATER)
    spool = Spool()
    for one in ledger.evidence(PART.keys).values():
        spool.put(one)
    night(ledger, spool, PART, LATER)
    assert own_texts(ledger) == (0, len(TAGS))
    assert ledger.evidence([changed.key]) == {changed.key: changed}
    assert ledger.evidence([START + TAGS[8]])[START + TAGS[8]] == until(evidence(TAGS[8]), LATER)
    now = ledger._connection.execute("SELECT count(*) FROM piece WHERE depth = 0").fetchone()
    assert now[0] - pieces[0] <= 4, "the pieces of the other tags are the same"
    assert check(ledger.path) == ()


def test_evidence_that_ended_keeps_the_time_of_its_text(ledger: Ledger) -> None:
    """The tag was seen for the last time when it was read: that does not go on."""
    judged = first_night(ledger, ended=True)
    assert own_texts(ledger) == (0, len(TAGS))
    ledger.put_judged("", (), [judged], LATER)
    found = ledger.evidence([START + TAGS[3]])[START + TAGS[3]]
    assert found == until(evidence(TAGS[3], ended=True), LATER)
    assert found.history[-1].last_seen == AT


def test_a_damaged_piece_is_stored_anew_with_its_evidence(ledger: Ledger) -> None:
    first_night(ledger)
    ledger._connection.execute(
        "UPDATE piece SET body = substr(body, 1, 9) WHERE id IN (SELECT piece_id FROM evidence)"
    )
    assert not ledger.evidence([START + TAGS[0]]), "as if it had never been stored"
    ledger.put_evidence([evidence(tag) for tag in TAGS], {})
    assert ledger.evidence([START + TAGS[0]]) == {START + TAGS[0]: evidence(TAGS[0])}
    assert check(ledger.path) == ()


def test_a_digest_with_the_bytes_of_a_line_hides_nothing(ledger: Ledger) -> None:
    """What looks like the beginning of a line is in a digest that a registry says."""
    keys = [f"h/r:{number}" for number in range(4)]
    fake = b'\n{"key":"h/r:1","resolution"'.ljust(32, b"x")
    some = [
        replace(
            evidence("7"),
            key=key,
            resolution=Resolution(
                input=key, status=Status.RESOLVED, digest=Digest(f"sha256:{fake.hex()}")
            ),
        )
        for key in keys
    ]
    ledger.put_evidence(some, {})
    assert own_texts(ledger) == (0, 4)
    assert ledger.evidence(keys) == dict(zip(keys, some, strict=True))


def as_schema_16_had_it(ledger: Ledger, document: Document) -> None:
    """Let evidence have a source and a text of its own, and a document its media type."""
    connection = ledger._connection
    texts = connection.execute(
        "SELECT e.rowid, e.key, n.source, e.at, n.piece, e.made_from, e.judged_id "
        "FROM evidence e JOIN evidence_now n ON n.id = e.rowid"
    ).fetchall()
    for table in ("VIEW evidence_now", "TABLE evidence", "TABLE source", "TABLE media_type"):
        connection.execute(f"DROP {table}")
    connection.execute("DROP TABLE document")
    connection.execute(
        "CREATE TABLE evidence (key TEXT NOT NULL, source TEXT NOT NULL, at INTEGER, "
        "body BLOB NOT NULL, made_from BLOB, judged_id INTEGER, PRIMARY KEY (key, source)) STRICT"
    )
    connection.execute("CREATE VIEW evidence_now AS SELECT rowid AS id FROM evidence")
    connection.executemany(
        "INSERT INTO evidence (rowid, key, source, at, body, made_from, judged_id) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (number, key, *(source, at), compress_alike(text_of(key, None, piece, at)), *rest)
            for number, key, source, at, piece, *rest in texts
        ],
    )
    connection.execute(
        "CREATE TABLE document (id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, "
        "media_type TEXT NOT NULL, raw BLOB NOT NULL) STRICT"
    )
    row = (bytes.fromhex(document.digest[7:]), document.media_type, compress(document.raw))
    connection.execute("INSERT INTO document (digest, media_type, raw) VALUES (?, ?, ?)", row)
    connection.execute("DELETE FROM _sqlite_migrations WHERE name = 'v17_texts'")
    connection.execute("PRAGMA user_version = 16")


def test_a_ledger_of_schema_16_says_the_same(ledger: Ledger) -> None:
    judged = first_night(ledger)
    raw = b'{"schemaVersion": 2, "config": {"digest": "' + DIGEST.encode() + b'"}}'
    document = Document(digest=digest_of(raw), media_type=OCI_MANIFEST, raw=raw)
    as_schema_16_had_it(ledger, document)
    path = ledger.path
    ledger.close()
    with Ledger.open(path) as upgraded:
        assert own_texts(upgraded) == (0, len(TAGS)), "the answer lists them"
        assert upgraded.evidence([START + tag for tag in TAGS]) == {
            START + tag: evidence(tag) for tag in TAGS
        }
        assert upgraded.judged("", LATER)[REDIS] == judged
        assert upgraded.documents([document.digest]) == {document.digest: document}
        assert check(path) == ()
