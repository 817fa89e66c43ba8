"""A backup in the ledger's place: verified first, and what was there before is kept beside it.

A ledger that SQLite can open is replaced from within, in one transaction: whoever has it open sees
the one or the other, and a crash leaves the one or the other. Only what SQLite cannot open, and so
nobody uses, is moved aside.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from time import monotonic

from tagwatch.errors import LedgerError, LedgerFailedError
from tagwatch.ledger.codec import moment
from tagwatch.ledger.connection import APPLICATION_ID, Translated, connect_as_it_is, is_emptied
from tagwatch.ledger.maintenance import back_up, check, mend
from tagwatch.value import dataclass

__all__ = ["BESIDE", "Restored", "put_in_place", "restore"]

_BUSY_SECONDS = 30.0
_OLDER = "take an older one; the ledger is as it was"
BESIDE = ("-wal", "-shm", "-journal")
"""How the names of files end that SQLite keeps beside a database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What came of it."""

    kept: Path | None
    """Where the ledger of before is now; None where there was none, or an empty file."""
    newest: datetime | None
    """When the newest run began that the backup knows."""
    mended: tuple[str, ...] = ()
    """What was damaged in the backup and could be mended."""


def restore(backup: Path, ledger: Path, at: datetime) -> Restored:
    """Put `backup` in the ledger's place; the caller holds every project's lock.

    One of an older schema stays as it is, and the next run upgrades it. The backup is only read.
    Raises `LedgerError` where it is missing, damaged, foreign or newer than this program, where the
    file in its place is another program's, and where something cannot be written. Then the ledger
    is as it was.
    """
    real = Path(os.path.realpath(ledger))
    if not backup.is_file():
        raise LedgerError(
            f"there is no backup at {str(backup)!r}", hint="`tagwatch ledger backup FILE` makes one"
        )
    if real.exists() and backup.samefile(real):
        raise LedgerError(
            f"the ledger {str(ledger)!r} cannot be its own backup", hint="name another file"
        )
    draft = real.with_name(f".{real.name}.restoring{real.suffix}")
    try:
        real.parent.mkdir(parents=True, exist_ok=True)
        _verified_copy(backup, draft)
        mended = mend(draft)
        if problems := check(draft):
            raise LedgerFailedError(
                f"the backup {str(backup)!r} is damaged, and was not restored: {problems[0]}",
                hint=_OLDER,
            )
        return Restored(kept=put_in_place(draft, real, at), newest=_newest(real), mended=mended)
    except OSError as error:
        raise LedgerFailedError(
            f"the ledger {str(ledger)!r} could not be restored: {error.strerror or error}",
            hint="check its folder, the disk and its free space",
        ) from error
    finally:
        for end in ("", *BESIDE):
            with suppress(OSError):
                draft.with_name(draft.name + end).unlink(missing_ok=True)


def _verified_copy(backup: Path, draft: Path) -> None:
    try:
        back_up(backup, draft)
    except LedgerFailedError as error:
        said, of, why = error.message.partition(f"the ledger {str(backup)!r}")
        if said or not of:
            raise
        raise LedgerFailedError(f"the backup {str(backup)!r}{why}", hint=_OLDER) from error


def _newest(ledger: Path) -> datetime | None:
    with Translated(ledger):
        connection, _ = connect_as_it_is(ledger)
        with closing(connection):
            (newest,) = connection.execute("SELECT max(at) FROM run").fetchone()
    return None if newest is None else moment(newest)


def put_in_place(draft: Path, ledger: Path, at: datetime) -> Path | None:
    """Put a sound ledger in the place of another; where that one is kept. See the module."""
    if not ledger.exists() or is_emptied(ledger):
        _remove_beside(ledger)
        _move(draft, ledger)
        return None
    kept = _free_name(ledger, at)
    try:
        _refuse_foreign(ledger)
        with closing(sqlite3.connect(ledger, isolation_level=None)) as old:
            _copy(old, kept)
            shutil.copymode(ledger, kept)
            with closing(sqlite3.connect(draft)) as new:
                new.backup(old, progress=_patience(ledger))
            old.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.DatabaseError as error:
        if not getattr(error, "sqlite_errorname", "").startswith(
            ("SQLITE_CORRUPT", "SQLITE_NOTADB")
        ):
            with Translated(ledger):
                raise
        _move_aside(ledger, kept)
        shutil.copymode(kept, draft)
        _move(draft, ledger)
    return kept


def _free_name(ledger: Path, at: datetime) -> Path:
    name = f"{ledger.name}.before-{at:%Y-%m-%dT%H%M%SZ}"
    kept, number = ledger.with_name(name), 1
    while kept.exists():
        number += 1
        kept = ledger.with_name(f"{name}-{number}")
    return kept


def _refuse_foreign(ledger: Path) -> None:
    """Raise `LedgerError` for another program's database. A newer ledger may go."""
    with closing(sqlite3.connect(ledger, isolation_level=None)) as connection:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application != APPLICATION_ID and (application or tables):
        raise LedgerError(
            f"{str(ledger)!r} is a database of another program",
            hint="name another file with `database:`",
        )


def _copy(old: sqlite3.Connection, kept: Path) -> None:
    """Copy the ledger of before, with what stands in its log; page by page, damaged or not."""
    with closing(sqlite3.connect(kept)) as copy:
        old.backup(copy, progress=_patience(kept))
        copy.execute("PRAGMA journal_mode = DELETE")


def _patience(ledger: Path) -> Callable[[int, int, int], None]:
    """Return what ends a copy that another one keeps waiting: it would wait for ever."""
    until = monotonic() + _BUSY_SECONDS

    def progress(status: int, *_: int) -> None:
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) and monotonic() >= until:
            raise LedgerFailedError(
                f"the ledger {str(ledger)!r} is locked",
                hint="another tagwatch is writing to it; try again when it is done",
            )

    return progress


def _move_aside(ledger: Path, kept: Path) -> None:
    """Keep a file that SQLite cannot open, with its log; nothing of it stays beside the new one."""
    for end in BESIDE:
        kept.with_name(kept.name + end).unlink(missing_ok=True)
    log = ledger.with_name(ledger.name + "-wal")
    if log.exists():
        log.replace(kept.with_name(kept.name + "-wal"))
    ledger.replace(kept)
    _remove_beside(ledger)


def _remove_beside(ledger: Path) -> None:
    for end in BESIDE:
        ledger.with_name(ledger.name + end).unlink(missing_ok=True)


def _move(draft: Path, ledger: Path) -> None:
    """Move it there for good: also the name is on the disk when this returns."""
    draft.replace(ledger)
    if hasattr(os, "O_DIRECTORY"):  # not on Windows
        folder = os.open(ledger.parent, os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
