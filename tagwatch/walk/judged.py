"""Repositories of which nothing is new: what was made of them is recalled, and not made again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from tagwatch.audit.fact.memory import Memory
from tagwatch.config.settings import Watch
from tagwatch.errors import LedgerError
from tagwatch.image.reference import Repository
from tagwatch.ledger.codec import compress_alike, expand
from tagwatch.ledger.record import Judged, Listing
from tagwatch.ledger.spool import Spool
from tagwatch.source.target import Target
from tagwatch.value import dataclass, replace
from tagwatch.walk.round import Round, made_whole_from, rests_on_others, with_others
from tagwatch.walk.watch_list import Keys, Names, Watched

__all__ = ["Recalled", "Settled", "judged_now", "listings_of", "recall_judged"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """What was made of a repository and still holds."""

    judged: Judged
    listed: Sequence[Watched]
    """What the watch list comes to."""
    keys: Keys
    """Those of the evidence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A repository of which all evidence was made in this run, or stands.

    `made_from`: a hash of what that is made of; `keys`: those of the evidence; `listed`: what the
    watch list comes to; `is_listed`: the last answer lists all of it as it is.
    """

    made_from: bytes
    keys: Keys
    listed: Sequence[Watched] = ()
    is_listed: bool = False


def listings_of(settled: Mapping[Repository, Settled]) -> Iterator[Listing]:
    """Yield what the next answers may list as this one does, as far as it is not known yet."""
    for repository, one in settled.items():
        if not one.is_listed:
            yield Listing(
                repository=repository,
                made_from=one.made_from,
                images=len(one.keys),
                parts=one.listed,
            )


def recall_judged(
    repository: Repository,
    wanted: Mapping[str, Target],
    watches: Sequence[Watch],
    this_round: Round,
    spool: Spool,
) -> Recalled | None:
    """Return what was made of a repository; None where anything that it is made of is new.

    `wanted`: what files name, by evidence key. The evidence is put into the `spool`, unread where
    the last answer lists it. What is damaged is made again, and kept in place of what was before.
    """
    judged = this_round.judged.get(repository)
    if judged is None:
        return None
    made_from = made_whole_from(wanted, watches, repository, this_round)
    if made_from is not None and rests_on_others(judged.made_from):
        made_from = with_others(made_from, this_round)
    if judged.made_from != made_from:
        return None
    try:
        listed = _listed(judged, watches)
        keys = Keys(in_files=tuple(wanted), listed=listed)
        if _is_listed(judged, this_round) and _begin_alike(keys, repository):
            spool.put_list(keys, judged, this_round.site.at, this_round.ledger.path)
            return Recalled(judged=judged, listed=listed, keys=keys)
        found = 0
        for key, line in this_round.ledger.lines_of_judged(judged, this_round.site.at):
            spool.put_line(key, line)
            found += key in keys
    except (LedgerError, ValueError, TypeError, IndexError):
        return None
    if found != len(keys):
        return None  # somebody else has read some of it since the round began
    return Recalled(judged=replace(judged, lists=None), listed=listed, keys=keys)


def _is_listed(judged: Judged, this_round: Round) -> bool:
    """Return True where a list has the evidence, and can be read when it is needed."""
    return judged.lists is not None and this_round.ledger.is_readable(judged.lists.evidence)


def _listed(judged: Judged, watches: Sequence[Watch]) -> list[Watched]:
    """Return what the watch list came to, with the numbers of its lists."""
    rows = json.loads(expand(judged.listed))
    numbers = judged.lists.targets if judged.lists is not None else [None] * len(rows)
    return [
        Watched(
            watch=watches[place],
            repository=judged.repository,
            selector=selector,
            tags=Names.of(tags),
            number=number,
        )
        for (place, selector, tags), number in zip(rows, numbers, strict=True)
    ]


def _begin_alike(keys: Keys, repository: Repository) -> bool:
    start = f"{repository.name}:"
    return bool(keys) and all(key.startswith(start) for key in keys.in_files)


def judged_now(
    memory: Memory,
    made_from: bytes,
    watches: Sequence[Watch],
    listed: Sequence[Watched],
    keys: Keys,
    this_round: Round,
) -> Judged:
    """Return what was made of a repository, for later nights. `keys`: of all its evidence."""
    from tagwatch.audit.fact.gather import dated_again  # of what holds still, nothing is judged

    places = {id(watch): place for place, watch in enumerate(watches)}
    rows = [(places[id(one.watch)], one.selector, tuple(one.tags)) for one in listed]
    return Judged(
        repository=memory.repository,
        made_from=made_from,
        again_at=dated_again(memory, this_round.site.at),
        listed=compress_alike(json.dumps(rows).encode()),
        keys=tuple(keys),
    )
