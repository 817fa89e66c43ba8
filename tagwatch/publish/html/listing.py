"""The rows of the index: a run each, and quiet nights together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tagwatch.publish.interface import RunSummary
from tagwatch.publish.quiet import Span, whole
from tagwatch.publish.wording import date_text, time_text
from tagwatch.value import dataclass

__all__ = ["RUNS_SHOWN", "Row", "rows_of"]

RUNS_SHOWN = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A run, or quiet nights with the numbers of the last of them."""

    run: RunSummary
    name: str
    quiet: bool = False


def rows_of(runs: Sequence[RunSummary], quiet: Sequence[Span]) -> tuple[Row, ...]:
    """Return the newest rows, newest first. `runs`: oldest first."""
    rows = list(_rows(runs, quiet))
    return tuple(reversed(rows[-RUNS_SHOWN:]))


def _rows(runs: Sequence[RunSummary], quiet: Sequence[Span]) -> Iterator[Row]:
    spans = iter(quiet)
    span = next(spans, None)
    times = [whole(run.at) for run in runs]
    for number, (run, at) in enumerate(zip(runs, times, strict=True)):
        while span is not None and span.last < at:
            span = next(spans, None)
        if span is None or at < span.first:
            yield Row(run=run, name=time_text(run.at))
        elif number + 1 == len(runs) or times[number + 1] > span.last:
            yield Row(run=run, name=_nights(span), quiet=True)


def _nights(span: Span) -> str:
    if span.nights == 1:
        return f"1 quiet night, {date_text(span.last)}"
    return f"{span.nights} quiet nights, {date_text(span.first)} to {date_text(span.last)}"
