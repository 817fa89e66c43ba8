"""What official images were, from a checkout of docker-library/official-images."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from tagwatch.audit.history import Interval
from tagwatch.audit.library_history import library_intervals
from tagwatch.errors import InputError
from tagwatch.source.library import LibraryBuild, parse_library
from tagwatch.value import dataclass
from tagwatch.workspace.git_history import FileVersion, file_history, files_at_head, head_at
from tagwatch.workspace.read import read_bytes

__all__ = ["LibraryHistory", "library_history", "library_images"]

_FOLDER = "library"


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryHistory:
    """The intervals of an image's tags; `skipped`: versions that could not be read, and why."""

    intervals: tuple[Interval, ...]
    skipped: tuple[str, ...] = ()


def library_images(checkout: Path) -> tuple[str, ...]:
    """The images that the checkout names now (`redis`, …). Raises `InputError`."""
    if _is_git(checkout):
        return files_at_head(checkout, _FOLDER)
    folder = checkout / _FOLDER
    if not folder.is_dir():
        raise InputError(
            f"{str(checkout)!r} has no folder {_FOLDER!r}",
            hint="name a checkout of https://github.com/docker-library/official-images",
        )
    return tuple(sorted(path.name for path in folder.iterdir() if path.is_file()))


def library_history(checkout: Path, image: str, *, at: datetime) -> LibraryHistory:
    """What the tags of `docker.io/library/<image>` were, with dates of commits.

    An image that was dropped since is answered too. A copy without git history tells what the
    tags are, as of `at`. Raises `InputError` for an image that the checkout never named.
    """
    path = f"{_FOLDER}/{image}"
    if _is_git(checkout):
        versions, until = file_history(checkout, path), head_at(checkout)
    elif image not in library_images(checkout):
        versions, until = (), at
    else:
        raw = read_bytes(checkout / _FOLDER / image)
        versions, until = (FileVersion(commit="", at=at, raw=raw),), at
    if not versions:
        raise InputError(
            f"the checkout {str(checkout)!r} names no image {image!r}",
            hint=f"its images are the files in its folder {_FOLDER!r}",
        )
    skipped: list[str] = []
    builds = tuple(_builds(versions, skipped))
    return LibraryHistory(
        intervals=library_intervals(builds, head_at=until), skipped=tuple(skipped)
    )


def _builds(
    versions: tuple[FileVersion, ...], skipped: list[str]
) -> Iterator[tuple[datetime, tuple[LibraryBuild, ...]]]:
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
