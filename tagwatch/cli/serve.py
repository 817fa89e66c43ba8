"""`tagwatch serve`: the schedule, the reports and the metrics, until it is told to stop.

`tagwatch serve token NAME` makes a login to them.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tagwatch.cli.command import Command, add_config
from tagwatch.cli.shell import answer, note, open_site, tell_log, warn
from tagwatch.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from tagwatch.walk.site import Site

__all__ = ["command"]

_LEVELS = ("debug", "info", "warning", "error")


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `serve`."""
    parser.add_argument(
        "action",
        metavar="token NAME",
        nargs="*",
        help="make a login, show it once, and add it to the file of `serve: {tokens: FILE}`",
    )
    add_config(parser)
    parser.add_argument(
        "--listen",
        metavar="ADDRESS",
        default="127.0.0.1:8080",
        help="where pages, metrics and the API are served: HOST:PORT, or unix:/path of a socket "
        "(default: 127.0.0.1:8080)",
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
    if options.action:
        return _token(options)
    import asyncio

    from tagwatch.service.daemon import serve
    from tagwatch.service.listen import address_of
    from tagwatch.walk.site import open_checked

    def reopen() -> tuple[Site, Mapping[str, Any]]:
        return open_checked(config=options.config, untrusted=options.untrusted)

    if options.config_from is not None:
        raise UsageError(
            "--config-from is for a pull request, and serve reads its configuration again",
            hint="name a file with --config",
        )

    address = address_of(options.listen)
    for warning in reopen()[0].warnings:
        warn(warning)
    tell_log(options.log_format, options.log_level)
    asyncio.run(serve(reopen, address, at_once=options.now))
    return 0


def _token(options: argparse.Namespace) -> int:
    """Make a login. The token is the answer, and stands nowhere else."""
    from tagwatch.service.login import add_token

    if options.action[0] != "token" or len(options.action) != 2:
        raise UsageError(
            f"not a thing to do: {' '.join(options.action)!r}", hint="tagwatch serve token NAME"
        )
    path = open_site(options).settings.serve.tokens
    if path is None:
        raise ConfigError(
            "no file of tokens is configured", hint="add `serve: {tokens: FILE}` to tagwatch.yaml"
        )
    answer(f"{add_token(path, options.action[1])}\n")
    note(f"tagwatch: this is shown once; its hash is in {path}")
    return 0


command = Command(
    arguments=arguments,
    run=run,
    epilog="A scan runs in a process of its own. POST /webhook/<name> takes what the registry of\n"
    "that name in `serve: {webhooks: …}` sends: the repository that it names is scanned if it is\n"
    "watched. An empty POST /webhook scans everything where TAGWATCH_WEBHOOK_TOKEN is set: with\n"
    "it as bearer token, or as /webhook/<token>. SIGHUP reads the configuration again.\n"
    "Beyond loopback everything else asks for a login: a token of `serve token NAME`, as bearer\n"
    "token or as the password of a browser's login.",
)
