"""`tagwatch knowledge`: which ends of life and official images are known, and newer ones."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tagwatch.cli.command import Command, add_answer, add_config, plain
from tagwatch.cli.shell import answer, answer_text, note, open_site
from tagwatch.errors import TagwatchError, UsageError

if TYPE_CHECKING:
    from tagwatch.walk.knowing import Known
    from tagwatch.walk.site import Site

__all__ = ["command"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `knowledge`."""
    parser.add_argument(
        "action",
        choices=("show", "update"),
        nargs="?",
        default="show",
        help="show what is known and of which day (the default), or fetch newer facts",
    )
    parser.add_argument(
        "--from",
        dest="sources",
        action="append",
        default=[],
        metavar="FILE",
        help="update: a file, folder or https URL instead of where the facts are published; again "
        "for another",
    )
    add_config(parser)
    add_answer(parser, "text", "json")


def run(options: argparse.Namespace) -> int:
    """Show what is known; for an update, store what is newer first. Raises the first error last."""
    from tagwatch.walk.knowing import known_facts, update

    if options.sources and options.action != "update":
        raise UsageError("--from is for an update", hint="tagwatch knowledge update --from FILE")
    site = open_site(options)
    errors: list[TagwatchError] = []
    if options.action == "update":
        for told in update(options.sources, os.environ, site.at):
            if isinstance(told, TagwatchError):
                errors.append(told)
                continue
            how = "are stored" if told.is_new else "had not changed"
            note(f"tagwatch: {told.what} of {told.as_of} {how}")
            for remark in told.remarks:
                note(f"tagwatch: {remark}")
    if errors:
        for error in errors[1:]:
            note(f"tagwatch: error: {error.message}")
        raise errors[0]
    known, doubts = known_facts(site)
    for doubt in doubts:
        note(f"tagwatch: warning: {doubt}")
    _show(known, site, options.format)
    return 0


def _show(known: Sequence[Known], site: Site, form: str) -> None:
    if form == "json":
        from tagwatch.publish.json_text import dump

        facts = [
            {
                "what": one.what,
                "as_of": one.as_of.isoformat(),
                "number": one.number,
                "origin": one.origin,
                "path": None if one.origin == "bundled" else str(one.path),
                "source": one.source,
            }
            for one in known
        ]
        answer(dump({"schema_version": 1, "facts": facts}))
        return
    for one in known:
        age = (site.at.date() - one.as_of).days
        of = "products" if one.what == "ends of life" else "images"
        where = one.origin if one.origin == "bundled" else f"{one.origin} in {one.path}"
        days = "of today" if age <= 0 else f"{age} day{'s' if age > 1 else ''} old"
        answer_text(
            plain(
                f"{one.what:<16} {one.as_of}  {days}, {one.number} {of}, {where}\n"
                f"{'':<16} from {one.source}\n"
            )
        )


command = Command(
    arguments=arguments,
    run=run,
    epilog="An update asks endoflife.date and github.com; where neither can be reached, save\n"
    "https://endoflife.date/api/v1/products/full, or an archive or a checkout of\n"
    "docker-library/official-images, and name it with --from. What is stored is used by every\n"
    "command of yours, unless `knowledge:` in your tagwatch.yaml names a file.\n"
    "exit codes: 0 stored, or there was nothing newer; 2 what was given is no such file, or is\n"
    "older or less than what is known; 4 an address could not be read",
)
