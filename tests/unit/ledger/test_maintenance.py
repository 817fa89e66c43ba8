"""Over the years: forgetting keeps what is referred to, checking finds damage, copies are whole."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tagwatch.audit.model.diff import Verdict
from tagwatch.audit.model.evidence import Evidence, Resolution, Status
from tagwatch.audit.model.history import Change, Interval, Seen
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.errors import LedgerError
from tagwatch.image.digest import Digest, digest_of
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Document, RepositorySnapshot, Scope, TagObservation
from tagwatch.ledger.codec import compress, compress_alike, encode
from tagwatch.ledger.damage import bare_finding
from tagwatch.ledger.maintenance import back_up, check
from tagwatch.ledger.read import Reader
from tagwatch.ledger.record import Alert, Forgotten, Judged, Stored, Telling
from tagwatch.ledger.write import Ledger

AT = datetime(2026, 1, 1, 2, tzinfo=UTC)
DAY = timedelta(days=1)
REDIS = Repository.parse("redis")


def document(content: object) -> Document:
    raw = json.dumps(content).encode()
    return Document(digest=digest_of(raw), media_type="application/json", raw=raw)


def image(name: str) -> tuple[Document, ...]:
    """A config, its manifest and an index of it, last the index."""
    config = document({"config": {"User": name}})
    manifest = document({"config": {"digest": config.digest}, "layers": []})
    return config, manifest, document({"manifests": [{"digest": manifest.digest}]})


OLD, NEW, PINNED = image("old"), image("new"), image("pinned")


def snapshot(day: int, tags: dict[str, Digest], *documents: Document) -> RepositorySnapshot:
    return RepositorySnapshot(
        repository=REDIS,
        at=AT + day * DAY,
        scope=Scope.FULL,
        tags=tuple(TagObservation(tag=tag, digest=digest) for tag, digest in tags.items()),
        documents={item.digest: item for item in documents},
    )


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A year: `7` moved after 100 days, `6` went after 300, `pinned` is named by evidence only."""
    with Ledger.open(tmp_path / "tagwatch.db") as opened:
        for day, tags, documents in [
            (0, {"7": OLD[-1].digest, "6": OLD[-1].digest}, (*OLD, *PINNED)),
            (100, {"7": NEW[-1].digest, "6": OLD[-1].digest}, NEW),
            (300, {"7": NEW[-1].digest}, ()),
        ]:
            run = opened.begin_run("scan", AT + day * DAY)
            opened.add(run, snapshot(day, tags, *documents))
            told = Telling(facts=opened.facts(""), up_to=opened.newest_fact())
            opened.finish_run(run, AuditResult(at=AT + day * DAY), telling=told)
        resolution = Resolution(input="redis", status=Status.RESOLVED, digest=PINNED[-1].digest)
        opened.put_evidence([Evidence(key="pin", at=AT + 300 * DAY, resolution=resolution)])
        yield opened


def test_nothing_is_forgotten_unasked(ledger: Ledger) -> None:
    assert ledger.forget(AT + 365 * DAY) == Forgotten()
    assert ledger.stored_documents(REDIS) == {item.digest for item in (*OLD, *NEW, *PINNED)}
    assert len(ledger.intervals(REDIS)) == 3


def test_old_intervals_go_with_what_only_they_led_to(ledger: Ledger) -> None:
    first = ledger.forget(AT + 365 * DAY, history=200 * DAY)
    assert first == Forgotten(intervals=1)
    assert [item.tag for item in ledger.intervals(REDIS)] == ["6", "7"]
    second = ledger.forget(AT + 365 * DAY, history=30 * DAY)
    assert second == Forgotten(intervals=1), "a move waits for its explanation"
    (move,) = ledger.unexplained_moves()
    ledger.set_verdict(
        move,
        Change(tag="7", before=move.before, after=move.after, at=move.at, verdict=Verdict.REBUILT),
    )
    assert ledger.forget(AT + 365 * DAY, history=30 * DAY) == Forgotten(documents=3)
    assert [item.tag for item in ledger.intervals(REDIS)] == ["7"]
    assert ledger.tags_of_digest(OLD[-1].digest) == ()
    explained = ledger.newest_change(REDIS, "7")
    assert explained is not None
    assert explained.before == OLD[-1].digest
    assert ledger.stored_documents(REDIS) == {item.digest for item in (*NEW, *PINNED)}
    assert check(ledger.path) == ()


