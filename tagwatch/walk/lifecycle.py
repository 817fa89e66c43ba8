"""How a tag has behaved, from what the ledger remembers of it."""

from __future__ import annotations

from tagwatch.audit.version.lifecycle import ABANDONED_AFTER, Lifecycle, classify
from tagwatch.image.reference import Repository
from tagwatch.ledger.read import Reader

__all__ = ["lifecycle_of"]


def lifecycle_of(ledger: Reader, repository: Repository, tag: str) -> Lifecycle | None:
    """What the past of `tag` said of it when it was read last; None where that is nothing.

    The rest of its line is read only where it decides: of a tag that has rested for long.
    """
    past = ledger.intervals(repository, tag)
    if not past:
        return None
    at = past[-1].last_seen
    found = classify(past, at=at)
    if found is not Lifecycle.FLOATING or at - past[-1].first_seen < ABANDONED_AFTER:
        return found
    from tagwatch.walk.recall import recall_repository

    memory = recall_repository(ledger, repository, None, at)
    return classify(past, memory.line_beside(tag), at=at)
