"""What is stored comes back: runs, results, changes, documents, evidence, bases, cached texts."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from tagwatch.audit.model.base_build import BaseBuild
from tagwatch.audit.model.coverage import Coverage
from tagwatch.audit.model.diff import ImageDiff, Verdict
from tagwatch.audit.model.evidence import Evidence, Resolution, Status
from tagwatch.audit.model.finding import Finding, Severity
from tagwatch.audit.model.history import Change, Interval, Seen
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.errors import LedgerError
from tagwatch.image.digest import Digest, digest_of
from tagwatch.image.platform import LINUX_AMD64
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Document, RepositorySnapshot, Scope, TagObservation
from tagwatch.ledger.maintenance import check
from tagwatch.ledger.read import Reader
from tagwatch.ledger.record import Alert, Move, Run
from tagwatch.ledger.write import Ledger
from tagwatch.source.target import Location, Target
from tests.paths import ROOT

AT = datetime(2026, 1, 1, 2, tzinfo=UTC)
DAY = timedelta(days=1)
PLACE = Location(path="Dockerfile", line=1, column=6, end_line=1, end_column=13)
REDIS = Repository.parse("redis")
MIRROR = Repository.parse("registry.internal:5000/mirror/redis")


def digest(text: str) -> Digest:
    return digest_of(text.encode())


def snapshot(at: datetime, repository: Repository = REDIS, **tags: str) -> RepositorySnapshot:
    return RepositorySnapshot(
        repository=repository,
        at=at,
        scope=Scope.FULL,
        tags=tuple(TagObservation(tag=tag, digest=digest(text)) for tag, text in tags.items()),
    )


def result(at: datetime, *fingerprints: str, complete: bool = True) -> AuditResult:
    return AuditResult(
        at=at,
        complete=complete,
        findings=tuple(
            Finding(
                rule="tag-latest",
                severity=Severity.WARNING,
                message="it moves",
                location=Location(path="Dockerfile", line=1, column=6, end_line=1, end_column=11),
                fingerprint=name,
            )
            for name in fingerprints
        ),
    )


def evidence(key: str, at: datetime | None, source: str = "seen", version: str = "1") -> Evidence:
    resolution = Resolution(input=key, status=Status.RESOLVED, version=version)
    return Evidence(key=key, at=at, source=source, resolution=resolution)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "tagwatch.db") as opened:
        yield opened


def test_runs_and_their_answers(ledger: Ledger) -> None:
    first = ledger.begin_run("scan", AT)
    ledger.finish_run(first, result(AT, "a", "b"))
    check = ledger.begin_run("check", AT + DAY)
    ledger.finish_run(check, result(AT + DAY))
    cut_off = ledger.begin_run("scan", AT + 2 * DAY)
    second = ledger.begin_run("scan", AT + 3 * DAY)
    ledger.finish_run(second, result(AT + 3 * DAY, "b", complete=False))
    assert ledger.result(first) == result(AT, "a", "b")
    assert ledger.result(cut_off) is None
    assert ledger.result(99) is None
    assert ledger.last_result() == ledger.result(second)
    assert ledger.last_result("check") == result(AT + DAY)
    assert ledger.last_result("resolve") is None
    assert ledger.previous_result(second) == result(AT, "a", "b")
    assert ledger.previous_result(first) is None
    assert ledger.runs(2) == (
        Run(
            id=second,
            kind="scan",
            at=AT + 3 * DAY,
            finished_at=AT + 3 * DAY,
            complete=False,
            warnings=1,
        ),
        Run(id=cut_off, kind="scan", at=AT + 2 * DAY),
    )


def test_the_evidence_of_an_answer_comes_back_with_it(ledger: Ledger) -> None:
    third = ledger.begin_run("scan", AT + 4 * DAY)
    facts = {"k": evidence("k", AT), "ünï": evidence("ünï", None)}
    whole = replace(
        result(AT + 4 * DAY),
        targets=(Target(text="redis:7", location=PLACE, kind="from"),),
        evidence=facts,
        coverage=Coverage(unresolved=1, unavailable=2),
    )
    ledger.finish_run(third, whole)
    assert ledger.last_result() == whole
    assert ledger.runs(1)[0].not_checked == 3
    fourth = ledger.begin_run("scan", AT + 5 * DAY)
    assert ledger.previous_result(fourth) == replace(whole, targets=(), evidence={})


def finding_rows(ledger: Ledger) -> list[tuple[str, int, int | None]]:
    """What stood from which run to which, as people read it with SQL."""
    with closing(sqlite3.connect(ledger.path)) as other:
        return other.execute(
            "SELECT fingerprint, from_run, to_run FROM standing ORDER BY fingerprint, from_run"
        ).fetchall()


def test_a_finding_stands_from_the_run_that_found_it_to_the_one_that_did_not(
    ledger: Ledger,
) -> None:
    runs = []
    for day, names in enumerate([("a",), ("a", "b"), ("a", "b"), ("b",)]):
        runs.append(ledger.begin_run("scan", AT + day * DAY))
        ledger.finish_run(runs[-1], result(AT + day * DAY, *names))
    assert finding_rows(ledger) == [("a", runs[0], runs[3]), ("b", runs[1], None)]
    assert [finding.fingerprint for finding in ledger.stood("")] == ["b"]


def test_a_run_that_never_began_cannot_finish(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="no run 7"):
        ledger.finish_run(7, result(AT, "a"))
    assert finding_rows(ledger) == []


def test_an_answer_and_its_alerts_are_stored_together_or_not_at_all(ledger: Ledger) -> None:
    alert = Alert(dedup_key="scan 1", channel="slack", payload="{}")
    with pytest.raises(LedgerError, match="no run 7"):
        ledger.finish_run(7, result(AT), [alert])
    assert ledger.messages() == ()
    run = ledger.begin_run("scan", AT)
    ledger.finish_run(run, result(AT), [alert, alert])
    assert [message.dedup_key for message in ledger.messages()] == ["scan 1"]


def test_the_newest_change_of_a_tag(ledger: Ledger) -> None:
    run = ledger.begin_run("scan", AT)
    changes = []
    for day, text in enumerate("abc"):
        for move in ledger.add(run, snapshot(AT + day * DAY, t7=text)).moves:
            change = Change(
                tag="t7", before=move.before, after=move.after, at=move.at, verdict=Verdict.REBUILT
            )
            ledger.set_verdict(move, change)
            changes.append(change)
    assert ledger.newest_change(REDIS, "t7") == changes[-1]
    assert ledger.newest_change(REDIS, "t6") is None


def test_many_moves_are_read_in_steps_that_are_their_number(ledger: Ledger) -> None:
    """By SQLite's own count: each move was sought among all tags of its repository."""
    spent = []
    for day, (count, repository) in enumerate(((250, MIRROR), (1_000, REDIS))):
        for text in "ab":
            at = AT + (2 * day + "ab".index(text)) * DAY
            tags = dict.fromkeys([f"t{n}" for n in range(count)], text)
            moves = ledger.add(ledger.begin_run("scan", at), snapshot(at, repository, **tags)).moves
        ticks: list[None] = []
        ledger._connection.set_progress_handler(partial(ticks.append, None), 100)
        assert ledger.unexplained_moves() == moves
        ledger._connection.set_progress_handler(None, 0)
        spent.append(len(ticks))
        for move in moves:
            change = Change(
                tag=move.tag, before=move.before, after=move.after, at=at, verdict=Verdict.REBUILT
            )
            ledger.set_verdict(move, change)
    assert spent[1] < 8 * spent[0], spent