def test_a_forgotten_tag_that_comes_back_is_new(ledger: Ledger) -> None:
    ledger.forget(AT + 900 * DAY, history=30 * DAY)
    run = ledger.begin_run("scan", AT + 900 * DAY)
    back = {"6": NEW[-1].digest, "7": NEW[-1].digest}
    assert ledger.add(run, snapshot(900, back)) == Stored()
    assert [item.tag for item in ledger.intervals(REDIS)] == ["6", "7"]
    assert check(ledger.path) == ()


def test_an_open_interval_is_never_forgotten(ledger: Ledger) -> None:
    ledger.forget(AT + 9000 * DAY, history=DAY, runs=DAY)
    assert ledger.known(REDIS).tags == {"7": NEW[-1].digest}
    assert len(ledger.unexplained_moves()) == 1, "its move is not older than it"


def test_old_runs_go_but_the_last_answer_and_every_alert_key_stay(ledger: Ledger) -> None:
    first, second = ledger.runs()[-1], ledger.runs()[0]
    long = Alert(dedup_key="run 1", channel="slack", payload="a long text")
    short = Alert(dedup_key="run 2", channel="slack", payload="not sent yet")
    ledger.finish_run(first.id, AuditResult(at=first.at), [long])
    (waiting,) = ledger.outbox.due(AT, {"slack"})
    message = ledger.outbox.claim(waiting.id, AT)
    assert message is not None
    ledger.outbox.sent(message, AT)
    ledger.finish_run(second.id, AuditResult(at=second.at), [short])
    gone = ledger.forget(AT + 900 * DAY, runs=30 * DAY)
    assert (gone.runs, gone.messages, gone.evidence) == (2, 1, 1)
    assert [run.at for run in ledger.runs()] == [AT + 300 * DAY]
    assert ledger.last_result() == AuditResult(at=AT + 300 * DAY)
    ledger.finish_run(second.id, AuditResult(at=second.at), [long])
    assert [item.payload for item in ledger.messages("pending")] == ["not sent yet"]
    assert len(ledger.intervals(REDIS)) == 3


def test_evidence_holds_as_long_as_what_was_made_of_its_repository(ledger: Ledger) -> None:
    """A night that finds nothing new writes the time of a repository, and of no evidence."""
    then, now = AT + 300 * DAY, AT + 900 * DAY
    kept = Evidence(
        key="docker.io/library/redis:7",
        at=then,
        resolution=Resolution(input="redis:7", status=Status.RESOLVED),
    )
    ledger.put_evidence([kept])
    made = Judged(
        repository=REDIS,
        made_from=b"x",
        again_at=None,
        listed=compress_alike(b"[]"),
        keys=(kept.key,),
    )
    ledger.put_judged("", [made], [], then)
    (found,) = ledger.judged("", now).values()
    assert (found.made_from, found.again_at) == (b"x", None)
    ledger.put_judged("", [], [found], now)
    assert ledger.evidence([kept.key, "pin"]) == {
        kept.key: replace(kept, at=now),
        "pin": ledger.evidence(["pin"])["pin"],
    }
    assert ledger.judged("", now - DAY) == {}, "it is of a later night"
    assert ledger.judged("another", now) == {}
    assert ledger.forget(now, runs=30 * DAY).evidence == 1, "of the pin"
    assert ledger.evidence([kept.key])[kept.key].at == now
    assert check(ledger.path) == ()
    back = then + DAY
    assert any(line.startswith("evidence: 1,") for line in ledger.rewind(back))
    assert ledger.evidence([kept.key])[kept.key].at == back
    assert ledger.judged("", now) == {}
    assert check(ledger.path) == ()


def test_an_explained_move_goes_back_with_its_interval(ledger: Ledger) -> None:
    """What is said of it, and for how long, counts from the time in its explanation."""
    (move,) = ledger.unexplained_moves()
    verdict = Change(
        tag="7", before=move.before, after=move.after, at=move.at, verdict=Verdict.REPLACED
    )
    ledger.set_verdict(move, verdict)
    ledger.rewind(move.at + DAY)
    assert ledger.newest_change(REDIS, "7") == verdict, "that was before"
    back = move.at - DAY
    ledger.rewind(back)
    assert ledger.newest_change(REDIS, "7") == replace(verdict, at=back)
    assert [one.first_seen for one in ledger.intervals(REDIS, "7")][-1] == back
    ledger.set_verdict(replace(move, at=back), verdict)


