"""`tagwatch demo`: the main job on an embedded registry. See `service.demo.show`."""

from __future__ import annotations

import argparse
from pathlib import Path

from tagwatch import __version__
from tagwatch.cli.command import Command
from tagwatch.cli.shell import answer, colored, note

__all__ = ["command"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `demo`."""
    parser.add_argument(
        "--directory",
        type=Path,
        default=Path("reports/demo"),
        help="where sample files, ledger and reports go (default: reports/demo)",
    )


def run(options: argparse.Namespace) -> int:
    """Play the demo and print what the second night found."""
    import asyncio
    import json
    import os

    from tagwatch.knowledge.bundled import load
    from tagwatch.publish.console import render, summary
    from tagwatch.publish.interface import PublishContext
    from tagwatch.service.demo.show import play

    note("tagwatch demo: a registry on loopback, a small shop's files, two nights in August 2026")
    show = asyncio.run(play(options.directory.resolve(), load()))
    context = PublishContext(
        version=__version__,
        news=show.second.news,
        color=colored("auto", os.environ),
        details=True,
    )
    answer(render(show.second.result, context))
    note(summary(show.second.result, context, here=False).rstrip("\n"))
    if show.message is not None:
        file = show.folder / "slack.json"
        file.write_text(json.dumps(show.message, indent=2, ensure_ascii=False) + "\n", "utf-8")
        answer(f"\nThe Slack message it would send, whole in {file}:\n\n{show.message['text']}\n")
    answer(f"\nThe report: {show.report}\n")
    return 0


command = Command(
    arguments=arguments,
    run=run,
)
