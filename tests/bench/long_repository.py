"""What one long repository costs: requests, findings, CPU and memory of the real `tagwatch scan`.

Run: python -m tests.bench.long_repository [--tags N] [--doublings N] [--most N]

A double of Docker Hub holds one repository of N tags, four to an image, and then of twice as many.
Its first night knows nothing, before the second nothing happens. The exponent is that of the CPU
over all doublings, start-up included: 1.0 is linear. `--most` is the `max_tags` of the watch.
Requests and findings repeat; times do not, and nothing is asserted of them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.registry.doubles.hub import HubDouble
from tests.registry.doubles.warehouse import Pushed

PATH = "library/mongo"
START = datetime(2026, 1, 1, tzinfo=UTC)
TAGS_AN_IMAGE = 4
MEASURED = """
import os, sys
child = os.fork()
if not child:
    os.execv(sys.executable, [sys.executable, "-m", "tagwatch", "scan", "--format", "json"])
_, status, used = os.wait4(child, 0)
print(f"\\n{used.ru_utime + used.ru_stime} {used.ru_maxrss}", file=sys.stderr)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def filled(tags: int) -> HubDouble:
    """A double whose repository has so many tags, a minute apart."""
    double = HubDouble()
    digest = None
    for number in range(tags):
        name, at = f"1.{number // 100}.{number % 100}", START + timedelta(minutes=number)
        if number % TAGS_AN_IMAGE == 0:
            double.warehouse.push(PATH, name, at=at, index=False)
            digest = double.warehouse.repositories[PATH][name].digest
        elif digest is not None:
            shelf = double.warehouse.repositories[PATH]
            shelf[name] = Pushed(digest=digest, at=at)
    return double


async def night(folder: Path) -> tuple[float, float, int]:
    """One scan: CPU seconds, peak megabytes, findings."""
    own = {name: str(folder) for name in ("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        MEASURED,
        cwd=folder,
        env={
            **os.environ,
            **own,
            "PYTHONPATH": str(Path.cwd()),
            "TAGWATCH_CONFIG": str(folder / "tagwatch.yaml"),
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    if process.returncode not in (0, 1):
        raise SystemExit(err.decode())
    cpu, kilobytes = err.decode().split()[-2:]
    return float(cpu), int(kilobytes) / 1024, len(json.loads(out)["findings"])


async def measured(tags: int, most: int) -> list[float]:
    """Print a line for each night; return their CPU seconds."""
    double = filled(tags)
    found = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with double.serving():
            options = f"endpoint: '{double.url}', catalogue_endpoint: '{double.url}'"
            (folder / "tagwatch.yaml").write_text(
                "database: tagwatch.db\nsources: []\nreports: {formats: []}\n"
                f"watch: [{{image: mongo, max_tags: {most}}}]\n"
                f"registries: {{docker.io: {{{options}, credential: anonymous}}}}\n"
            )
            for label in ("first", "unchanged"):
                double.night()
                cpu, megabytes, findings = await night(folder)
                requests = double.night().total()
                print(
                    f"{tags:>8,} tags  {label:<10}{requests:>8,} requests  "
                    f"{findings:>7,} findings  CPU {cpu:6.2f} s  {megabytes:4.0f} MB",
                    flush=True,
                )
                found.append(cpu)
    return found


def main() -> None:
    """Measure, and print the exponents."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tags", type=int, default=1250)
    parser.add_argument("--doublings", type=int, default=4)
    parser.add_argument("--most", type=int, default=20_000)
    asked = parser.parse_args()
    sizes = [asked.tags * 2**number for number in range(asked.doublings + 1)]
    costs = [asyncio.run(measured(tags, asked.most)) for tags in sizes]
    if asked.doublings:
        for label, first, last in zip(("first", "unchanged"), costs[0], costs[-1], strict=True):
            power = math.log2(last / first) / asked.doublings
            print(f"{label}: CPU grows with the power {power:.2f}")


if __name__ == "__main__":
    main()
