"""`tagwatch baseline write`: the findings of today become known ones."""

from __future__ import annotations

import argparse
from pathlib import Path

from tagwatch.cli.baseline_file import DEFAULT, read_baseline_file, write_baseline_file
from tagwatch.cli.command import (
    Command,
    add_build_args,
    add_config,
    add_shown,
    build_args_of,
)
from tagwatch.cli.shell import note, open_site, warn

__all__ = ["command"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `baseline`."""
    parser.add_argument("action", choices=("write",), help="audit, and remember what is found")
    parser.add_argument(
        "paths", metavar="PATH", nargs="*", default=["."], help="files and folders (default: .)"
    )
    add_config(parser)
    parser.add_argument(
        "--output",
        metavar="FILE",
        default=DEFAULT,
        help=f"where it is written (default: {DEFAULT})",
    )
    parser.add_argument(
        "--offline", action="store_true", help="ask no registry; facts come from the ledger"
    )
    add_build_args(parser)
    add_shown(parser)


def run(options: argparse.Namespace) -> int:
    """Audit and write. What an earlier baseline knows keeps its day, save where it is fixed."""
    from tagwatch.api import Asking, CheckOptions, check
    from tagwatch.audit.verdict.baseline import Baseline, make_baseline

    before = read_baseline_file(options.output) if Path(options.output).exists() else None
    site = open_site(options)
    asking = Asking(offline=options.offline)
    build_args = build_args_of(options.build_arg)
    how = CheckOptions(asking=asking, build_args=build_args, tell=warn)
    result = check(options.paths, site, options=how)
    found = make_baseline(result.findings, site.at.date(), before)
    kept = before.pruned(result).known if before else {}
    baseline = Baseline(known={**kept, **found.known})
    write_baseline_file(options.output, baseline)
    note(f"tagwatch: {len(baseline.known)} known findings in {options.output}")
    if not result.complete:
        note("tagwatch: the check was not complete: what was not read is not in the baseline")
    return 0


command = Command(
    arguments=arguments,
    run=run,
)