def test_what_somebody_else_read_since_is_no_part_of_what_was_made(ledger: Ledger) -> None:
    resolution = Resolution(input="redis:7", status=Status.RESOLVED)
    keys = ("docker.io/library/redis:7", "docker.io/library/redis:6")
    made = Judged(
        repository=REDIS, made_from=b"x", again_at=None, listed=compress_alike(b"[]"), keys=keys
    )
    ledger.put_evidence(Evidence(key=key, at=AT, resolution=resolution) for key in keys)
    ledger.put_judged("", [made], [], AT)
    assert set(ledger.judged("", AT)) == {REDIS}
    ledger.put_evidence([Evidence(key=keys[0], at=AT + DAY, resolution=resolution)])
    assert ledger.judged("", AT + 2 * DAY) == {}, "one of two is left"
    ledger.put_judged("", [made], [], AT)
    assert ledger.judged("", AT + 2 * DAY) == {}, "what was read later is not of that night"
    ledger.put_judged("", [replace(made, keys=keys[1:])], [], AT + 2 * DAY)
    assert ledger.evidence(keys)[keys[0]].at == AT + DAY
    assert ledger.evidence(keys)[keys[1]].at == AT + 2 * DAY
    again = replace(made, keys=keys[:1], again_at=AT + 5 * DAY)
    ledger.put_judged("", [again], [], AT + 3 * DAY)
    assert ledger.evidence(keys)[keys[1]].at == AT + 2 * DAY, "it holds until it was left out"
    assert set(ledger.judged("", AT + 4 * DAY)) == {REDIS}
    assert ledger.judged("", AT + 5 * DAY) == {}


def test_others_memory_is_forgotten_by_its_own_dates(ledger: Ledger) -> None:
    told = Interval(
        tag="5",
        digest=Digest("build:" + "5" * 40),
        first_seen=AT - 900 * DAY,
        last_seen=AT - 800 * DAY,
        ended=True,
        kind=Seen.COMMITTED,
    )
    ledger.import_history(REDIS, [told, replace(told, tag="4", ended=False)])
    assert ledger.forget(AT, history=30 * DAY).imported == 1
    assert [item.tag for item in ledger.intervals(REDIS)] == ["4", "6", "7", "7"]
    assert check(ledger.path) == ()


def test_a_backup_is_whole_while_the_ledger_is_written(ledger: Ledger, tmp_path: Path) -> None:
    copy = tmp_path / "backup.db"
    copy.write_bytes(b"yesterday's")
    with Ledger.open(ledger.path) as other:
        run = other.begin_run("scan", AT + 400 * DAY)
        back_up(ledger.path, copy)
        other.add(run, snapshot(400, {"7": OLD[-1].digest}))
    with Ledger.open(copy) as reader:
        assert check(reader.path) == ()
        assert reader.known(REDIS).tags == {"7": NEW[-1].digest}
    assert sorted(path.name for path in tmp_path.glob("*backup*")) == ["backup.db"]


