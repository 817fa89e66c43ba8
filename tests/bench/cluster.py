"""What a Dask cluster costs and spares, beside one process, and whether it keeps to limits.

    python -m tests.bench cluster [--small] [--nights | --shares]

The registries answer after 50 ms, eight requests at a time, and count what they are asked; a first
night and an unchanged one. CPU is that of the command, and of scheduler and workers while it ran.
`--nights`: twenty registries with different limits for three nights, each beside one process.
`--shares`: where the CPU of a scan goes, and what it would cost to judge elsewhere.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

from tagwatch.api import scan_async
from tagwatch.audit.model.evidence import Evidence
from tagwatch.ledger.codec import decode_quickly, encode, expand
from tagwatch.walk.site import open_site
from tests.bench.measure import TAGWATCH, Command, Cost, measured
from tests.bench.place import double, paths_of
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


PARTS = (
    ("tagwatch/ledger/", "ledger"),
    ("tagwatch/audit/fact/", "gather"),
    ("tagwatch/walk/bases.py", "match"),
    ("tagwatch/audit/base/", "match"),
    ("tagwatch/audit/judge.py", "judge"),
    ("tagwatch/audit/rule/", "judge"),
    ("tagwatch/audit/verdict/", "judge"),
    ("tagwatch/walk/verdicts.py", "explain"),
    ("tagwatch/crawl/", "ask"),
    ("tagwatch/registry/", "ask"),
    ("aiohttp", "ask"),
)
"""By a part of a file's path, the step that the innermost of these files is about."""
PURE = ("match", "gather", "judge")


def shares(folder: Path, *, small: bool) -> None:
    """Print where the CPU of three nights goes, by samples, and what judging elsewhere costs.

    What is stored goes there, where it was not read in the same run, and the builds of bases to
    each worker; evidence and findings come back.
    """
    stock = Stock(repositories=30 if small else 300, tags=5)
    tags = stock.repositories * stock.tags
    with double(stock, folder) as place:
        place.configure(paths_of(stock), 32, bases="team/1")
        for night, moves in (("first", 0), ("unchanged", 0), ("a third moved", tags // 3)):
            place.let_move(moves)
            used, steps, findings = sampled(place.folder)
            told = ", ".join(
                f"{step} {100 * count / steps.total():.0f} %" for step, count in steps.most_common()
            )
            pure = sum(steps[step] for step in PURE) / steps.total()
            print(f"{night}: {used:.2f} s CPU: {told}")
            print(
                f"  match, gather and judge: {1000 * used * pure / tags:.2f} ms a tag, {pure:.0%}"
            )
        with closing(sqlite3.connect(place.folder / "ledger.db")) as connection:
            stored, builds, documents = (
                [expand(raw) for (raw,) in connection.execute(f"SELECT {column} FROM {table}")]
                for column, table in (
                    ("body", "evidence"),
                    ("body", "base_build"),
                    ("raw", "document"),
                )
            )
    begun = time.process_time()
    evidence = [decode_quickly(Evidence, raw) for raw in stored]
    decoded = time.process_time() - begun
    for name, values in (("evidence", evidence), ("findings", findings)):
        begun = time.process_time()
        size = sum(len(encode(one)) for one in values)
        spent = 1000 * (time.process_time() - begun) / tags
        print(
            f"{name}: {len(values)}, {size / tags:,.0f} bytes a tag, encoding {spent:.3f} ms a tag"
        )
    print(f"decoding evidence: {1000 * decoded / tags:.3f} ms a tag")
    print(f"documents: {sum(map(len, documents)) / tags:,.0f} bytes a tag")
    print(f"builds of bases: {len(builds)}, {sum(map(len, builds)):,} bytes to each worker")


def sampled(folder: Path) -> tuple[float, Counter[str], Sequence[object]]:
    """Scan in this process: the CPU seconds, the samples of each step, and the findings."""
    steps: Counter[str] = Counter()

    def sample(_: int, frame: FrameType | None) -> None:
        while frame is not None:
            for part, step in PARTS:
                if part in frame.f_code.co_filename:
                    steps[step] += 1
                    return
            frame = frame.f_back
        steps["other"] += 1

    site = open_site(folder / "tagwatch.yaml", environment={})
    before = signal.signal(signal.SIGPROF, sample)
    begun = time.process_time()
    signal.setitimer(signal.ITIMER_PROF, 0.001, 0.001)
    try:
        found = asyncio.run(scan_async(site))
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    return time.process_time() - begun, steps, found.result.findings


def main() -> None:
    """The table, the nights, or the shares."""
    parser = argparse.ArgumentParser(description="a cluster beside one process")
    parser.add_argument("--small", action="store_true", help="few repositories")
    parser.add_argument("--nights", action="store_true", help="limits and intervals instead")
    parser.add_argument("--shares", action="store_true", help="where CPU goes instead")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        study = three_nights if options.nights else shares if options.shares else table
        study(Path(folder), small=options.small)


if __name__ == "__main__":
    main()
