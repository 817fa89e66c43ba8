"""Progress on standard error: shown while registries are asked, where somebody is looking."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tagwatch.cli.command import plain

if TYPE_CHECKING:
    from rich.progress import Progress

    from tagwatch.image.snapshot import RepositorySnapshot

__all__ = ["progress_shown"]


@contextmanager
def progress_shown(
    environment: Mapping[str, str],
) -> Iterator[Callable[[RepositorySnapshot], None] | None]:
    """What is to be told each snapshot; None where standard error is no terminal.

    The line is there from the first snapshot to the end of the block, and leaves nothing behind.
    """
    if not sys.stderr.isatty() or environment.get("TERM") == "dumb":
        yield None
        return
    line = _Line(colored=not environment.get("NO_COLOR"))
    try:
        yield line
    finally:
        line.remove()


class _Line:
    """How many repositories were read, and which one last."""

    def __init__(self, *, colored: bool) -> None:
        self._colored = colored
        self._shown: Progress | None = None

    def __call__(self, snapshot: RepositorySnapshot) -> None:
        if self._shown is None:
            self._shown = _progress(colored=self._colored)
            self._shown.add_task("", total=None)
            self._shown.start()
        self._shown.update(
            self._shown.task_ids[0], advance=1, description=plain(snapshot.repository.name)
        )

    def remove(self) -> None:
        if self._shown is not None:
            self._shown.stop()


def _progress(*, colored: bool) -> Progress:
    """Only here is rich imported: it takes longer than everything else that `check` imports."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    return Progress(
        SpinnerColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.completed:.0f} read"),
        TextColumn("{task.description}", markup=False),
        console=Console(stderr=True, no_color=not colored),
        transient=True,
    )