def test_a_move_is_unexplained_until_it_has_a_verdict(ledger: Ledger) -> None:
    run = ledger.begin_run("scan", AT)
    ledger.add(run, snapshot(AT, t7="a", t6="x"))
    night = ledger.begin_run("scan", AT + DAY)
    moves = ledger.add(night, snapshot(AT + DAY, t7="b", t6="y")).moves
    assert ledger.unexplained_moves() == moves
    assert ledger.newest_change(REDIS, "t7") is None
    change = Change(
        tag="t7",
        before=digest("a"),
        after=digest("b"),
        at=AT + DAY,
        verdict=Verdict.UPGRADED,
        version_after="7.4.1",
        diff=ImageDiff(added=("linux/arm64",), common=1),
    )
    ledger.set_verdict(moves[1], change)
    assert [move.tag for move in ledger.unexplained_moves()] == ["t6"]
    assert ledger.newest_change(REDIS, "t7") == change
    assert ledger.newest_change(REDIS, "t6") is None
    newest = ledger.intervals(REDIS, "t7")[-1]
    assert (newest.verdict, newest.version) == ("upgraded", "7.4.1")
    assert ledger.intervals(REDIS, "t6")[-1].verdict is None


def test_a_move_that_was_not_seen_cannot_be_explained(ledger: Ledger) -> None:
    ledger.add(ledger.begin_run("scan", AT), snapshot(AT, t7="a"))
    move = Move(repository=REDIS, tag="t7", before=digest("0"), after=digest("a"), at=AT + DAY)
    change = Change(
        tag="t7", before=move.before, after=move.after, at=move.at, verdict=Verdict.UNKNOWN
    )
    with pytest.raises(LedgerError, match="no move of redis:t7"):
        ledger.set_verdict(move, change)


