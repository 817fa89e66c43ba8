"""Reports on disk: written beside their place and moved there whole, never outside the directory.

Layout: `index.html` (where things stand, all runs), `latest.<suffix>`, `run/<stamp>.<suffix>`,
`outdated.html` (what is newer), `pages.json` (see `quiet`); of HTML also `latest-todo-2.html` …
(what `latest.html` has no room for), `by-image.html` … and `rules.html`. A quiet night writes the
index alone, and `outdated.html` where a cool-down ended.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from tagwatch.audit.verdict.result import AuditResult
from tagwatch.errors import InputError, OutputError, TagwatchError
from tagwatch.member import load_member
from tagwatch.publish.interface import PublishContext, Publisher, RunSummary
from tagwatch.publish.projects import NAME as PROJECTS
from tagwatch.publish.projects import Project, merged, read_past, text_of_past
from tagwatch.publish.quiet import NAME, Memo, has_news, read_memo, whole
from tagwatch.publish.salvage import without_broken
from tagwatch.publish.wording import stamp
from tagwatch.value import dataclass, replace

__all__ = ["OUTDATED", "Written", "rendered", "write_atomically", "write_projects", "write_reports"]

_BLOCK = 1024 * 1024
OUTDATED = "outdated.html"
"""The page of what is newer."""
_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)
_LEFT_SECONDS = 86_400.0
"""A report is written in seconds: what is a day old is nobody's work any more."""
_STAMP = r"\d{4}-\d\d-\d\dT\d{6}Z"
_SITE = r"latest-(?:todo|images)-\d{1,4}|by-(?:image|file|owner|rule|registry)(?:-\d{1,4})?"
_DRAFT = re.compile(
    rf"\.(?:index|latest|outdated|pages|rules|{_SITE}|{_STAMP})\.[a-z][a-z0-9.]*\.(?:[0-9a-f]{{16}}|[a-z0-9_]{{8}})",
    re.ASCII,
)
"""How `write_atomically` calls what it has not finished, and how it did up to 0.1."""
_SITE_PAGE = re.compile(rf"(?:{_SITE})\.html", re.ASCII)
"""How a page about the latest run is called that may be needed no more."""
_IMAGES_PAGE = re.compile(r"images-\d{1,4}\.html", re.ASCII)
"""How a page of the site of many projects is called that may be needed no more."""
_PAGE = re.compile(rf"({_STAMP})\.[a-z][a-z0-9.]*", re.ASCII)
"""How a run's page is called."""


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
    directory: Path,
    result: AuditResult,
    context: PublishContext,
    formats: Sequence[str],
    *,
    digest: str = "",
    keep: timedelta | None = None,
    again: bool = False,
) -> Written:
    """Write this run in each format, as `run/<stamp>` and as `latest`, then the index.

    `digest` stands for all that the pages say. A run without news whose digest is that of `latest`
    is quiet: only the index is written. `again`, or without a digest: all is written. Pages of runs
    before `keep` are removed, but for the run that `latest` shows. Raises `OutputError` where the
    directory cannot be written.
    """
    try:
        _sweep(directory, result.at.timestamp() - _LEFT_SECONDS)
        memo = read_memo(directory)
        due = [
            name for name in formats if again or not _stands(name, directory, memo, context, digest)
        ]
        shown, files = _write_pages(directory, result, context, due)
        if due:
            memo = memo.with_pages(result.at, digest, due)
        elif memo.newest != whole(result.at):
            memo = memo.with_quiet(result.at)
        if keep is not None:
            kept = {_name(one.at) for one in memo.shown.values()}
            _prune(directory, _name(result.at - keep), kept)
        index = None
        if "html" in formats:
            memo = replace(memo, outdated=context.outdated)
            outdated = _write_outdated(directory, result, context)
            files = (*files, *((outdated,) if outdated else ()))
            index = _write_index(directory, shown, context, memo)
        write_atomically(directory, NAME, [memo.text()])
    except OSError as error:
        raise OutputError(
            f"the report cannot be written to {str(directory)!r}: {error.strerror or error}",
            hint="name another directory under reports.directory",
        ) from error
    return Written(files=(*files, index) if index else files, index=index)


def write_projects(
    directory: Path,
    projects: Sequence[Project],
    version: str,
    past: Mapping[str, Sequence[RunSummary]] | None = None,
) -> Path:
    """Write the site of many projects; return its index.

    It remembers the numbers of each project's runs beside its pages, for the trend, unless somebody
    else does and gives them as `past`. Raises
    `OutputError` where the directory cannot be written, or holds one project's reports.
    """
    from tagwatch.publish.html.dashboard import dashboard_pages

    if (directory / NAME).exists():
        raise OutputError(
            f"{str(directory)!r} holds the reports of one project",
            hint="the site of several needs a folder of its own: `reports: {projects: FOLDER}`, or "
            "--directory FOLDER",
        )
    try:
        runs = merged(read_past(directory / PROJECTS) if past is None else past, projects)
        pages = dashboard_pages(projects, runs, version)
        written = [write_atomically(directory, name, [text]) for name, text in pages]
        kept = {path.name for path in written}
        for entry in _entries(directory):
            if _IMAGES_PAGE.fullmatch(entry.name) and entry.name not in kept:
                Path(entry.path).unlink(missing_ok=True)
        write_atomically(directory, PROJECTS, [text_of_past(runs)])
    except OSError as error:
        raise OutputError(
            f"the site cannot be written to {str(directory)!r}: {error.strerror or error}",
            hint="name another directory: --directory FOLDER",
        ) from error
    return directory / "index.html"


