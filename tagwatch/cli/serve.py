"""`tagwatch serve`: the schedule, the reports and the metrics, until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import logging
import time

from tagwatch.cli.command import Command, add_config, plain
from tagwatch.cli.shell import open_site
from tagwatch.errors import ConfigError

__all__ = ["command"]

_LAST_PORT = 65535


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `serve`."""
    add_config(parser)
    parser.add_argument(
        "--listen",
        metavar="HOST:PORT",
        default="127.0.0.1:8080",
        help="where reports, /health and /metrics are served (default: 127.0.0.1:8080)",
    )
    parser.add_argument("--now", action="store_true", help="scan once at the start, too")


def run(options: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM; a scan under way is stopped in good order."""
    from tagwatch.service.daemon import serve

    site = open_site(options, configured=True)
    if site.settings.schedule is None:
        raise ConfigError(
            "there is no schedule to keep", hint='add `schedule: {cron: "0 2 * * *"}`'
        )
    host, _, port = options.listen.rpartition(":")
    if not host or not port.isdigit() or int(port) > _LAST_PORT:
        raise ConfigError(f"not an address: {options.listen!r}", hint="write --listen HOST:PORT")
    _tell_on_standard_error()
    asyncio.run(serve(site, host.strip("[]"), int(port), at_once=options.now))
    return 0


class _Line(logging.Formatter):
    """`2026-11-24T02:00:00Z message`, in UTC and without control characters."""

    converter = time.gmtime  # type: ignore[assignment]  # typeshed has another default
    default_time_format = "%Y-%m-%dT%H:%M:%SZ"
    default_msec_format = ""

    def format(self, record: logging.LogRecord) -> str:
        return plain(super().format(record))


def _tell_on_standard_error() -> None:
    """What a daemon does, line by line; of other libraries only what is wrong."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Line("%(asctime)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("tagwatch").setLevel(logging.INFO)


command = Command(
    help="keep the schedule; serve reports, health and metrics",
    arguments=arguments,
    run=run,
    epilog="POST /webhook asks for a scan where TAGWATCH_WEBHOOK_TOKEN is set: with it as bearer\n"
    "token, or as /webhook/<token> from registries that send no header. What the post says is\n"
    "not believed: the registries are asked.",
)
