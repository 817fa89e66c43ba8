"""Repositories of which nothing is new: what was made of them is recalled, and not made again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

from tagwatch.audit.fact.gather import dated_again
from tagwatch.audit.fact.memory import Memory
from tagwatch.config.settings import Watch
from tagwatch.errors import LedgerError
from tagwatch.image.reference import Repository
from tagwatch.ledger.codec import compress_alike, expand
from tagwatch.ledger.record import Judged
from tagwatch.source.target import Target
from tagwatch.value import dataclass
from tagwatch.walk.round import Round, made_whole_from
from tagwatch.walk.watch_list import Watched

__all__ = ["Recalled", "Settled", "judged_now", "recall_judged"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """What was made of a repository and still holds."""

    judged: Judged
    listed: Sequence[Watched]
    """What the watch list comes to."""
    keys: tuple[str, ...]
    """Those of the evidence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A repository of which all evidence was made in this run, or stands.

    `made_from`: a hash of what that is made of; `keys`: those of the evidence.
    """

    made_from: bytes
    keys: tuple[str, ...]


def recall_judged(
    repository: Repository,
    wanted: Mapping[str, Target],
    watches: Sequence[Watch],
    this_round: Round,
    keep: Callable[[str, bytes], None],
) -> Recalled | None:
    """Return what was made of a repository; None where anything that it is made of is new.

    `wanted`: what files name, by evidence key. `keep` gets the evidence, one piece after the other,
    encoded, with its key. What is damaged is made again, and kept in place of what was before.
    """
    judged = this_round.judged.get(repository)
    if judged is None:
        return None
    if judged.made_from != made_whole_from(wanted, watches, repository, this_round):
        return None
    keys = []
    try:
        for key, line in this_round.ledger.lines_of_judged(judged, this_round.site.at):
            keep(key, line)
            keys.append(key)
        listed = [
            Watched(
                watch=watches[place], repository=repository, selector=selector, tags=tuple(tags)
            )
            for place, selector, tags in json.loads(expand(judged.listed))
        ]
    except (LedgerError, ValueError, TypeError, IndexError):
        return None
    if len(keys) != len(wanted) + sum(map(len, listed)):
        return None  # somebody else has read some of it since the round began
    return Recalled(judged=judged, listed=listed, keys=tuple(keys))


def judged_now(
    memory: Memory,
    made_from: bytes,
    watches: Sequence[Watch],
    listed: Sequence[Watched],
    keys: Sequence[str],
    this_round: Round,
) -> Judged:
    """Return what was made of a repository, for later nights. `keys`: of all its evidence."""
    places = {id(watch): place for place, watch in enumerate(watches)}
    rows = [(places[id(one.watch)], one.selector, one.tags) for one in listed]
    return Judged(
        repository=memory.repository,
        made_from=made_from,
        again_at=dated_again(memory, this_round.site.at),
        listed=compress_alike(json.dumps(rows).encode()),
        keys=tuple(keys),
    )
