"""What official images were, from a checkout of docker-library/official-images."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path

from tagwatch.audit.model.history import Interval
from tagwatch.audit.version.library_history import library_intervals
from tagwatch.errors import InputError
from tagwatch.source.library import parse_library
from tagwatch.source.library_past import LibraryVersion
from tagwatch.value import dataclass
from tagwatch.workspace.git_history import (
    FileVersion,
    commit_of,
    commits_by_file,
    cut_off_at,
    file_versions,
    head_at,
)
from tagwatch.workspace.read import read_bytes

__all__ = [
    "LibraryFile",
    "LibraryHistory",
    "head_of",
    "library_files",
    "library_gap",
    "library_histories",
]

_FOLDER = "library"
_IMAGE = re.compile(r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryFile:
    """The versions of an image's library file, oldest first."""

    image: str
    until: datetime
    """The last version holds until then."""
    versions: tuple[LibraryVersion, ...]
    skipped: tuple[str, ...] = ()
    """The versions that could not be read, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryHistory:
    """The intervals of an image's tags; `skipped`: versions that could not be read, and why."""

    intervals: tuple[Interval, ...]
    skipped: tuple[str, ...] = ()


def library_histories(
    checkout: Path, images: Collection[str], *, at: datetime
) -> Iterator[tuple[str, LibraryHistory]]:
    """What the tags of `docker.io/library/<image>` were, image by image, with dates of commits.

    See `library_files`.
    """
    for file in library_files(checkout, images, at=at):
        intervals = library_intervals(file.versions, head_at=file.until)
        yield file.image, LibraryHistory(intervals=intervals, skipped=file.skipped)


def library_files(
    checkout: Path, images: Collection[str], *, at: datetime
) -> Iterator[LibraryFile]:
    """Yield the library file of each image, with the dates of its commits.

    `images` empty: all that the checkout ever named, so those too that were dropped since. A copy
    without git history tells what the tags are, as of `at`. Raises `InputError`, before it answers
    anything where an image was never named.
    """
    if _is_git(checkout):
        paths = [f"{_FOLDER}/{image}" for image in images] or [_FOLDER]
        commits, until = commits_by_file(checkout, paths), head_at(checkout)
        named = _images(commits)
    else:
        commits, until = {}, at
        named = _files(checkout)
    for image in images:
        if image not in named:
            raise _never_named(checkout, image)
    for image in images or named:
        path = f"{_FOLDER}/{image}"
        if path in commits:
            versions = file_versions(checkout, path, commits[path])
        else:
            versions = (FileVersion(commit="", at=at, raw=read_bytes(checkout / path)),)
        skipped: list[str] = []
        builds = tuple(_builds(versions, skipped))
        yield LibraryFile(image=image, until=until, versions=builds, skipped=tuple(skipped))


def head_of(checkout: Path) -> str:
    """Return the commit that a checkout stands on. Raises `InputError`: it has no git history."""
    if not _is_git(checkout):
        raise InputError(
            f"{str(checkout)!r} has no git history",
            hint="git clone https://github.com/docker-library/official-images",
        )
    return commit_of(checkout, "HEAD")


def library_gap(checkout: Path) -> str:
    """What the checkout cannot tell of, in a sentence; empty where its history is whole."""
    if not _is_git(checkout):
        return "has no git history: of its tags only what they are now is known"
    begins = cut_off_at(checkout)
    if begins is None:
        return ""
    return (
        f"is a shallow clone: its history begins on {begins.date().isoformat()}, and nothing is "
        "known of before; git fetch --unshallow brings the rest"
    )


def _images(paths: Iterable[str]) -> list[str]:
    names = (path.removeprefix(f"{_FOLDER}/") for path in paths)
    return sorted(name for name in names if _IMAGE.fullmatch(name))


def _files(checkout: Path) -> list[str]:
    folder = checkout / _FOLDER
    if not folder.is_dir():
        raise InputError(
            f"{str(checkout)!r} has no folder {_FOLDER!r}",
            hint="name a checkout of https://github.com/docker-library/official-images",
        )
    return _images(path.name for path in folder.iterdir() if path.is_file())


def _never_named(checkout: Path, image: str) -> InputError:
    is_git = _is_git(checkout)
    named = _images(commits_by_file(checkout, [_FOLDER])) if is_git else _files(checkout)
    near = get_close_matches(image, named, n=1)
    return InputError(
        f"the checkout {str(checkout)!r} names no image {image!r}",
        hint=f"did you mean {near[0]!r}?"
        if near
        else f"its images are the files in its folder {_FOLDER!r}",
    )


def _builds(versions: tuple[FileVersion, ...], skipped: list[str]) -> Iterator[LibraryVersion]:
    """What each version builds; of one that cannot be read nothing is concluded."""
    for version in versions:
        try:
            text = (version.raw or b"").decode("utf-8", errors="replace")
            yield version.at, parse_library(text)
        except InputError as error:
            skipped.append(f"{version.commit[:12]}: {error.message}")


def _is_git(checkout: Path) -> bool:
    """True for a checkout with its repository, and for a repository without files."""
    return (checkout / ".git").exists() or (checkout / "objects").is_dir()
