"""Which files are read, and by which source: those named, those in folders, those of patterns.

A folder is walked as git sees it: `.gitignore` counts at every level, but not for files that git
tracks; `.git` is not entered, symbolic links to folders are not followed, and a linked file is read
only where it leads to a file of the same tree that is not found under its own name. What git tracks
and is passed over all the same (below `node_modules`, or where a tool keeps the copies of other
modules) is told.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Sequence
from functools import cache
from pathlib import Path

from tagwatch.family import SOURCES
from tagwatch.member import brought_members, load_member
from tagwatch.source.target import Location, Problem, Source
from tagwatch.value import dataclass, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from tagwatch.workspace.gitignore import Patterns
    from tagwatch.workspace.tracked import Tracked

__all__ = [
    "HEAD_BYTES",
    "File",
    "Found",
    "brought_source_for",
    "find",
    "is_candidate",
    "is_dockerfile",
    "source_for",
    "sources_from_globs",
    "start_of",
    "tree_of",
    "values_source_for",
    "walked_source_for",
]

_OF_TOOLS = frozenset({".git", ".hg", ".svn", ".jj"})
_SKIPPED = _OF_TOOLS | {"node_modules", ".venv", "__pycache__"}
_MAX_DEPTH = 64
_TOLD = 3
_Rules = tuple[tuple[str, "Patterns"], ...]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class File:
    """A file to read. `path`: POSIX, relative to the root where it lies inside, else as named.

    `origin`: `named` files are recognized by content, and it is a problem if nothing reads them;
    `matched` ones (a pattern's) by content too; `walked` ones by name (YAML and JSON manifests by
    content).
    """

    path: str
    real: Path
    origin: Literal["named", "matched", "walked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Files, each once, in the order named (those of a folder sorted); what was not found.

    `left`: files that may name images, and that no pattern speaks of.
    """

    files: tuple[File, ...] = ()
    problems: tuple[Problem, ...] = ()
    left: tuple[File, ...] = ()


def find(paths: Sequence[str], root: Path, *, given: Collection[Path] = ()) -> Found:
    """Find the files that `paths` (relative to the working directory) name or hold.

    `given`: real paths of files whose contents are known without them: they need not exist.
    """
    files: dict[Path, File] = {}
    problems: list[Problem] = []
    tree = Path(os.path.realpath(root))
    for text in paths:
        path = Path(text)
        name = _shown(path, root)
        try:
            real = Path(os.path.realpath(path))
            if not real.is_relative_to(tree) and _is_below(path, root):
                reason = "is a link that leads out of the tree, and is not followed"
                problems.append(_problem(name, reason, "name the file itself"))
            elif real in given and not path.is_dir():
                files[real] = File(path=name, real=path, origin="named")
            elif real in given:
                problems.append(_problem(name, "is a folder", "name a file with --stdin-name"))
            elif path.is_dir():
                for file in _walk(path, root, problems):
                    files.setdefault(file.real, file)
            elif path.is_file():
                files[real] = File(path=name, real=path, origin="named")
            else:
                reason = "is neither file nor folder" if path.exists() else "does not exist"
                problems.append(_problem(name, reason, _near(path)))
        except (OSError, ValueError) as error:
            problems.append(_problem(name, _reason(error), "check the path and its permissions"))
    return Found(files=tuple(files.values()), problems=tuple(problems))


def _near(path: Path) -> str:
    """Return what to do about a path that names nothing: a file beside it may have been meant."""
    from difflib import get_close_matches

    try:
        there = [] if path.exists() else sorted(os.listdir(path.parent))  # noqa: PTH208 (names)
    except OSError:
        there = []
    others = [one for one in there if one != path.name]  # a link that leads nowhere is no advice
    near = get_close_matches(path.name, others, n=1, cutoff=0.8)
    if near:
        return f"did you mean {_text(path.with_name(near[0]).as_posix())!r}?"
    return "check the path and the current folder"


