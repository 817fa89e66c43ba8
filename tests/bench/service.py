"""How `serve` answers while it scans, and what many scans leave behind. Linux.

    python -m tests.bench.service [--tags N] [--scans N]

First a scan of N tags in repositories of a hundred at a double of Docker Hub, and a second one in
which nothing is new, with `/health` polled every 50 ms from another process: the longest answers.
Then scans asked for by the webhook, one after the other, of a repository with 22 tags that moves
every tenth time: the memory of the service and of its scans, and descriptors.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp

from tests.registry.doubles.hub import HubDouble
from tests.walk.command import Workplace
from tests.walk.daemon import NEVER, TOKEN, Daemon, metric, serving

A_REPOSITORY = 100
START = datetime(2026, 1, 1, tzinfo=UTC)
POLL = """
import sys, time, urllib.request
while True:
    begun = time.perf_counter()
    try:
        urllib.request.urlopen(sys.argv[1] + "/health", timeout=60).read()
    except OSError as error:
        if not hasattr(error, "code"): break
    print(f"{time.time()} {time.perf_counter() - begun}", flush=True)
    time.sleep(0.05)
"""
FINISHED = 'tagwatch_scans_total{outcome="finished"}'


def kilobytes(pid: int, what: str = "VmRSS") -> int:
    """The memory of a process, as Linux says; 0 where it has ended."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(rf"{what}:\s+(\d+)", text)
    return int(found[1]) if found else 0


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def polling(url: str, out: Path) -> subprocess.Popen[bytes]:
    with out.open("wb") as file:
        return subprocess.Popen([sys.executable, "-c", POLL, url], stdout=file)


def children(pid: int) -> list[int]:
    found: list[int] = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        found += map(int, (thread / "children").read_text().split())
    return found


async def scan(session: aiohttp.ClientSession, daemon: Daemon, number: int) -> tuple[float, int]:
    """Ask for a scan and wait for it: its seconds, and the most memory that it was seen to have."""
    begun, most = time.perf_counter(), 0
    await daemon.ask(session)
    while await metric(session, daemon, FINISHED) != number:
        for child in children(daemon.process.pid):
            most = max(most, kilobytes(child, "VmHWM"))
        await asyncio.sleep(0.1)
        assert time.perf_counter() - begun < 300, daemon.said
    return time.perf_counter() - begun, most


async def drained(daemon: Daemon) -> None:
    """Read what the daemon says, so that it never waits for us."""
    assert daemon.process.stderr is not None
    while line := await daemon.process.stderr.readline():
        daemon.said = (daemon.said + line.decode())[-20_000:]


def write(place: Workplace, double: HubDouble, repositories: int) -> None:
    watch = "".join(f"  - {{image: acme/app{number}}}\n" for number in range(repositories))
    place.write(
        "tagwatch.yaml",
        f"database: tagwatch.db\n{NEVER}reports: {{formats: [html, json]}}\nwatch:\n{watch}"
        f"registries:\n  docker.io: {{endpoint: '{double.url}', concurrency: 16, "
        f"catalogue_endpoint: '{double.url}', credential: anonymous}}\n",
    )


async def polled(folder: Path, tags: int) -> None:
    """Print how `/health` answers while everything is scanned, new and unchanged."""
    double = HubDouble()
    repositories = tags // A_REPOSITORY
    for number in range(repositories):
        for tag in range(A_REPOSITORY):
            at = START + timedelta(minutes=7 * tag)
            version = f"1.{tag // 10}.{tag % 10}"
            double.warehouse.push(f"acme/app{number}", version, at=at, index=False)
    place = Workplace(folder, {"TAGWATCH_WEBHOOK_TOKEN": TOKEN})
    print(f"{repositories * A_REPOSITORY} tags in {repositories} repositories, "
          f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")  # fmt: skip
    async with double.serving(), aiohttp.ClientSession() as session:
        write(place, double, repositories)
        async with serving(place) as daemon:
            reader = asyncio.create_task(drained(daemon))
            out = folder / "polled.txt"
            poller = polling(daemon.url, out)
            for number, name in enumerate(("first", "unchanged"), 1):
                begun = time.time()
                seconds, most = await scan(session, daemon, number)
                rows = [line.split() for line in out.read_text().splitlines()]
                took = sorted(float(row[1]) for row in rows if float(row[0]) >= begun)
                slow = sum(one for one in took if one > 1) / seconds
                print(
                    f"{name}: {seconds:.1f} s, {len(took)} answers, median "
                    f"{statistics.median(took) * 1000:.0f} ms, 99 % "
                    f"{took[int(len(took) * 0.99)] * 1000:.0f} ms, longest {took[-1] * 1000:.0f} "
                    f"ms, in answers over 1 s {slow:.0%}; scan {most // 1024} MB, service "
                    f"{kilobytes(daemon.process.pid) // 1024} MB"
                )
            poller.kill()
            poller.wait()
            await daemon_end(daemon, reader)


async def daemon_end(daemon: Daemon, reader: asyncio.Task[None]) -> None:
    daemon.process.terminate()
    await asyncio.wait_for(daemon.process.wait(), 30)
    await reader


async def soak(folder: Path, scans: int) -> None:
    """Print the memory and the descriptors of many scans."""
    double = HubDouble()
    for tag in range(22):
        double.warehouse.push("acme/app0", f"1.{tag}", at=START + timedelta(days=tag), index=False)
    place = Workplace(folder, {"TAGWATCH_WEBHOOK_TOKEN": TOKEN})
    async with double.serving(), aiohttp.ClientSession() as session:
        write(place, double, 1)
        async with serving(place) as daemon:
            reader = asyncio.create_task(drained(daemon))
            pid = daemon.process.pid
            print("scan   service MB   scan MB   descriptors   children   ledger kB")
            for number in range(1, scans + 1):
                if number % 10 == 0:
                    moved, now = f"1.{number // 10 % 22}", datetime.now(UTC)
                    double.warehouse.push(
                        "acme/app0", moved, build=f"{number}", at=now, index=False
                    )
                _, most = await scan(session, daemon, number)
                if number == 1 or number % max(scans // 8, 1) == 0:
                    held = descriptors(pid)
                    ledger = (folder / "tagwatch.db").stat().st_size // 1024
                    print(
                        f"{number:4} {kilobytes(pid) / 1024:12.1f} {most / 1024:9.1f} "
                        f"{held:13} {len(children(pid)):10} {ledger:11}"
                    )
            await daemon_end(daemon, reader)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tags", type=int, default=1000)
    parser.add_argument("--scans", type=int, default=10)
    options = parser.parse_args()
    for work, number in ((polled, options.tags), (soak, options.scans)):
        with tempfile.TemporaryDirectory() as folder:
            if number:
                asyncio.run(work(Path(folder), number))


if __name__ == "__main__":
    main()
