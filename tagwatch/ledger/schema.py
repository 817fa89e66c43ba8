"""The ledger's tables, as migrations: a step that was released is never edited, only followed.

Ids of tags and digests count within their repository and are clustered with it: an interval
costs about 27 bytes, and a repository is read in one stretch. Times are microseconds since 1970.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import datetime

from sqlite_utils import Database, Migrations

from tagwatch.errors import LedgerError
from tagwatch.ledger.codec import (
    compress,
    compress_alike,
    compress_document,
    compress_lines,
    encode,
    expand,
    expand_lines,
    moment,
)
from tagwatch.ledger.connection import APPLICATION_ID
from tagwatch.ledger.evidence import stand_in
from tagwatch.ledger.judged import lists_in
from tagwatch.ledger.old_diff import upgraded_change, upgraded_evidence, upgraded_result
from tagwatch.ledger.piece import store_lines

__all__ = ["MIGRATIONS", "apply_all"]

MIGRATIONS = Migrations("tagwatch")


def _execute_all(db: Database, script: str) -> None:
    for statement in script.split(";\n"):
        if statement.strip():
            db.execute(statement)


@MIGRATIONS()
def v1_observations(db: Database) -> None:
    """Repositories, tags, intervals, documents, runs, findings, evidence, the outbox."""
    _execute_all(
        db,
        """
        CREATE TABLE repository (
          id INTEGER PRIMARY KEY,
          registry TEXT NOT NULL,
          path TEXT NOT NULL,
          watermark TEXT,
          full_at INTEGER,     -- the last complete listing of every tag
          covered_at INTEGER,  -- until then every open interval is known to have lasted
          swept_at INTEGER,    -- the same, by listings that would have shown a deletion
          UNIQUE (registry, path)
        ) STRICT;
        CREATE TABLE tag (
          repository_id INTEGER NOT NULL,
          name TEXT NOT NULL,
          id INTEGER NOT NULL,
          n INTEGER NOT NULL,  -- its newest interval of our own; 0 where there is none
          seen_at INTEGER,     -- asked for by itself, later than the repository was covered
          PRIMARY KEY (repository_id, name)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE digest (
          repository_id INTEGER NOT NULL,
          id INTEGER NOT NULL,
          bytes BLOB NOT NULL,
          PRIMARY KEY (repository_id, id)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX digest_prefix ON digest (substr(bytes, 1, 4));
        CREATE TABLE interval (
          repository_id INTEGER NOT NULL,
          tag_id INTEGER NOT NULL,
          n INTEGER NOT NULL,
          digest_id INTEGER NOT NULL,
          first_seen INTEGER NOT NULL,
          last_seen INTEGER,   -- both null while it is open
          ended_at INTEGER,
          version TEXT,
          verdict TEXT,
          PRIMARY KEY (repository_id, tag_id, n)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE move (
          repository_id INTEGER NOT NULL,
          tag_id INTEGER NOT NULL,
          n INTEGER NOT NULL,  -- the interval that the move began
          before_id INTEGER NOT NULL,
          run_id INTEGER NOT NULL,
          change BLOB,         -- null until it was explained
          PRIMARY KEY (repository_id, tag_id, n)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX move_run ON move (run_id);
        CREATE TABLE document (
          id INTEGER PRIMARY KEY,
          digest BLOB NOT NULL UNIQUE,
          media_type TEXT NOT NULL,
          raw BLOB NOT NULL
        ) STRICT;
        CREATE TABLE repository_document (
          repository_id INTEGER NOT NULL,
          document_id INTEGER NOT NULL,
          PRIMARY KEY (repository_id, document_id)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE run (
          id INTEGER PRIMARY KEY AUTOINCREMENT,
          kind TEXT NOT NULL,
          at INTEGER NOT NULL,
          finished_at INTEGER,
          complete INTEGER,
          errors INTEGER NOT NULL DEFAULT 0,
          warnings INTEGER NOT NULL DEFAULT 0,
          notes INTEGER NOT NULL DEFAULT 0,
          result BLOB
        ) STRICT;
        CREATE TABLE finding (
          fingerprint TEXT PRIMARY KEY,
          rule TEXT NOT NULL,
          severity TEXT NOT NULL,
          first_seen INTEGER NOT NULL,
          last_seen INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE evidence (
          key TEXT NOT NULL,
          source TEXT NOT NULL,
          at INTEGER,
          body TEXT NOT NULL,
          PRIMARY KEY (key, source)
        ) STRICT;
        CREATE TABLE outbox (
          id INTEGER PRIMARY KEY AUTOINCREMENT,
          dedup_key TEXT NOT NULL UNIQUE,
          channel TEXT NOT NULL,
          payload TEXT NOT NULL,
          state TEXT NOT NULL,
          tries INTEGER NOT NULL DEFAULT 0,
          at INTEGER NOT NULL,
          next_at INTEGER NOT NULL,
          claimed_at INTEGER,
          settled_at INTEGER,
          error TEXT NOT NULL DEFAULT ''
        ) STRICT;
        CREATE TABLE cache (
          name TEXT NOT NULL,
          key TEXT NOT NULL,
          at INTEGER NOT NULL,
          body TEXT NOT NULL,
          PRIMARY KEY (name, key)
        ) STRICT, WITHOUT ROWID
        """,
    )
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute("PRAGMA user_version = 1")


@MIGRATIONS()
def v2_memory(db: Database) -> None:
    """Builds of approved bases, and what others remember: dates that are not our own."""
    _execute_all(
        db,
        """
        CREATE TABLE base_build (
          reference TEXT NOT NULL,
          platform TEXT NOT NULL,
          digest BLOB NOT NULL,
          manifest BLOB NOT NULL,
          first_seen INTEGER,
          last_seen INTEGER,
          ended INTEGER NOT NULL,
          body BLOB NOT NULL,  -- the build without the three columns before
          PRIMARY KEY (reference, platform, digest, manifest)
        ) STRICT;
        CREATE TABLE imported (
          repository_id INTEGER NOT NULL,
          tag_id INTEGER NOT NULL,
          kind INTEGER NOT NULL,  -- whose date: the place in audit.model.history.Seen
          n INTEGER NOT NULL,
          digest_id INTEGER NOT NULL,
          first_seen INTEGER NOT NULL,
          last_seen INTEGER NOT NULL,
          ended INTEGER NOT NULL,
          version TEXT,
          verdict TEXT,
          PRIMARY KEY (repository_id, tag_id, kind, n)
        ) STRICT, WITHOUT ROWID
        """,
    )
    db.execute("PRAGMA user_version = 2")


@MIGRATIONS()
def v3_numbers_of_runs(db: Database) -> None:
    """A run's numbers beside its answer; its targets and evidence apart, an object a line."""
    _execute_all(
        db,
        """
        ALTER TABLE run ADD COLUMN not_checked INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE run ADD COLUMN moved INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE run ADD COLUMN targets BLOB;
        ALTER TABLE run ADD COLUMN evidence BLOB
        """,
    )
    db.execute("PRAGMA user_version = 3")


@MIGRATIONS()
def v4_standing_evidence(db: Database) -> None:
    """A hash of what evidence was made of: while that is the same, it still stands."""
    db.execute("ALTER TABLE evidence ADD COLUMN made_from BLOB")
    db.execute("PRAGMA user_version = 4")


@MIGRATIONS()
def v5_audited(db: Database) -> None:
    """For which platforms the documents of a repository's tags were read whole."""
    db.execute("ALTER TABLE repository ADD COLUMN audited TEXT")
    db.execute("PRAGMA user_version = 5")


@MIGRATIONS()
def v6_diffs(db: Database) -> None:
    """Diffs as values, wherever a change is stored; they were the JSON that people are given."""
    _rewrite(db, "move", "repository_id, tag_id, n", "change", _packed(upgraded_change))
    _rewrite(db, "evidence", "rowid", "body", upgraded_evidence)
    _rewrite(db, "run", "id", "result", _packed(upgraded_result))
    _rewrite(db, "run", "id", "evidence", _packed_lines(upgraded_evidence))
    db.execute("PRAGMA user_version = 6")


@MIGRATIONS()
def v7_names(db: Database) -> None:
    """Tags that are known by name alone, and tags that could not be read when they were asked.

    An interval that has `last_seen` and not `ended_at` was listed later without its digest.
    """
    db.execute("ALTER TABLE tag ADD COLUMN listed_at INTEGER")  # when it was first
    db.execute("ALTER TABLE tag ADD COLUMN failed INTEGER")  # the status of that answer
    db.execute("PRAGMA user_version = 7")


@MIGRATIONS()
def v8_unread(db: Database) -> None:
    """What scans could not read, for how many nights, and since when most tags are missing.

    `doubted_at`: when a list first lacked most of its tags, until that is believed or mended.
    """
    db.execute("ALTER TABLE repository ADD COLUMN doubted_at INTEGER")
    db.execute(
        """
        CREATE TABLE failing (
          project TEXT NOT NULL DEFAULT '',
          host TEXT NOT NULL,
          path TEXT NOT NULL,
          code TEXT NOT NULL,        -- of the failure, the last time
          since INTEGER NOT NULL,
          last_at INTEGER NOT NULL,  -- the last scan that it failed in
          nights INTEGER NOT NULL,   -- days with such scans
          PRIMARY KEY (project, host, path)
        ) STRICT, WITHOUT ROWID
        """
    )
    db.execute("PRAGMA user_version = 8")


@MIGRATIONS()
def v9_receivers(db: Database) -> None:
    """Named receivers of alerts; what was refused is held, and what is unsure gets named.

    Reports told for a week what was given up or unsure: older than that it counts as dropped, so
    that nobody hears of it again.
    """
    for column in (
        "receiver TEXT NOT NULL DEFAULT ''",
        "headline TEXT NOT NULL DEFAULT ''",
        "mentioned_in INTEGER",  # the message that names an unsure one
        "address BLOB",  # a keyed hash of the address because of which it is held
    ):
        db.execute(f"ALTER TABLE outbox ADD COLUMN {column}")
    _execute_all(
        db,
        """
        CREATE TABLE address_key (key BLOB NOT NULL) STRICT;
        CREATE INDEX outbox_state ON outbox (state);
        UPDATE outbox SET receiver = channel;
        UPDATE outbox SET headline = coalesce(
          json_extract(payload, '$.headline'),
          replace(coalesce(json_extract(payload, '$.title'),
                           json_extract(payload, '$.blocks[0].text.text')), 'tagwatch: ', ''),
          '') WHERE json_valid(payload);
        UPDATE outbox SET state = 'dropped' WHERE state IN ('failed', 'unsure')
          AND at < (SELECT max(at) FROM outbox) - 604800000000;
        UPDATE outbox SET state = 'held' WHERE state = 'failed'
        """,
    )
    db.execute("PRAGMA user_version = 9")


@MIGRATIONS()
def v10_telling(db: Database) -> None:
    """Whose runs these are, what happened to tags, what stands, and in which run it was told.

    What earlier schemas hold belongs to the project without a name, until the first one scans (see
    `telling.join`). What no finished scan of theirs can have told is told by that one.
    """
    _execute_all(
        db,
        """
        ALTER TABLE run ADD COLUMN project TEXT NOT NULL DEFAULT '';
        ALTER TABLE run ADD COLUMN scope TEXT /* repositories, a JSON list; null: all */;
        ALTER TABLE run ADD COLUMN before_id INTEGER /* the run that its news are since */;
        ALTER TABLE outbox ADD COLUMN project TEXT NOT NULL DEFAULT '';
        CREATE TABLE project (
          name TEXT PRIMARY KEY,
          told_seq INTEGER NOT NULL,  -- no fact up to this one is news
          holder TEXT                 -- who scans, for people: only the lock's file decides
        ) STRICT;
        CREATE TABLE fact (
          seq INTEGER PRIMARY KEY AUTOINCREMENT,
          kind TEXT NOT NULL,         -- move, or gone
          repository_id INTEGER NOT NULL,
          tag_id INTEGER NOT NULL,
          n INTEGER NOT NULL          -- the interval that the move began, or that ended
        ) STRICT;
        CREATE TABLE standing (
          project TEXT NOT NULL,
          fingerprint TEXT NOT NULL,
          from_run INTEGER NOT NULL,
          to_run INTEGER,             -- the first run in which it stood no more so
          rule TEXT NOT NULL,
          severity TEXT NOT NULL,
          repository TEXT,            -- its name; null where the finding is of no image
          path TEXT NOT NULL,
          body BLOB NOT NULL,
          PRIMARY KEY (project, fingerprint, from_run)
        ) STRICT;
        CREATE INDEX standing_now ON standing (project) WHERE to_run IS NULL;
        CREATE TABLE event (
          id INTEGER PRIMARY KEY AUTOINCREMENT,
          project TEXT NOT NULL,
          kind TEXT NOT NULL,         -- move, gone, explained; came, worse, went; fell, rose
          subject TEXT NOT NULL,      -- a tag's name, or a finding's fingerprint
          severity TEXT,              -- of findings
          at INTEGER NOT NULL,
          run INTEGER NOT NULL,
          told_in INTEGER,            -- the run whose answer shows it; null: none so far
          fact INTEGER,
          is_open INTEGER NOT NULL DEFAULT 0, -- a move that was told without its verdict
          body BLOB                   -- the finding that went
        ) STRICT;
        CREATE UNIQUE INDEX event_fact ON event (project, fact, kind) WHERE fact IS NOT NULL;
        CREATE INDEX event_told ON event (project, told_in);
        CREATE INDEX event_open ON event (project) WHERE is_open;
        CREATE INDEX move_unexplained ON move (repository_id) WHERE change IS NULL;
        INSERT INTO fact (kind, repository_id, tag_id, n)
          SELECT 'move', repository_id, tag_id, n FROM move
          WHERE change IS NULL OR run_id >
            (SELECT coalesce(max(id), 0) FROM run WHERE kind = 'scan' AND finished_at IS NOT NULL)
          ORDER BY run_id, repository_id, tag_id, n;
        INSERT INTO project (name, told_seq)
          SELECT '', 0 WHERE EXISTS (SELECT 1 FROM run WHERE kind = 'scan');
        DROP TABLE finding
        """,
    )
    db.execute("PRAGMA user_version = 10")


@MIGRATIONS()
def v11_origins(db: Database) -> None:
    """Who said it: a registry itself (''), or the endpoint that was configured for it.

    Of what earlier schemas hold nobody knows ('?'). Whoever reads a repository next adopts it (see
    `sight.repository_number`), and lists it whole: a watermark of somebody else would hide moves.
    """
    _execute_all(
        db,
        """
        CREATE TABLE repository_now (
          id INTEGER PRIMARY KEY,
          registry TEXT NOT NULL,
          path TEXT NOT NULL,
          origin TEXT NOT NULL,
          watermark TEXT,
          full_at INTEGER,
          covered_at INTEGER,
          swept_at INTEGER,
          audited TEXT,
          doubted_at INTEGER,
          UNIQUE (registry, path, origin)
        ) STRICT;
        INSERT INTO repository_now
            (id, registry, path, origin, full_at, covered_at, swept_at, audited, doubted_at)
          SELECT id, registry, path, '?', full_at, covered_at, swept_at, audited, doubted_at
          FROM repository;
        DROP TABLE repository;
        ALTER TABLE repository_now RENAME TO repository;
        CREATE TABLE base_build_now (
          reference TEXT NOT NULL,
          platform TEXT NOT NULL,
          digest BLOB NOT NULL,
          manifest BLOB NOT NULL,
          origin TEXT NOT NULL,
          first_seen INTEGER,
          last_seen INTEGER,
          ended INTEGER NOT NULL,
          body BLOB NOT NULL,
          PRIMARY KEY (reference, platform, digest, manifest, origin)
        ) STRICT;
        INSERT INTO base_build_now
            (reference, platform, digest, manifest, origin, first_seen, last_seen, ended, body)
          SELECT reference, platform, digest, manifest, '?', first_seen, last_seen, ended, body
          FROM base_build;
        DROP TABLE base_build;
        ALTER TABLE base_build_now RENAME TO base_build;
        CREATE TABLE failing_now (
          project TEXT NOT NULL DEFAULT '',
          host TEXT NOT NULL,
          path TEXT NOT NULL,
          origin TEXT NOT NULL,
          code TEXT NOT NULL,
          since INTEGER NOT NULL,
          last_at INTEGER NOT NULL,
          nights INTEGER NOT NULL,
          PRIMARY KEY (project, host, path, origin)
        ) STRICT, WITHOUT ROWID;
        INSERT INTO failing_now (project, host, path, origin, code, since, last_at, nights)
          SELECT project, host, path, '?', code, since, last_at, nights FROM failing;
        DROP TABLE failing;
        ALTER TABLE failing_now RENAME TO failing;
        UPDATE evidence SET source = 'seen ?' WHERE source = 'seen'
        """,
    )
    db.execute("PRAGMA user_version = 11")


@MIGRATIONS()
def v12_pieces(db: Database) -> None:
    """Evidence is compressed, and the answers of runs share what they have in common.

    What an answer lists stands in pieces, which other answers may hold, too. One that cannot be
    read stays as it is.
    """
    _execute_all(
        db,
        """
        CREATE TABLE piece (
          id INTEGER PRIMARY KEY,
          hash BLOB NOT NULL UNIQUE,  -- of depth and content
          depth INTEGER NOT NULL,     -- 0: lines; else the numbers of pieces of the depth below
          body BLOB NOT NULL
        ) STRICT;
        CREATE TABLE part (
          run_id INTEGER NOT NULL,
          name TEXT NOT NULL,         -- what of the answer it is: findings, targets …
          piece_id INTEGER NOT NULL,
          PRIMARY KEY (run_id, name)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE evidence_now (
          key TEXT NOT NULL,
          source TEXT NOT NULL,
          at INTEGER,
          body BLOB NOT NULL,
          made_from BLOB,
          PRIMARY KEY (key, source)
        ) STRICT
        """,
    )
    rows = db.execute(
        # a text that is damaged is kept as it is, for `ledger check --mend`
        "SELECT rowid, CAST(key AS BLOB), CAST(source AS BLOB), at, CAST(body AS BLOB), made_from "
        "FROM evidence ORDER BY rowid"
    )
    db.conn.executemany(
        "INSERT INTO evidence_now (rowid, key, source, at, body, made_from) "
        "VALUES (?, CAST(? AS TEXT), CAST(? AS TEXT), ?, ?, ?)",
        ((*row[:4], compress_alike(row[4]), row[5]) for row in rows),
    )
    db.execute("DROP TABLE evidence")
    db.execute("ALTER TABLE evidence_now RENAME TO evidence")
    for (run_id,) in db.execute("SELECT id FROM run WHERE evidence IS NOT NULL").fetchall():
        _divide(db.conn, run_id)
    db.execute("PRAGMA user_version = 12")


@MIGRATIONS()
def v13_judged(db: Database) -> None:
    """A number that grows with all that is stored of a repository; what was made of it, once.

    What changes such a number is a trigger's work, so that no statement can forget to.
    """
    _execute_all(
        db,
        """
        ALTER TABLE repository ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE repository ADD COLUMN seen_at INTEGER /* of every tag that is there */;
        CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
        INSERT INTO counter VALUES ('bases', 0);
        CREATE TABLE judged (
          id INTEGER PRIMARY KEY,
          project TEXT NOT NULL,
          repository_id INTEGER NOT NULL,
          at INTEGER NOT NULL,    -- until then the evidence that belongs to it holds
          made_from BLOB NOT NULL,
          again_at INTEGER,       -- from then on time alone may have changed it
          held INTEGER NOT NULL,  -- how much evidence belongs to it
          listed BLOB NOT NULL,   -- the targets of the watch list
          UNIQUE (project, repository_id)
        ) STRICT;
        ALTER TABLE evidence ADD COLUMN judged_id INTEGER;
        CREATE INDEX evidence_judged ON evidence (judged_id) WHERE judged_id IS NOT NULL;
        CREATE VIEW evidence_now AS
          SELECT e.rowid AS id, e.key, e.source, e.body, e.made_from, e.judged_id,
            iif(j.id IS NULL, e.at, max(coalesce(e.at, 0), j.at)) AS at
          FROM evidence e LEFT JOIN judged j ON j.id = e.judged_id
        """,
    )
    listed = "WHEN (OLD.listed_at IS NULL) <> (NEW.listed_at IS NULL)"
    for table, what, row, when in (
        *(
            (table, *event, "")
            for table in ("interval", "imported", "move", "repository_document")
            for event in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD"))
        ),
        ("tag", "INSERT", "NEW", ""),
        ("tag", "UPDATE", "NEW", listed),
        ("tag", "DELETE", "OLD", ""),
    ):
        _trigger(
            db,
            f"{table} {what} {when}",
            f"UPDATE repository SET revision = revision + 1 WHERE id = {row}.repository_id",  # noqa: S608  # our own names
        )
    renewed = (
        "WHEN OLD.first_seen IS NOT NEW.first_seen OR OLD.ended <> NEW.ended "
        "OR OLD.body <> NEW.body OR OLD.origin <> NEW.origin"
    )
    for what, when in (("INSERT", ""), ("UPDATE", renewed), ("DELETE", "")):
        _trigger(
            db,
            f"base_build {what} {when}",
            "UPDATE counter SET value = value + 1 WHERE name = 'bases'",
        )
    db.execute("PRAGMA user_version = 13")


@MIGRATIONS()
def v14_first_listed(db: Database) -> None:
    """Since when a repository is listed whole, and when each of its tags was first there.

    A tag is new where it was first there after that. The last complete list proves the one, what we
    saw of a tag the other; of a tag whose beginning was forgotten it proves only that it is no new
    one. Whose list an earlier schema holds is not known: it proves nothing.
    """
    _execute_all(
        db,
        """
        ALTER TABLE repository ADD COLUMN whole_since INTEGER /* null: it is not known to be */;
        ALTER TABLE tag ADD COLUMN first_listed INTEGER /* or served; null: it was not so far */;
        UPDATE repository SET whole_since = full_at WHERE origin <> '?';
        UPDATE tag SET first_listed = coalesce(
          (SELECT min(i.first_seen, coalesce(tag.listed_at, i.first_seen),
                      coalesce(iif(i.n > 1, r.whole_since, NULL), i.first_seen))
           FROM interval i CROSS JOIN repository r ON r.id = i.repository_id
           WHERE i.repository_id = tag.repository_id AND i.tag_id = tag.id ORDER BY i.n LIMIT 1),
          listed_at);
        DROP TRIGGER tag_update
        """,
    )
    changed = " OR ".join(
        f"(OLD.{column} IS NULL) <> (NEW.{column} IS NULL)"
        for column in ("listed_at", "first_listed")
    )
    _trigger(
        db,
        f"tag UPDATE WHEN {changed}",
        "UPDATE repository SET revision = revision + 1 WHERE id = NEW.repository_id",
    )
    db.execute("PRAGMA user_version = 14")


@MIGRATIONS()
def v15_judgement(db: Database) -> None:
    """What the rules said of the images of a repository is kept beside what was made of it."""
    _execute_all(
        db,
        """
        ALTER TABLE judged ADD COLUMN judgement_from BLOB /* what it was made from */;
        ALTER TABLE judged ADD COLUMN judgement_again_at INTEGER /* as `again_at` */;
        ALTER TABLE judged ADD COLUMN judgement BLOB
        """,
    )
    db.execute("PRAGMA user_version = 15")


@MIGRATIONS()
def v16_lists(db: Database) -> None:
    """What an answer lists of a repository is kept by its number: the next one may hold it, too."""
    db.execute("ALTER TABLE judged ADD COLUMN lists TEXT /* JSON: of evidence, of targets */")
    db.execute("PRAGMA user_version = 16")


@MIGRATIONS()
def v17_texts(db: Database) -> None:
    """Evidence that an answer lists has its text there, not a second time; its source is a number.

    A source of fifty bytes stood twice in each row.
    """
    _execute_all(
        db,
        """
        DROP VIEW evidence_now;
        CREATE TABLE source (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
        INSERT INTO source (name) SELECT DISTINCT source FROM evidence ORDER BY source;
        CREATE TABLE evidence_next (
          key TEXT NOT NULL,
          source_id INTEGER NOT NULL,
          at INTEGER,
          body BLOB,          -- its text; null: that is a line of a piece
          piece_id INTEGER,
          text_at INTEGER,    -- of when that is; null: of whenever the row holds
          made_from BLOB,
          judged_id INTEGER,
          UNIQUE (key, source_id)
        ) STRICT;
        INSERT INTO evidence_next (rowid, key, source_id, at, body, made_from, judged_id)
          SELECT e.rowid, e.key, s.id, e.at, e.body, e.made_from, e.judged_id
          FROM evidence e JOIN source s ON s.name = e.source ORDER BY e.rowid;
        DROP TABLE evidence;
        ALTER TABLE evidence_next RENAME TO evidence;
        CREATE INDEX evidence_judged ON evidence (judged_id) WHERE judged_id IS NOT NULL;
        CREATE VIEW evidence_now AS
          SELECT e.rowid AS id, e.key, s.name AS source, e.source_id, e.body, e.piece_id,
            p.body AS piece, e.made_from, e.judged_id,
            iif(j.id IS NULL, e.at, max(coalesce(e.at, 0), j.at)) AS at,
            coalesce(e.text_at, iif(j.id IS NULL, e.at, max(coalesce(e.at, 0), j.at))) AS text_at
          FROM evidence e LEFT JOIN source s ON s.id = e.source_id
          LEFT JOIN piece p ON p.id = e.piece_id LEFT JOIN judged j ON j.id = e.judged_id
        """,
    )
    listed = "SELECT id, at, CAST(lists AS BLOB) FROM judged WHERE lists IS NOT NULL"
    for number, at, stored in db.execute(listed).fetchall():
        with suppress(LedgerError, ValueError):  # damaged: its texts stay where they are
            stand_in(db.conn, number, lists_in(stored).evidence, moment(at))
    _store_documents_anew(db)
    db.execute("PRAGMA user_version = 17")


def _store_documents_anew(db: Database) -> None:
    """Compress documents with what they are alike to; their media types are numbers.

    One that cannot be read stays as it is. Of digests, the last four bytes find a row as thirty-two
    did: those that are no sha256 are stored as text, and all begin alike.
    """
    _execute_all(
        db,
        """
        CREATE TABLE media_type (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
        INSERT INTO media_type (name) SELECT DISTINCT media_type FROM document ORDER BY media_type;
        CREATE TABLE document_next (
          id INTEGER PRIMARY KEY,
          digest BLOB NOT NULL,
          media_type_id INTEGER NOT NULL,
          raw BLOB NOT NULL
        ) STRICT
        """,
    )
    rows = db.execute(
        "SELECT d.id, d.digest, t.id, d.raw FROM document d "
        "JOIN media_type t ON t.name = d.media_type ORDER BY d.id"
    )
    db.conn.executemany(
        "INSERT INTO document_next (id, digest, media_type_id, raw) VALUES (?, ?, ?, ?)",
        ((*row, _document(raw)) for *row, raw in rows),
    )
    db.execute("DROP TABLE document")
    db.execute("ALTER TABLE document_next RENAME TO document")
    db.execute("CREATE INDEX document_end ON document (substr(digest, -4))")


def _document(stored: bytes) -> bytes:
    try:
        return compress_document(expand(stored))
    except LedgerError:
        return stored


def _trigger(db: Database, event: str, work: str) -> None:
    """Make a trigger. `event`: the table, what happens to a row, and when that counts."""
    table, what, *_ = event.split(" ")
    db.execute(
        f"CREATE TRIGGER {table}_{what.lower()} AFTER {what} ON {table} "
        f"{event.removeprefix(f'{table} {what}')} BEGIN {work}; END"
    )


_LISTS = ("findings", "ignored", "problems", "failures", "remarks")


def _divide(connection: sqlite3.Connection, run_id: int) -> None:
    """Store in pieces what the answer of a run lists."""
    result, targets, evidence = connection.execute(
        "SELECT result, targets, evidence FROM run WHERE id = ?", (run_id,)
    ).fetchone()
    try:
        core = json.loads(expand(result))
        at = datetime.fromisoformat(core["at"])
        lists: dict[str, Iterable[bytes]] = {
            name: [encode(one) for one in core.pop(name, ())] for name in _LISTS
        }
        lists["readings"] = [encode(one) for one in core.pop("readings", {}).items()]
        lists |= {
            "targets": expand_lines(targets) if targets else (),
            "evidence": expand_lines(evidence),
        }
        parts = {name: store_lines(connection, lines, at) for name, lines in lists.items()}
    except (LedgerError, ValueError, TypeError, KeyError, AttributeError):
        return  # damaged: `ledger check` tells of it
    connection.executemany(
        "INSERT INTO part (run_id, name, piece_id) VALUES (?, ?, ?)",
        [(run_id, name, number) for name, number in parts.items() if number is not None],
    )
    connection.execute(
        "UPDATE run SET result = ?, targets = NULL, evidence = NULL WHERE id = ?",
        (compress(encode(core)), run_id),
    )


def _rewrite(
    db: Database, table: str, key: str, column: str, upgraded: Callable[[bytes], bytes]
) -> None:
    """Change a column row by row; what is damaged stays as it is."""
    this = f"({key}) = ({', '.join('?' for _ in key.split(','))})"
    read = f"SELECT typeof({column}), CAST({column} AS BLOB) FROM {table} WHERE {this}"  # noqa: S608  # our own names
    keys = db.execute(f"SELECT {key} FROM {table} WHERE {column} IS NOT NULL").fetchall()  # noqa: S608  # our own names
    for row in keys:
        ((kind, raw),) = db.execute(read, row)
        now = upgraded(raw)
        if now != raw:
            value = now.decode() if kind == "text" else now
            db.execute(f"UPDATE {table} SET {column} = ? WHERE {this}", (value, *row))  # noqa: S608  # our own names


def _packed(upgraded: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    def pack(raw: bytes) -> bytes:
        try:
            plain = expand(raw)
        except LedgerError:
            return raw
        now = upgraded(plain)
        return raw if now == plain else compress(now)

    return pack


def _packed_lines(upgraded: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    def pack(raw: bytes) -> bytes:
        changed = False

        def lines() -> Iterator[bytes]:
            nonlocal changed
            for line in expand_lines(raw):
                now = upgraded(line)
                changed = changed or now != line
                yield now

        try:
            packed = compress_lines(lines())  # a run's evidence may be larger than the memory
        except LedgerError:
            return raw
        return packed if changed else raw

    return pack


def apply_all(connection: sqlite3.Connection) -> None:
    """Make every step that the ledger lacks, in the transaction that is open."""
    MIGRATIONS.apply(Database(connection, recursive_triggers=False, execute_plugins=False))