def _is_below(path: Path, root: Path) -> bool:
    """True where a path is in the tree by its name.

    Where it leads out then, whoever wrote the tree chose that file, not whoever names the link, as
    a hook does or a pattern.
    """
    return Path(os.path.abspath(path)).is_relative_to(os.path.abspath(root))  # noqa: PTH100 (links keep their own names)


def sources_from_globs(patterns: Sequence[str], root: Path) -> Found:
    """Find the files below `root` that git-style patterns match (`**/Dockerfile*`, `!vendor/`)."""
    if not patterns:
        return Found(files=())
    from tagwatch.workspace.coverage import unmatched
    from tagwatch.workspace.gitignore import Patterns

    every = Patterns.of(patterns)
    single = [(text, Patterns.of([text])) for text in patterns if text[:1] != "!"]
    matched: set[str] = set()
    files, others = [], {}
    told: list[Problem] = []
    for file in _walk(root, root, told, every=True):
        if not every.includes(file.path):
            if is_candidate(file.path):
                others[file.path] = file
            continue
        files.append(File(path=file.path, real=file.real, origin="matched"))
        matched.update(text for text, one in single if one.includes(file.path))
    problems = [
        replace(
            _problem(text, "matches no file", "patterns start at the configuration's folder"),
            skipped=True,
        )
        for text, _ in single
        if text not in matched
    ]
    left = tuple(others[path] for path in unmatched(others, patterns))
    return Found(files=tuple(files), problems=(*problems, *told), left=left)


def tree_of(path: Path, root: Path) -> Path:
    """Return where a file may draw other files from: the root, or its own repository or folder."""
    real = Path(os.path.realpath(path))
    root = Path(os.path.realpath(root))
    if real.is_relative_to(root):
        return root
    return git_above(real.parent) or real.parent


def git_above(folder: Path) -> Path | None:
    """Return the nearest folder that holds `.git`: this one, or one above; None where none does."""
    return next((one for one in (folder, *folder.parents) if (one / ".git").exists()), None)


def start_of(path: str) -> Location:
    """Return the first place of a file, where problems with the whole of it are shown."""
    return Location(path=path, line=1, column=1, end_line=1, end_column=1)


def _walk(folder: Path, root: Path, told: list[Problem], *, every: bool = False) -> Iterator[File]:
    """Yield candidates below a folder, sorted; linked files last. `every`: not only candidates.

    What is passed over and may name images is added to `told`.
    """
    base = Path(os.path.realpath(folder))
    tree = tree_of(base, root)
    shown = _shown(folder, root)
    above = "" if shown == "." else f"{shown.rstrip('/')}/"
    found: set[Path] = set()
    links: list[tuple[str, Path]] = []
    walk = _Walk(above)
    for relative, entry in walk.entries(base, _rules_above(base, tree), _repository_of(base)):
        path = _text(above + relative)
        if not (every or is_candidate(path)):
            continue
        if entry.is_symlink():
            links.append((path, Path(entry.path)))
        elif entry.is_file(follow_symlinks=False):
            real = Path(entry.path)
            found.add(real)
            yield File(path=path, real=real, origin="walked")
    for path, link in links:
        real = Path(os.path.realpath(link))
        if real.is_file() and real.is_relative_to(tree) and real not in found:
            found.add(real)
            yield File(path=path, real=link, origin="walked")
        elif real.is_file() and not real.is_relative_to(tree) and source_for(path, b""):
            reason = "is not read: it is a link that leads out of the tree"
            told.append(replace(_problem(path, reason, "name its target"), skipped=True))
    told += walk.told


