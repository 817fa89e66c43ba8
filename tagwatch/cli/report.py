"""`tagwatch report`: the last scan's result, rendered again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from tagwatch.cli.command import Command, add_answer, add_config
from tagwatch.cli.shell import answer, note, open_site
from tagwatch.errors import InputError, LedgerError, UsageError
from tagwatch.value import replace

if TYPE_CHECKING:
    import argparse

    from tagwatch.walk.site import Site

__all__ = ["command"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `report`."""
    add_config(parser)
    add_answer(
        parser,
        *("html", "text", "compact", "json", "sarif", "github", "gitlab", "junit", "markdown"),
        *("csv", "cyclonedx"),
    )
    parser.add_argument(
        "--directory", type=Path, help="where HTML goes (default: reports.directory)"
    )
    parser.add_argument(
        "--from",
        dest="results",
        nargs="+",
        action="extend",
        metavar="[NAME=]FILE",
        help="results of several projects (check --format json, latest.json): one site of them all",
    )
    parser.add_argument(
        "--projects",
        action="store_true",
        help="one site of all projects of this ledger (default: reports.projects, else "
        "below reports.directory)",
    )


def run(options: argparse.Namespace) -> int:
    """Write the HTML pages again, or print the result in another format."""
    from tagwatch.ledger.read import Reader
    from tagwatch.member import load_member
    from tagwatch.publish.files import rendered
    from tagwatch.walk.deliver import publish_context, with_links, write_run
    from tagwatch.walk.site import check_reports, project_of

    if options.results or options.projects:
        if options.results and options.projects:
            raise UsageError("--from and --projects are two sites", hint="give one of them")
        if options.format != "html":
            raise UsageError("several projects have one format, HTML", hint="leave --format out")
    if options.results:
        return _write_projects(options)
    site = open_site(options)
    if not site.database.is_file():
        raise LedgerError(
            f"there is no ledger at {str(site.database)!r}", hint="run `tagwatch scan` first"
        )
    if options.projects:
        return _write_neighbours(options, site)
    with Reader.open(site.database, site.origins) as ledger:
        runs = ledger.runs(project=project_of(site))
        finished = [run.id for run in runs if run.kind == "scan" and run.finished_at]
        result = ledger.result(finished[0]) if finished else None
        if result is None:
            raise LedgerError("no scan has finished yet", hint="run `tagwatch scan` first")
        news = ledger.news_told(finished[0], result)
        assert news is not None
        context = publish_context(ledger, news, site)
    if options.format != "html":
        if options.format == "csv":
            context = with_links(context, site)
        parts = rendered(load_member("publishers", options.format), result, context)
        answer(parts, commands=options.format == "github")
        return 0
    if options.directory is None:
        check_reports(site)
    reports = replace(
        site.settings.reports,
        directory=options.directory or site.settings.reports.directory,
        formats=("html",),
    )
    site = replace(site, settings=replace(site.settings, reports=reports))
    written = write_run(result, news, site, again=True)
    note(f"tagwatch: report: {written.index}")
    return 0


def _write_projects(options: argparse.Namespace) -> int:
    """Write the site of several projects; nothing of this project is read."""
    from tagwatch import __version__
    from tagwatch.publish.files import write_projects
    from tagwatch.publish.projects import project_from

    directory = options.directory or Path("projects")
    projects = []
    for name, path in _named(options.results):
        try:
            raw = path.read_bytes()
        except OSError as error:
            raise InputError(
                f"{str(path)!r} cannot be read: {error.strerror or error}",
                hint="give the files that `tagwatch check --format json` wrote",
            ) from error
        projects.append(project_from(name, raw, _own_report(path, directory)))
    index = write_projects(directory, projects, __version__)
    note(f"tagwatch: report: {index}")
    return 0


def _write_neighbours(options: argparse.Namespace, site: Site) -> int:
    """Write the site of all projects of the ledger."""
    from tagwatch.walk.neighbour import write_neighbours
    from tagwatch.walk.site import check_reports

    reports = site.settings.reports
    directory = options.directory or reports.projects
    if directory is None:
        check_reports(site)
        directory = reports.directory / "projects"
    note(f"tagwatch: report: {write_neighbours(directory, site)}")
    return 0


def _named(results: Sequence[str]) -> list[tuple[str, Path]]:
    """Return the name and file of each project. Raises `UsageError` where two have one name.

    Without a name it is that of the file, or for `latest.json` that of the folder of its reports.
    """
    found: dict[str, Path] = {}
    for text in results:
        name, equals, rest = text.partition("=")
        path = Path(rest if equals and not Path(text).is_file() else text)
        if not equals or path == Path(text):
            name = path.stem if path.name != "latest.json" else _folder(path)
        if name in found:
            raise UsageError(f"two projects are called {name!r}", hint="name one: --from NAME=FILE")
        found[name] = path
    return list(found.items())


def _folder(path: Path) -> str:
    folder = path.absolute().parent
    return (folder.parent if folder.name == "reports" else folder).name or path.stem


def _own_report(path: Path, directory: Path) -> str:
    """Return how the site leads to a project's own pages, where they lie beside its result."""
    index = path.absolute().with_name("index.html")
    if path.name != "latest.json" or not index.is_file():
        return ""
    try:
        return quote(Path(os.path.relpath(index, directory.absolute())).as_posix())
    except ValueError:  # another drive
        return ""


command = Command(arguments=arguments, run=run)
