"""Questions about single images on the command line: how to ask."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tagwatch.walk.look_up import Asking

__all__ = ["add_asking", "asking_of"]


def add_asking(parser: argparse.ArgumentParser) -> None:
    """`--offline` and `--refresh`."""
    asking = parser.add_mutually_exclusive_group()
    asking.add_argument(
        "--offline", action="store_true", help="ask no registry; answer from the ledger"
    )
    asking.add_argument(
        "--refresh", action="store_true", help="ask the registry, however fresh the ledger is"
    )


def asking_of(options: argparse.Namespace, *, with_bases: bool = False) -> Asking:
    """How the flags say to ask."""
    from tagwatch.walk.look_up import Asking

    return Asking(offline=options.offline, refresh=options.refresh, with_bases=with_bases)