class _Walk:
    """One walk, and what it passes over: `told`. `above`: where it begins, as that is shown."""

    def __init__(self, above: str) -> None:
        self.told: list[Problem] = []
        self._above = above
        self._tracked: dict[Path, Tracked] = {}

    def entries(
        self,
        folder: Path,
        rules: _Rules,
        top: Path | None,
        prefix: str = "",
        *,
        depth: int = 0,
        ignored: bool = False,
    ) -> Iterator[tuple[str, os.DirEntry[str]]]:
        """Yield every entry below that is no folder and not passed over, with its path from here.

        `top`: of the repository that holds the folder; `ignored`: a rule says so of the whole
        folder, so only what git tracks counts.
        """
        try:
            with os.scandir(folder) as scan:
                entries = sorted(scan, key=lambda entry: entry.name)
        except PermissionError:
            return  # git reports such a folder as empty too
        rules = (*rules, *_rules_in(folder))
        if any(entry.name == ".git" for entry in entries):
            top = folder
        for entry in entries:
            if entry.name in _OF_TOOLS:
                continue
            path, is_folder = prefix + entry.name, entry.is_dir(follow_symlinks=False)
            passed = ignored or _is_ignored(entry.path, rules, is_folder)
            if is_folder and (entry.name in _SKIPPED or _is_vendored(entry)):
                self._tell_tracked(path, self._below(entry, top))
            elif passed and not self._below(entry, top):
                continue
            elif not is_folder:
                yield path, entry
            elif depth >= _MAX_DEPTH:
                self._tell(path, f"is not read: folders are entered {_MAX_DEPTH} deep")
            else:
                yield from self.entries(
                    Path(entry.path), rules, top, f"{path}/", depth=depth + 1, ignored=passed
                )

    def _below(self, entry: os.DirEntry[str], top: Path | None) -> tuple[str, ...]:
        """Return what git tracks of an entry: the file, or the files below a folder."""
        if top is None:
            return ()
        if top not in self._tracked:
            from tagwatch.workspace.tracked import Tracked  # most trees have nothing that is passed

            self._tracked[top] = Tracked(top)
        return self._tracked[top].below(Path(entry.path).relative_to(top).as_posix())

    def _tell_tracked(self, path: str, tracked: Sequence[str]) -> None:
        """Say what git tracks in a folder of this name, where that may name images."""
        known = [_text(one) for one in tracked if is_candidate(one) and one[-5:] != ".json"]
        if known:
            more = f" and {len(known) - _TOLD} more" if len(known) > _TOLD else ""
            count = "a file that is" if len(known) == 1 else f"{len(known)} files that are"
            named = ", ".join(known[:_TOLD]) + more
            self._tell(path, f"is not read because of its name; git tracks {count} in it: {named}")

    def _tell(self, path: str, reason: str) -> None:
        hint = "name the files themselves, and they are read"
        told = _problem(_text(self._above + path), reason, hint)
        self.told.append(replace(told, skipped=True))


def _is_vendored(folder: os.DirEntry[str]) -> bool:
    """Return True for the copies of other modules that Go's or PHP's tool writes."""
    return folder.name == "vendor" and any(
        (Path(folder.path) / name).is_file() for name in ("modules.txt", "autoload.php")
    )


def _repository_of(folder: Path) -> Path | None:
    """Return the top of the repository that holds the folder; None where none does."""
    return next((one for one in folder.parents if (one / ".git").exists()), None)


def _rules_above(folder: Path, tree: Path) -> _Rules:
    """The ignore rules of the folders from the tree's top down to just above `folder`."""
    above = [parent for parent in reversed(folder.parents) if parent.is_relative_to(tree)]
    exclude = _rules_in(tree, ".git/info/exclude")
    return exclude + tuple(rule for parent in above for rule in _rules_in(parent))


def _rules_in(folder: Path, name: str = ".gitignore") -> _Rules:
    file = folder / name
    if file.is_symlink() or not file.is_file():
        return ()
    from tagwatch.workspace.gitignore import MAX_BYTES, Patterns

    try:
        with file.open("rb") as opened:
            raw = opened.read(MAX_BYTES)
    except OSError:
        return ()
    lines = raw.decode("utf-8-sig", "replace").split("\n")
    return ((str(folder), Patterns.of(line.removesuffix("\r") for line in lines)),)


def _is_ignored(path: str, rules: _Rules, is_folder: bool) -> bool:
    """Return what the deepest file of rules with an opinion says."""
    for folder, patterns in reversed(rules):
        relative = path[len(folder.rstrip("/")) + 1 :]
        verdict = patterns.verdict(relative, is_folder=is_folder)
        if verdict is not None:
            return verdict
    return False


