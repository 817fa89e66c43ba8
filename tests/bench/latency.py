"""What a warm `check` costs as a whole process, against `python -c pass` of the same environment.

    python -m tests.bench.latency [ROUNDS]

Prints user + system seconds and ratios, medians of interleaved rounds; hadolint beside it where it
is installed. The ledger is filled from an embedded registry first.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tagwatch.service.demo.nights import first_night
from tagwatch.service.demo.show import serving

IMAGES = ("python:3.12-slim", "redis:7", "redis:6.2.23", "node:22", "nginx:1.30-alpine")
POLICY = "version: 1\nfail_on: error\nregistries:\n  allow: [docker.io]\n"
FLOOR = "import argparse, json, re, pathlib, sqlite3"


@dataclass(frozen=True, slots=True)
class Cost:
    """One finished process, in seconds."""

    wall: float
    cpu: float


def cost(command: list[str], folder: Path, environment: dict[str, str]) -> Cost:
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, _, used = os.wait4(process.pid, 0)
    return Cost(time.perf_counter() - started, used.ru_utime + used.ru_stime)


def peak_memory(arguments: list[str], folder: Path, environment: dict[str, str]) -> str:
    """What Linux says of a check's memory (of its own, not of the process that began it)."""
    program = (
        "import sys; from tagwatch.cli.main import main; main(sys.argv[1:]); "
        "sys.stderr.write(next(line for line in open('/proc/self/status') if 'VmHWM' in line))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stderr.splitlines()[-1].partition(":")[2].strip()


def write_files(folder: Path, number: int) -> None:
    folder.mkdir()
    for index in range(number):
        image, other = IMAGES[index % len(IMAGES)], IMAGES[(index + 1) % len(IMAGES)]
        (folder / f"{index:04}.Dockerfile").write_text(
            f"FROM {image} AS build\nRUN make\nFROM {other}\nCOPY --from=build /x /x\n"
            "USER 10001\nEXPOSE 8000\n"
        )


async def fill_ledger(folder: Path, environment: dict[str, str]) -> None:
    async with serving(first_night()) as address:
        config = f"version: 1\ndatabase: {folder / 'ledger.db'}\npolicy: policy.yaml\n"
        asked = f"registries:\n  docker.io: {{endpoint: '{address}', credential: anonymous}}\n"
        (folder / "policy.yaml").write_text(POLICY)
        for text in (config + asked, config):
            (folder / "tagwatch.yaml").write_text(text)
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tagwatch", "check", "five",
                cwd=folder, env=environment, stdout=subprocess.DEVNULL,
            )  # fmt: skip
            await process.wait()


def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        environment = {**os.environ, "HOME": scratch, "TAGWATCH_CONFIG": "tagwatch.yaml"}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for name, number in (("one", 1), ("five", 5), ("fifty", 50), ("many", 2000)):
            write_files(folder / name, number)
        asyncio.run(fill_ledger(folder, environment))
        check = [sys.executable, "-m", "tagwatch", "check"]
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "floor: argparse json re pathlib sqlite3": [sys.executable, "-c", FLOOR],
            "check, 1 file": [*check, "one/0000.Dockerfile"],
            "check, 50 files": [*check, "fifty"],
            "check, 2,000 files": [*check, "many"],
        }
        hadolint = shutil.which("hadolint")
        if hadolint:
            names = [f"fifty/{index:04}.Dockerfile" for index in range(50)]
            commands["hadolint, 50 files"] = [hadolint, *names]
        seen: dict[str, list[Cost]] = {name: [] for name in commands}
        for _ in range(rounds):
            for name, command in commands.items():
                seen[name].append(cost(command, folder, environment))
        peaks = {
            name: peak_memory(["check", name], folder, environment) for name in ("one", "many")
        }
    least = statistics.median(one.cpu for one in seen["python -c pass"])
    for name, costs in seen.items():
        cpu = statistics.median(one.cpu for one in costs)
        wall = statistics.median(one.wall for one in costs)
        print(f"{name:<42}{cpu * 1000:8.1f} ms CPU {wall * 1000:8.1f} ms {cpu / least:7.1f} x")
    for name, kilobytes in peaks.items():
        print(f"peak of {name:<34}{kilobytes:>12}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
