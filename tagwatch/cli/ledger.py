"""`tagwatch ledger`: keeping the memory for years: backup, restore, check, forget, rewind."""

from __future__ import annotations

import argparse
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from tagwatch.cli.command import Command, add_config, add_wait_lock, plain
from tagwatch.cli.shell import answer, open_site
from tagwatch.errors import LedgerError, UsageError

if TYPE_CHECKING:
    from tagwatch.walk.site import Site

__all__ = ["command"]

_WHOLE = "the ledger is whole"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `ledger`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    add_config(parser)
    check = actions.add_parser(
        "check", help="is the file whole, can all of it be read, does it keep its own rules?"
    )
    check.add_argument(
        "--mend", action="store_true", help="drop or make again what is damaged, where that helps"
    )
    add_wait_lock(check)
    backup = actions.add_parser("backup", help="a consistent copy, while others read and write")
    backup.add_argument("file", type=Path, help="where the copy goes")
    restore = actions.add_parser(
        "restore", help="put a backup in the ledger's place; the old file is kept beside it"
    )
    restore.add_argument("file", type=Path, help="the backup, which is verified first")
    add_wait_lock(restore)
    forget = actions.add_parser(
        "forget", help="drop what is older (default: the configuration's retention)"
    )
    for name, what in (("history", "intervals that ended"), ("runs", "runs and their results")):
        forget.add_argument(f"--{name}", metavar="AGE", help=f"{what} before: 400d, 52w")
    forget.add_argument(
        "--compact",
        action="store_true",
        help="shrink the file afterwards (default: `retention: {compact: …}`)",
    )
    add_wait_lock(forget)
    rewind = actions.add_parser(
        "rewind", help="set what was written by a clock that was ahead to the present time"
    )
    for action in (check, backup, restore, forget, rewind):
        add_config(action, default=argparse.SUPPRESS)


def run(options: argparse.Namespace) -> int:
    """Do it. Exit code 0, or 1 where `check` found something that is not mended."""
    site = open_site(options)
    if options.action == "restore":
        return _restore(site, options)
    if not site.database.is_file():
        raise LedgerError(
            f"there is no ledger at {str(site.database)!r}", hint="`tagwatch scan` begins one"
        )
    match options.action:
        case "check":
            return _check(site, options)
        case "backup":
            return _backup(site.database, options.file)
        case "rewind":
            return _rewind(site)
        case _:
            return _forget(site, options)


def _check(site: Site, options: argparse.Namespace) -> int:
    from tagwatch.ledger.maintenance import check, mend

    mended = mend(site.database) if options.mend else ()
    problems = check(site.database)
    if problems and options.mend:
        anew = _rebuild(site, options)
        mended, problems = (*mended, *anew), check(site.database) if anew else problems
    lines = [*(f"mended: {sentence}" for sentence in mended), *(problems or (_WHOLE,))]
    answer("".join(f"{plain(line)}\n" for line in lines))
    return 1 if problems else 0


def _rebuild(site: Site, options: argparse.Namespace) -> tuple[str, ...]:
    from tagwatch.ledger.lock import all_waited_for
    from tagwatch.ledger.rebuild import rebuild
    from tagwatch.walk.site import project_of

    with all_waited_for(site.database, project_of(site), wait_seconds=options.wait_lock):
        return rebuild(site.database, site.at)


def _restore(site: Site, options: argparse.Namespace) -> int:
    from tagwatch.ledger.lock import all_waited_for
    from tagwatch.ledger.restore import restore
    from tagwatch.walk.site import project_of

    site.database.parent.mkdir(parents=True, exist_ok=True)
    with all_waited_for(site.database, project_of(site), wait_seconds=options.wait_lock):
        done = restore(options.file, site.database, site.at)
    for sentence in done.mended:
        answer(f"mended: {plain(sentence)}\n")
    of = (
        f"its newest run is of {done.newest:%Y-%m-%d %H:%M} UTC" if done.newest else "it has no run"
    )
    kept = f"; the ledger of before is kept as {str(done.kept)!r}" if done.kept else ""
    answer(f"restored {str(options.file)!r}: {of}{kept}\n")
    return 0


def _backup(database: Path, file: Path) -> int:
    from tagwatch.ledger.maintenance import back_up

    back_up(database, file)
    answer(f"copied to {file}\n")
    return 0


def _forget(site: Site, options: argparse.Namespace) -> int:
    from tagwatch.ledger.lock import waited_for
    from tagwatch.ledger.write import Ledger
    from tagwatch.walk.site import project_of

    retention = site.settings.retention
    history = _age(options.history, retention.history)
    runs = _age(options.runs, retention.runs)
    if history is None and runs is None:
        raise UsageError(
            "nothing says what to forget", hint="give --history AGE, --runs AGE or `retention:`"
        )
    with Ledger.open(site.database, site.origins) as ledger:
        project = project_of(site)
        with waited_for(
            site.database,
            project,
            wait_seconds=options.wait_lock,
            holder=lambda: ledger.holder(project),
        ):
            forgotten = ledger.forget(site.at, history=history, runs=runs)
        if options.compact or retention.compact:
            ledger.compact()
    answer(f"forgot {str(forgotten) or 'nothing: all of it is younger'}\n")
    return 0


def _rewind(site: Site) -> int:
    from tagwatch.ledger.write import Ledger

    with Ledger.open(site.database, site.origins) as ledger:
        told = ledger.rewind(site.at)
    now = f"{site.at:%Y-%m-%d %H:%M} UTC"
    lines = "".join(f"{line}\n" for line in told)
    answer(f"set to {now}:\n{lines}" if told else f"nothing is later than {now}\n")
    return 0


def _age(text: str | None, default: timedelta | None) -> timedelta | None:
    from tagwatch.config.raw import parse_duration

    return parse_duration(text) if text is not None else default


command = Command(
    arguments=arguments,
    run=run,
    epilog="exit codes: 0 done, or the ledger is whole, 1 `check` found something that is not "
    "mended,\n2 a wrong flag or file, 5 the environment failed: disk, lock, a damaged ledger or "
    "backup",
)
