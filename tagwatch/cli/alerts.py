"""`tagwatch alerts`: what was not delivered, another attempt, or none any more; and a test."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from tagwatch.cli.command import Command, add_answer, add_config
from tagwatch.cli.shell import answer, answer_text, open_site
from tagwatch.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tagwatch.walk.site import Site

__all__ = ["command"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `alerts`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    add_config(parser)
    listed = actions.add_parser("list", help="alerts that did not arrive, or may not have")
    listed.add_argument("--all", action="store_true", help="those that were sent or dropped, too")
    retry = actions.add_parser("retry", help="send alerts (again), now")
    retry.add_argument(
        "ids", metavar="ID", nargs="*", type=int, help="which (default: all that are held)"
    )
    drop = actions.add_parser("drop", help="give alerts up: they are never sent")
    drop.add_argument("ids", metavar="ID", nargs="+", type=int, help="which")
    tried = actions.add_parser("test", help="send a test alert now, and say what became of it")
    tried.add_argument(
        "receivers", metavar="RECEIVER", nargs="*", help="who gets it (default: all of them)"
    )
    for action in (listed, retry, drop, tried):
        add_config(action, default=argparse.SUPPRESS)
        add_answer(action, "text", "json")


def run(options: argparse.Namespace) -> int:
    """Do it. Exit code 0, or 1 where `retry` or `test` sent not all of them."""
    site = open_site(options)
    match options.action:
        case "list":
            return _list(site, options)
        case "retry":
            return _retry(site, options)
        case "test":
            return _test(site, options)
        case _:
            return _drop(site, options)


def _list(site: Site, options: argparse.Namespace) -> int:
    if not site.database.is_file():
        raise LedgerError(
            f"there is no ledger at {str(site.database)!r}", hint="`tagwatch scan` begins one"
        )
    _answer(site, options, whole=options.all)
    return 0


def _retry(site: Site, options: argparse.Namespace) -> int:
    import asyncio

    from tagwatch.ledger.outbox import MessageState
    from tagwatch.ledger.write import Ledger
    from tagwatch.walk.alert_list import chosen_messages
    from tagwatch.walk.sending import SystemClock, deliver, receivers_of

    ids = chosen_messages(site, options.ids, (MessageState.HELD,))
    clock = SystemClock()
    with Ledger.open(site.database, site.origins) as ledger:
        ledger.outbox.retry(ids, clock.now())
    asyncio.run(deliver(site.database, receivers_of(site), clock, asyncio.Event()))
    if not ids:
        answer("no alert is held\n") if options.format == "text" else _answer(site, options)
        return 0
    return 0 if _answer(site, options, ids=ids) == {MessageState.SENT} else 1


def _drop(site: Site, options: argparse.Namespace) -> int:
    from tagwatch.ledger.write import Ledger
    from tagwatch.walk.alert_list import chosen_messages
    from tagwatch.walk.sending import SystemClock

    ids = chosen_messages(site, options.ids, ())
    with Ledger.open(site.database, site.origins) as ledger:
        ledger.outbox.drop(ids, SystemClock().now())
    _answer(site, options, ids=ids)
    return 0


def _test(site: Site, options: argparse.Namespace) -> int:
    import asyncio

    from tagwatch.walk.alert_trial import (
        chosen_receivers,
        trial_document,
        trial_text,
        try_receivers,
    )
    from tagwatch.walk.sending import SystemClock, receivers_of

    chosen, at = chosen_receivers(site, options.receivers), SystemClock().now()
    trials = asyncio.run(try_receivers(chosen, receivers_of(site), site, at))
    if options.format == "json":
        from tagwatch.publish.json_text import dump

        answer(dump(trial_document(trials, at)))
    else:
        answer_text(trial_text(trials))
    return 0 if all(one.is_taken for one in trials) else 1


def _answer(
    site: Site,
    options: argparse.Namespace,
    *,
    whole: bool = False,
    ids: Iterable[int] = (),
) -> set[str]:
    """Print the messages; the states that they are in."""
    from tagwatch.walk.alert_list import alerts_answer, alerts_document, alerts_text

    found = alerts_answer(site, whole=whole, ids=ids)
    if options.format == "json":
        from tagwatch.publish.json_text import dump

        answer(dump(alerts_document(found)))
    else:
        answer_text(alerts_text(found))
    return {message.state for message in found.messages}


command = Command(
    arguments=arguments,
    run=run,
    epilog="exit codes: 0 done, 1 `retry` or `test` sent not all of them, 2 a wrong flag, number\n"
    "or name, or no ledger",
)
