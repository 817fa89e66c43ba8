"""What a night costs: requests, connections, CPU and memory of the real `tagwatch scan`.

Run: python -m tests.bench.crawl [QUESTION…]    Questions: night, distribution, far, memory, large.
Every figure stands beside a yardstick of the same run: a client that only sends the HEADs.
"""

from __future__ import annotations

import json
import os
import resource
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.static_registry import Stock

ROUNDS = 5
SCAN = ("-m", "tagwatch", "scan", "--format", "json")
TAGS = "1,000 known tags of 200 repositories"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a process took; `crawl`: CPU seconds and wall seconds of its network part alone."""

    wall: float
    cpu: float
    megabytes: float
    answer: Any

    def __str__(self) -> str:
        return f"{self.wall:.2f} s, CPU {self.cpu:.2f} s, {self.megabytes:.0f} MB"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A registry that answers, the certificate to believe, and a folder to scan from."""

    url: str
    folder: Path
    authority: Path | None = None

    @property
    def host(self) -> str:
        return self.url.partition("://")[2]

    def configure(self, paths: list[str], concurrency: int | None) -> None:
        """Watch every tag of every repository; no reports, so that they are not measured."""
        options = [f"endpoint: '{self.url}'", "credential: anonymous"]
        options += [f"concurrency: {concurrency}"] if concurrency else []
        options += [f"ca_file: '{self.authority}'"] if self.authority else []
        watch = "".join(f"  - {{image: '{self.host}/{path}'}}\n" for path in paths)
        self.folder.mkdir(exist_ok=True)
        (self.folder / "tagwatch.yaml").write_text(
            f"version: 1\ndatabase: ledger.db\nreports: {{formats: []}}\nwatch:\n{watch}"
            f"registries:\n  '{self.host}': {{{', '.join(options)}}}\n"
        )

    def scan(self) -> Cost:
        """One night."""
        done = measured(*SCAN, cwd=self.folder)
        document = json.loads(done.answer)
        assert document["complete"], document["failures"][:3]
        return replace(done, answer=document)

    def stats(self) -> Any:
        """What the double was asked since the last question."""
        context = ssl.create_default_context(cafile=self.authority) if self.authority else None
        with urllib.request.urlopen(f"{self.url}/stats", context=context) as answer:
            return json.load(answer)


def measured(*arguments: str, cwd: Path) -> Cost:
    """Run Python with `arguments`; its exit code may tell of findings."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        begun = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=cwd,
            stdout=out,
            stderr=err,
            env={"TAGWATCH_CONFIG": "tagwatch.yaml", **environment()},
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - begun
        out.seek(0)
        err.seek(0)
        assert process.returncode in (0, 1), err.read().decode()[-2000:]
        return Cost(
            wall=wall,
            cpu=used.ru_utime + used.ru_stime,
            megabytes=used.ru_maxrss / 1024,
            answer=out.read().decode(),
        )


def environment() -> dict[str, str]:
    """The machine's own, with modules compiled once and the tests importable."""
    root = str(Path(__file__).parents[2])
    return {**os.environ, "PYTHONPATH": root, "PYTHONDONTWRITEBYTECODE": ""}


@contextmanager
def double(stock: Stock, folder: Path, authority: Path | None = None) -> Iterator[Place]:
    """The static registry in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.static_registry", str(stock)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    assert process.stdout is not None
    try:
        port = int(process.stdout.readline())
        scheme = "https" if stock.tls else "http"
        yield Place(url=f"{scheme}://127.0.0.1:{port}", folder=folder, authority=authority)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def crawler(place: Place, name: str, stock: Stock, concurrency: int) -> Cost:
    """A yardstick of `tests.crawlers`: CPU and wall of its requests alone stand in the answer."""
    options = json.dumps(
        {
            "url": place.url,
            "ca_file": str(place.authority) if place.authority else None,
            "concurrency": concurrency,
        }
    )
    done = measured("-m", "tests.crawlers", name, options, str(stock), cwd=place.folder)
    return replace(done, answer=json.loads(done.answer))


def certificates(folder: Path) -> tuple[Path, tuple[str, str]]:
    """An authority, and a server's certificate and key."""
    code = (
        "import sys, pathlib, trustme; f = pathlib.Path(sys.argv[1]); ca = trustme.CA();"
        "c = ca.issue_cert('127.0.0.1'); ca.cert_pem.write_to_path(f / 'ca.pem');"
        "c.private_key_pem.write_to_path(f / 'key.pem');"
        "c.cert_chain_pems[0].write_to_path(f / 'cert.pem')"
    )
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True)
    return folder / "ca.pem", (str(folder / "cert.pem"), str(folder / "key.pem"))


def told(stats: Any, stock: Stock) -> str:
    """Requests a tag and by kind, and connections."""
    requests = stats["requests"]
    tags = stock.tags * stock.repositories
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(requests.items()))
    return (
        f"{sum(requests.values()) / tags:.2f} requests a tag ({kinds}), "
        f"{stats['connections']} connections ({stats['most_open']} at once)"
    )


