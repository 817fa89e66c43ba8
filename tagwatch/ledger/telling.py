"""Who was told what: facts, standing findings and events, by project. In the caller's transaction.

A fact is what a snapshot showed, whoever asked for it: a move, or a tag gone. A project's scan
makes events of the facts that are new to it, and of the findings that came, grew worse and went.
The same transaction that finishes the run says in which run each event was told: a run that does
not finish has told nothing, and the next one tells it all.

Coverage that fell and rose becomes events, too, as soon as it is counted by registry (`fell`,
`rose`; a recovery is told only where the fall was): `_events` is the place.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tagwatch.audit.model.finding import Finding
from tagwatch.audit.model.history import Change
from tagwatch.audit.verdict.news import News, repository_of
from tagwatch.audit.verdict.result import AuditResult, Since
from tagwatch.errors import LedgerError
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Gone
from tagwatch.ledger.codec import (
    compress_alike,
    decode,
    decode_quickly,
    digest_of_bytes,
    encode,
    expand,
    micros,
    moment,
)
from tagwatch.ledger.record import Fact, Move, Telling

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "explained",
    "facts_after",
    "join",
    "newest_fact",
    "news_told",
    "standing_findings",
    "tell",
    "told_up_to",
]

_ADOPTED = ("run", "standing", "event", "outbox")
_FACT = """
  SELECT f.seq, f.kind, f.repository_id, f.tag_id, r.registry, r.path,
         a.bytes, b.bytes, i.first_seen, m.change
  FROM fact f JOIN repository r ON r.id = f.repository_id
  JOIN interval i ON i.repository_id = f.repository_id AND i.tag_id = f.tag_id AND i.n = f.n
  JOIN digest a ON a.repository_id = f.repository_id AND a.id = i.digest_id
  LEFT JOIN move m ON f.kind = 'move'
    AND m.repository_id = f.repository_id AND m.tag_id = f.tag_id AND m.n = f.n
  LEFT JOIN digest b ON b.repository_id = f.repository_id AND b.id = m.before_id
  WHERE """
_NEW = """
  f.seq > ? AND NOT EXISTS (SELECT 1 FROM event e WHERE e.project = ? AND e.fact = f.seq)
  ORDER BY f.seq"""
_EXPLAINED = """
  f.seq IN (SELECT fact FROM event WHERE project = ? AND is_open) AND m.change IS NOT NULL
  ORDER BY f.seq"""
_STAND = """
  INSERT OR REPLACE INTO standing
    (project, fingerprint, from_run, rule, severity, repository, path, body)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""
