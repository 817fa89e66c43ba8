"""Connections to the ledger's file: plain sqlite3, so that a warm `check` loads nothing more.

The one place where `sqlite3` errors become `LedgerError`, and where versions are compared.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tagwatch.audit.model.history import UNRECORDED
from tagwatch.errors import ClockError, LedgerError, LedgerFailedError, LedgerReadOnlyError
from tagwatch.image.reference import DOCKER_HUB, HUB_HOSTS

__all__ = [
    "APPLICATION_ID",
    "OWN",
    "SCHEMA_VERSION",
    "UNRECORDED_EVIDENCE",
    "Translated",
    "connect",
    "connect_as_it_is",
    "connect_read_only",
    "is_emptied",
    "is_own",
    "is_part_of",
    "keep_private",
    "refuse_a_clock_behind",
    "see_only",
    "stored_version",
]

APPLICATION_ID = 0x74616777
"""`PRAGMA application_id`: "tagw", so that a foreign SQLite file is never written to."""
SCHEMA_VERSION = 17
"""`PRAGMA user_version`: the number of the newest migration in `schema.py`."""

_BUSY_SECONDS = 30.0
_MICROSECONDS = 1_000_000
_TOLERATED = timedelta(minutes=10)
"""Clocks of two machines that share a ledger differ, and a run may begin late."""
_NEWEST = """
  SELECT max(coalesce((SELECT max(at) FROM run), 0),
             coalesce((SELECT max(covered_at) FROM main.repository), 0))"""
_RESTORE = (
    "restore a backup with `tagwatch ledger restore FILE`, "
    "or move the file away: the next scan starts a new ledger"
)


OWN = "seen"
"""The source of evidence that this ledger saw itself; with endpoints, these follow as JSON."""
UNRECORDED_EVIDENCE = f"{OWN} {UNRECORDED}"
"""The source of own evidence that an earlier schema holds."""
_HERE = (
    """
    CREATE TEMP VIEW repository AS SELECT * FROM main.repository
    WHERE origin = origin_of(registry) OR origin = '?'""",
    """
    CREATE TEMP VIEW base_build AS SELECT * FROM main.base_build
    WHERE origin = origin_of(reference) OR origin = '?'""",
)


class Translated:
    """Inside, every `sqlite3` error becomes a `LedgerError` that names the file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, *trace: object) -> None:
        if isinstance(error, sqlite3.Error):
            raise _ledger_error(self._path, error) from error
        if isinstance(error, UnicodeDecodeError):  # SQLite quotes the damage in its error
            raise LedgerFailedError(
                f"the ledger {str(self._path)!r} is damaged: its tables cannot be read",
                hint=_RESTORE,
            ) from error


def _ledger_error(path: Path, error: sqlite3.Error) -> LedgerFailedError:
    name = getattr(error, "sqlite_errorname", "")
    shown, said = str(path), str(error).partition("\n")[0]
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return LedgerFailedError(
            f"the ledger {shown!r} is locked",
            hint="another tagwatch is writing to it; try again when it is done",
        )
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return LedgerFailedError(f"the ledger {shown!r} is damaged: {said}", hint=_RESTORE)
    if name.startswith("SQLITE_CANTOPEN"):
        return LedgerFailedError(
            f"the ledger {shown!r} cannot be opened",
            hint="check that its folder exists and may be read and written",
        )
    if name.startswith("SQLITE_READONLY"):
        return LedgerReadOnlyError(
            f"the ledger {shown!r} may not be written", hint="check the file's permissions"
        )
    if name.startswith(("SQLITE_FULL", "SQLITE_IOERR")):
        return LedgerFailedError(
            f"the ledger {shown!r} could not be read or written: {said}",
            hint="check the disk and its free space; what was acknowledged is safe",
        )
    if "decode to UTF-8" in str(error):
        return LedgerFailedError(
            f"the ledger {shown!r} is damaged: {said}",
            hint="`tagwatch ledger check --mend` tells where, and mends what it can",
        )
    return LedgerFailedError(f"the ledger {shown!r} refused: {said}", hint=_RESTORE)


def connect(path: Path) -> sqlite3.Connection:
    """A connection that may write; the file is made where it does not exist, for its owner alone.

    Every commit is on the disk when it returns (WAL with `synchronous=FULL`).
    """
    from contextlib import suppress  # what only reads does without it

    with suppress(OSError):  # what stands in the way, SQLite tells
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
    try:
        connection.execute(f"PRAGMA busy_timeout = {int(_BUSY_SECONDS * 1000)}")
        if stored_version(connection, path) is not None:
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
    except BaseException:
        connection.close()
        raise
    return connection


def keep_private(path: Path) -> None:
    """Take a ledger from everybody's eyes: it holds the configs of private images as they are.

    Older programs made it as the umask said. Where only its group may read it, somebody wanted so.
    """
    from contextlib import suppress

    for name in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        with suppress(OSError):
            if name.stat().st_mode & 0o007:
                name.chmod(0o600)


def connect_read_only(path: Path, *, by_one: bool = True) -> sqlite3.Connection | None:
    """A connection that cannot write; None where the ledger's schema is older than the program's.

    `by_one`: only the thread that opens it reads by it; else one after the other.
    Raises `LedgerError` where the file is missing, foreign or newer.
    """
    connection, version = connect_as_it_is(path, by_one=by_one)
    if version != SCHEMA_VERSION:
        connection.close()
        return None
    return connection


