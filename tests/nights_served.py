"""Simulated nights on a real registry: images are pushed, the nightly scan says what they stand on.

`python -m tests.nights_served --images 50 --nights 30` prints right and wrong. The registry is CNCF
distribution on loopback; it stands for Docker Hub and for a private registry at once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

from tagwatch.api import scan_async
from tagwatch.audit.model.base_match import BaseMatch
from tagwatch.audit.model.diff import Verdict
from tagwatch.audit.model.finding import Finding
from tagwatch.audit.model.knowledge import Knowledge
from tagwatch.image.digest import Digest
from tagwatch.image.manifest import OCI_INDEX, OCI_MANIFEST
from tagwatch.image.reference import Reference
from tagwatch.walk.site import Site, open_site
from tests.image_builder import Built
from tests.nights import BASES, Builder, Score, compare, tell
from tests.official import on_day
from tests.registry.distribution import Distribution, distribution

__all__ = ["RegistryShelf", "ScanAuditor", "Served", "served_nights"]

HOSTS = ("docker.io", "registry.example")


@dataclass(slots=True)
class RegistryShelf:
    """A shelf that pushes what the registry lacks: a layer of a base is mounted, not sent again.

    `blobs` and `manifests` count what was sent; `mounted` what another repository lent.
    """

    connection: HTTPConnection
    held: set[tuple[str, Digest]] = field(default_factory=set)
    lenders: dict[Digest, str] = field(default_factory=dict)
    blobs: int = 0
    mounted: int = 0
    manifests: int = 0

    def push(self, reference: str, image: Built) -> None:
        parsed = Reference.parse(reference)
        name = parsed.repository.path
        documents = image.documents.values()
        configs = {
            one.digest: one.raw
            for one in documents
            if one.media_type not in (OCI_INDEX, OCI_MANIFEST)
        }
        for digest, raw in {**configs, **image.blobs}.items():
            self._blob(name, digest, raw)
        for one in documents:
            if one.media_type == OCI_MANIFEST and (name, one.digest) not in self.held:
                self._manifest(name, one.digest, one.media_type, one.raw)
                self.held.add((name, one.digest))
        assert parsed.tag is not None
        self._manifest(name, parsed.tag, image.media_type, image.raw)

    def _blob(self, name: str, digest: Digest, raw: bytes) -> None:
        if (name, digest) in self.held:
            return
        self.held.add((name, digest))
        lender = self.lenders.setdefault(digest, name)
        query = f"?mount={digest}&from={lender}" if lender != name else ""
        status, place = self._send("POST", f"/v2/{name}/blobs/uploads/{query}", b"")
        if status == 201:
            self.mounted += 1
            return
        assert status == 202, f"{status} to an upload in {name}"
        parts = urlsplit(place)
        target = f"{parts.path}?{parts.query}&digest={digest}"
        status, _ = self._send("PUT", target, raw, "application/octet-stream")
        assert status == 201, f"{status} to {digest} in {name}"
        self.blobs += 1

    def _manifest(self, name: str, what: str, media_type: str, raw: bytes) -> None:
        status, _ = self._send("PUT", f"/v2/{name}/manifests/{what}", raw, media_type)
        assert status == 201, f"{status} to {name}:{what}"
        self.manifests += 1

    def _send(self, method: str, target: str, body: bytes, kind: str = "") -> tuple[int, str]:
        """The status, and where the answer points."""
        headers = {"Content-Type": kind} if kind else {}
        self.connection.request(method, target, body, headers)
        with self.connection.getresponse() as answer:
            answer.read()
            return answer.status, answer.headers.get("Location", "")


@dataclass(slots=True)
class ScanAuditor:
    """The real nightly scan, one ledger for all nights. `replaced`: every `tag-replaced` raised."""

    site: Site
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    replaced: list[Finding] = field(default_factory=list)
    requests: Counter[str] = field(default_factory=Counter)

    def night(self, night: int, references: Sequence[str]) -> Mapping[str, tuple[BaseMatch, ...]]:
        result = asyncio.run(scan_async(replace(self.site, at=on_day(night)))).result
        assert result.complete, result.failures
        assert not result.failures
        self.verdicts.update(one.change.verdict for one in result.changes)
        self.replaced += [one for one in result.findings if one.rule == "tag-replaced"]
        for counts in result.requests.values():
            self.requests.update(counts)
        return {reference: result.evidence[reference].bases for reference in references}


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What came of it: the score, false alarms, and what went to and from the registry."""

    score: Score
    shelf: RegistryShelf
    auditor: ScanAuditor


def served_nights(
    registry: Distribution,
    folder: Path,
    *,
    images: int,
    nights: int,
    seed: int = 1,
    watch_bases: bool = False,
) -> Served:
    """Push and scan for some nights. `folder` holds configuration and ledger.

    `watch_bases`: the bases are on the watch list, too, so that rules judge their moves; else they
    are known to the policy alone.
    """
    shelf = RegistryShelf(HTTPConnection(registry.host, timeout=30))
    builder = Builder(random=Random(seed), images=images, shelf=shelf)
    watched = (*builder.references, *(BASES if watch_bases else ()))
    auditor = ScanAuditor(_site(registry, folder, watched))
    try:
        return Served(score=compare(builder, auditor, nights=nights), shelf=shelf, auditor=auditor)
    finally:
        shelf.connection.close()


def _site(registry: Distribution, folder: Path, watched: Sequence[str]) -> Site:
    endpoint = {"endpoint": registry.url, "kind": "distribution", "credential": "anonymous"}
    bases = [reference.rpartition(":") for reference in BASES]
    policy = {
        "version": 1,
        "defaults": {"platforms": ["linux/amd64", "linux/arm64"]},
        "bases": [{"ref": name, "tags": [tag]} for name, _, tag in bases],
    }
    settings = {
        "version": 1,
        "database": "tagwatch.db",
        "policy": "policy.yaml",
        "registries": dict.fromkeys(HOSTS, endpoint),
        "watch": [
            {"image": name, "tags": [tag]}
            for name, _, tag in (reference.rpartition(":") for reference in watched)
        ],
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "policy.yaml").write_text(json.dumps(policy))
    (folder / "tagwatch.yaml").write_text(json.dumps(settings))
    site = open_site(folder / "tagwatch.yaml", environment={"HOME": str(folder)}, at=on_day(0))
    return replace(site, knowledge=Knowledge())


def main() -> int:
    """Print right and wrong answers; 1 where any is wrong or a routine move alarmed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=50)
    parser.add_argument("--nights", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with distribution(folder / "registry") as registry:
            served = served_nights(
                registry,
                folder / "site",
                images=asked.images,
                nights=asked.nights,
                seed=asked.seed,
                watch_bases=True,
            )
    shelf, seconds = served.shelf, time.monotonic() - started
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(served.auditor.requests.items()))
    failed = tell(
        served.score,
        f"{shelf.manifests} manifests and {shelf.blobs} blobs pushed, {shelf.mounted} mounted",
    )
    print(f"requests of the scans: {counts}; {seconds:.1f} s in all")
    for message in sorted({finding.message for finding in served.auditor.replaced}):
        print(f"  tag-replaced: {message}")
    return 1 if failed or served.auditor.replaced else 0


if __name__ == "__main__":
    sys.exit(main())
