"""Registries to measure against, and folders to scan them from."""

from __future__ import annotations

import http.client
import json
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.bench.measure import TAGWATCH, Command, Cost, environment, measured
from tests.static_registry import Stock


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A registry that answers, the certificate to believe, and a folder to scan from."""

    url: str
    folder: Path
    authority: Path | None = None

    @property
    def host(self) -> str:
        """As images name it."""
        return self.url.partition("://")[2]

    def configure(
        self,
        paths: list[str],
        concurrency: int | None,
        *,
        formats: str = "",
        bases: str = "",
        beside: Sequence[Place] = (),
    ) -> None:
        """Watch every tag of every repository; no reports unless `formats` names some.

        `beside`: other registries that hold the same and are watched, too.
        """
        every = (self, *beside)
        options = ["credential: anonymous"]
        options += [f"concurrency: {concurrency}"] if concurrency else []
        options += [f"ca_file: '{self.authority}'"] if self.authority else []
        watch = "".join(f"  - {{image: '{one.host}/{path}'}}\n" for one in every for path in paths)
        registries = "".join(
            f"  '{one.host}': {{endpoint: '{one.url}', {', '.join(options)}}}\n" for one in every
        )
        self.folder.mkdir(exist_ok=True)
        policy = "policy: policy.yaml\n" if bases else ""
        if bases:
            (self.folder / "policy.yaml").write_text(
                f"version: 1\nbases:\n  - {{ref: '{self.host}/{bases}', tags: ['*']}}\n"
            )
        (self.folder / "tagwatch.yaml").write_text(
            f"version: 1\ndatabase: ledger.db\nreports: {{formats: [{formats}]}}\n"
            f"watch:\n{watch}{policy}"
            f"registries:\n{registries}"
        )

    def command(self, name: str, *line: str, **said: Any) -> Command:
        """A command of ours in this folder."""
        stats = said.pop("stats", self.stats)
        return Command(name=name, line=(*TAGWATCH, *line), folder=self.folder, stats=stats, **said)

    def night(self, name: str = "scan") -> Command:
        """A scan."""
        return self.command(name, "scan", "--format", "json")

    def scan(self) -> tuple[Cost, Any]:
        """One night: its cost and its answer, which is complete."""
        done = measured(self.night())
        document = json.loads(done.out)
        assert document["complete"], document["failures"][:3]
        return done, document

    def stats(self) -> Any:
        """What the double was asked since the last question."""
        return self._told("/stats")

    def let_move(self, count: int) -> None:
        """Let so many tags of the double serve other images from now on."""
        self._told(f"/move/{count}")

    def _told(self, target: str) -> Any:
        context = ssl.create_default_context(cafile=self.authority) if self.authority else None
        with urllib.request.urlopen(f"{self.url}{target}", context=context) as answer:
            return json.load(answer)

    def crawler(self, name: str, stock: Stock, concurrency: int) -> Command:
        """A yardstick of `tests.crawlers`, a process that asks the same and does nothing else."""
        options = json.dumps(
            {
                "url": self.url,
                "ca_file": str(self.authority) if self.authority else None,
                "concurrency": concurrency,
            }
        )
        line = (sys.executable, "-m", "tests.crawlers", name, options, str(stock))
        return Command(name=name, line=line, folder=self.folder, stats=self.stats)


@contextmanager
def double(stock: Stock, folder: Path, authority: Path | None = None) -> Iterator[Place]:
    """The static registry in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.static_registry", str(stock)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(folder),
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


def certificates(folder: Path) -> tuple[Path, tuple[str, str]]:
    """An authority, and a server's certificate and key."""
    import trustme

    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    issued.private_key_pem.write_to_path(str(folder / "key.pem"))
    issued.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    return folder / "ca.pem", (str(folder / "cert.pem"), str(folder / "key.pem"))


def paths_of(stock: Stock) -> list[str]:
    """The repositories of a stock."""
    return [f"{stock.group}/{number}" for number in range(stock.repositories)]


def push(url: str, stock: Stock) -> None:
    """Put the stock into a registry that takes uploads."""
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