def test_versions_are_those_of_the_time(ledger: Ledger) -> None:
    run = ledger.begin_run("scan", AT)
    ledger.add(run, snapshot(AT, t7="a", t6="x"))
    ledger.set_versions(REDIS, {"t7": "7.4.0", "t6": "6.2.1", "t5": "5"})
    ledger.add(run, snapshot(AT + DAY, t7="b"))
    ledger.set_versions(REDIS, {"t7": "7.4.1", "t6": "6.2.9"})
    versions = [(item.tag, item.version) for item in ledger.intervals(REDIS)]
    assert versions == [("t6", "6.2.1"), ("t7", "7.4.0"), ("t7", "7.4.1")]


def test_documents_are_stored_once_and_told_by_repository(ledger: Ledger) -> None:
    raws = [b'{"schemaVersion":2,"layers":[]}', b"{}" * 900]
    documents = {
        digest_of(raw): Document(digest=digest_of(raw), media_type="application/json", raw=raw)
        for raw in raws
    }
    run = ledger.begin_run("scan", AT)
    ledger.add(run, replace(snapshot(AT, t7="a"), documents=documents))
    ledger.add(run, replace(snapshot(AT, MIRROR), documents=dict([*documents.items()][:1])))
    first, second = documents
    assert ledger.stored_documents(REDIS) == {first, second}
    assert ledger.stored_documents(MIRROR) == {first}
    assert ledger.stored_documents([second, digest("other")]) == {second}
    assert ledger.documents([second, digest("other")]) == {second: documents[second]}
    many = [digest(str(number)) for number in range(1200)]
    assert ledger.documents([*many, first]) == {first: documents[first]}


def test_which_tags_a_digest_was(ledger: Ledger) -> None:
    run = ledger.begin_run("scan", AT)
    ledger.add(run, snapshot(AT, t7="a", latest="a", t6="x"))
    ledger.add(run, snapshot(AT + DAY, MIRROR, t7="a"))
    ledger.add(run, snapshot(AT + 2 * DAY, t7="b", latest="b", t6="x"))
    found = [(home, item.tag, item.ended) for home, item in ledger.tags_of_digest(digest("a"))]
    assert found == [(REDIS, "latest", True), (REDIS, "t7", True), (MIRROR, "t7", False)]
    assert [item.tag for _, item in ledger.tags_of_digest(digest("a"), MIRROR)] == ["t7"]
    assert ledger.tags_of_digest(digest("never")) == ()
    assert ledger.repositories() == (REDIS, MIRROR)


