"""What was made of whole repositories: while nothing of that is new, none of it is made again.

A row of `judged` speaks for all evidence of a project in one repository. It says what that was made
from, and when time alone may change it. The evidence that belongs to the row holds until the row's
`at`: a night that finds nothing new writes this one time, and no row of evidence.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime

from tagwatch.audit.verdict.keeper import Judgement
from tagwatch.errors import LedgerError
from tagwatch.image.reference import Repository
from tagwatch.ledger.codec import (
    encode,
    micros,
    moment,
    text_of,
)
from tagwatch.ledger.evidence import as_of, stand_in
from tagwatch.ledger.judgement import judgement_in, stored_form
from tagwatch.ledger.piece import lines_in
from tagwatch.ledger.record import Judged, Listing, Lists

__all__ = ["go_on", "judged_of", "judgements_of", "keep", "lines_again", "lines_of_judged"]
__all__ += ["lists_in", "note_lists", "renew"]

_WHOLE = """
  SELECT r.registry, r.path, j.id, j.made_from, j.again_at, j.listed, j.lists
  FROM judged j JOIN repository r ON r.id = j.repository_id
  WHERE j.project = ?1 AND j.at <= ?2 AND (j.again_at IS NULL OR j.again_at > ?2)
    AND j.held = (SELECT count(*) FROM evidence e WHERE e.judged_id = j.id)"""
_RENEW = """
  INSERT INTO judged (project, repository_id, at, made_from, again_at, listed, held)
  SELECT ?1, id, ?4, ?5, ?6, ?7, ?8 FROM repository WHERE registry = ?2 AND path = ?3
  ON CONFLICT (project, repository_id) DO UPDATE SET
    at = excluded.at, made_from = excluded.made_from, again_at = excluded.again_at,
    listed = excluded.listed, held = excluded.held, lists = NULL
  RETURNING id"""
_PART = """
  UPDATE evidence SET at = (SELECT at FROM evidence_now n WHERE n.id = evidence.rowid),
    judged_id = NULL
  WHERE judged_id = (SELECT j.id FROM judged j JOIN repository r ON r.id = j.repository_id
    WHERE j.project = ? AND r.registry = ? AND r.path = ?)
  AND (source_id <> (SELECT id FROM source WHERE name = ?)
    OR key NOT IN (SELECT value FROM json_each(?)))"""
_JOIN = """
  UPDATE evidence SET judged_id = ?1 WHERE judged_id IS NOT ?1
    AND source_id = (SELECT id FROM source WHERE name = ?2)
    AND key IN (SELECT value FROM json_each(?3))
    AND (SELECT coalesce(n.at, 0) FROM evidence_now n WHERE n.id = evidence.rowid) <= ?4"""
"""What somebody else has read since is not of it: then not all is there, and it is made again."""
_JUDGEMENTS = """
  SELECT r.registry, r.path, j.judgement_from, j.judgement
  FROM judged j JOIN repository r ON r.id = j.repository_id
  WHERE j.project = ?1 AND j.judgement IS NOT NULL
    AND (j.judgement_again_at IS NULL OR j.judgement_again_at > ?2)"""
_KEEP = """
  UPDATE judged SET judgement_from = ?4, judgement = ?6,
    judgement_again_at = coalesce(min(?5, again_at), ?5, again_at)
  WHERE project = ?1 AND repository_id =
    (SELECT id FROM repository WHERE registry = ?2 AND path = ?3)"""
_NOTE = """
  UPDATE judged SET lists = ?5
  WHERE project = ?1 AND made_from = ?4 AND lists IS NOT ?5 AND repository_id =
    (SELECT id FROM repository WHERE registry = ?2 AND path = ?3)
  RETURNING id"""
_TEXTS = "SELECT key, body, piece, text_at FROM evidence_now WHERE judged_id = ?"


def judged_of(
    connection: sqlite3.Connection, project: str, at: datetime
) -> Mapping[Repository, Judged]:
    """Return what was made of repositories and may hold at `at`: all its evidence is there."""
    rows = connection.execute(_WHOLE, (project, micros(at))).fetchall()
    return {
        (repository := Repository(registry=registry, path=path)): Judged(
            id=number,
            repository=repository,
            made_from=made_from,
            again_at=moment(again_at) if again_at is not None else None,
            listed=listed,
            lists=_lists(lists),
        )
        for registry, path, number, made_from, again_at, listed, lists in rows
    }


def _lists(stored: str | None) -> Lists | None:
    """Return the lists that are stored; None where they are damaged: they are made again."""
    if stored is not None:
        with suppress(ValueError):
            return lists_in(stored)
    return None


def lists_in(stored: str | bytes) -> Lists:
    """Return the lists that are stored so. Raises `ValueError` where they are damaged."""
    match json.loads(stored):
        case [int(evidence), list(targets)] if all(isinstance(one, int) for one in targets):
            return Lists(evidence=evidence, targets=tuple(targets))
    raise ValueError("no lists")


def note_lists(
    connection: sqlite3.Connection,
    project: str,
    made: Iterable[tuple[Listing, Lists]],
    at: datetime,
) -> None:
    """Note what the answer of `at` lists of repositories, for those that nobody made anew since.

    Their evidence stands there from now on.
    """
    for one, lists in made:
        names = (one.repository.registry, one.repository.path)
        stored = json.dumps([lists.evidence, lists.targets])
        noted = connection.execute(_NOTE, (project, *names, one.made_from, stored)).fetchone()
        if noted is not None:
            stand_in(connection, noted[0], lists.evidence, at)


def lines_of_judged(
    connection: sqlite3.Connection, number: int, at: datetime
) -> Iterator[tuple[str, bytes]]:
    """Yield the evidence of a repository with its key, encoded and as of `at`.

    Raises `LedgerError` where one is damaged. A repository may have more tags than memory has room.
    """
    rows = connection.execute(_TEXTS, (number,))
    return ((key, as_of(text_of(key, *text), at)) for key, *text in rows)


def lines_again(
    connection: sqlite3.Connection, judged: Judged, keys: Iterable[str], at: datetime
) -> Iterator[tuple[str, bytes]]:
    """Yield the evidence of a repository as `lines_of_judged`, from the list that it stands in.

    `keys`: sorted. Where the list is not theirs it is read from its rows. Raises `LedgerError`.
    """
    try:
        assert judged.lists is not None
        lines = lines_in(connection, judged.lists.evidence, at)
        yield from (_of_its_key(pair) for pair in zip(keys, lines, strict=True))
    except (LedgerError, ValueError):
        yield from lines_of_judged(connection, judged.id, at)


def _of_its_key(pair: tuple[str, bytes]) -> tuple[str, bytes]:
    """Return a key with a line that is its evidence. Raises `LedgerError` where it is no such."""
    key, line = pair
    if not line.startswith(b'{"key":' + encode(key) + b","):
        raise LedgerError("a list of another repository")
    return pair


def judgements_of(
    connection: sqlite3.Connection,
    project: str,
    made_from: Mapping[Repository, bytes],
    at: datetime,
) -> dict[Repository, Judgement]:
    """Return the judgements that were made from just this, and hold at `at`.

    What is damaged is left out: so it is made again.
    """
    found = {}
    for registry, path, made, body in connection.execute(_JUDGEMENTS, (project, micros(at))):
        repository = Repository(registry=registry, path=path)
        if made is not None and made == made_from.get(repository):
            with suppress(LedgerError):
                judgement = judgement_in(body)
                if judgement.at <= at:
                    found[repository] = judgement
    return found


def keep(
    connection: sqlite3.Connection,
    project: str,
    made: Iterable[tuple[Repository, bytes, Judgement]],
) -> None:
    """Keep judgements, with what each was made from."""
    connection.executemany(
        _KEEP,
        (
            (
                project,
                repository.registry,
                repository.path,
                made_from,
                micros(one.again_at) if one.again_at is not None else None,
                stored_form(one),
            )
            for repository, made_from, one in made
        ),
    )


def go_on(connection: sqlite3.Connection, numbers: Iterable[int], at: datetime) -> None:
    """Let all evidence of these repositories hold until `at`."""
    connection.executemany(
        "UPDATE judged SET at = max(at, ?) WHERE id = ?",
        [(micros(at), number) for number in numbers],
    )


def renew(
    connection: sqlite3.Connection,
    project: str,
    source: str,
    judged: Iterable[Judged],
    at: datetime,
) -> None:
    """Note what was made of repositories at `at`; their evidence is stored, and of this source.

    Evidence that belonged to one and is not of it any more keeps the time until which it held.
    """
    for one in judged:
        names = (one.repository.registry, one.repository.path)
        keys = json.dumps(one.keys)
        again_at = micros(one.again_at) if one.again_at is not None else None
        connection.execute(_PART, (project, *names, source, keys))
        made = connection.execute(
            _RENEW,
            (project, *names, micros(at), one.made_from, again_at, one.listed, len(one.keys)),
        ).fetchone()
        if made is not None:
            connection.execute(_JOIN, (made[0], source, keys, micros(at)))
