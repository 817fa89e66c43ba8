"""What the ledger costs: bytes a tag interval, an unchanged night, ten years asked for a tag.

Run: python -m tests.bench.ledger    Times are printed as ratios to an empty Python process.
     python -m tests.bench.ledger DIR    A checkout of official-images, imported, against the facts.
"""

from __future__ import annotations

import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tagwatch.audit.model.evidence import Evidence, Resolution, Status
from tagwatch.audit.model.history import Interval
from tagwatch.image.digest import Digest, digest_of
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import RepositorySnapshot, Scope, TagObservation
from tagwatch.ledger.read import Reader
from tagwatch.ledger.timeline import served_at
from tagwatch.ledger.write import Ledger
from tagwatch.workspace.official_images import library_histories
from tests.history_facts import history_facts, image_names, wrong_answers

START = datetime(2016, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
SUFFIXES = ("", "-alpine", "-slim-bookworm")


def seconds(work: Callable[[], object], *, rounds: int = 5) -> float:
    """The median of some runs."""
    taken = []
    for _ in range(rounds):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def process_seconds(command: Sequence[str], folder: Path, *, rounds: int = 7) -> float:
    """The median of the processor's time for a whole process that runs in `folder`."""
    taken = []
    compiled = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(folder / "pyc")}
    named = {"TAGWATCH_CONFIG": "tagwatch.yaml"}
    for _ in range(rounds):
        begun = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            command,
            check=True,
            cwd=folder,
            env=os.environ | compiled | named,
            stdout=subprocess.DEVNULL,
        )
        done = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(done.ru_utime + done.ru_stime - begun.ru_utime - begun.ru_stime)
    return statistics.median(taken)


def yardstick() -> float:
    """Seconds of `python -c pass`."""
    return process_seconds([sys.executable, "-c", "pass"], Path.cwd())