def test_evidence_is_the_newest_whoever_it_is_from(ledger: Ledger) -> None:
    ledger.put_evidence([evidence("a", AT), evidence("b", AT), evidence("c", None)])
    ledger.put_evidence([evidence("b", AT - DAY, version="older")])
    nightly = "https://facts.example/redis.json"
    ledger.replace_evidence(
        nightly,
        [
            evidence("a", AT, nightly),
            evidence("b", AT + DAY, nightly),
            evidence("d", AT, nightly),
        ],
    )
    found = ledger.evidence(["a", "b", "c", "d", "e"])
    assert {key: (item.source, item.at) for key, item in found.items()} == {
        "a": ("seen", AT),
        "b": (nightly, AT + DAY),
        "c": ("seen", None),
        "d": (nightly, AT),
    }
    ledger.replace_evidence(nightly, [])
    assert ledger.evidence_keys() == ("a", "b", "c")
    assert ledger.evidence(["b"])["b"].resolution.version == "1"


@pytest.mark.parametrize("source", ["seen", "another"])
def test_imported_facts_never_pass_for_our_own(ledger: Ledger, source: str) -> None:
    with pytest.raises(LedgerError, match="must carry their source"):
        ledger.replace_evidence(source, [evidence("a", AT)])
    assert ledger.evidence(["a"]) == {}


def build(at: datetime, name: str = "a", *, ended: bool = False) -> BaseBuild:
    return BaseBuild(
        reference="docker.io/library/python:3.12-slim",
        tag="3.12-slim",
        platform=LINUX_AMD64,
        digest=digest(name),
        manifest=digest(name + "m"),
        config=digest(name + "c"),
        diff_ids=(digest("layer"),),
        layers=((digest("blob"), 12),),
        first_seen=at,
        last_seen=at,
        ended=ended,
    )


def test_base_builds_are_all_remembered_with_widened_dates(ledger: Ledger) -> None:
    ledger.put_base_builds([build(AT), build(AT + 2 * DAY, "b")])
    ledger.put_base_builds([build(AT + DAY, ended=True)])
    first, second = ledger.base_builds()
    assert first == replace(build(AT, ended=True), last_seen=AT + DAY)
    assert second == build(AT + 2 * DAY, "b")
    ledger.put_base_builds([replace(build(AT - DAY), last_seen=None)])
    assert ledger.base_builds()[0] == replace(first, first_seen=AT - DAY)
    assert ledger.base_builds(["docker.io/library/python:3.12-slim"]) == ledger.base_builds()
    assert ledger.base_builds(["docker.io/library/debian:12"]) == ()


def test_cached_texts_are_found_by_their_hash_and_stay_few(ledger: Ledger) -> None:
    for number in range(20):
        ledger.cache("policy", f"hash{number}", f"text {number}", AT + number * DAY)
    ledger.cache("settings", "hash19", "other", AT)
    assert ledger.cached("policy", "hash19") == "text 19"
    assert ledger.cached("settings", "hash19") == "other"
    assert ledger.cached("policy", "hash2") is None
    assert ledger.cached("policy", "unknown") is None


def told(tag: str, first: int, last: int, kind: Seen, name: str, *, ended: bool = True) -> Interval:
    return Interval(
        tag=tag,
        digest=Digest("build:" + name * 40),
        first_seen=AT + first * DAY,
        last_seen=AT + last * DAY,
        ended=ended,
        version=name,
        kind=kind,
    )


def test_others_tell_only_of_the_time_before_we_saw_a_tag(ledger: Ledger) -> None:
    committed = [
        told("t7", 0, 10, Seen.COMMITTED, "a"),
        told("t7", 10, 30, Seen.COMMITTED, "b"),
        told("t7", 30, 90, Seen.COMMITTED, "c", ended=False),
        told("old", 0, 5, Seen.COMMITTED, "d"),
    ]
    assert ledger.import_history(REDIS, committed) == 4
    assert ledger.known(REDIS).tags == {}, "what others say is not what we know"
    ledger.import_history(REDIS, [told("t7", 20, 50, Seen.PUSHED, "e", ended=False)])
    ledger.add(ledger.begin_run("scan", AT), snapshot(AT + 40 * DAY, t7="x"))
    past = ledger.intervals(REDIS, "t7")
    assert [(item.kind.value, item.version, (item.first_seen - AT).days) for item in past] == [
        ("committed", "a", 0),
        ("committed", "b", 10),
        ("pushed", "e", 20),
        ("seen", None, 40),
    ]
    days = [(item.last_seen - AT).days for item in past]
    assert days == [10, 20, 40, 40]
    assert [item.ended for item in past] == [True, False, False, False], "they still list it"
    for day, version in [(0, "a"), (9, "a"), (10, "b"), (19, "b"), (20, "e"), (39, "e")]:
        at = ledger.at(REDIS, "t7", AT + day * DAY)
        assert at is not None
        assert at.version == version
    assert ledger.at(REDIS, "old", AT + 5 * DAY) is None
    assert [item.tag for _, item in ledger.tags_of_digest(committed[0].digest)] == ["t7"]
    assert ledger.tags_of_digest(committed[2].digest) == (), "it begins after our own first sight"


