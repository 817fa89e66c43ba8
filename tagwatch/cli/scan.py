"""`tagwatch scan`: the nightly run. See `api.scan`."""

from __future__ import annotations

import argparse
import gc
import signal
import sys
from typing import TYPE_CHECKING

from tagwatch import __version__
from tagwatch.cli.command import (
    Command,
    add_answer,
    add_choice,
    add_config,
    add_shown,
    add_wait_lock,
)
from tagwatch.cli.shell import (
    PAINTED,
    answer,
    colored,
    note,
    open_site,
    progress_shown,
    tell_incomplete,
    warn,
)

if TYPE_CHECKING:
    from tagwatch.service.nightly import Night
    from tagwatch.service.parent import Handed, Parent
    from tagwatch.walk.scan import ScanResult
    from tagwatch.walk.site import Site

__all__ = ["command"]

_LOADING = 200_000
"""New values between two collections while modules are loaded, which stay: there is none."""
_YOUNG = 10_000
"""The same from then on: a repository's worth, not a handful."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `scan`."""
    add_config(parser)
    add_answer(parser, "text", "compact", "json", "sarif", "markdown")
    add_choice(parser)
    add_shown(parser)
    parser.add_argument(
        "--no-alerts", action="store_true", help="keep alerts in the outbox; send nothing"
    )
    parser.add_argument(
        "--repository",
        action="append",
        metavar="HOST/PATH",
        help="ask this repository only, of those that the configuration names (repeatable)",
    )
    add_wait_lock(parser)
    # how `serve` starts a scan: it ends when standard input does
    parser.add_argument("--with-parent", action="store_true", help=argparse.SUPPRESS)


_BECAME = {
    "pending": "not sent yet, it waits in the outbox",
    "held": "refused; held until its address is mended or `tagwatch alerts retry`",
    "unsure": "unsure whether it arrived; not sent again, the next one names it",
}


def run(options: argparse.Namespace) -> int:
    """Scan, write the reports, send the alerts, print. The first SIGINT or SIGTERM stops it."""
    import asyncio

    gc.set_threshold(_LOADING)
    from tagwatch.cli.choice import chosen_by, failing_on, shown

    parent = _parent() if options.with_parent else None
    site = _handed_site(parent.handed) if parent else open_site(options, configured=True)
    choice = chosen_by(options, site)  # a wrong name ends the run before it begins
    night = asyncio.run(_night(site, options, parent))
    if night.written.index is not None:
        note(f"tagwatch: report: {night.written.index}")
    for sent in night.sent:
        said = f": {sent.delivery.message}" if sent.delivery.message else ""
        became = _BECAME.get(sent.state.value, sent.state.value)
        note(f"tagwatch: alert to {sent.receiver}: {became}{said}")
    # What is stored, reported and sent is all that the policy asks; the line chooses what is shown.
    site, done = failing_on(site, options), shown(night.scanned, choice)
    _print(done, night.missed, site, options, is_shown=parent is None)
    policy = site.policy
    code = done.result.exit_code(policy.fail_on, on_unavailable=policy.on_unavailable)
    for doubt in site.knowledge.doubts():
        warn(doubt)
    tell_incomplete(done.result, policy, code)
    return code


def _parent() -> Parent:
    from tagwatch.service.parent import Parent

    return Parent()


def _handed_site(handed: Handed) -> Site:
    """The site of a configuration that was checked by the process which handed it over."""
    from tagwatch.walk.site import at_configuration, open_checked

    return at_configuration(open_checked(handed=handed.plain)[0])


async def _night(site: Site, options: argparse.Namespace, parent: Parent | None) -> Night:
    """The run, with signals: the first stops it in good order, the second at once."""
    import asyncio

    import tagwatch.walk.survey  # noqa: F401  # what a scan will load anyway
    from tagwatch.service.nightly import scan_and_publish

    # What is loaded by now stays: looking at it again and again took 6 % of a night (2026-11-24),
    # and while it is loaded another 3 % (2026-11-30).
    gc.freeze()
    gc.set_threshold(_YOUNG)
    stop = asyncio.Event()
    if parent is not None:
        running = asyncio.get_running_loop()
        parent.watch(lambda: running.call_soon_threadsafe(stop.set))
    if sys.platform != "win32":
        loop = asyncio.get_running_loop()

        def interrupt(number: signal.Signals) -> None:
            note("tagwatch: stopping: what is under way is stored first")
            stop.set()
            loop.remove_signal_handler(number)

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, interrupt, number)
    with progress_shown(site.environment, is_shown=parent is None) as progress:
        return await scan_and_publish(
            site,
            send=not options.no_alerts,
            repositories=options.repository,
            wait_seconds=options.wait_lock,
            stop=stop,
            progress=progress,
            tell=lambda line: note(f"tagwatch: {line}"),
        )


def _print(
    done: ScanResult,
    missed: tuple[str, ...],
    site: Site,
    options: argparse.Namespace,
    *,
    is_shown: bool,
) -> None:
    from tagwatch.member import load_member
    from tagwatch.publish.console import summary
    from tagwatch.publish.files import rendered
    from tagwatch.publish.interface import PublishContext
    from tagwatch.walk.deliver import rule_texts

    form = options.format
    context = PublishContext(
        version=__version__,
        news=done.news,
        rules=rule_texts(site.settings.reports.url) if form == "sarif" else {},
        fail_on=site.policy.fail_on,
        color=form in PAINTED and colored(options.color, site.environment),
        details=True,
        undelivered=missed,
        others=dict.fromkeys((one.name for one in site.settings.repositories), ""),
    )
    if is_shown:
        parts = rendered(load_member("publishers", form), done.result, context)
        answer(parts, commands=form == "github")
    note(summary(done.result, context, here=False).rstrip("\n"))


command = Command(
    arguments=arguments,
    run=run,
    epilog="exit codes: 0 clean, 1 findings at or above the policy's fail_on, 2 a wrong flag,\n"
    "configuration or policy, 3 nothing to read, 4 incomplete where on_unavailable is fail,\n"
    "5 the environment failed: disk, ledger, reports, clock, or another scan that takes too long",
)
