"""The needs of a crawl: they follow from what the policy's rules read and what a command shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tagwatch.audit.model.policy import Policy
from tagwatch.audit.rule.catalogue import reads_of
from tagwatch.audit.rule.interface import Reads

if TYPE_CHECKING:
    from tagwatch.crawl.task import Need

__all__ = ["IMAGE_SHOWS", "SCAN_SHOWS", "needs_of"]

SCAN_SHOWS = frozenset({Reads.TAGS, Reads.MANIFESTS, Reads.CONFIGS, Reads.HISTORY})
"""A scan and its report show what each tag is, on which base, and the verdict of each move."""


IMAGE_SHOWS = frozenset({Reads.MANIFESTS, Reads.CONFIGS, Reads.ATTESTATIONS})
"""The answers about single images (`base`, `diff`) show what is inside them."""


def needs_of(policy: Policy, shown: frozenset[Reads] = frozenset()) -> Need:
    """Return what a crawl must fetch for the policy's rules and for what is `shown`.

    Rules that read only the text need no manifest: for them the names of other tags say what a tag
    is.
    """
    from tagwatch.crawl.task import Need  # imported here: an answer from the ledger needs none

    fetched = {
        Reads.TAGS: Need.DOCUMENTS,  # labels name a version that no other tag names
        Reads.MANIFESTS: Need.DOCUMENTS,
        Reads.CONFIGS: Need.DOCUMENTS,
        Reads.ATTESTATIONS: Need.DOCUMENTS | Need.ATTESTATIONS,
        # a move gets its verdict when both images are compared
        Reads.HISTORY: Need.DOCUMENTS | Need.PLATFORMS,
    }
    needs = Need.NAMES
    for one in reads_of(policy) | shown:
        needs |= fetched[one]
    return needs
