"""How far a run is, on standard error: a line that changes on a terminal, else one now and then."""

from __future__ import annotations

import sys
from collections.abc import Callable
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING

from tagwatch.cli.command import plain

if TYPE_CHECKING:
    from rich.progress import Progress

    from tagwatch.image.snapshot import RepositorySnapshot

__all__ = ["EVERY", "Lines", "Pace", "Shown"]

EVERY = 30.0
"""Seconds between two lines, and before the first."""
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

    def __init__(self, *, colored: bool) -> None:
        self._colored = colored
        self._pace = Pace()
        self._line: Progress | None = None

    def expect(self, repositories: int) -> None:
        """See `walk.ask.Expecting`."""
        self._pace.total += repositories

    def __call__(self, snapshot: RepositorySnapshot) -> None:
        """Take note that a repository was read."""
        self._pace.done += 1
        if self._line is None:
            self._line = _line(colored=self._colored)
            self._line.add_task("", total=None, pace=self._pace)
            self._line.start()
        self._line.update(self._line.task_ids[0], description=plain(snapshot.repository.name))

    def end(self) -> None:
        """Take the line away."""
        if self._line is not None:
            self._line.stop()


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


def _line(*, colored: bool) -> Progress:
    """Only here is rich imported: it takes longer than everything else that `check` imports."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.table import Column

    return Progress(
        SpinnerColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[pace]}", table_column=Column(no_wrap=True)),
        TextColumn(
            "{task.description}",
            markup=False,
            table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1),
        ),
        console=Console(file=sys.stderr, no_color=not colored),
        transient=True,
    )
