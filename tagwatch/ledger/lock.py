"""One scan at a time for a project: a lock of the operating system, on a file beside the ledger.

The system takes the lock from a process that ends, however it does: nothing is left to clear away.
The file stays. Who holds the lock stands in the ledger, for people. Machines that share a ledger
over a network are kept apart only where their file system has locks.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, contextmanager
from datetime import datetime
from glob import escape
from hashlib import sha256
from pathlib import Path
from time import monotonic, sleep

from tagwatch.errors import LedgerFailedError

__all__ = ["all_waited_for", "alone", "holder_here", "waited_for"]

_PAUSE_SECONDS = 0.2


@asynccontextmanager
async def alone(
    ledger: Path,
    project: str,
    *,
    wait_seconds: float,
    holder: Callable[[], str],
    stop: asyncio.Event | None = None,
    tell: Callable[[str], None] | None = None,
) -> AsyncIterator[None]:
    """Hold the project's lock, after waiting for it at most so long, or until `stop` is set.

    `holder` says who has it; `tell` is called once where there is something to wait for. Raises
    `LedgerFailedError` where it is held for longer, or the file cannot be made.
    """
    until = monotonic() + wait_seconds
    with _lock_file(ledger, project) as file:
        while not _take(file):
            if monotonic() >= until or (stop is not None and stop.is_set()):
                raise _held(holder())
            if tell is not None:
                who = holder()
                tell("waiting for another scan of this project" + (f": {who}" if who else ""))
                tell = None
            await asyncio.sleep(_PAUSE_SECONDS)
        yield


@contextmanager
def waited_for(
    ledger: Path, project: str, *, wait_seconds: float, holder: Callable[[], str]
) -> Iterator[None]:
    """Hold the project's lock outside of an event loop; see `alone`."""
    until = monotonic() + wait_seconds
    with _lock_file(ledger, project) as file:
        while not _take(file):
            if monotonic() >= until:
                raise _held(holder())
            sleep(_PAUSE_SECONDS)
        yield


@contextmanager
def all_waited_for(ledger: Path, project: str, *, wait_seconds: float) -> Iterator[None]:
    """Hold the lock of every project that ever scanned with this ledger, and that of `project`.

    Raises `LedgerFailedError` where one is held for longer than `wait_seconds` in all.
    """
    until = monotonic() + wait_seconds
    mine = _lock_path(ledger, project)
    others = mine.parent.glob(f"{escape(Path(os.path.realpath(ledger)).name)}.*.lock")
    with ExitStack() as held:
        for path in sorted({mine, *others}):
            file = held.enter_context(_opened(path))
            while not _take(file):
                if monotonic() >= until:
                    raise LedgerFailedError(
                        "a scan that uses this ledger is at work",
                        hint="wait until it is done, or end it; --wait-lock says how long to wait",
                    )
                sleep(_PAUSE_SECONDS)
        yield


def _held(holder: str) -> LedgerFailedError:
    return LedgerFailedError(
        f"another scan of this project is at work: {holder or 'who, is not known'}",
        hint="wait until it is done, or end it; --wait-lock says how long to wait",
    )


def holder_here(at: datetime) -> str:
    """Return what to note of this process: its number, its machine, and when it began."""
    return f"process {os.getpid()} on {socket.gethostname()}, since {at:%Y-%m-%d %H:%M:%S} UTC"


def _lock_file(ledger: Path, project: str) -> AbstractContextManager[int]:
    """Open the project's file."""
    return _opened(_lock_path(ledger, project))


def _lock_path(ledger: Path, project: str) -> Path:
    """Return the project's file: beside the ledger itself, whatever link leads to it."""
    real = Path(os.path.realpath(ledger))
    name = sha256(project.encode(errors="surrogateescape")).hexdigest()[:12]
    return real.with_name(f"{real.name}.{name}.lock")


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """Open a lock's file. The lock goes with it when it is closed."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise LedgerFailedError(
            f"the lock {str(path)!r} cannot be made: {error.strerror}",
            hint="check that the ledger's folder may be written, or name another `database:`",
        ) from error
    try:
        yield file
    finally:
        os.close(file)


if sys.platform == "win32":
    import msvcrt

    def _take(file: int) -> bool:
        """Take the lock; False where another one has it."""
        os.lseek(file, 0, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _take(file: int) -> bool:
        """Take the lock; False where another one has it."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            raise LedgerFailedError(
                f"the file system of the ledger has no locks: {error.strerror}",
                hint="keep the ledger on a local disk",
            ) from error
        return True
