"""`tagwatch schema`: the JSON Schema of a file, for editors and CI."""

from __future__ import annotations

import argparse

from tagwatch.cli.command import Command
from tagwatch.cli.shell import answer

__all__ = ["command"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `schema`."""
    parser.add_argument("file", choices=("config", "policy"), help="tagwatch.yaml or policy.yaml")


def run(options: argparse.Namespace) -> int:
    """Print it."""
    from tagwatch.config.schema import file_schema
    from tagwatch.publish.json_text import dump

    answer(dump(file_schema("tagwatch" if options.file == "config" else "policy")))
    return 0


command = Command(arguments=arguments, run=run)
