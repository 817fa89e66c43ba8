"""A Dask cluster of real processes, and an estate of registries with limits to read with it.

The scheduler and the workers can be killed one by one.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tagwatch.ledger.write import Ledger
from tagwatch.walk.site import open_site
from tests.bench.place import Place, double, paths_of
from tests.static_registry import Stock

__all__ = ["LIMITS", "Cluster", "Estate", "serving_cluster", "serving_estate"]

_ROOT = str(Path(__file__).parents[1])
_SECONDS = 120.0
"""Far more than anything takes: only what never comes is meant."""


@dataclass(slots=True, kw_only=True)
class Cluster:
    """The processes, their logs in `folder`, and the scheduler's address."""

    folder: Path
    options: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    address: str = ""
    scheduler: subprocess.Popen[bytes] | None = None
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    port: int = 0

    def start_scheduler(self) -> None:
        """Start the scheduler; a second one takes the port of the first."""
        told = self.folder / "scheduler.json"
        told.unlink(missing_ok=True)
        self.scheduler = self._start(
            "scheduler", "--host", "127.0.0.1", "--port", str(self.port),
            "--scheduler-file", str(told),
        )  # fmt: skip
        self._wait(lambda: told.exists() and told.read_text().endswith("}"), "scheduler.log")
        self.address = json.loads(told.read_text())["address"]
        self.port = int(self.address.rpartition(":")[2])

    def add_worker(self, **environment: str) -> subprocess.Popen[bytes]:
        """Start another worker, and wait until it has begun."""
        number = len(self.workers)
        log = f"worker-{number}.log"
        line = ("--nthreads", "1", "--no-nanny", "--host", "127.0.0.1", "--name", f"w{number}")
        self.workers.append(self._start("worker", self.address, *line, log=log, **environment))
        self._wait(lambda: "Registered to" in (self.folder / log).read_text(), log)
        return self.workers[-1]

    def ready(self, workers: int) -> None:
        """See that there is a scheduler, and just so many workers, whatever happened before."""
        if self.scheduler is None or self.scheduler.poll() is not None:
            self.kill(*self.alive())
            self.start_scheduler()
        alive = self.alive()
        self.kill(*alive[workers:])
        for _ in range(workers - len(alive)):
            self.add_worker()

    def alive(self) -> list[subprocess.Popen[bytes]]:
        """The workers that run."""
        return [worker for worker in self.workers if worker.poll() is None]

    def kill(self, *processes: subprocess.Popen[bytes] | None) -> None:
        """Kill processes at once."""
        for process in processes:
            assert process is not None
            process.kill()
            process.wait()

    def end(self) -> None:
        """End everything, whatever state it is in."""
        for process in (*self.workers, self.scheduler):
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
                process.wait()

    def _start(
        self, name: str, *line: str, log: str = "scheduler.log", **environment: str
    ) -> subprocess.Popen[bytes]:
        program = f"distributed.cli.dask_{name}"
        with (self.folder / log).open("ab") as out:
            return subprocess.Popen(
                [sys.executable, "-m", program, *line, "--no-dashboard", *self.options],
                cwd=self.folder,
                env={**self._kept(), **self.environment, **environment},
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
            )

    def _kept(self) -> dict[str, str]:
        """Return the environment of a machine that knows no login."""
        kept = {name: text for name, text in os.environ.items() if not name.startswith("DOCKER_")}
        own = {
            "HOME": str(self.folder),
            "PYTHONPATH": _ROOT,
            "PYTHONWARNINGS": "default",
        }
        return {**kept, **own}

    def _wait(self, is_there: Callable[[], bool], log: str) -> None:
        until = time.monotonic() + _SECONDS
        while not is_there():
            assert time.monotonic() < until, (self.folder / log).read_text()
            time.sleep(0.05)


@contextmanager
def serving_cluster(
    folder: Path, workers: int, options: Sequence[str] = (), **environment: str
) -> Iterator[Cluster]:
    """A scheduler with so many workers."""
    folder.mkdir(parents=True, exist_ok=True)
    cluster = Cluster(folder=folder, options=options, environment=environment)
    try:
        cluster.start_scheduler()
        for _ in range(workers):
            cluster.add_worker()
        yield cluster
    finally:
        cluster.end()


LIMITS: tuple[Mapping[str, float], ...] = (
    {"concurrency": 2},
    {"requests_per_second": 10},
    {"concurrency": 4},
    {"budget": 9},
    {},
)
"""What an estate's registries bear, one after the other, over and over."""


@dataclass(slots=True, kw_only=True)
class Estate:
    """Registries that bear different things, and a folder that watches them."""

    folder: Path
    places: list[tuple[Place, Stock]]

    def configure(self, engine: str, *, limits: Sequence[Mapping[str, float]] = LIMITS) -> None:
        """Watch every tag of every repository."""
        watch = "".join(
            f"  - {{image: '{place.host}/{path}'}}\n"
            for place, stock in self.places
            for path in paths_of(stock)
        )
        registries = "".join(
            f"  '{place.host}': {{endpoint: '{place.url}', credential: anonymous"
            + "".join(f", {key}: {value}" for key, value in limits[at % len(limits)].items())
            + "}\n"
            for at, (place, _) in enumerate(self.places)
        )
        (self.folder / "tagwatch.yaml").write_text(
            f"version: 1\ndatabase: ledger.db\nreports: {{formats: []}}\nengine: {engine}\n"
            f"watch:\n{watch}registries:\n{registries}"
        )

    def stats(self) -> list[Any]:
        """What each registry was asked since the last question."""
        return [place.stats() for place, _ in self.places]

    def let_move(self, count: int) -> None:
        """Let so many tags of each registry move."""
        for place, _ in self.places:
            place.let_move(count)

    def intervals(self) -> list[tuple[str, ...]]:
        """What the ledger knows of every tag, with the number of the night for the time."""
        site = open_site(self.folder / "tagwatch.yaml", environment={})
        names = {place.host: str(number) for number, (place, _) in enumerate(self.places)}
        with Ledger.open(site.database, site.origins) as ledger:
            found = [
                (path, one) for path in ledger.repositories() for one in ledger.intervals(path)
            ]
        times = sorted({one.first_seen for _, one in found})
        return sorted(
            (
                names[home.host], home.path, one.tag, one.digest, str(one.version),
                str(one.verdict), str(one.ended), str(times.index(one.first_seen)),
            )
            for home, one in found
        )  # fmt: skip


@contextmanager
def serving_estate(folder: Path, registries: int, stock: Stock) -> Iterator[Estate]:
    """So many registries, each in a process of its own, with images of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    stocks = [replace(stock, group=f"team{number}") for number in range(registries)]
    with ExitStack() as stack:
        places = [(stack.enter_context(double(one, folder)), one) for one in stocks]
        yield Estate(folder=folder, places=places)


def main() -> None:
    """Serve a cluster until it is interrupted: `make cluster`."""
    parser = argparse.ArgumentParser(description="a scheduler and workers to try `engine: dask`")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    kept = {"HOME": str(Path.home())}
    kept |= {name: text for name, text in os.environ.items() if name.startswith("DOCKER_")}
    with (
        tempfile.TemporaryDirectory() as folder,
        serving_cluster(Path(folder), options.workers, **kept) as cluster,
        suppress(KeyboardInterrupt),
    ):
        print(f"{options.workers} workers, until you press Ctrl-C; for tagwatch.yaml:")
        print(f'engine: {{dask: {{address: "{cluster.address}"}}}}', flush=True)
        signal.pause()


if __name__ == "__main__":
    main()
