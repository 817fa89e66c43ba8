"""`--build-arg`, as `docker build` has it."""

from __future__ import annotations

import os
from collections.abc import Iterable

from tagwatch.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = ["add_build_args", "build_args_of"]


def add_build_args(parser: argparse.ArgumentParser) -> None:
    """The flag, repeatable."""
    parser.add_argument(
        "--build-arg", action="append", default=[], metavar="NAME=VALUE", help="as docker build"
    )


def build_args_of(given: Iterable[str]) -> dict[str, str]:
    """`NAME=VALUE` pairs; `NAME` alone takes its value from the environment, as docker does.

    Raises `UsageError`.
    """
    arguments = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not name:
            raise UsageError(f"not a build argument: {text!r}", hint="write --build-arg NAME=VALUE")
        if equals:
            arguments[name] = value
        elif name in os.environ:
            arguments[name] = os.environ[name]
    return arguments
