"""`tagwatch doctor`: can every registry in use be read, as whom, and what to do where not."""

from __future__ import annotations

import argparse
import os

from tagwatch.cli.command import Command, add_answer, add_config
from tagwatch.cli.shell import answer, answer_text, open_site, warn
from tagwatch.errors import NothingToReadError

__all__ = ["command"]

_NOTHING = "nothing that tagwatch reads is among the paths named"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `doctor`."""
    parser.add_argument(
        "paths",
        metavar="PATH|HOST|IMAGE",
        nargs="*",
        help="files and folders besides what is watched (default: the configured sources), or only "
        "these registries and images",
    )
    add_config(parser)
    add_answer(parser, "text", "json")


def run(options: argparse.Namespace) -> int:
    """Ask and print. Exit code 0: all can be read, 1: one cannot, or may not be known."""
    import asyncio

    from tagwatch.walk.alert_list import alerts_known
    from tagwatch.walk.doctor import (
        doctor_document,
        doctor_text,
        examine,
        examine_workers,
        examined_by,
    )
    from tagwatch.walk.file_set import read_files, read_sources
    from tagwatch.walk.site import with_strangers
    from tagwatch.workspace.find import find

    site = open_site(options)
    paths = [text for text in options.paths if _is_path(text)]
    asked = [examined_by(text, site) for text in options.paths if text not in paths]
    if options.paths:
        files = read_files(find(paths, site.root), site, {})
    else:
        site = with_strangers(site)
        files, _ = read_sources(site)
    unread = files.problems_to_fix
    odd = [
        (f"{problem.location.path!r}: {problem.message}", problem.hint)
        for _, part in files.extractions
        for problem in part.problems
    ]
    odd += [(problem.message, problem.hint) for problem in files.problems if problem.skipped]
    if paths and files.none_read:
        of_paths = [*odd, *((problem.message, problem.hint) for problem in unread)]
        message, hint = next(iter(of_paths), (_NOTHING, ""))
        raise NothingToReadError(message, hint=hint or "name Dockerfiles, a host or an image")
    for message, _ in odd:
        warn(message)
    found = asyncio.run(examine(files.targets, site, asked=asked))
    workers = asyncio.run(examine_workers(found, site))
    alerts = None if options.paths else alerts_known(site)
    if options.format == "json":
        from tagwatch.publish.json_text import dump

        answer(dump(doctor_document(found, alerts, workers, unread)))
    else:
        answer_text(doctor_text(found, alerts, workers, unread))
    if unread:
        return 1
    if workers is not None:  # they ask, wherever they are: what this machine reaches is no matter
        return 0 if workers.is_well else 1
    return 1 if any(one.failure or one.credential_problem for one in found) else 0


def _is_path(text: str) -> bool:
    """True for what is there, or can be nothing else: a path by its form, or a file's name."""
    from tagwatch.workspace.find import is_candidate

    by_form = text.startswith((".", "/", "~", "\\"))
    return by_form or os.path.lexists(text) or is_candidate(text)


command = Command(
    arguments=arguments,
    run=run,
    epilog="exit codes: 0 every registry in use can be read, 1 one or a source cannot, "
    "2 an argument names nothing, 3 no file can be read",
)
