"""What is to be scanned next: everything, or the repositories that registries spoke of."""

from __future__ import annotations

from collections.abc import Iterable

from tagwatch.service.webhook import Named
from tagwatch.value import dataclass

__all__ = ["Order", "Orders"]

QUIET_SECONDS = 5.0
"""The push of one image makes up to twenty events: it is over when so long nothing came."""
LONGEST_SECONDS = 60.0
"""How long events are gathered where they do not end."""
INTERVAL_SECONDS = 30.0
"""How long a repository rests after a scan that a webhook asked for."""
_MOST = 100
"""Repositories of one scan: they stand on a command line."""
_MOST_WAITING = 5_000
"""More are left to the next scan of everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A scan to make. None named: of everything."""

    named: tuple[Named, ...] = ()


class Orders:
    """Gathers what is asked for. All times are seconds of one clock that never goes back."""

    def __init__(self) -> None:
        self._whole = False
        self._first: dict[Named, float] = {}
        self._last: dict[Named, float] = {}
        self._rested: dict[Named, float] = {}

    def ask_for_all(self) -> None:
        """Ask for a scan of everything."""
        self._whole = True

    def ask_for(self, named: Iterable[Named], now: float) -> None:
        """Ask for a scan of these repositories once they are quiet."""
        for one in named:
            if one in self._first or len(self._first) < _MOST_WAITING:
                self._first.setdefault(one, now)
                self._last[one] = now

    def ready_at(self) -> float | None:
        """Return when the next order is ready; None where nothing is asked for."""
        if self._whole:
            return 0.0
        return min(map(self._ready, self._first), default=None)

    def take(self, now: float) -> Order | None:
        """Return the order that is ready, and forget it; None where there is none yet.

        A scan of everything answers all that was asked for before it.
        """
        if self._whole:
            self._whole = False
            self._forget(list(self._first))
            return Order()
        ready = sorted(one for one in self._first if self._ready(one) <= now)[:_MOST]
        self._forget(ready)
        return Order(named=tuple(ready)) if ready else None

    def rest(self, named: Iterable[Named], now: float) -> None:
        """Let these repositories rest: they were just scanned."""
        self._rested = {one: end for one, end in self._rested.items() if end > now}
        self._rested.update(dict.fromkeys(named, now + INTERVAL_SECONDS))

    def _ready(self, one: Named) -> float:
        quiet = min(self._last[one] + QUIET_SECONDS, self._first[one] + LONGEST_SECONDS)
        return max(quiet, self._rested.get(one, quiet))

    def _forget(self, named: Iterable[Named]) -> None:
        for one in named:
            del self._first[one], self._last[one]