def test_importing_again_replaces_what_was_imported_of_these_tags(ledger: Ledger) -> None:
    ledger.import_history(
        REDIS,
        [told("t7", 0, 10, Seen.COMMITTED, "a", ended=False), told("t6", 0, 1, Seen.PUSHED, "f")],
    )
    again = [told("t7", 0, 12, Seen.COMMITTED, "a"), told("t7", 12, 20, Seen.COMMITTED, "b")]
    for _ in range(2):
        ledger.import_history(REDIS, again)
    assert [item.version for item in ledger.intervals(REDIS)] == ["f", "a", "b"]
    assert check(ledger.path) == ()


def test_importing_again_costs_what_importing_did(ledger: Ledger) -> None:
    """By SQLite's own count of its steps: each row was sought among all tags."""
    whole = [told(f"t{n}", 0, 10, Seen.PUSHED, "a") for n in range(1_000)]
    ticks: list[None] = []
    ledger._connection.set_progress_handler(lambda: ticks.append(None), 100)
    ledger.import_history(REDIS, whole)
    first = len(ticks)
    ledger.import_history(REDIS, whole)
    assert len(ticks) - first < 3 * first, (first, len(ticks))


def test_who_remembers_less_takes_nothing_away(ledger: Ledger) -> None:
    """A checkout without its past, an older one, and a registry that knows the last push alone."""
    whole = [
        told("t7", 0, 10, Seen.COMMITTED, "a"),
        told("t7", 10, 20, Seen.COMMITTED, "b"),
        told("t7", 20, 40, Seen.COMMITTED, "c", ended=False),
        told("t6", 0, 30, Seen.COMMITTED, "d"),
    ]
    ledger.import_history(REDIS, whole)
    before = ledger.intervals(REDIS)
    shallow = [told("t7", 40, 40, Seen.COMMITTED, "c", ended=False)]
    older = [
        told("t7", 0, 10, Seen.COMMITTED, "a"),
        told("t7", 10, 15, Seen.COMMITTED, "b", ended=False),
        told("t6", 0, 15, Seen.COMMITTED, "d", ended=False),
    ]
    moments = (
        [told("t7", day, day, Seen.COMMITTED, v, ended=False)] for day, v in [(10, "b"), (20, "c")]
    )
    for less in (shallow, older, *moments, whole):
        ledger.import_history(REDIS, less)
        assert ledger.intervals(REDIS) == before
    ledger.import_history(REDIS, [told("t7", 45, 45, Seen.COMMITTED, "c", ended=False)])
    ledger.import_history(REDIS, [told("t7", 50, 50, Seen.COMMITTED, "e", ended=False)])
    past = ledger.intervals(REDIS, "t7")
    assert [(one.version, one.ended, (one.last_seen - AT).days) for one in past] == [
        ("a", True, 10), ("b", True, 20), ("c", True, 45), ("e", False, 50),
    ]  # fmt: skip
    for push in (("f", 1, 5), ("g", 8, 9), ("g", 8, 12)):
        name, first, last = push
        ledger.import_history(REDIS, [told("t5", first, last, Seen.PUSHED, name, ended=False)])
    past = ledger.intervals(REDIS, "t5")
    assert [(one.version, one.ended, (one.last_seen - AT).days) for one in past] == [
        ("f", True, 5), ("g", False, 12),
    ]  # fmt: skip
    assert check(ledger.path) == ()