def snapshots(*, shared: int, at: datetime, chance: random.Random) -> list[RepositorySnapshot]:
    """1,000 repositories of 100 tags, `shared` tags to a digest."""
    found = []
    for number in range(1_000):
        digests = [digest_of(chance.randbytes(8)) for _ in range(100 // shared)]
        names = [
            f"{chance.randint(1, 20)}.{chance.randint(0, 30)}.{tag}{chance.choice(SUFFIXES)}"
            for tag in range(100)
        ]
        found.append(
            RepositorySnapshot(
                repository=Repository(registry="registry.example", path=f"team/{number}"),
                at=at,
                scope=Scope.FULL,
                tags=tuple(
                    TagObservation(tag=name, digest=digests[place // shared])
                    for place, name in enumerate(names)
                ),
            )
        )
    return found


def size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*"))


def bench_size(folder: Path, *, shared: int) -> None:
    path = folder / f"size{shared}.db"
    first = snapshots(shared=shared, at=START, chance=random.Random(1))
    with Ledger.open(path) as ledger:
        empty = size(path)
        run = ledger.begin_run("scan", START)
        begun = time.perf_counter()
        for snapshot in first:
            ledger.add(run, snapshot)
        first_night = time.perf_counter() - begun
        ledger._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        grown = (size(path) - empty) / 100_000
        run = ledger.begin_run("scan", START + DAY)
        begun = time.perf_counter()
        for snapshot in first:
            ledger.add(run, RepositorySnapshot(
                repository=snapshot.repository, at=START + DAY, scope=Scope.FULL, tags=snapshot.tags
            ))  # fmt: skip
        unchanged = time.perf_counter() - begun
        rows = ledger._connection.execute("SELECT count(*) FROM interval").fetchone()[0]
        ledger.compact()
        packed = (size(path) - empty) / 100_000
    print(
        f"100,000 tags, {shared} to a digest: {grown:.0f} bytes a tag interval "
        f"({packed:.0f} packed); first night {first_night:.1f} s, unchanged night "
        f"{unchanged:.1f} s and {rows - 100_000} interval rows"
    )


def bench_history(folder: Path, unit: float) -> None:
    path = folder / "history.db"
    with Ledger.open(path) as ledger:
        begun = time.perf_counter()
        count = fill_ten_years(ledger)
        filled = time.perf_counter() - begun
        ledger._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    print(
        f"50 repositories, ten years: {count:,} intervals, {size(path) / 1e6:.0f} MB, "
        f"{size(path) / count:.0f} bytes each, stored in {filled:.0f} s"
    )
    last = Repository.parse("team/49")
    with Reader.open(path) as reader:
        digest = reader.intervals(last, "1.0")[-1].digest
        questions: dict[str, Callable[[], object]] = {
            "one tag's history": lambda: reader.intervals(last, "1.0"),
            "one tag at a date": lambda: reader.at(last, "1.0", START + 2000 * DAY),
            "which tags was a digest, everywhere": lambda: reader.tags_of_digest(digest),
            "what is known of a repository": lambda: reader.known(last),
            "evidence of 50 references": lambda: reader.evidence([f"k{n}" for n in range(50)]),
        }
        for name, ask in questions.items():
            taken = seconds(ask)
            print(f"  {name}: {taken * 1000:.2f} ms, {taken / unit:.2f}x `python -c pass`")
        bench_command(folder, unit, digest)


def bench_command(folder: Path, unit: float, digest: Digest) -> None:
    """The real command on the ledger of ten years: processor time beside `python -c pass`."""
    (folder / "tagwatch.yaml").write_text("version: 1\ndatabase: history.db\n", encoding="utf-8")
    command = [sys.executable, "-m", "tagwatch"]
    questions = {
        "--version": ["--version"],
        "history of a tag": ["history", "team/49:1.0"],
        "a tag at a date": ["history", "team/49:1.0", "--at", "2021-06-22"],
        "which tags was a digest, here": ["history", f"team/49@{digest}"],
        "which tags was a digest, anywhere": ["history", digest],
        "history of a repository": ["history", "team/49"],
    }
    floor = 0.0
    for name, arguments in questions.items():
        taken = process_seconds([*command, *arguments], folder)
        floor = floor or taken
        print(
            f"  tagwatch, {name}: {taken / unit:.1f}x `python -c pass`, "
            f"{(taken - floor) * 1000:.0f} ms above `tagwatch --version`"
        )


def fill_ten_years(ledger: Ledger) -> int:
    """100 tags a repository, of which half move every fortnight."""
    chance, count = random.Random(2), 0
    run = ledger.begin_run("scan", START)
    ledger._connection.execute("PRAGMA synchronous = OFF")
    for number in range(50):
        repository = Repository.parse(f"team/{number}")
        tags: dict[str, Digest] = {f"{tag}.0": digest_of(b"") for tag in range(100)}
        for night in range(0, 3650, 14):
            fresh = [digest_of(chance.randbytes(8)) for _ in range(10)]
            tags |= {f"{tag}.0": fresh[tag % 10] for tag in range(50)}
            snapshot = RepositorySnapshot(
                repository=repository,
                at=START + night * DAY,
                scope=Scope.FULL,
                tags=tuple(TagObservation(tag=tag, digest=tags[tag]) for tag in tags),
            )
            ledger.add(run, snapshot)
        count += len(ledger.intervals(repository))
    ledger.put_evidence(
        Evidence(key=f"k{n}", at=START, resolution=Resolution(input="x", status=Status.RESOLVED))
        for n in range(2000)
    )
    return count


def bench_truth(folder: Path) -> None:
    with Ledger.open(folder / "truth.db") as ledger:
        intervals = wrong = 0
        for image in image_names():
            facts = history_facts(image)
            intervals += ledger.import_history(Repository.parse(image), facts)
            wrong += wrong_answers(ledger, image)
        ledger._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    print(
        f"{len(image_names())} official images: {intervals:,} intervals imported, each read back, "
        f"and 1,000 random dates an image: {wrong} wrong; "
        f"{size(folder / 'truth.db') / intervals:.0f} bytes an interval"
    )


def bench_checkout(checkout: Path) -> None:
    """A real checkout of official images against the facts, at random dates that both know."""
    asked = wrong = intervals = 0
    begun = time.process_time()
    for image, found in library_histories(checkout, image_names(), at=datetime.now(UTC)):
        intervals += len(found.intervals)
        mine, facts = by_tag(found.intervals), by_tag(history_facts(image))
        chance = random.Random(image)
        first = min(past[0].first_seen for past in facts.values())
        last = max(past[-1].last_seen for past in facts.values())
        for _ in range(1_000):
            tag, when = chance.choice(sorted(facts)), first + (last - first) * chance.random()
            told = served_at(mine.get(tag, []), when)
            fact = served_at(facts[tag], when)
            asked += 1
            wrong += (told and told.first_seen) != (fact and fact.first_seen)
    print(
        f"{checkout}: {len(image_names())} images, {intervals:,} intervals in "
        f"{time.process_time() - begun:.0f} s; {asked:,} random dates, {wrong} wrong"
    )


def by_tag(intervals: Iterable[Interval]) -> dict[str, list[Interval]]:
    past: dict[str, list[Interval]] = {}
    for interval in intervals:
        past.setdefault(interval.tag, []).append(interval)
    return past


def main() -> None:
    if sys.argv[1:]:
        bench_checkout(Path(sys.argv[1]))
        return
    unit = yardstick()
    print(f"`python -c pass`: {unit * 1000:.1f} ms")
    with tempfile.TemporaryDirectory() as name:
        for shared in (1, 4):
            bench_size(Path(name), shared=shared)
        bench_history(Path(name), unit)
        bench_truth(Path(name))


if __name__ == "__main__":
    main()
