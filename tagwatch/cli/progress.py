"""How far a run is, on standard error: a line that changes on a terminal, else one now and then."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from threading import Event, Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING

from tagwatch.cli.command import plain

if TYPE_CHECKING:
    from tagwatch.image.snapshot import RepositorySnapshot

__all__ = ["EVERY", "Lines", "Pace", "Shown"]

EVERY = 30.0
"""Seconds between two lines, and before the first."""
_TURN_SECONDS = 0.2
_WHEEL = "|/-\\"
_CLEAR = "\r\x1b[2K"
_FIRST_SECONDS = 5.0
"""So long nobody knows how fast it goes."""
_FEWEST = 3
_NAMED = 90
"""So many seconds are told as such, then minutes, and above as many of these hours."""


class Pace:
    """How many repositories of how many were read, and for how long the rest may take."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._begun_at = clock()
        self.done = 0
        self.total = 0

    def __str__(self) -> str:
        """Return "37 of 412 repositories, about 2 min left"."""
        word = "repository" if self.total == 1 else "repositories"
        return ", ".join(filter(None, (f"{self.done} of {self.total} {word}", self._left())))

    def _left(self) -> str:
        """Return how long the rest takes at the pace so far; nothing where that says little."""
        passed, left = self._clock() - self._begun_at, self.total - self.done
        if passed < _FIRST_SECONDS or self.done < _FEWEST or left <= 0:
            return ""
        seconds = passed / self.done * left
        if seconds < _NAMED:
            return f"about {max(round(seconds, -1), 10):.0f} s left"
        minutes = seconds / 60
        return (
            f"about {minutes:.0f} min left"
            if minutes < _NAMED
            else f"about {minutes / 60:.0f} h left"
        )


class Shown:
    """The line on a terminal, from the first snapshot on; it leaves nothing behind."""

    def __init__(self, *, colored: bool, clock: Callable[[], float] = monotonic) -> None:
        self._colored = colored
        self._clock = clock
        self._pace = Pace(clock)
        self._begun_at = clock()
        self._name = ""
        self._turns = 0
        self._ended = Event()
        self._drawing = Lock()
        self._thread: Thread | None = None

    def expect(self, repositories: int) -> None:
        """See `walk.ask.Expecting`."""
        self._pace.total += repositories

    def __call__(self, snapshot: RepositorySnapshot) -> None:
        """Take note that a repository was read."""
        self._pace.done += 1
        self._name = plain(snapshot.repository.name)
        self._draw()
        if self._thread is None:
            self._thread = Thread(target=self._turn, name="progress", daemon=True)
            self._thread.start()

    def end(self) -> None:
        """Take the line away."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
            self.clear()

    def clear(self) -> None:
        """Take the line away until it is drawn again: something else is said."""
        with self._drawing:
            self._write(_CLEAR)

    def _turn(self) -> None:
        """Draw again now and then: time passes, whether or not something arrives."""
        while not self._ended.wait(_TURN_SECONDS):
            self._draw()

    def _draw(self) -> None:
        with self._drawing:
            self._turns += 1
            wheel = _WHEEL[self._turns % len(_WHEEL)]
            passed = timedelta(seconds=int(self._clock() - self._begun_at))
            text = f"{passed} {self._pace} {self._name}"[: _columns() - len(wheel) - 2]
            painted = f"\x1b[32m{wheel}\x1b[0m" if self._colored else wheel
            self._write(f"{_CLEAR}{painted} {text}")

    @staticmethod
    def _write(text: str) -> None:
        with suppress(OSError, ValueError):  # a terminal that is gone ends no run
            sys.stderr.write(text)
            sys.stderr.flush()


def _columns() -> int:
    """Return how wide the terminal is: a line that is longer could not be taken away."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


class Lines:
    """A plain line every `EVERY` seconds, also while nothing arrives; none in a short run.

    `wait`: waits for that long, and returns True where it was `end`ed meanwhile.
    """

    def __init__(
        self,
        say: Callable[[str], None],
        *,
        clock: Callable[[], float] = monotonic,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        self._say = say
        self._pace = Pace(clock)
        self._ended = Event()
        self._wait = wait or self._ended.wait
        self._thread: Thread | None = None

    def expect(self, repositories: int) -> None:
        """See `walk.ask.Expecting`."""
        self._pace.total += repositories
        if self._thread is None:
            self._thread = Thread(target=self._tell, name="progress", daemon=True)
            self._thread.start()

    def __call__(self, _: RepositorySnapshot) -> None:
        """Take note that a repository was read."""
        self._pace.done += 1

    def end(self) -> None:
        """Say nothing more."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def _tell(self) -> None:
        while not self._wait(EVERY):
            self._say(f"tagwatch: {self._pace}")