def _write_pages(
    directory: Path, result: AuditResult, context: PublishContext, formats: Iterable[str]
) -> tuple[AuditResult, tuple[Path, ...]]:
    """Write a run in these formats; return what HTML could show of it, and the files."""
    shown, files = result, []
    for name in formats:
        rendered_of, written = _write_format(directory, result, context, name)
        shown = rendered_of if name == "html" else shown
        files += written
    return shown, tuple(files)


def _write_index(directory: Path, result: AuditResult, context: PublishContext, memo: Memo) -> Path:
    from tagwatch.publish.html.page import render_index

    page = render_index(
        result,
        context,
        dict(_pages(directory, context)),
        memo.spans,
        has_outdated=(directory / OUTDATED).is_file(),
    )
    return write_atomically(directory, "index.html", [page])


def _write_outdated(directory: Path, result: AuditResult, context: PublishContext) -> Path | None:
    """Write the page of what is outdated, if it says something else than the one that is there.

    None where it does not, or nobody looked. Nothing names an image: there is no page, but where
    there was one before.
    """
    from tagwatch.publish.html.page import render_outdated

    path = directory / OUTDATED
    if context.prospects is None or not (context.prospects.images or path.is_file()):
        return None
    # at no time in particular: what the page says beside when that was
    said = render_outdated(replace(result, at=_NO_TIME), context)
    mark = f"<!-- {sha256(said.encode('utf-8', 'replace')).hexdigest()} -->\n"
    with suppress(OSError, UnicodeError):
        if path.read_text(encoding="utf-8").endswith(mark):
            return None
    return write_atomically(directory, OUTDATED, [render_outdated(result, context), mark])


def _stands(name: str, directory: Path, memo: Memo, context: PublishContext, digest: str) -> bool:
    """Return True where `latest` says in this format all that there is to say."""
    shown = memo.shown.get(name)
    return (
        bool(digest)
        and not has_news(context)
        and shown is not None
        and shown.digest == digest
        and (directory / f"latest{load_member('publishers', name).suffix}").is_file()
    )


def _write_format(
    directory: Path, result: AuditResult, context: PublishContext, name: str
) -> tuple[AuditResult, list[Path]]:
    """Write a run in one format; return what could be rendered of it, and the files."""
    publish: Publisher = load_member("publishers", name)
    try:
        written = _write_latest(directory, publish, result, context)
    except (OSError, TagwatchError):
        raise
    except Exception as error:  # noqa: BLE001  # one image's trouble is that image's
        result = without_broken(publish, result, context, error)
        written = _write_latest(directory, publish, result, context)
    told = getattr(publish, "news_parts", None)
    if told is not None:
        parts = told(result, context)
    elif hasattr(publish, "site_pages"):  # what the latest run says elsewhere is not this run's
        parts = rendered(publish, result, context)
    else:
        parts = _blocks(written[0])
    own = write_atomically(directory, f"run/{_name(result.at)}{publish.suffix}", parts)
    return result, [own, *written]


def _write_latest(
    directory: Path, publish: Publisher, result: AuditResult, context: PublishContext
) -> list[Path]:
    """Write what a format has of the latest run, which first of all is `latest`."""
    site = getattr(publish, "site_pages", None)
    if site is None:
        latest = f"latest{publish.suffix}"
        return [write_atomically(directory, latest, rendered(publish, result, context))]
    written = [write_atomically(directory, name, [text]) for name, text in site(result, context)]
    kept = {path.name for path in written}
    for entry in _entries(directory):
        if _SITE_PAGE.fullmatch(entry.name) and entry.name not in kept:
            Path(entry.path).unlink(missing_ok=True)
    return written


def _sweep(directory: Path, before: float) -> None:
    """Remove drafts that a run left which was killed while it wrote; none younger than `before`."""
    for entry in _entries(directory, directory / "run"):
        if _DRAFT.fullmatch(entry.name) and entry.stat().st_mtime < before:
            Path(entry.path).unlink(missing_ok=True)


def _prune(directory: Path, before: str, kept: Collection[str]) -> None:
    """Remove the pages of runs that are named before this name, but for those in `kept`."""
    for entry in _entries(directory / "run"):
        page = _PAGE.fullmatch(entry.name)
        if page is not None and page[1] < before and page[1] not in kept:
            Path(entry.path).unlink(missing_ok=True)


def _entries(*folders: Path) -> Iterator[os.DirEntry[str]]:
    """What lies in the folders, nothing in one that is a link: it leads to somebody else's."""
    for folder in folders:
        if folder.name == "run" and folder.is_symlink():
            continue
        with suppress(FileNotFoundError), os.scandir(folder) as entries:
            yield from list(entries)


def _name(at: datetime) -> str:
    """A run's name in files: its stamp without colons, which Windows and URLs dislike."""
    return (stamp(at) or "").replace(":", "")


def _pages(directory: Path, context: PublishContext) -> Iterator[tuple[str, str]]:
    """The stamp and relative address of each remembered run whose page is there."""
    for run in context.runs:
        address = f"run/{_name(run.at)}.html"
        if (directory / address).is_file():
            yield stamp(run.at) or "", address


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
