"""Where a run takes place: what is configured, and what the shell knows of clock and machine."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from tagwatch.audit.model.knowledge import Knowledge
from tagwatch.audit.model.policy import Policy
from tagwatch.config.settings import Settings
from tagwatch.value import dataclass, field

__all__ = ["BASES_ASKED", "Site", "bases_key"]

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
