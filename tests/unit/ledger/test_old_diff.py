"""Diffs as schemas before 6 and facts files of version 1 hold them: read as what they said."""

from __future__ import annotations

import copy
import json
import sqlite3
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tagwatch.audit.change.verdict import explain_change
from tagwatch.audit.model.evidence import Evidence, Resolution, Status
from tagwatch.audit.model.history import UNRECORDED, Change
from tagwatch.audit.verdict.result import AuditResult, RepositoryChange
from tagwatch.errors import InputError
from tagwatch.image.platform import LINUX_AMD64
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import RepositorySnapshot, Scope, TagObservation
from tagwatch.ledger.codec import compress, compress_lines, decode, encode, expand
from tagwatch.ledger.maintenance import check
from tagwatch.ledger.old_diff import upgraded_change, upgraded_evidence, upgraded_result
from tagwatch.ledger.piece import lines_in
from tagwatch.ledger.read import Reader
from tagwatch.ledger.upgrade import open_upgraded
from tagwatch.ledger.write import Ledger
from tagwatch.publish.diff_document import diff_document
from tagwatch.walk.facts_file import read_facts
from tests import official
from tests.extract import NIGHTLY, written
from tests.image_builder import EPOCH, Built, attest, build, cmd, expose, index, run, spdx, user
from tests.official import ARM64, debian, python

PYTHON = Repository.parse("python")


def image(day: int, version: str, port: str) -> Built:
    """Two platforms, each with layers of its own, a config and an SBOM."""
    parts = [
        build(
            *(run("first"), run("second"))[:: 1 if day else -1],
            user(port),
            expose(port),
            cmd("serve", port),
            base=python(day, version, base=debian(day, platform=platform)),
        )
        for platform in (LINUX_AMD64, ARM64)
    ]
    packages = {"pkg:deb/debian/openssl": version, f"pkg:pypi/p{day}": "1"}
    return index(*parts, *(attest(part, spdx(part, packages)) for part in parts))


CHANGE = explain_change(
    replace(official.read(image(0, "3.12.3", "80")), seen=(EPOCH, EPOCH + timedelta(days=3))),
    official.read(image(1, "3.12.4", "81")),
    tag="3.12",
    at=EPOCH,
)
DOCUMENT = diff_document(CHANGE)
EVIDENCE = Evidence(
    key="docker.io/library/python:3.12",
    resolution=Resolution(input="python:3.12", status=Status.RESOLVED),
    at=EPOCH,
    change=CHANGE,
)
RESULT = AuditResult(
    at=EPOCH,
    changes=(RepositoryChange(repository=PYTHON, change=CHANGE),),
    evidence={EVIDENCE.key: EVIDENCE},
)


def old(value: object, document: Any = DOCUMENT) -> bytes:
    """The bytes that a program of schema 5 stored, with this as every diff."""
    stored = json.loads(encode(value))

    def put(inner: Any) -> None:
        if isinstance(inner, dict):
            if "verdict" in inner and "diff" in inner:
                inner["diff"] = document
            else:
                for part in inner.values():
                    put(part)
        elif isinstance(inner, list):
            for part in inner:
                put(part)

    put(stored)
    return json.dumps(stored, ensure_ascii=False, separators=(",", ":")).encode()


def test_the_sample_says_something_of_everything() -> None:
    def empty(value: Any, path: str = "") -> Iterator[str]:
        if value in ({}, [], None):
            yield path
        elif isinstance(value, dict):
            for key, inner in value.items():
                yield from empty(inner, f"{path}.{key}")

    assert {path for path in empty(DOCUMENT) if "removed" not in path and "added" not in path} == {
        ".layers.shared", ".layers.recompressed", ".config.labels.changed", ".new.seen",
        ".platforms.lagging", ".not_compared",
    }  # fmt: skip


def test_values_are_read_as_they_were() -> None:
    assert decode(Change, upgraded_change(old(CHANGE))) == CHANGE
    assert decode(Evidence, upgraded_evidence(old(EVIDENCE))) == EVIDENCE
    assert decode(AuditResult, upgraded_result(old(RESULT))) == RESULT


def test_what_has_no_diff_is_as_it_was() -> None:
    for plain in (replace(CHANGE, diff=None), replace(EVIDENCE, change=None), RESULT.coverage):
        assert upgraded_change(encode(plain)) == encode(plain)
    bare = upgraded_change(old(CHANGE, {}))
    assert decode(Change, bare) == replace(CHANGE, diff=None)


