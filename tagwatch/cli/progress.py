"""Progress on standard error: shown while registries are asked, where somebody is looking."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from tagwatch.cli.command import plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rich.progress import Progress

    from tagwatch.image.snapshot import RepositorySnapshot

__all__ = ["progress_shown"]


def progress_shown(environment: Mapping[str, str]) -> _Line:
    """What gives, for a block, what is to be told each snapshot; None where nobody is looking.

    The line is there from the first snapshot to the end of the block, and leaves nothing behind.
    """
    is_seen = sys.stderr.isatty() and environment.get("TERM") != "dumb"
    return _Line(is_seen=is_seen, colored=not environment.get("NO_COLOR"))


class _Line:
    """How many repositories were read, and which one last."""

    def __init__(self, *, is_seen: bool, colored: bool) -> None:
        self._is_seen = is_seen
        self._colored = colored
        self._shown: Progress | None = None

    def __enter__(self) -> _Line | None:
        return self if self._is_seen else None

    def __exit__(self, *_: object) -> None:
        if self._shown is not None:
            self._shown.stop()

    def __call__(self, snapshot: RepositorySnapshot) -> None:
        if self._shown is None:
            self._shown = _progress(colored=self._colored)
            self._shown.add_task("", total=None)
            self._shown.start()
        self._shown.update(
            self._shown.task_ids[0], advance=1, description=plain(snapshot.repository.name)
        )


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
