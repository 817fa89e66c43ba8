"""What is asked of registries: what the rules of the policy read, and what a command shows."""

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
    """Return what a crawl fetches so that all that is read or shown is known.

    Text rules need no manifest: they tell what a tag is as far as other tags' names say it.
    """
    from tagwatch.crawl.task import Need  # what is answered from the ledger fetches nothing

    fetched = {
        Reads.TAGS: Need.DOCUMENTS,  # of a version that no other tag names, the labels tell
        Reads.MANIFESTS: Need.DOCUMENTS,
        Reads.CONFIGS: Need.DOCUMENTS,
        Reads.ATTESTATIONS: Need.DOCUMENTS | Need.ATTESTATIONS,
        Reads.HISTORY: Need.DOCUMENTS,  # a move gets its verdict when both images are compared
    }
    needs = Need.NAMES
    for one in reads_of(policy) | shown:
        needs |= fetched[one]
    return needs