def question_night(folder: Path) -> None:
    """The first night and unchanged ones, plain and over TLS, beside the yardsticks."""
    authority, pair = certificates(folder)
    for name, tls in (("HTTP", None), ("TLS", pair)):
        stock = Stock(tls=tls)
        with double(stock, folder / name, authority if tls else None) as place:
            place.configure(paths_of(stock), None)
            first = place.scan()
            print(f"{TAGS}, {name}: first night {first}; {told(place.stats(), stock)}")
            taken: dict[str, list[Cost]] = {"scan": [], "crawl": [], "bare": []}
            for _ in range(ROUNDS):
                taken["scan"].append(place.scan())
                stats = place.stats()
                taken["crawl"].append(crawler(place, "crawl", stock, 8))
                taken["bare"].append(crawler(place, "bare", stock, 8))
                place.stats()
            compare(taken, f"  unchanged night; {told(stats, stock)}")


def question_distribution(folder: Path) -> None:
    """The same against the CNCF registry, whose log counts."""
    from tests.registry.distribution import distribution

    stock = Stock()
    with distribution(folder / "registry") as server:
        push(server.url, stock)
        place = Place(url=server.url, folder=folder / "place")
        place.configure(paths_of(stock), None)
        first = place.scan()
        print(f"{TAGS}, CNCF distribution: first night {first}; {first.answer['requests']}")
        taken: dict[str, list[Cost]] = {"scan": [], "crawl": [], "bare": []}
        for _ in range(ROUNDS):
            before = len(server.requests())
            taken["scan"].append(place.scan())
            asked = len(server.requests()) - before
            taken["crawl"].append(crawler(place, "crawl", stock, 8))
            taken["bare"].append(crawler(place, "bare", stock, 8))
        compare(taken, f"  unchanged night: {asked:,} requests")


def question_far(folder: Path) -> None:
    """50 ms of round trip: how much of concurrency ÷ round trip is reached."""
    for concurrency in (8, 16, 64):
        stock = Stock(tags=max(5, concurrency // 2), delay_seconds=0.05)  # many turns a slot
        with double(stock, folder / str(concurrency)) as place:
            place.configure(paths_of(stock), concurrency)
            place.scan()
            place.stats()
            night = place.scan()
            tags = stock.repositories * stock.tags
            print(f"50 ms, {tags:,} tags, {concurrency} at once: {night}")
            print(f"  {told(place.stats(), stock)}")
            for name in ("crawl", "bare"):
                cost = crawler(place, name, stock, concurrency)
                sent, wall = sum(place.stats()["requests"].values()), cost.answer["wall"]
                share = sent / wall / (concurrency / stock.delay_seconds)
                print(f"  {name}: {sent:,} requests in {wall:.2f} s, {share:.0%} of the limit")


def question_memory(folder: Path) -> None:
    """10,000 tags in 1,000 repositories."""
    nights(folder, Stock(repositories=1_000, tags=10))


def question_large(folder: Path) -> None:
    """100,000 tags in 1,000 repositories, ten tags to an image."""
    nights(folder, Stock(repositories=1_000, tags=100, shared=10))


def nights(folder: Path, stock: Stock) -> None:
    """A first and an unchanged night."""
    with double(stock, folder / "place") as place:
        place.configure(paths_of(stock), 16)
        for name in ("first", "unchanged"):
            night = place.scan()
            tags = stock.repositories * stock.tags
            print(f"{tags:,} tags, {name} night: {night}; {told(place.stats(), stock)}")


def compare(taken: dict[str, list[Cost]], title: str) -> None:
    """Medians, as ratios to the yardstick."""
    print(title)
    yard = statistics.median(cost.answer["cpu"] for cost in taken["bare"])
    print(f"    scan, whole process: {median(taken['scan'])}")
    for name in ("crawl", "bare"):
        wall, cpu = (
            statistics.median(cost.answer[key] for cost in taken[name]) for key in ("wall", "cpu")
        )
        print(f"    {name} alone: {wall:.2f} s, CPU {cpu:.2f} s, {cpu / yard:.1f}x the yardstick")


def median(costs: list[Cost]) -> Cost:
    return sorted(costs, key=lambda cost: cost.cpu)[len(costs) // 2]


def paths_of(stock: Stock) -> list[str]:
    return [f"team/{number}" for number in range(stock.repositories)]


def push(url: str, stock: Stock) -> None:
    """Put the stock into a registry that takes uploads."""
    import http.client
    from urllib.parse import urlsplit

    connection = http.client.HTTPConnection(urlsplit(url).netloc)

    def send(method: str, target: str, body: bytes = b"", media_type: str = "") -> Any:
        headers = {"Content-Type": media_type or "application/octet-stream"}
        connection.request(method, target, body, headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status < 300, (answer.status, target)
        return answer

    for path in paths_of(stock):
        for tag in stock.names():
            image = stock.image(path, tag)
            for body, digest in image.blobs:
                place = send("POST", f"/v2/{path}/blobs/uploads/").headers["Location"]
                parts = urlsplit(place)
                send("PUT", f"{parts.path}?{parts.query}&digest={digest}", body)
            send("PUT", f"/v2/{path}/manifests/{tag}", image.manifest, image.media_type)
    connection.close()


QUESTIONS = {
    "night": question_night,
    "distribution": question_distribution,
    "far": question_far,
    "memory": question_memory,
    "large": question_large,
}


def main() -> None:
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    )
    for name in sys.argv[1:] or QUESTIONS:
        with tempfile.TemporaryDirectory() as folder:
            QUESTIONS[name](Path(folder))


if __name__ == "__main__":
    main()
