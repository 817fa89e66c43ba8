"""What everything costs, in one table, beside what else does the same work on this machine.

    python -m tests.bench [NAME…] [--quick] [--rounds N] [--uncounted]

Names are those of the rows (all of them where none is given) and of the studies, which print tables
of their own: `python -m tests.bench ledger`. A cell in brackets is a ratio: ours to this command,
pair by pair of one run. Peers are found on PATH. `--quick` proves that every row runs;
`--uncounted` leaves out instructions, for which valgrind takes fifty times a command's own time.
"""

from __future__ import annotations

import argparse
import resource
import runpy
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.bench.measure import (
    Command,
    Cost,
    growth,
    instructions,
    machine,
    middle,
    ratio,
    side_by_side,
)
from tests.bench.rows import ROWS, STUDIES, Group, Size

HEADS = ("wall s", "", "CPU s", "", "instr. M", "", "MB", "requests", "conn.", "kB")
WIDTHS = (9, 7, 9, 7, 9, 7, 6, 9, 6, 9)


def told(group: Group, size: Size) -> Iterator[str]:
    """Run the group, and yield its lines."""
    taken = side_by_side(group.commands, 1 if group.once or size.quick else size.rounds)
    counts = {
        command.name: instructions(command) if size.counts and command.counted else None
        for command in group.commands
    }
    yield group.title
    for command in group.commands:
        yield _line(command, group.commands[0], taken, counts)
    if group.round_trip:
        shares = [
            (cost.requests or 0) * group.round_trip / group.at_once / cost.wall
            for cost in taken[group.commands[0].name]
        ]
        yield f"  {statistics.median(shares):.0%} of concurrency ÷ round trip"
    if group.series:
        _GROWN.setdefault(group.series, []).append((group, taken))


_GROWN: dict[str, list[tuple[Group, Mapping[str, list[Cost]]]]] = {}


def _line(
    command: Command,
    ours: Command,
    taken: Mapping[str, Sequence[Cost]],
    counts: Mapping[str, int | None],
) -> str:
    cost, count, own = middle(taken[command.name]), counts[command.name], counts[ours.name]
    is_other = command is not ours
    pairs = (taken[ours.name], taken[command.name])
    cells = (
        f"{cost.wall:.3f}",
        f"({ratio(*pairs, 'wall'):.2f})" if is_other else "",
        f"{cost.cpu:.3f}",
        f"({ratio(*pairs, 'cpu'):.2f})" if is_other else "",
        f"{count / 1e6:.1f}" if count else "",
        f"({own / count:.2f})" if is_other and own and count else "",
        f"{cost.megabytes:.0f}",
        _whole(cost.requests),
        _whole(cost.connections),
        _whole(None if cost.sent is None else cost.sent // 1000),
    )
    return f"  {command.name:<18}" + _cells(cells)


def _whole(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def _cells(cells: Sequence[str]) -> str:
    return "".join(f"{cell:>{width}}" for cell, width in zip(cells, WIDTHS, strict=True))


def grown() -> Iterator[str]:
    """The exponents of growth; what a process costs that does nothing is taken off."""
    for series, groups in _GROWN.items():
        sizes = [group.size for group, _ in groups]
        costs = [middle(taken[group.commands[0].name]) for group, taken in groups]
        fixed, power = growth(sizes, [one.cpu for one in costs])
        yield (
            f"growth of {series}, {sizes[0]:,} to {sizes[-1]:,}: "
            f"CPU {fixed:.2f} s + size^{power:.2f}, "
            f"memory {costs[0].megabytes:.0f} to {costs[-1].megabytes:.0f} MB"
        )


def table(names: Sequence[str], size: Size) -> None:
    """Run the rows and print the table."""
    print("\n".join(machine()))
    print(f"{'':20}{_cells(HEADS)}")
    for name in names:
        begun = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            for group in ROWS[name](Path(folder), size):
                for line in told(group, size):
                    print(line, flush=True)
        print(f"    [{name}: {time.perf_counter() - begun:.0f} s]", flush=True)
    print("\n".join(grown()))


def main() -> int:
    """The table, or studies."""
    parser = argparse.ArgumentParser(description="what everything costs, in one table")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join((*ROWS, *STUDIES)))
    parser.add_argument("--quick", action="store_true", help="small: proves that every row runs")
    parser.add_argument("--rounds", type=int, default=5, help="default: 5")
    parser.add_argument("--uncounted", action="store_true", help="count no instructions")
    options, rest = parser.parse_known_args()
    studies = [name for name in options.names if name in STUDIES]
    rows = [name for name in options.names if name in ROWS]
    if studies:
        sys.argv[1:] = [*(one for one in options.names if one not in studies), *rest]
        runpy.run_module(f"tests.bench.{studies[0]}", run_name="__main__")
        return 0
    if rest or len(rows) != len(options.names):
        parser.error(f"no such row: {' '.join([*(set(options.names) - set(rows)), *rest])}")
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, most), most))
    counts = not (options.quick or options.uncounted)
    table(rows or list(ROWS), Size(quick=options.quick, rounds=options.rounds, counts=counts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
