"""Reports on disk: written beside their place and moved there whole, never outside the directory.

Layout: `index.html` (where things stand, all runs), `latest.<suffix>`, `run/<stamp>.<suffix>`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from tagwatch.audit.verdict.result import AuditResult
from tagwatch.errors import InputError, OutputError, TagwatchError
from tagwatch.publish.interface import PublishContext, Publisher, publisher
from tagwatch.publish.salvage import without_broken
from tagwatch.publish.wording import stamp
from tagwatch.value import dataclass

__all__ = ["Written", "rendered", "write_atomically", "write_reports"]

_BLOCK = 1024 * 1024
_LEFT_SECONDS = 86_400.0
"""A report is written in seconds: what is a day old is nobody's work any more."""
_DRAFT = re.compile(
    r"\.(?:index|latest|\d{4}-\d\d-\d\dT\d{6}Z)\.[a-z][a-z0-9.]*\.[a-z0-9_]{8}", re.ASCII
)
"""How `write_atomically` calls what it has not finished."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a run left behind. `index` is None where no HTML was asked for."""

    files: tuple[Path, ...]
    index: Path | None


def rendered(publish: Publisher, result: AuditResult, context: PublishContext) -> Iterable[str]:
    """The document, in parts where the format can be made so: see `InParts`."""
    in_parts = getattr(publish, "parts", None)
    parts: Iterable[str] = (
        in_parts(result, context) if in_parts else (publish.render(result, context),)
    )
    return parts


def write_reports(
    directory: Path, result: AuditResult, context: PublishContext, formats: Sequence[str]
) -> Written:
    """Write this run in each format, as `run/<stamp>` and as `latest`, then the index.

    Raises `OutputError` where the directory cannot be written.
    """
    try:
        return _write(directory, result, context, formats)
    except OSError as error:
        raise OutputError(
            f"the report cannot be written to {str(directory)!r}: {error.strerror or error}",
            hint="name another directory under reports.directory",
        ) from error


def _write(
    directory: Path, result: AuditResult, context: PublishContext, formats: Sequence[str]
) -> Written:
    _sweep(directory, result.at.timestamp() - _LEFT_SECONDS)
    files: list[Path] = []
    shown: dict[str, AuditResult] = {}  # by format: what could be rendered
    for name in formats:
        publish = publisher(name)
        shown[name] = result
        run, latest = f"run/{_name(result)}{publish.suffix}", f"latest{publish.suffix}"
        try:
            written = write_atomically(directory, run, rendered(publish, result, context))
        except (OSError, TagwatchError):
            raise
        except Exception as error:  # noqa: BLE001  # one image's trouble is that image's
            shown[name] = without_broken(publish, result, context, error)
            written = write_atomically(directory, run, rendered(publish, shown[name], context))
        files += [written, write_atomically(directory, latest, _blocks(written))]
    if "html" not in formats:
        return Written(files=tuple(files), index=None)
    from tagwatch.publish.html.page import render_index

    pages = dict(_pages(directory, context))
    page = render_index(shown["html"], context, pages)
    index = write_atomically(directory, "index.html", [page])
    return Written(files=(*files, index), index=index)


def _sweep(directory: Path, before: float) -> None:
    """Remove drafts that a run left which was killed while it wrote; none younger than `before`."""
    for folder in (directory, directory / "run"):
        with suppress(FileNotFoundError), os.scandir(folder) as entries:
            for entry in entries:
                if _DRAFT.fullmatch(entry.name) and entry.stat().st_mtime < before:
                    Path(entry.path).unlink(missing_ok=True)


def _name(result: AuditResult) -> str:
    """A run's name in files: its stamp without colons, which Windows and URLs dislike."""
    return (stamp(result.at) or "").replace(":", "")


def _pages(directory: Path, context: PublishContext) -> Iterator[tuple[str, str]]:
    """The stamp and relative address of each remembered run whose page is there."""
    for run in context.runs:
        at = stamp(run.at) or ""
        address = f"run/{at.replace(':', '')}.html"
        if (directory / address).is_file():
            yield at, address


def _blocks(path: Path) -> Iterator[str]:
    """A file that was just written, some of it at a time."""
    with path.open(encoding="utf-8", newline="") as stream:
        while block := stream.read(_BLOCK):
            yield block


def write_atomically(directory: Path, relative: str, parts: Iterable[str]) -> Path:
    """Write `parts` as UTF-8 to `directory/relative`, whole or not at all; gives the path.

    Raises `InputError` where that would lie outside `directory`, also through a symlink.
    """
    root = directory.resolve()
    path = root / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.parent.resolve().is_relative_to(root) or path.name in ("", ".", ".."):
        raise InputError(
            f"{relative!r} lies outside the report directory {str(directory)!r}",
            hint="remove the symlink, or name the directory it leads to",
        )
    temporary = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)  # nobody's link
    handle = os.open(temporary, flags, 0o666)  # less what the umask takes: it says who may read
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace", newline="\n") as stream:
            stream.writelines(parts)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return path
