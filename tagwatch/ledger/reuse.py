"""Evidence, stored and used again: while what it was made of is the same, only its dates go on.

A row of evidence that is touched keeps its body. What the body says of its own time, that the
registry was read then and that tags still served what they did, then holds until the row's `at`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from hashlib import blake2b
from itertools import groupby

from tagwatch.audit.model.evidence import Evidence
from tagwatch.errors import LedgerError
from tagwatch.image.reference import Reference, Repository
from tagwatch.image.snapshot import RepositorySnapshot
from tagwatch.ledger.codec import compress_alike, decode_quickly, encode, micros, text_of
from tagwatch.ledger.connection import is_own
from tagwatch.ledger.evidence import beginning_of, goes_on
from tagwatch.ledger.piece import store_each

__all__ = [
    "drop_outdated",
    "drop_outdated_patterns",
    "drop_place",
    "new_tags",
    "put_evidence",
    "seen_at",
    "standing",
    "state_of",
    "state_of_all",
    "state_of_bases",
    "state_of_remembered",
    "touch",
]

_FEW = 4
"""So few lines make no piece: the next look at one of them would leave it behind."""
_MANY = 200
"""A repository may have twenty thousand tags; so many of them are stored at once."""
_PUT = """
  INSERT INTO evidence (key, source_id, at, body, piece_id, text_at, made_from)
  VALUES (?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (key, source_id) DO UPDATE
    SET at = excluded.at, body = excluded.body, piece_id = excluded.piece_id,
      text_at = excluded.text_at, made_from = excluded.made_from, judged_id = NULL
  WHERE coalesce(excluded.at, 0) >= coalesce((SELECT n.at FROM evidence_now n
    WHERE n.key = excluded.key AND n.source_id = excluded.source_id), 0)"""
_COUNT = "SELECT count(*) FROM evidence WHERE key >= ? AND key < ? AND source_id = ?"
_STATE = """
  SELECT id, revision, full_at IS NULL, whole_since, origin FROM repository
  WHERE registry = ? AND path = ?"""
_SEEN_AT = """
  SELECT max(coalesce(r.covered_at, 0), coalesce(r.seen_at, 0)) >= ?3,
    (SELECT json_group_array(name) FROM (
      SELECT t.name FROM tag t WHERE t.repository_id = r.id AND t.seen_at >= ?3
      AND max(coalesce(r.covered_at, 0), coalesce(r.seen_at, 0)) < ?3 ORDER BY t.name))
  FROM repository r WHERE r.registry = ?1 AND r.path = ?2"""
_STATE_OF_BASES = """
  SELECT reference, platform, digest, manifest, iif(last_seen = ?, 'now', last_seen)
  FROM base_build ORDER BY reference, platform, digest, manifest"""
_STATE_OF_ALL = """
  SELECT id, revision, iif(until >= ?1, 'now', until), iif(until >= ?1, NULL,
    (SELECT json_group_array(seen) FROM (
      SELECT t.name || iif(t.seen_at >= ?1, '', ' ' || t.seen_at) AS seen FROM tag t
      WHERE t.repository_id = every.id AND t.seen_at > until ORDER BY t.name)))
  FROM (SELECT id, revision, max(coalesce(covered_at, 0), coalesce(seen_at, 0)) AS until
    FROM repository) every ORDER BY id"""
_OF_OTHERS = """
  SELECT key, source, at, made_from,
    coalesce(body, (SELECT hash FROM piece p WHERE p.id = piece_id)) FROM evidence_now
  WHERE (judged_id IS NULL OR judged_id NOT IN (SELECT id FROM judged WHERE project = ?1))
    AND NOT (source = ?2 AND at = ?3) ORDER BY key, source"""
_STANDING = """
  SELECT key, made_from, body, piece, text_at FROM evidence_now
  WHERE source = ? AND key IN (SELECT value FROM json_each(?))"""
_DROP = """
  DELETE FROM evidence WHERE rowid IN (SELECT id FROM evidence_now WHERE at < ?1
    AND (key = ?2 OR (key > ?2 || '@' AND key < ?2 || 'A')) AND is_told_here(source, key))"""
_KEYS = """
  SELECT key, id FROM evidence_now
  WHERE at < ?1 AND key > ?2 || ':' AND key < ?2 || ';' AND is_told_here(source, key)"""
_DROP_ONE = "DELETE FROM evidence WHERE rowid = ?"
_TEXT = "SELECT body, piece, text_at FROM evidence_now WHERE id = ?"
_TAGS = """
  SELECT t.name FROM repository r JOIN tag t ON t.repository_id = r.id
  WHERE r.registry = ? AND r.path = ?"""
_TOUCH = """
  UPDATE evidence SET at = ?1
  WHERE key = ?2 AND source_id = (SELECT id FROM source WHERE name = ?3) AND at < ?1"""


def state_of(connection: sqlite3.Connection, repository: Repository) -> bytes:
    """Return what names all that is stored of a repository, save until when it is known to last."""
    names = (repository.registry, repository.path)
    return repr(connection.execute(_STATE, names).fetchone()).encode()


def seen_at(connection: sqlite3.Connection, repository: Repository, at: datetime) -> bytes:
    """Return what names the tags of a repository that were seen at `at`: all, or these."""
    row = connection.execute(_SEEN_AT, (repository.registry, repository.path, micros(at)))
    return repr(row.fetchone()).encode()


def state_of_bases(connection: sqlite3.Connection, source: str, at: datetime) -> bytes:
    """Return a hash of all builds of bases as of `at`: it is the same while they are seen on.

    `source`: that of own evidence: it names the origins whose builds count.
    """
    changed = connection.execute("SELECT value FROM counter WHERE name = 'bases'").fetchone()
    state = blake2b(repr((source, changed)).encode(), digest_size=16)
    for row in connection.execute(_STATE_OF_BASES, (micros(at),)):
        state.update(repr(row).encode())
    return state.digest()


def state_of_all(connection: sqlite3.Connection, at: datetime) -> bytes:
    """Return a hash of all that tags of any repository serve as of `at`, and since when."""
    state = blake2b(digest_size=16)
    for row in connection.execute(_STATE_OF_ALL, (micros(at),)):
        state.update(repr(row).encode())
    return state.digest()


def state_of_remembered(
    connection: sqlite3.Connection, project: str, source: str, at: datetime
) -> bytes:
    """Return a hash of all that is remembered as of a project's run, beside its own evidence."""
    state = blake2b(state_of_all(connection, at), digest_size=16)
    state.update(state_of_bases(connection, source, at))
    for row in connection.execute(_OF_OTHERS, (project, source, micros(at))):
        state.update(repr(row).encode(errors="surrogatepass"))
    return state.digest()


def standing(
    connection: sqlite3.Connection, source: str, made_from: Mapping[str, bytes]
) -> Mapping[str, Evidence]:
    """Return, by key, our own evidence that was made of just what its hash says, as it was then.

    What is damaged is left out: so it is made again.
    """
    found = {}
    for key, made, *text in connection.execute(_STANDING, (source, json.dumps(list(made_from)))):
        if made is not None and made == made_from.get(key):  # a damaged index gives other keys
            with suppress(LedgerError):
                found[key] = decode_quickly(Evidence, text_of(key, *text))
    return found


def touch(connection: sqlite3.Connection, source: str, keys: Iterable[str], at: datetime) -> None:
    """Let evidence that still stands hold until `at`."""
    until = micros(at)
    connection.executemany(_TOUCH, ((until, key, source) for key in keys))


def drop_outdated(
    connection: sqlite3.Connection, repository: Repository, tags: Iterable[str], at: datetime
) -> None:
    """Drop our own evidence of tags that were seen at `at` to serve something else, or nothing.

    Who names such a tag next is answered by what was read since. Evidence of the tag with a digest
    (`name:tag@digest`, between `@` and the character after it) says what the tag serves, too.
    """
    keys = (Reference(repository=repository, tag=tag).canonical for tag in tags)
    connection.executemany(_DROP, ((micros(at), key) for key in keys))


def new_tags(connection: sqlite3.Connection, snapshot: RepositorySnapshot) -> frozenset[str]:
    """Return the tags of a snapshot that was not stored yet that the ledger knows nothing of."""
    there = {item.tag for item in snapshot.tags} | (snapshot.names or frozenset())
    names = (snapshot.repository.registry, snapshot.repository.path)
    return frozenset(there.difference(name for (name,) in connection.execute(_TAGS, names)))


def drop_outdated_patterns(
    connection: sqlite3.Connection,
    repository: Repository,
    changed: Iterable[str],
    fresh: frozenset[str],
    at: datetime,
) -> None:
    """Drop our own evidence of patterns (`6.2.x`) whose answer may be another since `at`.

    `changed`: tags that moved or are gone, of which those count that a pattern selects; `fresh`:
    new tags, which count where they may take the place of the tag that was selected. Those
    that nobody asked for change nothing as long as a better one is known.
    """
    from tagwatch.image.selection import select
    from tagwatch.image.selector import is_pattern, parse_selector
    from tagwatch.image.tag_table import TagTable

    changed = frozenset(changed)
    if not changed and not fresh:
        return
    rows = connection.execute(_KEYS, (micros(at), repository.name)).fetchall()
    rows = [row for row in rows if is_pattern(_selector_in(row[0], repository))]
    if not rows:
        return
    table = TagTable.of(changed | fresh)
    for key, number in rows:
        selector = parse_selector(_selector_in(key, repository))
        found = [tag.text for tag in select(selector, table)]
        if changed.isdisjoint(found) and found:
            text = text_of(key, *connection.execute(_TEXT, (number,)).fetchone())
            chosen = decode_quickly(Evidence, text).resolution.reference
            before = chosen.tag if chosen is not None else None
            both = TagTable.of(filter(None, (found[0], before)))
            found = [] if select(selector, both)[0].text == before else found
        if found:
            connection.execute(_DROP_ONE, (number,))


def _selector_in(key: str, repository: Repository) -> str:
    """Return the selector of an evidence key: what follows the name, without a digest."""
    return key.removeprefix(f"{repository.name}:").partition("@")[0]


def put_evidence(
    connection: sqlite3.Connection,
    source: str,
    evidence: Iterable[Evidence],
    made_from: Mapping[str, bytes],
) -> None:
    """Store evidence, in the caller's transaction; newer replaces older, never the other way round.

    `made_from`: by key, a hash of everything that the evidence was made of.
    """
    connection.execute("INSERT OR IGNORE INTO source (name) VALUES (?)", (source,))
    (number,) = connection.execute("SELECT id FROM source WHERE name = ?", (source,)).fetchone()
    for start, some in _groups(evidence):
        texts = [encode(one) for one in some]
        pieces = _pieces(connection, (*start, number), texts) if is_own(source) else ()
        stored = _in_pieces(texts, pieces, start[1]) if pieces else map(_by_itself, texts)
        connection.executemany(
            _PUT,
            (
                (one.key, number, _micros(one.at), *text, made_from.get(one.key))
                for one, text in zip(some, stored, strict=True)
            ),
        )


def _groups(
    evidence: Iterable[Evidence],
) -> Iterator[tuple[tuple[str, datetime | None], Sequence[Evidence]]]:
    """Yield evidence by what its keys begin with and its time, in order; a little at once."""
    every = tuple(evidence)
    if len(every) < _FEW:
        yield ("", None), every
        return
    ordered = sorted(every, key=lambda one: (beginning_of(one.key), one.key))
    for start, group in groupby(ordered, key=lambda one: (beginning_of(one.key), one.at)):
        yield start, tuple(group)


def _pieces(
    connection: sqlite3.Connection, of: tuple[str, datetime | None, int], texts: Sequence[bytes]
) -> Sequence[int]:
    """Store texts in pieces, as the answer of a scan does; return the number of each one's.

    Empty where they stand better by themselves: a few of many are stored again with the others.
    `of`: what their keys begin with, their time and the number of their source.
    """
    start, at, source = of
    if at is None or not start or len(texts) < _FEW:
        return ()
    if len(texts) < _MANY:
        names = (start, start[:-1] + chr(ord(start[-1]) + 1), source)
        (stored,) = connection.execute(_COUNT, names).fetchone()
        if len(texts) * 2 <= stored:
            return ()
    return tuple(store_each(connection, texts, at))


def _in_pieces(
    texts: Iterable[bytes], pieces: Iterable[int], at: datetime | None
) -> Iterator[tuple[None, int, int | None]]:
    """Yield the columns of texts that stand in pieces."""
    assert at is not None
    for text, piece in zip(texts, pieces, strict=True):
        yield None, piece, None if goes_on(text, at) else micros(at)


def _by_itself(text: bytes) -> tuple[bytes, None, None]:
    """Return the columns of a text that stands in no piece."""
    return compress_alike(text), None, None


def _micros(at: datetime | None) -> int | None:
    return None if at is None else micros(at)


def drop_place(connection: sqlite3.Connection, source: str) -> None:
    """Drop all evidence of this source, in the caller's transaction."""
    connection.execute(
        "DELETE FROM evidence WHERE source_id = (SELECT id FROM source WHERE name = ?)", (source,)
    )
