"""`tagwatch doctor`: can every registry in use be read, as whom, and what to do where not."""

from __future__ import annotations

import argparse
import asyncio

from tagwatch.cli.command import Command, add_config, add_format
from tagwatch.cli.shell import answer, open_site

__all__ = ["command"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `doctor`."""
    parser.add_argument(
        "paths", metavar="PATH", nargs="*", help="files too (default: the configured sources)"
    )
    add_config(parser)
    add_format(parser, "text", "json")


def run(options: argparse.Namespace) -> int:
    """Ask and print. Exit code 0: all can be read, 1: one cannot."""
    from tagwatch.api import read_files
    from tagwatch.walk.doctor import doctor_document, doctor_text, examine
    from tagwatch.workspace.find import find, sources_from_globs

    site = open_site(options)
    if options.paths:
        files = read_files(find(options.paths, site.root), site, {})
    else:
        files = read_files(sources_from_globs(site.settings.sources, site.root), site, {})
    found = asyncio.run(examine(files.targets, site))
    if options.format == "json":
        from tagwatch.publish.machine import dump

        answer(dump(doctor_document(found)))
    else:
        answer(doctor_text(found))
    return 1 if any(one.failure or one.credential_problem for one in found) else 0


command = Command(
    help="is every registry readable, as whom, and what to do where not",
    arguments=arguments,
    run=run,
    epilog="exit codes: 0 every registry in use can be read, 1 one cannot",
)
