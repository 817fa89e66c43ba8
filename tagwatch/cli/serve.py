"""`tagwatch serve`: the schedule, the reports and the metrics, until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tagwatch.cli.command import Command, add_config
from tagwatch.cli.shell import warn
from tagwatch.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from tagwatch.walk.site import Site

__all__ = ["command"]

_LAST_PORT = 65535
_LEVELS = ("debug", "info", "warning", "error")


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
    parser.add_argument(
        "--log-format",
        choices=("text", "json"),
        default="text",
        help="lines of the log, on standard error (default: text)",
    )
    parser.add_argument(
        "--log-level", choices=_LEVELS, default="info", help="what is logged (default: info)"
    )


def run(options: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM; a scan under way is stopped in good order."""
    from tagwatch.service.daemon import serve
    from tagwatch.walk.site import open_checked

    def reopen() -> tuple[Site, Mapping[str, Any]]:
        return open_checked(config=options.config, untrusted=options.untrusted)

    if options.config_from is not None:
        raise UsageError(
            "--config-from is for a pull request, and serve reads its configuration again",
            hint="name a file with --config",
        )

    host, _, port = options.listen.rpartition(":")
    if not host or not port.isdigit() or int(port) > _LAST_PORT:
        raise ConfigError(f"not an address: {options.listen!r}", hint="write --listen HOST:PORT")
    for warning in reopen()[0].warnings:
        warn(warning)
    _tell_on_standard_error(options.log_format, options.log_level)
    asyncio.run(serve(reopen, host.strip("[]"), int(port), at_once=options.now))
    return 0


def _tell_on_standard_error(form: str, level: str) -> None:
    """What a daemon does, line by line; of other libraries only what is wrong."""
    from tagwatch.service.log import FORMATS

    handler = logging.StreamHandler()
    handler.setFormatter(FORMATS[form]())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("tagwatch").setLevel(level.upper())


command = Command(
    help="keep the schedule; serve reports, health and metrics",
    arguments=arguments,
    run=run,
    epilog="A scan runs in a process of its own. POST /webhook/<name> takes what the registry of\n"
    "that name in `serve: {webhooks: …}` sends: the repository that it names is scanned if it is\n"
    "watched. An empty POST /webhook scans everything where TAGWATCH_WEBHOOK_TOKEN is set: with\n"
    "it as bearer token, or as /webhook/<token>. SIGHUP reads the configuration again.",
)
