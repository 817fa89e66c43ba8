"""The past of files in a local git repository, read through `git` itself: no network, no hooks.

Only plumbing commands that no configuration of the repository can turn into running something.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from threading import Timer
from typing import IO, Self

from tagwatch.errors import InputError
from tagwatch.value import dataclass

__all__ = ["FileVersion", "PastFiles", "commit_of", "commits_by_file", "cut_off_at"]
__all__ += ["file_versions", "files_at", "head_at", "left_at", "open_objects", "origin_of"]
__all__ += ["past_files", "read_object", "run_git", "tracked", "tracked_files"]

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
_TRACKED = ("ls-files", "--cached", "-z")
_MOST_GONE = 100
_LEAST_SHARED = 0.5
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
    at, _ = run_git(repository, ["rev-list", "--max-count=1", "--timestamp", "HEAD"]).split()
    return datetime.fromtimestamp(int(at), UTC)


def origin_of(repository: Path, *, seconds: float | None = None) -> tuple[str, str]:
    """Where a repository was cloned from, and the commit that is checked out; empty where unknown.

    The address may hold a login: show no more of it than its host and path.
    """
    try:
        remote = run_git(repository, ["config", "--get", "remote.origin.url"], seconds=seconds)
        commit = run_git(repository, ["rev-parse", "--verify", "--quiet", "HEAD"], seconds=seconds)
    except InputError:
        return "", ""
    return remote.strip(), commit.strip()


def cut_off_at(repository: Path) -> datetime | None:
    """The date of the oldest commit of a shallow clone; None where the history is whole.

    What such a clone has began by then, and nobody can tell when. Raises `InputError`.
    """
    if run_git(repository, ["rev-parse", "--is-shallow-repository"]).strip() != "true":
        return None
    walk = ["rev-list", "--first-parent", "--timestamp", "HEAD"]
    oldest = run_git(repository, walk).splitlines()[-1]
    return datetime.fromtimestamp(int(oldest.split()[0]), UTC)


def tracked_files(repository: Path) -> tuple[str, ...]:
    """The paths of every file that is tracked, POSIX, from the root. Raises `InputError`."""
    return tuple(run_git(repository, _TRACKED).split("\0")[:-1])


class PastFiles(Mapping[Path, bytes | None]):
    """The files of a repository as one commit has them, each read when it is asked for.

    Keys are real paths. Only objects of the repository are read: git compares nothing with the
    working tree, because there it would run the clean filters that the repository's own settings
    name, and look for renames, which takes the square of the number of files. A file that has half
    of its lines from one that is gone was moved, and has the bytes of that one; few are compared.
    A path that is not in here (outside, in a submodule, not tracked now either) is as it is now.
    """

    def __init__(
        self, repository: Path, commit: str, files: Iterable[Path], seconds: float | None
    ) -> None:
        self._repository = Path(os.path.realpath(repository))
        self._commit = commit
        self._seconds = seconds
        self._files = frozenset(files)
        self._tracked = frozenset(run_git(repository, [*_TRACKED], seconds=seconds).split("\0"))
        self._read: dict[Path, bytes | None] = {}
        self._pipes: tuple[IO[bytes], IO[bytes]] | None = None
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def __bool__(self) -> bool:
        return True

    def __contains__(self, path: object) -> bool:
        name = self._name(path) if isinstance(path, Path) else None
        if name is None:
            return False
        is_named = path in self._files or name in self._tracked
        return is_named or self[path] is not None  # type: ignore[index]  # a path, as it has a name

    def __getitem__(self, path: Path) -> bytes | None:
        name = self._name(path)
        if name is None:
            raise KeyError(path)
        if path not in self._read:
            raw = self._blob(f"{self._commit}:{name}", name)
            self._read[path] = self._moved(path) if raw is None else raw
        return self._read[path]

    def __iter__(self) -> Iterator[Path]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def _name(self, path: Path) -> str | None:
        """The path as git has it; None where this repository does not hold it."""
        if not path.is_relative_to(self._repository):
            return None
        name = path.relative_to(self._repository).as_posix()
        folders = path.relative_to(self._repository).parts[:-1]
        is_ours = name in self._tracked or not any(
            (self._repository / Path(*folders[: depth + 1]) / ".git").exists()
            for depth in range(len(folders))
        )
        return name if is_ours and "\n" not in name else None

    def _blob(self, named: str, path: str) -> bytes | None:
        if self._pipes is None:
            seconds = _TIMEOUT_SECONDS if self._seconds is None else self._seconds
            self._pipes = self._open.enter_context(open_objects(self._repository, seconds))
        ask, answer = self._pipes
        try:
            ask.write(f"{named}\n".encode(errors="surrogateescape"))
            ask.flush()
        except OSError as error:
            raise _slow(path) from error
        return read_object(answer, path, strict=False)

    def _moved(self, path: Path) -> bytes | None:
        """What the file held before it got its name: the gone file that shares most lines."""
        if path not in self._files:
            return None
        try:
            with path.open("rb") as opened:
                lines = set(opened.read(_MAX_FILE_BYTES).splitlines())
        except OSError:
            return None
        gone = [name for name in self._gone if name.rpartition("/")[2] == path.name]
        gone += [name for name in self._gone if name not in gone]
        best, found = _LEAST_SHARED, None
        for name in gone[:_MOST_GONE]:
            raw = self._blob(f"{self._commit}:{name}", name) or b""
            others = set(raw.splitlines())
            shared = len(lines & others) / max(len(lines), len(others), 1)
            if shared > best:
                best, found = shared, raw
        return found

    @cached_property
    def _gone(self) -> list[str]:
        """The files that the commit has and the working tree has no more."""
        listed = ["ls-tree", "-r", "-z", "--name-only", self._commit]
        names = run_git(self._repository, listed, seconds=self._seconds).split("\0")[:-1]
        return [
            name
            for name in names
            if "\n" not in name and not os.path.lexists(self._repository / name)
        ]


def past_files(
    repository: Path, revision: str, files: Iterable[Path], *, seconds: float | None = None
) -> PastFiles:
    """Return the files as they were where HEAD left `revision`; to be used in a `with`.

    `files`: real paths of those that are compared: one that was not there has None. The others
    are told where the commit has them. `seconds`: how long all of it may take. Raises
    `InputError`: no repository, no such revision, no common history, too slow.
    """
    return PastFiles(repository, left_at(repository, revision, seconds=seconds), files, seconds)


def commit_of(repository: Path, revision: str, *, seconds: float | None = None) -> str:
    """The commit that `revision` names. Raises `InputError`."""
    run_git(repository, ["rev-parse", "--git-dir"], seconds=seconds)
    named = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"]
    try:
        return run_git(repository, named, seconds=seconds).strip()
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
    listed = run_git(repository, ["ls-tree", "-z", "--full-tree", commit, "--", *paths])
    found: dict[str, bytes] = {}
    with open_objects(repository, timeout_seconds) as (ask, answer):
        for line in listed.split("\0")[:-1]:
            about, _, path = line.partition("\t")
            mode, kind, name = about.split()
            if kind == "blob" and mode.startswith("100"):
                ask.write(f"{name}\n".encode())
                ask.flush()
                raw = read_object(answer, path)
                if raw is not None:
                    found[path] = raw
    return found


def tracked(repository: Path, paths: Sequence[str]) -> frozenset[str]:
    """Those of `paths` (POSIX, from the repository's root) that git tracks. Raises `InputError`."""
    listed = run_git(repository, ["ls-files", "-z", "--cached", "--full-name", "--", *paths])
    return frozenset(listed.split("\0")[:-1])


def left_at(
    repository: Path, revision: str, head: str = "HEAD", *, seconds: float | None = None
) -> str:
    """The commit where `head`, a commit or HEAD, left `revision`. Raises `InputError`."""
    commit = commit_of(repository, revision, seconds=seconds)
    try:
        return run_git(repository, ["merge-base", commit, head], seconds=seconds).strip()
    except InputError as error:
        raise InputError(
            f"{head[:12]} and {revision!r} have no commit in common here",
            hint="fetch their whole history: git fetch --unshallow, or fetch-depth: 0",
        ) from error


def commits_by_file(
    repository: Path, paths: Sequence[str]
) -> dict[str, tuple[tuple[datetime, str], ...]]:
    """Each file that is or ever was at `paths`, and (date, commit) of its changes, oldest first.

    `paths` are POSIX, from the root: files, or folders for all that is in them. The history is the
    first-parent one of HEAD: what its main branch served, with the dates of its own commits. Cost:
    one walk over the commits, however many files. Raises `InputError`.
    """
    walk = ["rev-list", "--first-parent", "--reverse", "--format=%ct %H %P", "HEAD", "--"]
    commits = [line.split() for line in run_git(repository, [*walk, *paths]).splitlines()[1::2]]
    dates = {commit: datetime.fromtimestamp(int(at), UTC) for at, commit, *_ in commits}
    changes = ["diff-tree", "--stdin", "--root", "-r", "--name-only", "--no-renames", "-z", "--"]
    asked = "".join(" ".join(line[1:3]) + "\n" for line in commits)  # each beside its first parent
    found: dict[str, list[tuple[datetime, str]]] = {}
    commit = ""
    for item in run_git(repository, [*changes, *paths], asked).split("\0")[:-1]:
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
    with open_objects(repository, timeout_seconds) as (ask, answer):
        for at, commit in commits:
            ask.write(f"{commit}:{path}\n".encode(errors="surrogateescape"))
            ask.flush()
            versions.append(FileVersion(commit=commit, at=at, raw=read_object(answer, path)))
    return tuple(versions)


def run_git(
    repository: Path, arguments: Sequence[str], asked: str = "", *, seconds: float | None = None
) -> str:
    """What git answers. `seconds`: how long it may take. Raises `InputError`."""
    try:
        done = subprocess.run(  # noqa: S603  # an argument list, no shell
            [*_GIT, *arguments],
            cwd=repository,
            env=_environment(),
            input=asked.encode(),
            capture_output=True,
            timeout=_TIMEOUT_SECONDS if seconds is None else seconds,
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
def open_objects(repository: Path, timeout_seconds: float) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
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


def read_object(answer: IO[bytes], path: str, *, strict: bool = True) -> bytes | None:
    """What git answers to one name; None where it is missing.

    `strict`: a folder, and a file that is too large, raise `InputError`; else they are missing.
    """
    header = answer.readline().split()
    if header and len(header) != 3:
        return None
    size = int(header[2]) if header else 0
    if header and header[1] != b"blob" and strict:
        raise InputError(f"{path!r} is no file in that repository", hint="name a file, no folder")
    if size > _MAX_FILE_BYTES and strict:
        raise InputError(f"a version of {path!r} has {size} bytes, more than {_MAX_FILE_BYTES}")
    if header and (header[1] != b"blob" or size > _MAX_FILE_BYTES):
        left = size + 1
        while left and (passed := len(answer.read(min(left, _MAX_FILE_BYTES)))):
            left -= passed
        return None
    raw = answer.read(size)
    if not header or len(raw) != size or answer.read(1) != b"\n":
        raise _slow(path)
    return raw


def _slow(path: str) -> InputError:
    return InputError(f"git stopped while it read {path!r}", hint="it may have taken too long")


def _environment() -> dict[str, str]:
    """Ours without what would point git elsewhere, as inside a hook."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return own | _ENVIRONMENT


def _failed(repository: Path, error: OSError | subprocess.TimeoutExpired) -> InputError:
    if isinstance(error, subprocess.TimeoutExpired):
        return InputError(
            f"git needs more than {error.timeout:.0f} seconds to read {str(repository)!r}",
            hint="give the check more time with --max-time",
        )
    if isinstance(error, FileNotFoundError) and error.filename == _GIT[0]:
        return InputError("git is not installed", hint="install git to read a repository's history")
    return InputError(
        f"git cannot read {str(repository)!r}: {error}", hint="check that it is there"
    )
