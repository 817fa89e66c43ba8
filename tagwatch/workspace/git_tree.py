"""The files of a commit, written into a folder of ours: what a change holds, without a checkout.

Nobody's working tree is touched and nothing of the commit runs: git gives objects, and these are
written as plain files. Whoever wrote the commit chose its paths, so none may lead out of the folder
or into a `.git`; links and submodules are left out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from tagwatch.errors import InputError
from tagwatch.value import dataclass, field
from tagwatch.workspace.find import File, is_candidate
from tagwatch.workspace.git_history import open_objects, read_object, run_git

__all__ = ["GitTree", "Range", "affected", "changed_paths", "parse_range", "write_tree"]

_MOST_FILES = 100_000
_MOST_BYTES = 512 * 1024 * 1024
_MAX_FILE_BYTES = 4 * 1024 * 1024
_TIMEOUT_SECONDS = 120.0
_LINK = "120000"  # the mode of a symbolic link
# What says how files below it are read.
_LEADER = re.compile(r"\.env|\.gitlab-ci\.ya?ml|(?:docker-)?(?:compose|bake)\b", re.IGNORECASE)
# What no file that names images draws from. Such a file may still be one by its name.
_OTHERS = re.compile(
    r"\.(?:bmp|c|cc|cjs|class|cpp|cs|css|csv|dart|dll|exe?|exs|gif|go|gz|h|hpp|html?|ico|jar|java"
    r"|jpe?g|jsx?|kt|less|lock|map|md|mdx|mjs|mod|mp[34]|pdf|php|png|proto|ps1|pyc?|rb|rs|rst|scss"
    r"|so|sql|sum|svelte|svg|swift|tar|tgz|tiff|tsx?|ttf|vue|wasm|webp|whl|woff2?|zip)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Two ends of a range of commits, as somebody named them."""

    base: str
    head: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GitTree:
    """The files that were written of a commit."""

    objects: dict[str, str]
    """The object of each path that was written."""
    left: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Paths that may name images and were not written: the object of each, and why."""


def parse_range(text: str) -> Range:
    """Return the ends of `BASE..HEAD`; `BASE...HEAD` is the same. Raises `InputError`.

    What a head changed is counted from where it left its base, as forges do: what the base got
    meanwhile is nobody's change here.
    """
    base, dots, head = text.partition("..")
    head = head.removeprefix(".")
    if not dots or not base:
        raise InputError(f"not a range of commits: {text!r}", hint="write BASE..HEAD")
    return Range(base=base, head=head or "HEAD")


def write_tree(
    repository: Path,
    commit: str,
    folder: Path,
    *,
    beside: tuple[Path, GitTree] | None = None,
    seconds: float | None = None,
) -> GitTree:
    """Write what a commit has below `repository` into `folder`, as far as images are named by it.

    `repository` may be a folder of it: then the paths start there. `beside`: another commit's
    folder, and what was written there; files that both have are links to one. Raises `InputError`:
    no such commit, git failed or was too slow.
    """
    limit = _TIMEOUT_SECONDS if seconds is None else seconds
    listed = run_git(repository, ["ls-tree", "-r", "-z", "-l", commit], seconds=limit)
    objects: dict[str, str] = {}
    left: dict[str, tuple[str, str]] = {}
    rest = _MOST_BYTES
    with open_objects(repository, limit) as (ask, answer):
        for name, path, size, why in _entries(listed):
            if why:
                left[path] = (name, why)
                continue
            if size > _MAX_FILE_BYTES or len(objects) >= _MOST_FILES or size > rest:
                if is_candidate(path):
                    left[path] = (name, "the file is too large to be read")
                continue
            rest -= size
            if beside is not None and beside[1].objects.get(path) == name:
                done = _link(beside[0] / path, folder / path)
            else:
                ask.write(f"{name}\n".encode())
                ask.flush()
                raw = read_object(answer, path, strict=False)
                done = raw is not None and _write(folder / path, raw)
            if done:
                objects[path] = name
    return GitTree(objects=objects, left=left)


def changed_paths(old: GitTree, new: GitTree) -> frozenset[str]:
    """Return the paths that the two commits do not have alike."""
    return frozenset(path for path, _ in old.objects.items() ^ new.objects.items())


def affected(files: Iterable[File], changed: Collection[str]) -> Iterator[File]:
    """Yield those of a side's files that may name something else because of what changed.

    That is what changed itself, what lies beside it, what a file above leads to (the variables and
    builds of Compose, bake and pipelines), and what names the changed file.
    """
    beside = {path.rpartition("/")[0] for path in changed}
    above = {f"{folder}/" if folder else "" for folder in map(_led, changed) if folder is not None}
    names = {os.fsencode(path.rpartition("/")[2]) for path in changed}
    for file in files:
        is_near = file.path in changed or file.path.rpartition("/")[0] in beside
        if is_near or any(map(file.path.startswith, above)) or _tells_of(file.real, names):
            yield file


def _led(path: str) -> str | None:
    """Return the folder below which files are read as this one says; None for others."""
    folder, _, name = path.rpartition("/")
    return folder if _LEADER.match(name) else None


def _tells_of(path: Path, names: Collection[bytes]) -> bool:
    try:
        raw = path.read_bytes()
    except OSError:
        return True  # its reader says why
    return any(name in raw for name in names)


def _entries(listed: str) -> Iterator[tuple[str, str, int, str]]:
    """Yield object, path and size of each file that may matter, and why it is not read."""
    for line in listed.split("\0")[:-1]:
        about, _, path = line.partition("\t")
        mode, kind, name, size = about.split()
        if kind == "commit" and _is_inside(path):
            yield name, path, 0, "what is in a submodule is not read"
        elif mode == _LINK and _is_inside(path) and is_candidate(path):
            yield name, path, 0, "it is a link, which is not followed"
        if kind != "blob" or not mode.startswith("100") or not size.isdecimal():
            continue
        if not _is_inside(path) or path.rpartition("/")[2] == ".gitignore":
            continue  # all of a commit is tracked: no rule hides a file of it
        if _OTHERS.fullmatch(PurePosixPath(path).suffix) and not is_candidate(path):
            continue
        yield name, path, int(size), ""


def _is_inside(path: str) -> bool:
    r"""Return True for a path that stays in its folder, on every system.

    >>> _is_inside("a/b"), _is_inside("../b"), _is_inside("a/.GIT/config"), _is_inside("a\\..\\b")
    (True, False, False, False)
    """
    if ":" in path and os.name == "nt":
        return False  # a drive, or another stream of a file
    parts = path.replace("\\", "/").split("/")
    return not any(part in ("", ".", "..") or part.lower() == ".git" for part in parts)


def _write(path: Path, raw: bytes) -> bool:
    """Write a file; False where the commit has a folder or another file in its place."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(raw)
    except (OSError, ValueError):
        return False
    return True


def _link(old: Path, new: Path) -> bool:
    """Make a second name for a file; where there are no such links, a copy."""
    try:
        new.parent.mkdir(parents=True, exist_ok=True)
        os.link(old, new)
    except (OSError, ValueError):
        try:
            return _write(new, old.read_bytes())
        except OSError:
            return False
    return True