def test_a_backup_does_not_overwrite_its_ledger(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(ledger.path)
    for path in (ledger.path, tmp_path / "link.db"):
        with pytest.raises(LedgerError, match="its own backup"):
            back_up(ledger.path, path)
    assert check(ledger.path) == ()


def test_a_damaged_ledger_is_no_backup(ledger: Ledger, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    back_up(ledger.path, copy)
    before = copy.read_bytes()
    ledger.compact()
    sql = "SELECT rootpage FROM sqlite_schema WHERE name = 'interval'"
    (page,) = ledger._connection.execute(sql).fetchone()
    ledger.close()
    raw = bytearray(ledger.path.read_bytes())
    raw[4096 * (page - 1) : 4096 * page] = b"\xff" * 4096
    ledger.path.write_bytes(raw)
    damaged = Ledger.open(ledger.path)
    with damaged, pytest.raises(LedgerError, match="damaged") as caught:
        back_up(damaged.path, copy)
    assert "\n" not in caught.value.message
    assert copy.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir() if "unfinished" in path.name) == []


def forgetting_steps(path: Path, count: int) -> int:
    """Thousands of SQLite's own instructions to forget `count` intervals and keep as many."""
    steps = 0

    def tick() -> int:
        nonlocal steps
        steps += 1
        return 0

    with Ledger.open(path) as ledger:
        told = [
            Interval(
                tag=f"1.{number}",
                digest=Digest(f"build:{number:040x}"),
                first_seen=AT,
                last_seen=AT + DAY * (number % 2 * 1000),
                ended=number % 2 == 0,
                kind=Seen.COMMITTED,
            )
            for number in range(2 * count)
        ]
        ledger.import_history(REDIS, told)
        ledger._connection.set_progress_handler(tick, 1000)
        assert ledger.forget(AT + 1000 * DAY, history=DAY).imported == count
    return steps


def test_forgetting_costs_what_there_is_and_not_its_square(tmp_path: Path) -> None:
    few, many = (forgetting_steps(tmp_path / f"{count}.db", count) for count in (500, 4000))
    assert many < 16 * few


def test_a_backup_that_cannot_be_written_says_so(ledger: Ledger, tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=r"missing/b\.db"):
        back_up(ledger.path, tmp_path / "missing" / "b.db")


def test_packing_gives_the_space_back(ledger: Ledger) -> None:
    run = ledger.begin_run("scan", AT + 400 * DAY)
    many = {f"t{number}": digest_of(str(number).encode()) for number in range(5000)}
    ledger.add(run, snapshot(400, many))
    ledger.add(run, snapshot(401, {"7": NEW[-1].digest}))
    told = Telling(facts=ledger.facts(""), up_to=ledger.newest_fact())
    ledger.finish_run(run, AuditResult(at=AT + 401 * DAY), telling=told)
    ledger.compact()
    before = ledger.path.stat().st_size
    ledger.forget(AT + 900 * DAY, history=DAY)
    ledger.compact()
    assert ledger.path.stat().st_size < before / 3
    with Reader.open(ledger.path) as reader:
        assert reader.known(REDIS).tags == {"7": NEW[-1].digest}


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        ("UPDATE interval SET ended_at = NULL, last_seen = NULL", "two open intervals"),
        ("UPDATE interval SET ended_at = ended_at + 1", "overlap"),
        ("UPDATE interval SET last_seen = 1 WHERE ended_at IS NOT NULL", "ends before it begins"),
        ("DELETE FROM digest WHERE id = 1", "has no digest"),
        ("DELETE FROM tag WHERE name = '6'", "has no tag"),
        ("UPDATE tag SET id = 1", "one number"),
        ("UPDATE digest SET bytes = zeroblob(32)", "stands twice"),
        ("DELETE FROM interval WHERE n = 2", "a move has no interval"),
        ("UPDATE document SET raw = zeroblob(9) WHERE id = 1", "not what its digest says"),
        (
            "UPDATE document SET raw = (SELECT raw FROM document WHERE id = 1) WHERE id = 2",
            "not what its digest says",
        ),
    ],
)
def test_checking_finds_what_is_wrong(ledger: Ledger, damage: str, sentence: str) -> None:
    assert check(ledger.path) == ()
    with sqlite3.connect(ledger.path) as connection:
        connection.execute(damage)
    connection.close()
    assert any(sentence in problem for problem in check(ledger.path))


def test_a_finding_that_stands_twice_is_told(ledger: Ledger) -> None:
    body = compress(encode(bare_finding("f", "user-root", "note", None, "Dockerfile")))
    with closing(sqlite3.connect(ledger.path)) as other:
        for run in (1, 2):
            other.execute(
                "INSERT INTO standing (project, fingerprint, from_run, rule, severity, path, body) "
                "VALUES ('lost', 'f', ?, 'user-root', 'note', 'Dockerfile', ?)",
                (run, body),
            )
        other.commit()
    assert check(ledger.path) == (
        "a finding stands twice: lost, f",
        "a project has findings and is not known: lost",
    )


def test_what_was_not_told_yet_and_a_scan_at_work_are_not_forgotten(ledger: Ledger) -> None:
    late = AT + 400 * DAY
    run = ledger.begin_run("scan", late)
    ledger.add(run, snapshot(400, {"7": OLD[-1].digest, "6": OLD[-1].digest}))
    ledger.add(run, snapshot(401, {"7": OLD[-1].digest}))
    untold = ledger.facts("")
    assert len(untold) == 2, "one tag moved, and one that had come back went"
    ledger.forget(AT + 9000 * DAY, history=DAY, runs=DAY)
    assert ledger.facts("") == untold
    told = Telling(facts=untold, up_to=ledger.newest_fact())
    ledger.finish_run(run, AuditResult(at=late), telling=told)
    assert ledger.facts("") == ()
    ledger.forget(AT + 9000 * DAY, history=DAY, runs=DAY)
    assert [item.tag for item in ledger.intervals(REDIS)] == ["7"]
    assert check(ledger.path) == ()
