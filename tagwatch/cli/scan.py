"""`tagwatch scan`: the nightly run. See `api.scan`."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from typing import TYPE_CHECKING

from tagwatch import __version__
from tagwatch.cli.command import Command, add_config, add_format
from tagwatch.cli.shell import answer, colored, note, open_site

if TYPE_CHECKING:
    from tagwatch.api import ScanResult
    from tagwatch.walk.site import Site

__all__ = ["command", "scan_and_publish"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `scan`."""
    add_config(parser)
    add_format(parser, "text", "json", "sarif")
    parser.add_argument(
        "--no-alerts", action="store_true", help="keep alerts in the outbox; send nothing"
    )


def run(options: argparse.Namespace) -> int:
    """Scan, write the reports, send the alerts, print."""
    site = open_site(options, configured=True)
    done = asyncio.run(scan_and_publish(site, send=not options.no_alerts, stop=asyncio.Event()))
    _print(done, site, options.format)
    result = done.result
    return result.exit_code(site.policy.fail_on, on_unavailable=site.policy.on_unavailable)


async def scan_and_publish(
    site: Site, *, send: bool, stop: asyncio.Event, signals: bool = True
) -> ScanResult:
    """One whole nightly run. The first SIGINT or SIGTERM stops it in good order."""
    from tagwatch.api import scan
    from tagwatch.walk.deliver import deliver, write_run

    if signals:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            if sys.platform != "win32":
                loop.add_signal_handler(number, stop.set)
    done = await scan(site, stop=stop)
    written = write_run(done.result, done.previous, site)
    if written.index is not None:
        note(f"tagwatch: report: {written.index}")
    for sent in await deliver(site) if send else ():
        outcome = sent.delivery
        text = f"{outcome.outcome.value}{': ' if outcome.message else ''}{outcome.message}"
        note(f"tagwatch: alert to {sent.channel}: {text}")
    return done


def _print(done: ScanResult, site: Site, form: str) -> None:
    from tagwatch.publish.console import summary
    from tagwatch.publish.files import publisher
    from tagwatch.publish.interface import PublishContext
    from tagwatch.walk.rule_text import rule_texts

    context = PublishContext(
        version=__version__,
        previous=done.previous,
        rules=rule_texts() if form == "sarif" else {},
        fail_on=site.policy.fail_on,
        color=form == "text" and colored(sys.stdout.isatty(), site.environment),
        details=True,
    )
    answer(publisher(form).render(done.result, context))
    note(summary(done.result, context).rstrip("\n"))


command = Command(
    help="the nightly run: crawl, remember, judge, publish, alert", arguments=arguments, run=run
)
