"""What happened to tags and a project was not told yet, and what a run of it tells."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import TYPE_CHECKING

from tagwatch.audit.model.diff import Verdict
from tagwatch.audit.model.history import Change
from tagwatch.audit.verdict.result import RepositoryChange
from tagwatch.config.settings import Watch
from tagwatch.image.reference import Repository
from tagwatch.ledger.record import Fact, Move, Telling
from tagwatch.ledger.write import Ledger
from tagwatch.value import dataclass, replace
from tagwatch.walk.watch_list import is_watched

if TYPE_CHECKING:
    from tagwatch.walk.verdicts import Explained

__all__ = ["Untold", "changes_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Untold:
    """What happened to tags that a project was not told yet, at one moment."""

    project: str
    scope: frozenset[Repository] | None = None
    facts: tuple[Fact, ...] = ()
    """Of repositories that the project watches, in the scope."""
    up_to: int | None = None

    @classmethod
    def read(
        cls,
        ledger: Ledger,
        project: str,
        *,
        wanted: Container[Repository],
        watches: Iterable[Watch],
        scope: frozenset[Repository] | None,
    ) -> Untold:
        """Read it, after everything that was asked is stored. `wanted`: what was asked for."""
        up_to = ledger.newest_fact()  # read first: what comes in between is told, and counted once
        watches = tuple(watches)
        facts = tuple(
            fact
            for fact in ledger.facts(project)
            if fact.happened.repository in wanted
            or is_watched(fact.happened.repository, watches, scope)
        )
        return cls(
            project=project, scope=scope, facts=facts, up_to=up_to if scope is None else None
        )

    @property
    def moves(self) -> frozenset[Move]:
        """The moves among the facts."""
        return frozenset(fact.happened for fact in self.facts if isinstance(fact.happened, Move))

    def telling(
        self, explained: Iterable[Explained], evidence: Container[str], ledger: Ledger
    ) -> Telling:
        """Return what the run tells of it, each move with what is known of its cause by now.

        `explained`: the moves that this run looked into; `evidence`: the keys of its evidence.
        """
        by_move: Mapping[Move, Explained] = {one.move: one for one in explained}
        facts, still_open = [], set()
        named = {
            fact.happened
            for fact in self.facts
            if f"{fact.happened.repository.name}:{fact.happened.tag}" in evidence
        }
        read = ledger.stored_documents(move.after for move in self.moves)
        for fact in self.facts:
            move = fact.happened
            if not isinstance(move, Move) or fact.change is not None:
                facts.append(fact)
                continue
            found = by_move.get(move)
            change = found.change if found is not None else _unknown(move)
            facts.append(replace(fact, change=change))
            if not (found is not None and found.is_final) and (move in named or move.after in read):
                still_open.add(fact.seq)
        explained_now = tuple(
            fact
            for fact in ledger.explained(self.project)
            if self.scope is None or fact.happened.repository in self.scope
        )
        return Telling(
            facts=tuple(facts),
            up_to=self.up_to,
            open=frozenset(still_open),
            explained=explained_now,
        )


def changes_of(facts: Iterable[Fact]) -> tuple[RepositoryChange, ...]:
    """Return the changes behind the moves among these facts, by repository and in order."""
    moved = (
        RepositoryChange(repository=fact.happened.repository, change=fact.change)
        for fact in facts
        if fact.change is not None
    )
    return tuple(sorted(moved, key=lambda one: (one.repository, one.change.at, one.change.tag)))


def _unknown(move: Move) -> Change:
    return Change(
        tag=move.tag,
        before=move.before,
        after=move.after,
        at=move.at,
        verdict=Verdict.UNKNOWN,
        reason="not explained yet",
    )