def test_overlapping_tales_are_cut_and_our_own_kind_is_refused(ledger: Ledger) -> None:
    ledger.import_history(
        REDIS,
        [
            told("t7", 5, 20, Seen.PUSHED, "b"),
            told("t7", 0, 10, Seen.PUSHED, "a"),
            told("t7", 0, 3, Seen.PUSHED, "z"),
        ],
    )
    past = ledger.intervals(REDIS, "t7")
    assert [(item.version, (item.last_seen - AT).days) for item in past] == [("a", 5), ("b", 20)]
    with pytest.raises(LedgerError, match="claims to have been seen"):
        ledger.import_history(REDIS, [told("t7", 0, 3, Seen.SEEN, "z")])


def test_a_reader_works_while_a_writer_is_in_the_middle(ledger: Ledger) -> None:
    run = ledger.begin_run("scan", AT)
    ledger.add(run, snapshot(AT, t7="a"))
    with Reader.open(ledger.path) as reader, ledger._transaction() as connection:
        connection.execute("UPDATE interval SET version = 'half done'")
        assert reader.intervals(REDIS, "t7")[0].version is None
        connection.execute("UPDATE interval SET version = '7.4.1'")
    with Reader.open(ledger.path) as reader:
        assert reader.intervals(REDIS, "t7")[0].version == "7.4.1"


def test_what_fails_in_the_middle_leaves_nothing(ledger: Ledger) -> None:
    run = ledger.begin_run("scan", AT)
    ledger.add(run, snapshot(AT, t7="a"))
    broken = Document(digest=Digest("build:" + "x" * 26), media_type="", raw=b"")
    hostile = replace(snapshot(AT + DAY, t7="b"), documents={broken.digest: broken})
    with pytest.raises(LedgerError):
        ledger.add(run, hostile)
    assert ledger.known(REDIS).tags == {"t7": digest("a")}
    assert len(ledger.add(run, snapshot(AT + DAY, t7="b")).moves) == 1


WRITER = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tagwatch.image.digest import digest_of
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import RepositorySnapshot, Scope, TagObservation
from tagwatch.ledger.write import Ledger
with Ledger.open(Path(sys.argv[1])) as ledger:
    run = ledger.begin_run(sys.argv[2], datetime(2026, 1, 1, tzinfo=UTC))
    for night in range(40):
        seen = TagObservation(tag=sys.argv[2], digest=digest_of(str(night).encode()))
        ledger.add(run, RepositorySnapshot(
            repository=Repository.parse("redis"), scope=Scope.SELECTED, tags=(seen,),
            asked=frozenset({seen.tag}),
            at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=night)))
"""


def test_two_writers_take_turns_and_lose_nothing(ledger: Ledger) -> None:
    command = [sys.executable, "-c", WRITER, str(ledger.path)]
    writers = [subprocess.Popen([*command, name], cwd=ROOT) for name in ("one", "two")]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    assert len(ledger.intervals(REDIS, "one")) == 40
    assert len(ledger.intervals(REDIS, "two")) == 40
    assert len(ledger.unexplained_moves()) == 78
    assert check(ledger.path) == ()


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
def test_a_document_is_found_in_few_steps_whatever_its_digest_is(
    ledger: Ledger, algorithm: str
) -> None:
    """A registry may say digests of any algorithm, for as many manifests as it likes."""
    raws = [b"manifest %d" % number for number in range(500)]
    documents = {
        one: Document(digest=one, media_type="m", raw=raw)
        for raw in raws
        for one in [digest_of(raw, algorithm=algorithm)]
    }
    ledger.add(ledger.begin_run("scan", AT), replace(snapshot(AT), documents=documents))
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    ledger._connection.set_progress_handler(step, 1)
    assert ledger.documents([*documents][-1:]) == dict([*documents.items()][-1:])
    assert steps < len(documents), "not all were looked at"