def places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every part of a document."""
    keys = (
        value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    )
    for key in keys:
        yield (*way, key)
        yield from places(value[key], (*way, key))


def said(document: Any) -> Any:
    """The document without what follows from the rest, or what the change says itself."""
    if isinstance(document, list):
        return [said(part) for part in document]
    if not isinstance(document, dict):
        return document
    passed_over = {"schema_version", "ignored", "reason", "size", "history"}
    if "schema_version" in document:
        passed_over.add("verdict")
    return {key: said(part) for key, part in document.items() if key not in passed_over}


@pytest.mark.parametrize(
    "foreign", [None, 7, "x", [], {}, [1], {"a": 1}, ["a", "b", "c"], "\ud800"]
)
def test_what_no_tagwatch_wrote_is_not_known(foreign: Any) -> None:
    for *way, last in places(DOCUMENT):
        document = copy.deepcopy(DOCUMENT)
        part = document
        for key in way:
            part = part[key]
        part[last] = foreign
        stored = {**json.loads(encode(CHANGE)), "diff": document}
        change = decode(Change, upgraded_change(json.dumps(stored).encode()))
        if change.diff is not None:
            assert said(diff_document(change)) == said(document), (*way, last)
        else:
            assert change == replace(CHANGE, diff=None), (*way, last)


@pytest.mark.parametrize("missing", [*said(DOCUMENT)])
def test_a_document_without_a_part_is_not_known(missing: str) -> None:
    part = {key: value for key, value in DOCUMENT.items() if key != missing}
    assert decode(Change, upgraded_change(old(CHANGE, part))) == replace(CHANGE, diff=None)


@pytest.mark.parametrize("raw", [b"", b"{", b'"diff":', b'[{"diff":1}]', b'{"diff":{}', b"\xff"])
def test_what_is_damaged_stays_as_it_is(raw: bytes) -> None:
    for upgraded in (upgraded_change, upgraded_evidence, upgraded_result):
        assert upgraded(raw) == raw


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger of schema 5 that holds the change wherever one is stored."""
    path = tmp_path / "tagwatch.db"
    with Ledger.open(path) as ledger:
        tag = TagObservation(tag="3.12", digest=CHANGE.before)
        seen = RepositorySnapshot(
            repository=PYTHON, at=EPOCH - timedelta(days=1), scope=Scope.FULL, tags=(tag,)
        )
        ledger.add(ledger.begin_run("scan", seen.at), seen)
        night = ledger.begin_run("scan", EPOCH)
        (move,) = ledger.add(
            night, replace(seen, at=EPOCH, tags=(replace(tag, digest=CHANGE.after),))
        ).moves
        ledger.set_verdict(move, CHANGE)
        ledger.put_evidence([EVIDENCE])
        ledger.finish_run(night, RESULT)
        ledger.begin_run("scan", EPOCH)
    with closing(sqlite3.connect(path)) as connection:
        triggers = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
        for (trigger,) in triggers.fetchall():
            connection.execute(f"DROP TRIGGER {trigger}")
        connection.execute("DROP VIEW evidence_now")
        for table in ("judged", "counter"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("DROP TABLE evidence")
        connection.execute(
            "CREATE TABLE evidence (key TEXT NOT NULL, source TEXT NOT NULL, at INTEGER, "
            "body TEXT NOT NULL, made_from BLOB, PRIMARY KEY (key, source)) STRICT"
        )
        connection.execute(
            "INSERT INTO evidence (key, source, body) VALUES (?, 'seen', '')", [EVIDENCE.key]
        )
        connection.execute("UPDATE run SET evidence = x'', targets = ?", [compress(b"")])
        connection.execute("UPDATE run SET evidence = NULL, targets = NULL WHERE result IS NULL")
        for table in ("piece", "part", "source", "media_type", "document"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute(
            "CREATE TABLE document (id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, "
            "media_type TEXT NOT NULL, raw BLOB NOT NULL) STRICT"
        )
        stored = (
            ("move", "change", compress(old(CHANGE))),
            ("evidence", "body", old(EVIDENCE).decode()),
            ("run", "result", compress(old(replace(RESULT, evidence={})))),
            ("run", "evidence", compress(old(EVIDENCE) + b"\n")),
        )
        for table, column, value in stored:
            connection.execute(f"UPDATE {table} SET {column} = ? WHERE {column} NOT NULL", [value])
        for column in ("listed_at", "failed", "first_listed"):
            connection.execute(f"ALTER TABLE tag DROP COLUMN {column}")
        connection.execute("ALTER TABLE repository DROP COLUMN doubted_at")
        connection.execute("DROP TABLE failing")
        connection.execute("DROP INDEX outbox_state")
        connection.execute("DROP TABLE address_key")
        for column in ("receiver", "headline", "mentioned_in", "address"):
            connection.execute(f"ALTER TABLE outbox DROP COLUMN {column}")
        for table in ("project", "fact", "standing", "event"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("DROP INDEX move_unexplained")
        for table, column in (
            ("run", "project"),
            ("run", "scope"),
            ("run", "before_id"),
            ("outbox", "project"),
        ):
            connection.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        connection.execute("CREATE TABLE finding (fingerprint TEXT PRIMARY KEY)")
        names = ("v6_diffs", "v7_names", "v8_unread", "v9_receivers", "v10_telling", "v11_origins")
        steps = ("v12_pieces", "v13_judged", "v14_first_listed", "v15_judgement", "v16_lists")
        later = str((*names, *steps, "v17_texts"))
        connection.execute(f"DELETE FROM _sqlite_migrations WHERE name IN {later}")
        connection.execute("PRAGMA user_version = 5")
        connection.commit()
    return path


def test_a_ledger_of_schema_5_says_the_same(path: Path) -> None:
    with Reader.open(path) as ledger:
        assert ledger.newest_change(PYTHON, "3.12") == CHANGE
        (evidence,) = ledger.evidence([EVIDENCE.key]).values()
        assert evidence == replace(EVIDENCE, origin=UNRECORDED)
        assert ledger.last_result() == RESULT
    assert check(path) == ()


def test_a_damaged_row_keeps_no_ledger_from_its_upgrade(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        whole = expand(connection.execute("SELECT change FROM move").fetchone()[0])
        connection.execute("UPDATE move SET change = ?", [compress(whole)[:-9]])
        connection.execute("UPDATE evidence SET body = CAST(x'7b22646966ff223a' AS TEXT)")
        connection.execute("UPDATE run SET evidence = ?", [b"no zlib"])
        connection.commit()
    with Reader.open(path) as ledger:
        previous = ledger.previous_result(3)
        assert previous is not None
        assert previous.changes == RESULT.changes


def test_evidence_of_a_run_is_upgraded_line_by_line(path: Path) -> None:
    """A night over thousands of images stored more than a small machine has memory for."""
    line, count = old(EVIDENCE), 600
    with closing(sqlite3.connect(path)) as connection:
        stored = compress_lines(line for _ in range(count))
        connection.execute("UPDATE run SET evidence = ? WHERE evidence NOT NULL", [stored])
        connection.commit()
    tracemalloc.start()
    try:
        open_upgraded(path).close()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < len(line) * count * 0.6
    with closing(sqlite3.connect(path)) as connection:
        (root,) = connection.execute("SELECT piece_id FROM part WHERE name = 'evidence'").fetchone()
        upgraded = list(lines_in(connection, root, RESULT.at))
    assert len(upgraded) == count
    assert [decode(Evidence, one) for one in set(upgraded)] == [EVIDENCE]


def test_facts_of_other_versions_are_refused() -> None:
    """Those of today are read; of before, because every reader could have written them."""
    new = written(EPOCH, [EVIDENCE])
    keys = [NIGHTLY.public]
    assert new.startswith(b"tagwatch-facts 4\n")
    assert read_facts(new, keys, source="seen", now=EPOCH).evidence == (EVIDENCE,)
    for older in (b"facts 1 hmac-sha256:00", b"facts 2 hmac-sha256:00"):
        with pytest.raises(InputError, match="a secret that every reader has"):
            read_facts(new.replace(b"facts 4", older), keys, source="x", now=EPOCH)
    with pytest.raises(InputError) as told:
        read_facts(new.replace(b"facts 4", b"facts 5"), keys, source="x", now=EPOCH)
    assert "it reads versions 3 and 4" in told.value.hint