def _shown(path: Path, root: Path) -> str:
    """Return the path as it is reported: relative to the root inside it, else as given."""
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 (links keep their own names)
    try:
        inside = absolute.relative_to(os.path.abspath(root))  # noqa: PTH100 (the same)
    except ValueError:
        return _text(path.as_posix())
    return _text(inside.as_posix())


def _text(path: str) -> str:
    """Return a path's bytes as UTF-8, whatever the locale says; what is no text as hexadecimal."""
    return path if path.isascii() else os.fsencode(path).decode("utf-8", "backslashreplace")


def _problem(path: str, reason: str, hint: str) -> Problem:
    return Problem(message=f"{path!r} {reason}", location=start_of(path), hint=hint)


def _reason(error: OSError | ValueError) -> str:
    words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"cannot be read: {words}"


HEAD_BYTES = 65536
# Both as text: they are compiled where a YAML file is met. The first is what charts' values hold:
# a repository that is no address, or an image with its tag.
_VALUES = (
    rb"(?m)(?:^|[{,])[ \t]*(?:repository:[ \t]*(?!\S*://)[\"'\w]|image:[ \t]*[\w\"'./-]+[:@]\w)"
)
_OTHER_TOOL = (
    rb"(?m)^(?:- (?:hosts|name)|apiVersion|kind|jobs|pipelines?|steps|stages|pool|trigger|orbs|on"
    rb"|workflow|plays|tasks|variables)[ \t]*:"
)
_OWN_VERSION = rb"(?m)^version:[ \t]*1[ \t\r]*(?:#.*)?$"
_OWN_KEY = (
    rb"(?m)^(?:sources|watch|policy|bases|rules|overrides|ignores|ignore_policy|fail_on)[ \t]*:"
)


@cache
def _source(name: str) -> Source:
    source: Source = load_member("sources", name)
    return source


def source_for(path: str, head: bytes) -> tuple[str, Source] | None:
    """Return the name and module of the source that reads the file; None where none does.

    With an empty `head` only the name is asked. Sources are imported in the table's order, up to
    the one that answers: a Dockerfile loads nothing that YAML needs.
    """
    for name in SOURCES:
        source = _source(name)
        if source.recognizes(path, head):
            return name, source
    return None


def walked_source_for(path: str, head: bytes) -> tuple[str, Source] | None:
    """Return the same for a file that nobody named: JSON is ours by its name, or as a manifest."""
    if path.endswith(".json") and source_for(path, b"") is None:
        source = _source("kubernetes")
        return ("kubernetes", source) if source.recognizes(path, head) else None
    return source_for(path, head)


def brought_source_for(path: str, head: bytes) -> tuple[str, Source] | None:
    """Return the same among the sources of other packages, which read what none of ours does."""
    for name in _brought():
        source = _source(name)
        if source.recognizes(path, head):
            return name, source
    return None


def values_source_for(path: str, head: bytes) -> tuple[str, Source] | None:
    """Return Helm's for YAML that somebody named and that reads like values, under any name."""
    if not path.endswith((".yaml", ".yml")) or not re.search(_VALUES, head):
        return None
    if re.search(_OTHER_TOOL, head) or _is_own(path, head):
        return None
    return "helm", _source("helm")


def _is_own(path: str, head: bytes) -> bool:
    """Return True for tagwatch's configuration and policies: what they name is not deployed."""
    is_named = path.rpartition("/")[2] in ("tagwatch.yaml", ".tagwatch.yaml")
    return is_named or bool(re.search(_OWN_VERSION, head) and re.search(_OWN_KEY, head))


@cache
def _brought() -> tuple[str, ...]:
    return tuple(brought_members("sources"))


def is_candidate(path: str) -> bool:
    """Return True for a file of a folder that is worth opening: by its name, or as YAML or JSON."""
    return path.endswith((".yaml", ".yml", ".json")) or source_for(path, b"") is not None


def is_dockerfile(path: str) -> bool:
    """Return True where the name alone says that it is a Dockerfile."""
    return _source("dockerfile").recognizes(path, b"")