def connect_as_it_is(path: Path, *, by_one: bool = True) -> tuple[sqlite3.Connection, int | None]:
    """A connection that cannot write, and the schema's version: this program's or an older one.

    Raises `LedgerError` where the file is missing, foreign or newer.
    """
    if not path.is_file():
        raise LedgerError(
            f"there is no ledger at {str(path)!r}", hint="`tagwatch scan` makes it on its first run"
        )
    try:
        return _open_uri(path, "mode=ro", by_one=by_one)
    except sqlite3.OperationalError:
        # A read-only folder cannot take the shared-memory file that WAL needs. With nothing in a
        # WAL beside it, nobody is writing and the file alone is the whole truth.
        log = path.with_name(path.name + "-wal")
        if log.exists() and log.stat().st_size:
            raise
        return _open_uri(path, "mode=ro&immutable=1", by_one=by_one)


def _open_uri(path: Path, mode: str, *, by_one: bool) -> tuple[sqlite3.Connection, int | None]:
    uri = f"{path.absolute().as_uri()}?{mode}"
    connection = sqlite3.connect(
        uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=by_one
    )
    try:
        return connection, stored_version(connection, path)
    except BaseException:
        connection.close()
        raise


def stored_version(connection: sqlite3.Connection, path: Path) -> int | None:
    """The schema's version; None for an empty file. Raises `LedgerError` for foreign or newer."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application == APPLICATION_ID:
        if version > SCHEMA_VERSION:
            raise LedgerError(
                f"the ledger {str(path)!r} was written by a newer tagwatch "
                f"(schema {version}, this program reads {SCHEMA_VERSION})",
                hint="upgrade tagwatch, or name another file with `database:`",
            )
        return int(version)
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    (now,) = connection.execute("PRAGMA application_id").fetchone()
    if now == APPLICATION_ID:  # another process made the tables between these questions
        return stored_version(connection, path)
    if application or version or tables:
        raise LedgerError(
            f"{str(path)!r} is a database of another program",
            hint="name another file with `database:`",
        )
    return None


def is_emptied(path: Path) -> bool:
    """Return True where there is a file, and nothing in it: what the ledger held is gone."""
    try:
        return path.stat().st_size == 0 and path.is_file()
    except OSError:
        return False


def is_own(source: str) -> bool:
    """Return True where this ledger saw the evidence of that source itself."""
    return source == OWN or source.startswith(f"{OWN} ")


def see_only(connection: sqlite3.Connection, origins: Mapping[str, str]) -> str:
    """Let the connection see only what these origins said; return the source of its evidence.

    `origins`: by host, the endpoint that is configured for it; a host that is missing speaks for
    itself. A repository of another origin is another one: views of this connection hide it, under
    the names of the tables, so that no statement can forget to. What writes, or counts for every
    origin, names the tables themselves, with `main.` before their names.
    """

    def origin_of(name: str) -> str:
        host = name.partition("/")[0].lower()
        return origins.get(DOCKER_HUB if host in HUB_HOSTS else host, "")

    def is_told_here(source: str, key: str) -> bool:
        """Evidence may be of several registries, and of its own only one origin counts."""
        if source in (OWN, UNRECORDED_EVIDENCE):
            return source != OWN or not origin_of(key)
        if not source.startswith(f"{OWN} {{"):
            return False
        there = json.loads(source.removeprefix(OWN))
        return bool(there.get(key.partition("/")[0], "") == origin_of(key))

    connection.create_function("origin_of", 1, origin_of, deterministic=True)
    connection.create_function("is_told_here", 2, is_told_here, deterministic=True)
    for view in _HERE:
        connection.execute(view)
    named = {host: origin for host, origin in sorted(origins.items()) if origin}
    return f"{OWN} {json.dumps(named)}" if named else OWN


def refuse_a_clock_behind(connection: sqlite3.Connection, at: datetime) -> None:
    """Raise `ClockError` where the ledger was written more than ten minutes after `at`."""
    newest = connection.execute(_NEWEST).fetchone()[0]
    if newest <= (at + _TOLERATED).timestamp() * _MICROSECONDS:
        return
    ahead = datetime.fromtimestamp(newest / _MICROSECONDS, UTC)
    raise ClockError(
        f"the ledger is ahead of the clock: it was written at {ahead:%Y-%m-%d %H:%M} UTC, "
        f"and now it is {at:%Y-%m-%d %H:%M} UTC",
        hint="set the clock; if it is right, `tagwatch ledger rewind` mends the ledger",
    )


def is_part_of(ledger: Path, file: Path) -> bool:
    """Return True for a ledger's file and for what SQLite and a scan's lock keep beside it."""
    ledger = Path(os.path.realpath(ledger))
    if not file.name.startswith(ledger.name):
        return False
    rest = file.name.removeprefix(ledger.name)
    is_its = rest in ("", "-wal", "-shm", "-journal") or rest[:1] + rest[-5:] == "..lock"
    return is_its and os.path.realpath(file.parent) == str(ledger.parent)