_EVENT = """
  INSERT INTO event (project, kind, subject, severity, at, run, told_in, fact, is_open, body)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""


def join(connection: sqlite3.Connection, project: str, standing: Iterable[Finding]) -> None:
    """Make the project known where it is not: what happened before it began is no news to it.

    The first one gets what earlier schemas hold, with the findings that stood in the last answer.
    """
    if told_up_to(connection, project) is not None:
        return
    if project and told_up_to(connection, "") is not None:
        connection.execute("UPDATE project SET name = ? WHERE name = ''", (project,))
        for table in _ADOPTED:
            connection.execute(f"UPDATE {table} SET project = ? WHERE project = ''", (project,))  # noqa: S608  # our own names
        row = connection.execute(
            "SELECT max(id) FROM run WHERE kind = 'scan' AND result IS NOT NULL AND project = ?",
            (project,),
        ).fetchone()
        _stand(connection, project, int(row[0] or 0), standing)
        return
    connection.execute(
        "INSERT INTO project (name, told_seq) VALUES (?, ?)", (project, newest_fact(connection))
    )


def told_up_to(connection: sqlite3.Connection, project: str) -> int | None:
    """Return the newest fact that is no news to the project; None where it is not known."""
    row = connection.execute("SELECT told_seq FROM project WHERE name = ?", (project,)).fetchone()
    return None if row is None else int(row[0])


def newest_fact(connection: sqlite3.Connection) -> int:
    """Return the number of the newest fact, 0 where there is none."""
    return int(connection.execute("SELECT coalesce(max(seq), 0) FROM fact").fetchone()[0])


def facts_after(connection: sqlite3.Connection, project: str) -> tuple[Fact, ...]:
    """Return what happened to any tag and was not told to the project yet, in order."""
    told = told_up_to(connection, project)
    rows = connection.execute(_FACT + _NEW, (told or 0, project)).fetchall()
    return tuple(_facts(connection, rows))


def explained(connection: sqlite3.Connection, project: str) -> tuple[Fact, ...]:
    """Return the moves that were told without their verdict, and that have one now."""
    rows = connection.execute(_FACT + _EXPLAINED, (project,)).fetchall()
    return tuple(_facts(connection, rows))


def standing_findings(connection: sqlite3.Connection, project: str) -> Iterator[Finding]:
    """Yield the findings that stand for the project; a damaged one has what its row says."""
    rows = connection.execute(
        "SELECT fingerprint, rule, severity, repository, path, body FROM standing "
        "WHERE project = ? AND to_run IS NULL ORDER BY rowid",
        (project,),
    )
    return (_finding(body) or _bare(columns) for *columns, body in rows)


def tell(
    connection: sqlite3.Connection,
    run_id: int,
    project: str,
    result: AuditResult,
    news: News,
    telling: Telling,
) -> None:
    """Note what stands after the run, and that it told all this."""
    since = news.since
    _renew(connection, project, run_id, news)
    connection.executemany(_EVENT, _events(run_id, project, micros(result.at), since, telling))
    connection.executemany(
        "UPDATE event SET is_open = 0 WHERE project = ? AND fact = ? AND kind = 'move'",
        [(project, fact.seq) for fact in telling.explained],
    )
    if telling.up_to is not None:
        connection.execute(
            "UPDATE project SET told_seq = max(told_seq, ?) WHERE name = ?",
            (telling.up_to, project),
        )


def news_told(
    connection: sqlite3.Connection, run_id: int, before: datetime | None, result: AuditResult
) -> News:
    """Return what a run told when it finished; `result` is its answer."""
    kinds: dict[str, set[str]] = {"came": set(), "worse": set()}
    went: list[Finding] = []
    for kind, subject, body in connection.execute(
        "SELECT kind, subject, body FROM event WHERE project = (SELECT project FROM run "
        "WHERE id = ?1) AND told_in = ?1 AND kind IN ('came', 'worse', 'went') ORDER BY id",
        (run_id,),
    ):
        if kind == "went":
            finding = _finding(body)
            went += [finding] if finding is not None else []  # None: it was damaged
        else:
            kinds[kind].add(subject)
    new, worse, same = [], [], []
    for finding in result.findings:
        if finding.fingerprint in kinds["came"]:
            new.append(finding)
        elif finding.fingerprint in kinds["worse"]:
            worse.append(finding)
        else:
            same.append(finding)
    return News(
        before=before,
        since=Since(new=tuple(new), worse=tuple(worse), fixed=tuple(went), same=tuple(same)),
        changes=result.changes,
        gone=result.gone,
        explained=result.explained,
    )


def _events(
    run_id: int, project: str, at: int, since: Since, telling: Telling
) -> Iterator[Sequence[object]]:
    for kind, findings in (("came", since.new), ("worse", since.worse), ("went", since.fixed)):
        for finding in findings:
            body = compress_alike(encode(finding)) if kind == "went" else None
            severity = finding.severity.value
            subject = finding.fingerprint
            yield project, kind, subject, severity, at, run_id, run_id, None, 0, body
    for fact in telling.facts:
        kind = "move" if isinstance(fact.happened, Move) else "gone"
        is_open = int(fact.seq in telling.open)
        yield project, kind, _name(fact), None, at, run_id, run_id, fact.seq, is_open, None
    for fact in telling.explained:
        yield project, "explained", _name(fact), None, at, run_id, run_id, fact.seq, 0, None


def _finding(stored: bytes | None) -> Finding | None:
    """Return a stored finding; None where it is damaged, or was."""
    if stored is None:
        return None
    try:
        return decode_quickly(Finding, expand(stored))
    except LedgerError:
        return None


def _bare(columns: Sequence[Any]) -> Finding:
    from tagwatch.ledger.damage import bare_finding  # seldom needed

    return bare_finding(*columns)


def _name(fact: Fact) -> str:
    return f"{fact.happened.repository.name}:{fact.happened.tag}"


def _renew(connection: sqlite3.Connection, project: str, run_id: int, news: News) -> None:
    """Let findings stand from this run on, or no more. What stands as it stood costs no write."""
    over = [finding.fingerprint for finding in (*news.restated, *news.since.fixed)]
    connection.executemany(
        "UPDATE standing SET to_run = ? WHERE project = ? AND fingerprint = ? AND to_run IS NULL",
        [(run_id, project, fingerprint) for fingerprint in over],
    )
    _stand(connection, project, run_id, (*news.since.new, *news.restated))


def _stand(
    connection: sqlite3.Connection, project: str, run_id: int, findings: Iterable[Finding]
) -> None:
    connection.executemany(
        _STAND,
        (
            (
                project,
                finding.fingerprint,
                run_id,
                finding.rule,
                finding.severity.value,
                home.name if (home := repository_of(finding)) is not None else None,
                finding.location.path.encode(errors="surrogateescape").decode(errors="replace"),
                compress_alike(encode(finding)),
            )
            for finding in findings
        ),
    )


def _facts(connection: sqlite3.Connection, rows: Sequence[Any]) -> Iterator[Fact]:
    """Yield facts; one whose tag or change cannot be read any more is left out."""
    homes = {row[2] for row in rows}
    names = {home: _names(connection, home, rows) for home in homes}
    for seq, kind, home, tag_id, registry, path, after, before, first_seen, change in rows:
        tag = names[home].get(tag_id)
        if tag is None:
            continue
        repository = Repository(registry=registry, path=path)
        happened: Move | Gone
        if kind == "gone":
            happened = Gone(repository=repository, tag=tag, digest=digest_of_bytes(after))
        elif before is None:
            continue  # the move was forgotten
        else:
            happened = Move(
                repository=repository,
                tag=tag,
                before=digest_of_bytes(before),
                after=digest_of_bytes(after),
                at=moment(first_seen),
            )
        yield Fact(seq=seq, happened=happened, change=_change(change))


def _change(stored: bytes | None) -> Change | None:
    if stored is None:
        return None
    try:
        return decode(Change, expand(stored))
    except LedgerError:
        return None  # damaged: the move is told without its verdict


def _names(connection: sqlite3.Connection, home: int, rows: Sequence[Any]) -> Mapping[int, str]:
    """Return the names of these tags of one repository, by number."""
    wanted = json.dumps([row[3] for row in rows if row[2] == home])
    found = connection.execute(
        "SELECT id, name FROM tag WHERE repository_id = ? "
        "AND id IN (SELECT value FROM json_each(?))",
        (home, wanted),
    )
    return dict(found.fetchall())
