"""Where a run takes place: what is configured, and what the shell knows of clock and machine."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from tagwatch.audit.model.knowledge import Knowledge
from tagwatch.audit.model.policy import Policy
from tagwatch.config.settings import Facts, Settings
from tagwatch.ledger.read import CONFIGURED
from tagwatch.value import dataclass, field

__all__ = ["BASES_ASKED", "Site", "bases_key", "configured_place", "source_name"]

BASES_ASKED = "bases-asked"
"""The ledger's cache of when the policy's bases were asked for last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Made once by the shell and passed down. `at` is the run's one reading of the clock.

    `root`: the folder that paths are told from; `home`: where credentials are looked for;
    `database`: the ledger's file.
    """

    settings: Settings
    policy: Policy
    knowledge: Knowledge
    root: Path
    home: Path
    database: Path
    at: datetime
    environment: Mapping[str, str] = field(default_factory=dict)


def bases_key(policy: Policy) -> str:
    """What tells one policy's bases from another's."""
    return "\n".join(" ".join((base.reference, *base.tags)) for base in policy.followed_bases)


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
