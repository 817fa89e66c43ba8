"""The past of files in a local git repository, read through `git` itself: no network, no hooks.

Only plumbing commands that no configuration of the repository can turn into running something.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Timer
from typing import IO

from tagwatch.errors import InputError
from tagwatch.value import dataclass

__all__ = [
    "FileVersion",
    "changed_files",
    "commit_of",
    "commits_by_file",
    "cut_off_at",
    "file_versions",
    "files_at",
    "head_at",
    "tracked",
]

_GIT = (
    *("git", "--literal-pathspecs", "--no-replace-objects"),
    *("-c", "protocol.allow=never", "-c", "core.fsmonitor=false"),
)
_ENVIRONMENT = {
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
_MAX_FILE_BYTES = 4 * 1024 * 1024
_TIMEOUT_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FileVersion:
    """A file as a commit of the first-parent history left it. `raw` None: it was not there."""

    commit: str
    at: datetime
    raw: bytes | None


def head_at(repository: Path) -> datetime:
    """The date of the commit that is checked out. Raises `InputError`."""
    at, _ = _run(repository, ["rev-list", "--max-count=1", "--timestamp", "HEAD"]).split()
    return datetime.fromtimestamp(int(at), UTC)


def cut_off_at(repository: Path) -> datetime | None:
    """The date of the oldest commit of a shallow clone; None where the history is whole.

    What such a clone has began by then, and nobody can tell when. Raises `InputError`.
    """
    if _run(repository, ["rev-parse", "--is-shallow-repository"]).strip() != "true":
        return None
    walk = ["rev-list", "--first-parent", "--timestamp", "HEAD"]
    oldest = _run(repository, walk).splitlines()[-1]
    return datetime.fromtimestamp(int(oldest.split()[0]), UTC)


def changed_files(
    repository: Path, revision: str, *, timeout_seconds: float = _TIMEOUT_SECONDS
) -> dict[str, bytes | None]:
    """Files that are not as where HEAD left `revision`, each with its bytes there (None: none).

    Paths are POSIX, from the root; what is not committed counts, and what is not tracked. A file
    that was renamed has the bytes of its old name. Raises `InputError`: no repository, no such
    revision, no common history.
    """
    base = _left(repository, revision)
    changed = _run(repository, ["diff-index", "--name-status", "--find-renames", "-z", base, "--"])
    new = _run(repository, ["ls-files", "--others", "--exclude-standard", "-z"])
    before: dict[str, bytes | None] = dict.fromkeys(new.split("\0")[:-1])
    with _cat_file(repository, timeout_seconds) as (ask, answer):
        for old, path in _paired(iter(changed.split("\0")[:-1])):
            if "\n" not in old:
                ask.write(f"{base}:{old}\n".encode(errors="surrogateescape"))
                ask.flush()
                before[path] = _read_object(answer, old)
    return before


def commit_of(repository: Path, revision: str) -> str:
    """The commit that `revision` names. Raises `InputError`."""
    _run(repository, ["rev-parse", "--git-dir"])
    named = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"]
    try:
        return _run(repository, named).strip()
    except InputError as error:
        hint = "fetch it first (a shallow clone has only the newest commit)"
        raise InputError(f"no commit is called {revision!r} here", hint=hint) from error


def files_at(
    repository: Path,
    commit: str,
    paths: Sequence[str],
    *,
    timeout_seconds: float = _TIMEOUT_SECONDS,
) -> dict[str, bytes]:
    """Those of `paths` (POSIX, from the root) that are plain files in `commit`, with their bytes.

    Links are none. Raises `InputError`.
    """
    listed = _run(repository, ["ls-tree", "-z", "--full-tree", commit, "--", *paths])
    found: dict[str, bytes] = {}
    with _cat_file(repository, timeout_seconds) as (ask, answer):
        for line in listed.split("\0")[:-1]:
            about, _, path = line.partition("\t")
            mode, kind, name = about.split()
            if kind == "blob" and mode.startswith("100"):
                ask.write(f"{name}\n".encode())
                ask.flush()
                raw = _read_object(answer, path)
                if raw is not None:
                    found[path] = raw
    return found


def tracked(repository: Path, paths: Sequence[str]) -> frozenset[str]:
    """Those of `paths` (POSIX, from the repository's root) that git tracks. Raises `InputError`."""
    listed = _run(repository, ["ls-files", "-z", "--cached", "--full-name", "--", *paths])
    return frozenset(listed.split("\0")[:-1])


def _left(repository: Path, revision: str) -> str:
    """The commit where HEAD left `revision`. Raises `InputError`."""
    commit = commit_of(repository, revision)
    try:
        return _run(repository, ["merge-base", commit, "HEAD"]).strip()
    except InputError as error:
        raise InputError(
            f"HEAD and {revision!r} have no commit in common here",
            hint="fetch their whole history: git fetch --unshallow, or fetch-depth: 0",
        ) from error


def _paired(fields: Iterator[str]) -> Iterator[tuple[str, str]]:
    """Each changed path's old name and its present one, of `diff-index --name-status -z`."""
    for status in fields:
        old = next(fields)
        yield old, next(fields) if status[:1] in ("R", "C") else old


def commits_by_file(
    repository: Path, paths: Sequence[str]
) -> dict[str, tuple[tuple[datetime, str], ...]]:
    """Each file that is or ever was at `paths`, and (date, commit) of its changes, oldest first.

    `paths` are POSIX, from the root: files, or folders for all that is in them. The history is the
    first-parent one of HEAD: what its main branch served, with the dates of its own commits. Cost:
    one walk over the commits, however many files. Raises `InputError`.
    """
    walk = ["rev-list", "--first-parent", "--reverse", "--format=%ct %H %P", "HEAD", "--"]
    commits = [line.split() for line in _run(repository, [*walk, *paths]).splitlines()[1::2]]
    dates = {commit: datetime.fromtimestamp(int(at), UTC) for at, commit, *_ in commits}
    changes = ["diff-tree", "--stdin", "--root", "-r", "--name-only", "--no-renames", "-z", "--"]
    asked = "".join(" ".join(line[1:3]) + "\n" for line in commits)  # each beside its first parent
    found: dict[str, list[tuple[datetime, str]]] = {}
    commit = ""
    for item in _run(repository, [*changes, *paths], asked).split("\0")[:-1]:
        if item in dates:
            commit = item
        else:
            found.setdefault(item, []).append((dates[commit], commit))
    return {path: tuple(found[path]) for path in sorted(found)}


def file_versions(
    repository: Path,
    path: str,
    commits: Iterable[tuple[datetime, str]],
    *,
    timeout_seconds: float = _TIMEOUT_SECONDS,
) -> tuple[FileVersion, ...]:
    """The file at `path` (POSIX, from the root) as each of these commits left it.

    Raises `InputError`: too large, too slow, no file.
    """
    if "\n" in path:
        raise InputError(f"not a path in a repository: {path[:160]!r}")
    versions = []
    with _cat_file(repository, timeout_seconds) as (ask, answer):
        for at, commit in commits:
            ask.write(f"{commit}:{path}\n".encode(errors="surrogateescape"))
            ask.flush()
            versions.append(FileVersion(commit=commit, at=at, raw=_read_object(answer, path)))
    return tuple(versions)


def _run(repository: Path, arguments: Sequence[str], asked: str = "") -> str:
    try:
        done = subprocess.run(  # noqa: S603  # an argument list, no shell
            [*_GIT, *arguments],
            cwd=repository,
            env=_environment(),
            input=asked.encode(),
            capture_output=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _failed(repository, error) from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
        raise InputError(
            f"git cannot read {str(repository)!r}: {said[0][:200]}",
            hint="name a git checkout whose history is complete and that belongs to you",
        )
    return done.stdout.decode(errors="surrogateescape")


@contextmanager
def _cat_file(repository: Path, timeout_seconds: float) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """One `git cat-file --batch`, ended when done and killed when it takes too long."""
    try:
        with subprocess.Popen(  # noqa: S603  # an argument list, no shell
            [*_GIT, "cat-file", "--batch"],
            cwd=repository,
            env=_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process:
            timer = Timer(timeout_seconds, process.kill)
            timer.start()
            try:
                assert process.stdin is not None
                assert process.stdout is not None
                yield process.stdin, process.stdout
            finally:
                timer.cancel()
                process.kill()
    except OSError as error:
        raise _failed(repository, error) from error


def _read_object(answer: IO[bytes], path: str) -> bytes | None:
    header = answer.readline().split()
    if header[-1:] == [b"missing"]:
        return None
    if header and (len(header) != 3 or header[1] != b"blob"):
        raise InputError(f"{path!r} is no file in that repository", hint="name a file, no folder")
    size = int(header[2]) if header else 0
    if size > _MAX_FILE_BYTES:
        raise InputError(f"a version of {path!r} has {size} bytes, more than {_MAX_FILE_BYTES}")
    raw = answer.read(size)
    if not header or len(raw) != size or answer.read(1) != b"\n":
        raise InputError(f"git stopped while it read {path!r}", hint="it may have taken too long")
    return raw


def _environment() -> dict[str, str]:
    """Ours without what would point git elsewhere, as inside a hook."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return own | _ENVIRONMENT


def _failed(repository: Path, error: OSError | subprocess.TimeoutExpired) -> InputError:
    if isinstance(error, FileNotFoundError) and error.filename == _GIT[0]:
        return InputError("git is not installed", hint="install git to read a repository's history")
    return InputError(
        f"git cannot read {str(repository)!r}: {error}", hint="check that it is there"
    )
