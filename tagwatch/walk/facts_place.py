"""Where facts of another ledger come from, and where ours keeps them."""

from __future__ import annotations

from pathlib import Path

from tagwatch.config.settings import Facts
from tagwatch.ledger.read import CONFIGURED
from tagwatch.walk.site import Site

__all__ = ["configured_place", "source_name"]


def source_name(settings: Facts, site: Site) -> str:
    """How facts from there are called: a path from the root, or a URL without its query."""
    if "://" in settings.source:
        return settings.source.partition("?")[0].partition("#")[0]
    path = Path(settings.source)
    return path.relative_to(site.root).as_posix() if path.is_relative_to(site.root) else str(path)


def configured_place(site: Site) -> str:
    """Where the ledger keeps what this configuration brings; no other one is shown it.

    Whoever writes a configuration chooses its facts and their key: they count where it does, while
    `tagwatch facts import` is the user's own word, and counts everywhere.
    """
    settings = site.settings.facts
    return f"{CONFIGURED}{site.root}:{source_name(settings, site)}" if settings else ""
