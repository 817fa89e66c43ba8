"""What was made of a repository is recalled by who made it, and by nobody else."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tagwatch.audit.model.evidence import Evidence, Resolution, Status
from tagwatch.image.digest import digest_of
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import RepositorySnapshot, Scope, TagObservation
from tagwatch.ledger.codec import compress_alike
from tagwatch.ledger.maintenance import check, mend
from tagwatch.ledger.record import Judged
from tagwatch.ledger.write import Ledger
from tagwatch.walk.remember import remember_bases
from tests.paths import DATA

REDIS = Repository.parse("docker.io/library/redis")
KEY = "docker.io/library/redis:7"
DIGEST = digest_of(b"x")
AT = datetime(2026, 1, 1, 2, tzinfo=UTC)
DAY = timedelta(days=1)
MIRROR = {"ghcr.io": "http://mirror.example"}


@contextmanager
def opened(path: Path, origins: Mapping[str, str] | None = None) -> Iterator[Ledger]:
    with Ledger.open(path, origins or {}) as ledger:
        yield ledger


def see(ledger: Ledger, at: datetime) -> None:
    tags = (TagObservation(tag="7", digest=DIGEST),)
    snapshot = RepositorySnapshot(
        repository=REDIS, at=at, scope=Scope.FULL, tags=tags, names=frozenset(["7"])
    )
    ledger.add(ledger.begin_run("scan", at), snapshot)


def make(ledger: Ledger, project: str, at: datetime, note: str) -> None:
    """Store the one piece of evidence, made from `note`, as a night of the project does."""
    resolution = Resolution(input="redis:7", status=Status.RESOLVED, digest=DIGEST, note=note)
    evidence = Evidence(key=KEY, resolution=resolution, at=at, documents_read=True)
    made = Judged(
        repository=REDIS,
        made_from=note.encode(),
        again_at=None,
        listed=compress_alike(b"[]"),
        keys=(KEY,),
    )
    ledger.put_evidence([evidence], {KEY: note.encode()})
    ledger.put_judged(project, [made], (), at)


def recalled(ledger: Ledger, project: str, at: datetime) -> bytes:
    found = ledger.judged(project, at).get(REDIS)
    return dict(ledger.lines_of_judged(found, at)).get(KEY, b"") if found is not None else b""


def test_a_project_recalls_nothing_of_another(tmp_path: Path) -> None:
    """A begins first; B, which recalls, is done before A stores what it made."""
    with opened(tmp_path / "ledger.db") as ledger:
        see(ledger, AT)
        make(ledger, "B", AT, "policy of B")
        begun, later = AT + DAY, AT + DAY + timedelta(seconds=30)
        ledger.put_judged("B", (), [ledger.judged("B", later)[REDIS]], later)
        make(ledger, "A", begun, "policy of A")
        assert b"policy of B" not in recalled(ledger, "A", begun + DAY)


def test_an_endpoint_recalls_nothing_that_was_made_without_it(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with opened(path) as ledger:
        see(ledger, AT)
        make(ledger, "", AT, "without")
    with opened(path, MIRROR) as ledger:
        for night in (1, 300):
            make(ledger, "", AT + night * DAY, "with")
        assert b"with" in recalled(ledger, "", AT + 301 * DAY)
        assert b"without" not in recalled(ledger, "", AT + 301 * DAY)
    with opened(path) as ledger:
        found = ledger.evidence([KEY])[KEY]
        assert (found.at, found.resolution.note) == (AT, "without")


def test_what_is_dropped_leaves_no_number_to_another(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with opened(path) as ledger:
        see(ledger, AT)
        make(ledger, "", AT, "here")
    for column in ("again_at = 4611686018427387904", "listed = x'00'"):
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(f"UPDATE judged SET {column}")
            connection.commit()
        assert len(check(path)) == 1, column
    mend(path)
    assert check(path) == ()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT judged_id FROM evidence").fetchall() == [(None,)]


def test_bases_of_an_old_ledger_are_adopted_whatever_was_asked_before(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((DATA / "ledger" / "v5.sql").read_text(encoding="utf-8"))
    at = datetime(2026, 12, 1, tzinfo=UTC)
    with opened(path) as ledger:
        bases = {
            Repository.parse(build.reference.rpartition(":")[0]) for build in ledger.base_builds()
        }
        assert bases
        remember_bases(ledger, bases)  # as a run does that reads none of them
        for base in bases:
            tags = tuple(
                TagObservation(tag=one.tag, digest=one.digest)
                for one in ledger.intervals(base)
                if not one.ended
            )
            names = frozenset(one.tag for one in tags)
            snapshot = RepositorySnapshot(
                repository=base, at=at, scope=Scope.FULL, complete=True, tags=tags, names=names
            )
            ledger.add(ledger.begin_run("scan", at), snapshot)
        remember_bases(ledger, bases)
    with closing(sqlite3.connect(path)) as connection:
        origins = connection.execute("SELECT DISTINCT origin FROM base_build").fetchall()
    assert origins == [("",)]
