"""`tagwatch check`: audit files. See `api.check`."""

from __future__ import annotations

import argparse
import sys
from shutil import get_terminal_size
from typing import TYPE_CHECKING

from tagwatch.cli.build_args import add_build_args, build_args_of
from tagwatch.cli.command import Command, add_config, add_format
from tagwatch.cli.shell import answer, colored, note, open_site

if TYPE_CHECKING:
    from tagwatch.publish.interface import PublishContext
    from tagwatch.walk.site import Site

__all__ = ["command"]

FORMATS = ("text", "json", "sarif", "github", "gitlab", "junit")


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `check`."""
    parser.add_argument(
        "paths", metavar="PATH", nargs="*", default=["."], help="files and folders (default: .)"
    )
    add_config(parser)
    add_format(parser, *FORMATS)
    parser.add_argument(
        "--offline", action="store_true", help="ask no registry; facts come from the ledger"
    )
    parser.add_argument(
        "--max-time",
        type=float,
        default=None,
        metavar="SECONDS",
        help="stop asking registries after this long, and say what was not checked",
    )
    add_build_args(parser)
    parser.add_argument(
        "--quiet", action="store_true", help="print nothing unless something fails the check"
    )
    parser.add_argument(
        "--exit-zero", action="store_true", help="exit 0 in spite of findings (for upload jobs)"
    )


def run(options: argparse.Namespace) -> int:
    """Audit and print; the exit codes are those of the README."""
    from tagwatch.api import Asking, CheckOptions, check
    from tagwatch.publish.files import publisher

    site = open_site(options)
    result = check(
        options.paths,
        site,
        CheckOptions(
            asking=Asking(offline=options.offline, max_seconds=options.max_time),
            build_args=build_args_of(options.build_arg),
        ),
    )
    code = result.exit_code(site.policy.fail_on, on_unavailable=site.policy.on_unavailable)
    if not (options.quiet and code == 0):
        answer(publisher(options.format).render(result, _context(site, options)))
    if code == 1 and not result.complete and site.policy.on_unavailable == "fail":
        note("tagwatch: the check is also incomplete: some facts could not be read")
    return 0 if options.exit_zero and code == 1 else code


def _context(site: Site, options: argparse.Namespace) -> PublishContext:
    """What the publisher may know; the rules' own texts only for formats that carry them."""
    from tagwatch import __version__
    from tagwatch.publish.interface import PublishContext

    terminal = sys.stdout.isatty()
    rules = {}
    if options.format not in ("text", "json"):
        from tagwatch.walk.rule_text import rule_texts

        rules = rule_texts()
    return PublishContext(
        version=__version__,
        rules=rules,
        fail_on=site.policy.fail_on,
        color=options.format == "text" and colored(terminal, site.environment),
        width=get_terminal_size().columns if terminal else 100,
    )


command = Command(
    help="audit the files that name images (pre-commit, CI)", arguments=arguments, run=run
)
