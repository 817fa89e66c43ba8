"""Questions about single images on the command line: the text, and how to ask."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from tagwatch.image.reference import Reference
from tagwatch.image.selector import parse_query
from tagwatch.source.target import Location, Target

if TYPE_CHECKING:
    from tagwatch.walk.look_up import Asking

__all__ = ["add_asking", "asking_of", "target_of"]


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


def target_of(text: str) -> Target:
    """The target that a word on the command line names, its selector told from a tag.

    Raises `InvalidReferenceError` and `UsageError`.
    """
    query = parse_query(text)
    reference = (query.reference or Reference(repository=query.repository)).identity
    selector = query.selector.text if query.selector and query.reference is None else None
    place = Location(path="-", line=1, column=1, end_line=1, end_column=1 + len(text))
    return Target(
        text=text, location=place, kind="argument", reference=reference, selector=selector
    )
