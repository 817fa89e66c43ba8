"""What one command costs as a whole process, and what several cost beside one another."""

from __future__ import annotations

import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from operator import mul
from pathlib import Path
from typing import Any

PEERS = ("diun", "crane", "regctl", "skopeo", "hadolint")
TAGWATCH = (sys.executable, "-c", "from tagwatch.cli.main import entry; entry()")
"""As the console script: `-m` would load `runpy`, and what that needs."""
PYTHON = (sys.executable, "-c", "pass")
_START = """
import os, sys, time
begun = time.perf_counter()
process = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
_, status, used = os.wait4(process, 0)
figures = time.perf_counter() - begun, used.ru_utime + used.ru_stime, used.ru_maxrss, status
sys.stderr.write("\\n" + " ".join(map(str, figures)))
"""
_NO_STATS: Mapping[str, Any] = {"requests": {}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """One finished process; what its registry counted meanwhile, where there is one."""

    wall: float
    cpu: float
    megabytes: float
    out: str = ""
    instructions: int | None = None
    requests: int | None = None
    connections: int | None = None
    sent: int | None = None
    """Bytes of answers, bodies and headers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One of the commands of a row. `codes`: how it may end."""

    name: str
    line: Sequence[str]
    folder: Path
    codes: frozenset[int] = frozenset({0, 1})
    stats: Callable[[], Any] | None = None
    """Tells what a registry counted since it was asked last."""
    counted: bool = False
    """Whether its instructions are counted: too slow for what takes seconds."""


def environment(folder: Path) -> dict[str, str]:
    """The machine's own, with a home of its own, modules compiled once, the tests importable."""
    root = str(Path(__file__).parents[2])
    kept = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    own = {"HOME": str(folder), "TAGWATCH_CONFIG": "tagwatch.yaml", "PYTHONPATH": root}
    return {**kept, **own, "PYTHONDONTWRITEBYTECODE": ""}


def measured(command: Command) -> Cost:
    """Run the command once, and take what the machine and its registry say of it."""
    if command.stats:
        command.stats()
    # What starts a process counts as its memory until it runs: here that is a small interpreter.
    started = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _START, *command.line],
        cwd=command.folder,
        env=environment(command.folder),
        capture_output=True,
        text=True,
    )
    said, _, figures = started.stderr.rpartition("\n")
    wall, cpu, kilobytes, status = map(float, figures.split())
    if os.waitstatus_to_exitcode(int(status)) not in command.codes:
        raise RuntimeError(f"{' '.join(command.line)[:300]}: {said[-2000:]}")
    stats = command.stats() if command.stats else _NO_STATS
    return Cost(
        wall=wall,
        cpu=cpu,
        megabytes=kilobytes / 1024,
        out=started.stdout,
        requests=sum(stats["requests"].values()) if command.stats else None,
        connections=stats["connections"] - 1 if "connections" in stats else None,  # one is ours
        sent=stats.get("bytes"),
    )


def instructions(command: Command) -> int | None:
    """What the command executes, repeatable to 0.1 %; None where nothing here can count."""
    env = environment(command.folder)
    for begin, pattern in _counters():
        done = subprocess.run(
            [*begin, *command.line], cwd=command.folder, env=env, capture_output=True, text=True
        )
        if found := re.search(pattern, done.stderr):
            return int(found[1].replace(",", ""))
    return None


@cache
def _counters() -> list[tuple[list[str], str]]:
    """The counters that work here: the processor's own, else valgrind, fifty times slower."""
    found = []
    perf = ["perf", "stat", "-e", "instructions:u"]
    pattern = r"([\d,]+)\s+instructions:u"
    if shutil.which("perf"):
        tried = subprocess.run([*perf, "true"], capture_output=True, text=True)
        if re.search(pattern, tried.stderr):
            found.append((perf, pattern))
    if shutil.which("valgrind"):
        grind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
        found.append((grind, r"Collected : (\d+)"))
    return found[:1]


def side_by_side(commands: Sequence[Command], rounds: int) -> dict[str, list[Cost]]:
    """Run the commands in turn, `rounds` times: what they cost by their names, round by round."""
    taken: dict[str, list[Cost]] = {command.name: [] for command in commands}
    for _ in range(rounds):
        for command in commands:
            taken[command.name].append(measured(command))
    return taken


def middle(costs: Sequence[Cost]) -> Cost:
    """The medians of times; what is counted, of the last round."""
    return replace(
        costs[-1],
        wall=statistics.median(cost.wall for cost in costs),
        cpu=statistics.median(cost.cpu for cost in costs),
        megabytes=max(cost.megabytes for cost in costs),
    )


def ratio(ours: Sequence[Cost], theirs: Sequence[Cost], what: str) -> float:
    """The median, pair by pair, of what ours takes for one of theirs."""
    pairs = zip(ours, theirs, strict=True)
    found: float = statistics.median(getattr(one, what) / getattr(two, what) for one, two in pairs)
    return found


def growth(sizes: Sequence[int], costs: Sequence[float]) -> tuple[float, float]:
    """Return what costs at every size, and the exponent with which the rest grows with size.

    1.0 is proportional. By least squares of relative errors, among exponents from 0 to 3.
    """
    weights = [1 / cost**2 for cost in costs]
    total = sum(weights)

    def fitted(power: float) -> tuple[float, float]:
        grown = [size**power for size in sizes]
        mean = sum(map(mul, weights, grown)) / total
        level = sum(map(mul, weights, costs)) / total
        spread = sum(w * (one - mean) ** 2 for w, one in zip(weights, grown, strict=True))
        joint = sum(
            w * (one - mean) * cost for w, one, cost in zip(weights, grown, costs, strict=True)
        )
        slope = joint / spread
        fixed = level - slope * mean
        if fixed < 0:  # nothing costs less than nothing
            fixed, slope = 0.0, level / mean
        wrong = ((fixed + slope * g) / cost - 1 for g, cost in zip(grown, costs, strict=True))
        return sum(one**2 for one in wrong), fixed

    power = min((number / 100 for number in range(1, 301)), key=lambda one: fitted(one)[0])
    return fitted(power)[1], power


def machine() -> list[str]:
    """The machine and the versions of everything that is compared."""
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    lines = [
        f"{platform.machine()}, {os.cpu_count()} processors, {platform.system()} "
        f"{platform.release()}, load {load}",
        f"{platform.python_implementation()} {platform.python_version()}",
    ]
    commit = _said("git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD")
    lines.append(f"tagwatch {commit or 'of no checkout'}")
    for name in PEERS:
        told = _said(name, "version" if name in ("crane", "regctl") else "--version")
        lines.append(f"{name}: {told or 'not on PATH'}")
    return lines


def _said(*line: str) -> str:
    if not shutil.which(line[0]):
        return ""
    done = subprocess.run(line, capture_output=True, text=True)
    return next(iter(done.stdout.splitlines()), "").strip()
