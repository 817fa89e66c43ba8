"""`tagwatch outdated`: what newer there is of the images in files. See `api.outdated`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from tagwatch.cli.command import Command, add_answer, add_build_args, add_config, add_shown
from tagwatch.cli.question import add_asking, check_options_of
from tagwatch.cli.shell import answer, note, open_site, progress_shown, warn

if TYPE_CHECKING:
    import argparse

    from tagwatch.audit.verdict.outlook import Prospects

__all__ = ["command"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `outdated`."""
    parser.add_argument(
        "paths", metavar="PATH", nargs="*", default=["."], help="files and folders (default: .)"
    )
    parser.add_argument(
        "--level",
        choices=("patch", "minor", "major"),
        default="major",
        help="the largest step to look for (default: major)",
    )
    parser.add_argument("--all", action="store_true", help="also list what is up to date")
    parser.add_argument(
        "--fail", action="store_true", help="exit 1 where something is outdated (default: 0)"
    )
    add_config(parser)
    add_answer(parser, "text", "json", "markdown")
    add_asking(parser, seconds=20)
    add_build_args(parser)
    add_shown(parser)


def run(options: argparse.Namespace) -> int:
    """Look, and print."""
    from tagwatch.api import outdated

    site = open_site(options)
    with progress_shown(site.environment) as progress:
        how = check_options_of(options, progress)
        found = outdated(options.paths, site, level=options.level, options=how)
    for doubt in site.knowledge.doubts():
        warn(doubt)
    answer(_rendered(found, options))
    if options.fail and found.outdated:
        return 1
    if not found.complete and site.policy.on_unavailable == "fail":
        note("tagwatch: some facts could not be read, and the policy says `on_unavailable: fail`")
        return 4
    return 0


def _rendered(found: Prospects, options: argparse.Namespace) -> str:
    from tagwatch.publish.outdated import listed, prospects_text

    if options.format == "json":
        from tagwatch.publish.answer_document import prospects_document
        from tagwatch.publish.json_text import dump

        return dump(prospects_document(found, listed(found, everything=options.all)))
    if options.format == "markdown":
        from tagwatch.publish.markdown import prospects_markdown

        return prospects_markdown(found, everything=options.all)
    width = os.get_terminal_size().columns if sys.stdout.isatty() else 100
    return prospects_text(found, width=width, everything=options.all)


command = Command(
    arguments=arguments,
    run=run,
    epilog="exit codes: 0, 1 something is outdated and --fail is given, 2 a wrong flag or\n"
    "configuration, 3 nothing to read, 4 incomplete where on_unavailable is fail",
)
