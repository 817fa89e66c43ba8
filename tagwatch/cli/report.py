"""`tagwatch report`: the last scan's result, rendered again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tagwatch.cli.command import Command, add_answer, add_config
from tagwatch.cli.shell import answer, note, open_site
from tagwatch.errors import LedgerError
from tagwatch.value import replace

if TYPE_CHECKING:
    import argparse

__all__ = ["command"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `report`."""
    add_config(parser)
    add_answer(
        parser,
        *("html", "text", "compact", "json", "sarif", "github", "gitlab", "junit", "markdown"),
    )
    parser.add_argument(
        "--directory", type=Path, help="where HTML goes (default: reports.directory)"
    )


def run(options: argparse.Namespace) -> int:
    """Write the HTML pages again, or print the result in another format."""
    from tagwatch.ledger.read import Reader
    from tagwatch.publish.files import rendered
    from tagwatch.publish.interface import publisher
    from tagwatch.walk.deliver import publish_context, write_run
    from tagwatch.walk.site import check_reports, project_of

    site = open_site(options)
    if not site.database.is_file():
        raise LedgerError(
            f"there is no ledger at {str(site.database)!r}", hint="run `tagwatch scan` first"
        )
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
        parts = rendered(publisher(options.format), result, context)
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


command = Command(arguments=arguments, run=run)
