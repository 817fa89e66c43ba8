"""`tagwatch resolve`: what a floating tag or pattern is today."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence

from tagwatch.cli.command import Command, add_answer, add_config
from tagwatch.cli.question import add_asking, asking_of, bring
from tagwatch.cli.shell import answer, answer_text, note, open_site, progress_shown
from tagwatch.errors import InvalidReferenceError, UsageError
from tagwatch.value import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from datetime import datetime

    from tagwatch.audit.model.evidence import Resolution
    from tagwatch.image.snapshot import Remark, RepositorySnapshot

__all__ = ["command"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `resolve`."""
    parser.add_argument(
        "references",
        metavar="REF",
        nargs="+",
        help="redis:6.2, redis:6.2.x, 'redis:^6', 'redis:>=6.2 <8'; - reads them from stdin",
    )
    add_config(parser)
    add_answer(parser, "text", "json")
    add_asking(parser)


def run(options: argparse.Namespace) -> int:
    """Resolve and print. Exit code 0: all resolved, 1: something is not, 4: not readable."""
    from tagwatch.api import resolve_all

    site = open_site(options)
    texts = list(_texts(options.references))
    read: list[RepositorySnapshot] = []
    bring(site, asking_of(options))
    with progress_shown(site.environment, also=read.append) as progress:
        asking = replace(asking_of(options), progress=progress)
        resolutions = resolve_all(texts, site, asking=asking)
    remarks = [remark for snapshot in read for remark in snapshot.remarks]
    for said in dict.fromkeys(remark.message for remark in remarks):
        note(f"tagwatch: {said}")
    tell = answer if options.format == "json" else answer_text
    tell(_rendered(resolutions, remarks, options.format, site.at))
    return exit_code(resolutions)


def exit_code(resolutions: Iterable[Resolution]) -> int:
    """4 where something could not be read, else 1 where something has no version, else 0."""
    from tagwatch.audit.model.evidence import Status

    statuses = {resolution.status for resolution in resolutions}
    if Status.UNAVAILABLE in statuses:
        return 4
    return 0 if statuses <= {Status.RESOLVED} else 1


def _texts(given: Sequence[str]) -> Iterator[str]:
    from tagwatch.source.target import target_of

    for text in given:
        if text != "-":
            yield text
            continue
        for number, line in enumerate(sys.stdin, 1):
            stripped = line.rstrip("\r\n")
            if not stripped:
                continue
            try:
                target_of(stripped)
            except (InvalidReferenceError, UsageError) as error:
                raise UsageError(
                    f"standard input, line {number}: {error.message}", hint=error.hint
                ) from error
            yield stripped


def _rendered(
    resolutions: Sequence[Resolution], remarks: Iterable[Remark], form: str, at: datetime
) -> str:
    if form == "json":
        from tagwatch.publish.answer_document import resolutions_document
        from tagwatch.publish.json_text import dump

        return dump(resolutions_document(resolutions, remarks))
    from tagwatch.publish.answer import resolutions_text

    return resolutions_text(resolutions, at)


command = Command(
    arguments=arguments,
    run=run,
    epilog="exit codes: 0 all resolved, 1 not found or without a version, 4 could not be read",
)
