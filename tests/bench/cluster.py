"""What a Dask cluster costs and spares, beside one process, and whether it keeps to limits.

    python -m tests.bench cluster [--small] [--nights]

The registries answer after 50 ms, eight requests at a time, and count what they are asked; a first
night and an unchanged one. CPU is that of the command, and of scheduler and workers while it ran.
`--nights`: twenty registries with different limits for three nights, each beside one process.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from tests.bench.measure import TAGWATCH, Command, Cost, measured
from tests.cluster import LIMITS, Cluster, Estate, serving_cluster, serving_estate
from tests.static_registry import Stock

DELAY = 0.05
REPOSITORIES = {1: 200, 4: 80, 20: 20}
"""By registries, how many repositories each has."""
SCAN = (*TAGWATCH, "scan", "--no-alerts", "--format", "json")
_TICKS = os.sysconf("SC_CLK_TCK")


def spent(cluster: Cluster | None) -> float:
    """The CPU seconds that scheduler and workers have used."""
    total = 0.0
    for process in (cluster.scheduler, *cluster.alive()) if cluster is not None else ():
        assert process is not None
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / _TICKS
    return total


def night(estate: Estate, cluster: Cluster | None) -> tuple[Cost, float, list[Any]]:
    """Scan once: its cost, the cluster's CPU, and what each registry was asked."""
    estate.stats()
    before = spent(cluster)
    cost = measured(Command(name="scan", line=SCAN, folder=estate.folder))
    return cost, spent(cluster) - before, estate.stats()


@contextmanager
def engines(
    folder: Path, workers: Sequence[int]
) -> Iterator[list[tuple[str, str, Cluster | None]]]:
    """What may ask registries: this process, and clusters one after the other, smaller first."""
    with serving_cluster(folder, 0) as cluster:
        yield [
            ("local", "local", None),
            *(
                (f"{number} workers", f"{{dask: {{address: '{cluster.address}'}}}}", cluster)
                for number in workers
            ),
        ]


def table(folder: Path, *, small: bool) -> None:
    """Print the table."""
    heads = ("wall s", "CPU s", "cluster", "requests", "conn.", "pings", "at once", "a second")
    print(f"{'':30}" + "".join(f"{head:>10}" for head in heads))
    numbers = count()
    for registries, repositories in REPOSITORIES.items():
        stock = Stock(repositories=5 if small else repositories, tags=3, delay_seconds=DELAY)
        with engines(folder / f"cluster-{registries}", (2, 4)) as found:
            for name, engine, cluster in found:
                if cluster is not None:
                    cluster.ready(int(name.split()[0]))
                place = folder / f"estate-{next(numbers)}"
                with serving_estate(place, registries, stock) as estate:
                    estate.configure(engine, limits=({},))
                    for which in ("first", "unchanged"):
                        print(
                            line(f"{registries:>2} registries, {name}, {which}", estate, cluster),
                            flush=True,
                        )


def line(title: str, estate: Estate, cluster: Cluster | None) -> str:
    """Scan once, and return a line of the table."""
    cost, elsewhere, told = night(estate, cluster)
    cells = (
        f"{cost.wall:.2f}",
        f"{cost.cpu:.2f}",
        f"{elsewhere:.2f}",
        f"{sum(sum(one['requests'].values()) for one in told):,}",
        f"{sum(one['connections'] - 1 for one in told):,}",
        f"{sum(one['requests'].get('ping', 0) for one in told):,}",
        f"{max(one['most_at_once'] for one in told)}",
        f"{max(one['most_a_second'] for one in told)}",
    )
    return f"{title:<34}" + "".join(f"{cell:>9}" for cell in cells)


def three_nights(folder: Path, *, small: bool) -> None:
    """Read twenty registries with different limits for three nights, here and there."""
    stock = Stock(repositories=4 if small else 10, tags=3, delay_seconds=DELAY)
    known: dict[str, list[tuple[str, ...]]] = {}
    with engines(folder / "cluster", (4,)) as found:
        for name, engine, cluster in found:
            if cluster is not None:
                cluster.ready(4)
            with serving_estate(folder / name, 20, stock) as estate:
                estate.configure(engine)
                for number in range(3):
                    cost, _, told = night(estate, cluster)
                    over = [text for text in map(exceeded, count(), told) if text]
                    asked = sum(sum(one["requests"].values()) for one in told)
                    print(
                        f"{name}, night {number + 1}: {cost.wall:.1f} s, {asked:,} requests, "
                        f"{len(over)} limits exceeded {' '.join(over)}",
                        flush=True,
                    )
                    estate.let_move(3)
                known[name] = estate.intervals()
    here, there = known.values()
    differ = {*here} ^ {*there}
    print(f"{len(here)} intervals here, {len(there)} there, {len(differ)} of them in one alone")
    for one in sorted(differ)[:8]:
        print(f"  {'here' if one in here else 'there'}: {' '.join(one)}")


def exceeded(number: int, told: Any) -> str:
    """Say which limit of a registry was exceeded; nothing where none was."""
    limits = LIMITS[number % len(LIMITS)]
    rate = limits.get("requests_per_second")
    if told["most_at_once"] > limits.get("concurrency", 8):
        return f"{number}: {told['most_at_once']} at once"
    # a second's worth may be saved up, and some be held up on the way
    if rate and told["most_a_second"] > 2 * rate + 2:
        return f"{number}: {told['most_a_second']} in a second"
    if told["requests"].get("manifest", 0) > limits.get("budget", 1e9):
        return f"{number}: {told['requests']['manifest']} pulls"
    return ""


def main() -> None:
    """The table, or the nights."""
    parser = argparse.ArgumentParser(description="a cluster beside one process")
    parser.add_argument("--small", action="store_true", help="few repositories")
    parser.add_argument("--nights", action="store_true", help="limits and intervals instead")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        (three_nights if options.nights else table)(Path(folder), small=options.small)


if __name__ == "__main__":
    main()
