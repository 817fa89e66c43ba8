"""Other people's git repositories as sources of a scan: fetched, kept, and read as a stranger's.

A kept repository holds one commit, without its past. It is fetched as the user's git would: with
its logins, proxies and addresses. It is laid out by a git that knows none of the user's settings,
so that no filter, hook or link of the tree runs or leads anywhere. What is laid out is read like
any tree: as data. What a fetch leaves that was cut off at any moment, the next one completes.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from tagwatch.errors import InputError
from tagwatch.value import dataclass

__all__ = ["Kept", "kept", "kept_all"]

_HEAD = "refs/tagwatch/head"
"""The commit that was fetched last."""
_LAID = "refs/tagwatch/laid"
"""The commit whose files were laid out last, all of them."""
_AT_ONCE = 8
_TIMEOUT_SECONDS = 300.0
_ALL_SECONDS = 900.0
_END_SECONDS = 5.0
_PAUSE_SECONDS = 0.1
_STALE_SECONDS = 3600.0
"""After so long a lock of git's is one that a git left which was killed."""
_UNUSED_SECONDS = 30 * 86_400.0
_NAME = re.compile(r"[0-9a-f]{20}")
"""How the folder of a repository is called."""
_MOST_FILES = 500_000
_MOST_BYTES = 4 * 1024**3
_QUIET = {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
_ALONE = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_NO_LAZY_FETCH": "1",
}
_PLACES = frozenset(
    {
        *("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"),
        *("GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE", "GIT_SHALLOW_FILE", "GIT_PREFIX"),
        *("GIT_QUARANTINE_PATH", "GIT_GRAFT_FILE", "GIT_REPLACE_REF_BASE", "GIT_CONFIG"),
    }
)
"""What points git to another repository, as inside a hook of that."""
_SAFE = (
    *("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "core.symlinks=false"),
    *("-c", "core.attributesFile=/dev/null", "-c", "core.autocrlf=false"),
    *("-c", "protocol.allow=never", "-c", "gc.auto=0", "-c", "maintenance.auto=false"),
)
_ALLOWED = tuple(
    word for one in ("https", "ssh", "file") for word in ("-c", f"protocol.{one}.allow=always")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A repository that is kept: where its files are, of which day, and of which commit.

    `why`: what kept it from being fetched now; with no `folder`, it never was.
    """

    folder: Path | None
    at: datetime | None = None
    commit: str = ""
    why: str = ""


def kept_all(
    wanted: Sequence[tuple[str, str]],
    below: Path,
    environment: Mapping[str, str],
    *,
    fetch: bool,
    is_over: Callable[[], bool] = lambda: False,
) -> list[Kept]:
    """Return each repository of `wanted` (address and branch), fetched anew if `fetch`.

    Eight at a time, and for fifteen minutes in all, or until `is_over` says True. A repository that
    cannot be fetched is part of the answer.
    """
    if not wanted:
        return []
    until = time.monotonic() + _ALL_SECONDS

    def is_late() -> bool:
        return is_over() or time.monotonic() > until

    def one_of(one: tuple[str, str]) -> Kept:
        return kept(one, below, environment, fetch=fetch, is_over=is_late)

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        found = list(threads.map(one_of, wanted))
    if fetch:
        _prune(below)
    return found


def _prune(below: Path) -> None:
    """Remove the repositories that no scan asked for in the last month.

    Other projects of the user keep theirs here, too: that this one does not name one says nothing.
    """
    for lock in below.glob("*.lock"):
        folder = lock.with_suffix("")
        try:
            old = time.time() - lock.stat().st_mtime > _UNUSED_SECONDS
            if not old or not _NAME.fullmatch(folder.name):
                continue
            with lock.open("ab") as file:
                if _take(file.fileno()):
                    shutil.rmtree(folder, ignore_errors=True)
                    if not folder.exists():
                        lock.unlink()
        except OSError:
            continue  # the next scan tries again


def kept(
    wanted: tuple[str, str],
    below: Path,
    environment: Mapping[str, str],
    *,
    fetch: bool,
    is_over: Callable[[], bool],
) -> Kept:
    """Return one repository, kept in a folder of `below`. No branch: its default one."""
    address, branch = wanted
    name = hashlib.sha256(f"{address}\n{branch}".encode()).hexdigest()[:20]
    folder = below / name
    why = ""
    if fetch:
        try:
            _fetch(address, branch or "HEAD", folder, environment, is_over)
        except InputError as error:
            why = str(error)
    elif not (folder / ".git").exists():
        why = "no scan has done it yet"
    elif not _is_laid_out(folder, environment):
        why = "its newest commit was not laid out whole; the next scan does it"
    try:
        if (folder / ".git").exists():
            at, commit = _laid_out(folder, environment)
            return Kept(folder=folder, at=at, commit=commit, why=why)
    except InputError:
        pass
    return Kept(folder=None, why=why)


def _fetch(
    address: str,
    branch: str,
    folder: Path,
    environment: Mapping[str, str],
    is_over: Callable[[], bool],
) -> None:
    """Fetch the newest commit, and lay its files out. Raises `InputError`."""
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _alone(folder, is_over):
        if not (folder / ".git" / "HEAD").is_file():
            shutil.rmtree(folder, ignore_errors=True)
            _git(["init", "-q", "--template=", "--", str(folder)], None, environment, _ALONE)
        _clear_locks(folder / ".git")
        options = ["--depth=1", "--no-tags", "--no-recurse-submodules", "--force", "-q"]
        words = ["fetch", *options, "--", address, f"+{branch}:{_HEAD}"]
        _git(words, folder, environment, {}, is_over)
        if _is_laid_out(folder, environment):
            return
        _check_size(folder, environment)
        _git(["checkout", "-q", "--force", "--detach", _HEAD], folder, environment, _ALONE)
        _git(["clean", "-q", "-ffdx"], folder, environment, _ALONE)
        _git(["update-ref", _LAID, _HEAD], folder, environment, _ALONE)
        _try(["gc", "-q", "--prune=now"], folder, environment)  # the commit of before


@contextmanager
def _alone(folder: Path, is_over: Callable[[], bool]) -> Iterator[None]:
    """Keep other scans from fetching the same, as those of other projects do. Raises `InputError`.

    The system lets go of the lock of a process that was killed.
    """
    until = time.monotonic() + _TIMEOUT_SECONDS
    path = folder.with_name(f"{folder.name}.lock")
    while True:
        with path.open("ab") as file:
            while not _take(file.fileno()):
                if is_over() or time.monotonic() > until:
                    raise InputError("another scan is fetching it")
                time.sleep(_PAUSE_SECONDS)
            if not _is_at(path, file.fileno()):
                continue  # it was removed meanwhile, as one that nobody asked for
            os.utime(path)  # somebody asks for it: see `_prune`
            yield
            return


def _is_at(path: Path, file: int) -> bool:
    """Return True where an open file is the one that the path leads to now."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file))
    except FileNotFoundError:
        return False


def _take(file: int) -> bool:
    """Return True where the lock of a file is taken now; systems without one have no such lock."""
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _clear_locks(folder: Path) -> None:
    """Remove what a git left that was killed, or every later one would stop there."""
    for lock in folder.rglob("*.lock"):
        try:
            if time.time() - lock.stat().st_mtime > _STALE_SECONDS:
                lock.unlink()
        except OSError:
            continue  # its git goes on, and removed it


def _is_laid_out(folder: Path, environment: Mapping[str, str]) -> bool:
    """Return True where all files of the newest commit are there."""
    told = _try(["for-each-ref", "--format=%(objectname)", _HEAD, _LAID], folder, environment)
    commits = told.split()
    return len(commits) == 2 and commits[0] == commits[1]


def _check_size(folder: Path, environment: Mapping[str, str]) -> None:
    """Raise `InputError` where the newest commit would fill the disk.

    A few kilobytes of a repository may stand for any number of files: a folder may hold one other
    folder many times.
    """
    words, variables = _command(["ls-tree", "-r", "-z", "-l", _HEAD], folder, environment, _ALONE)
    files = size = 0
    rest = b""
    with subprocess.Popen(  # noqa: S603  # words, no shell
        words, env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        while (read := process.stdout.read(1 << 16)) and files <= _MOST_FILES:
            *entries, rest = (rest + read).split(b"\0")
            files += len(entries)
            sizes = (entry.partition(b"\t")[0].rpartition(b" ")[2] for entry in entries)
            size += sum(int(one) for one in sizes if one.isdigit())
            if size > _MOST_BYTES:
                break
        process.kill()
    if files > _MOST_FILES or size > _MOST_BYTES:
        most = f"{_MOST_FILES:,} files, or {_MOST_BYTES // 1024**3} GB"
        raise InputError(f"it has more than {most}: it is not laid out")


def _laid_out(folder: Path, environment: Mapping[str, str]) -> tuple[datetime, str]:
    """Return date and name of the commit that is laid out. Raises `InputError`."""
    told = _git(["log", "-1", "--format=%ct %H", "HEAD"], folder, environment, _ALONE)
    at, _, commit = told.partition(" ")
    return datetime.fromtimestamp(int(at), UTC), commit


def _try(arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> str:
    """Return what git says without the user's settings; empty where it fails."""
    try:
        return _git(arguments, folder, environment, _ALONE)
    except InputError:
        return ""


def _git(
    arguments: Sequence[str],
    folder: Path | None,
    environment: Mapping[str, str],
    more: Mapping[str, str],
    is_over: Callable[[], bool] = lambda: False,
) -> str:
    """Run git and return what it prints. Raises `InputError`: it failed, or took too long."""
    words, variables = _command(arguments, folder, environment, more)
    try:
        process = subprocess.Popen(  # noqa: S603  # words, no shell
            words,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except OSError as error:
        raise InputError(f"git cannot be run: {error.strerror or error}") from error
    until = time.monotonic() + _TIMEOUT_SECONDS
    while True:
        try:
            out, told = process.communicate(timeout=_PAUSE_SECONDS)
            break
        except subprocess.TimeoutExpired:
            if is_over():
                _end(process)
                raise InputError("the scan was stopped, or had no time left for it") from None
            if time.monotonic() > until:
                _end(process)
                raise InputError(f"git took longer than {_TIMEOUT_SECONDS:.0f} seconds") from None
    if process.returncode != 0:
        raise InputError(_reason(told))
    return out.decode("utf-8", "replace").strip()


def _command(
    arguments: Sequence[str],
    folder: Path | None,
    environment: Mapping[str, str],
    more: Mapping[str, str],
) -> tuple[list[str], dict[str, str]]:
    """Return the words and variables of a git command. `more` empty: with the user's settings."""
    place = [] if folder is None else ["-C", str(folder), f"--git-dir={folder / '.git'}"]
    work = [] if folder is None else [f"--work-tree={folder}"]
    own = {
        name: value
        for name, value in environment.items()
        if not (name.startswith("GIT_") if more else name in _PLACES)
    }
    ssh = {} if "GIT_SSH_COMMAND" in own else {"GIT_SSH_COMMAND": "ssh -oBatchMode=yes"}
    allowed = () if more else _ALLOWED
    words = ["git", *_SAFE, *allowed, *place, *work, *arguments]
    return words, {**own, **_QUIET, **ssh, **more}


def _end(process: subprocess.Popen[bytes]) -> None:
    """End git so that it removes its locks, if it does so soon."""
    process.terminate()
    try:
        process.communicate(timeout=_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _reason(told: bytes) -> str:
    """Return what git complains of, without controls and without a login in an address."""
    lines = [line for line in told.decode("utf-8", "replace").splitlines() if line.strip()]
    fatal = [line for line in lines if line.startswith(("fatal: ", "error: "))]
    text = (fatal or lines or ["git said nothing"])[0].removeprefix("fatal: ")
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    return re.sub(r"//[^/@\s]*@", "//", text)[:300]
