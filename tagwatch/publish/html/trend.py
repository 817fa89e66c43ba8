"""The sparkline of the latest runs."""

from __future__ import annotations

from collections.abc import Sequence

from tagwatch.publish.interface import RunSummary
from tagwatch.value import dataclass

__all__ = ["Point", "Trend", "trend_of"]

_WIDTH = 640
_HEIGHT = 96
_MARGIN = 12
_RIGHT = 36


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One run on one line."""

    x: float
    y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """Two lines, errors and warnings, in user units, with the last number of each."""

    width: int
    baseline: int
    height: int
    last_errors: int
    last_warnings: int
    errors: tuple[Point, ...]
    warnings: tuple[Point, ...]
    top: int
    description: str


def trend_of(runs: Sequence[RunSummary]) -> Trend | None:
    """The lines of at least two runs, oldest first; None for fewer."""
    if len(runs) < 2:
        return None
    errors = [run.errors for run in runs]
    warnings = [run.warnings for run in runs]
    top = max(*errors, *warnings, 1)
    return Trend(
        width=_WIDTH,
        baseline=_WIDTH - _RIGHT,
        height=_HEIGHT,
        last_errors=errors[-1],
        last_warnings=warnings[-1],
        errors=_points(errors, top),
        warnings=_points(warnings, top),
        top=top,
        description=(
            f"Over {len(runs)} runs: things to fix from {errors[0]} to {errors[-1]}, "
            f"things to look at from {warnings[0]} to {warnings[-1]}."
        ),
    )


def _points(numbers: Sequence[int], top: int) -> tuple[Point, ...]:
    across = _WIDTH - _MARGIN - _RIGHT
    down = _HEIGHT - 2 * _MARGIN
    return tuple(
        Point(
            x=round(_MARGIN + across * index / (len(numbers) - 1), 1),
            y=round(_MARGIN + down * (1 - number / top), 1),
        )
        for index, number in enumerate(numbers)
    )
