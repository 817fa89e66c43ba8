"""What a year of nights leaves on the disk: the ledger and the reports.

Run: python -m tests.bench year [--tags N] [--nights N] [--moving SHARE]

A year is long, so a few nights of each kind are run for real, by the real `tagwatch scan` with
three reports, and multiplied: quiet ones first, then nights in which a share of the tags moves.
Only what stays is counted: the growth from the first of these nights to the last.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench.place import Place, double, paths_of
from tests.static_registry import Stock

YEAR = 365
TAGS_A_REPOSITORY = 10
LEDGER_GOAL, REPORTS_GOAL = 5, 200
"""Megabytes of a year over 10,000 tags in which nothing moves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """Bytes of a place's ledger and of its reports."""

    ledger: int
    reports: int

    @classmethod
    def of(cls, place: Place) -> Disk:
        """Return what lies there now."""
        ledger = sum(file.stat().st_size for file in place.folder.glob("ledger.db*"))
        pages = (place.folder / "reports").rglob("*")
        return cls(
            ledger=ledger, reports=sum(page.stat().st_size for page in pages if page.is_file())
        )


def nights(place: Place, count: int, moved: int) -> tuple[Disk, Disk, float]:
    """Run so many nights and one before them: the disk after that and after all, CPU of a night."""
    seconds = []
    for number in range(count + 1):
        if moved:
            place.let_move(moved)
        cost, _ = place.scan()
        seconds.append(cost.cpu)
        if number == 0:
            before = Disk.of(place)
    return before, Disk.of(place), sum(seconds[1:]) / count


def told(name: str, count: int, figures: tuple[Disk, Disk, float], *, goal: bool) -> Iterator[str]:
    """Yield the lines of one kind of night."""
    before, after, cpu = figures
    for what, most in (("ledger", LEDGER_GOAL), ("reports", REPORTS_GOAL)):
        begun, grown = getattr(before, what), getattr(after, what) - getattr(before, what)
        limit = f", to reach: {most}" if goal else ""
        yield (
            f"  {name:<8}{what:<9}{begun / 1e6:>9.2f} MB {grown / count / 1e3:>10.1f} kB a night"
            f" {grown / count * YEAR / 1e6:>10.1f} MB a year{limit}"
        )
    yield f"  {name:<8}{'CPU':<9}{cpu:>9.2f} s a night"


def main() -> int:
    """Print the year."""
    parser = argparse.ArgumentParser(description="what a year of nights leaves on the disk")
    parser.add_argument("--tags", type=int, default=10_000, help="default: 10000")
    parser.add_argument("--nights", type=int, default=4, help="of each kind, default: 4")
    parser.add_argument("--moving", type=float, default=0.01, help="share of the tags that moves")
    options = parser.parse_args()
    stock = Stock(repositories=max(1, options.tags // TAGS_A_REPOSITORY), tags=TAGS_A_REPOSITORY)
    moved = max(1, round(options.tags * options.moving))
    with tempfile.TemporaryDirectory() as folder, double(stock, Path(folder)) as served:
        served.configure(paths_of(stock), 16, formats="html, json, sarif")
        print(
            f"{options.tags:,} tags, {YEAR} nights told from {options.nights} of each kind; "
            f"a night that moves moves {moved:,} tags",
            flush=True,
        )
        served.scan()
        for name, share in (("quiet", 0), ("moving", moved)):
            figures = nights(served, options.nights, share)
            goal = not share and options.tags == 10_000
            print("\n".join(told(name, options.nights, figures, goal=goal)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
