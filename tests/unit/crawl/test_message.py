"""Parcels and harvests as bytes: whole, and read by many threads at once."""

from __future__ import annotations

import subprocess
import sys

import msgspec
import pytest

from tagwatch.crawl.engine.interface import Below
from tagwatch.crawl.engine.message import Harvest, Parcel, decode_harvest, decode_parcel, encode
from tagwatch.crawl.task import CrawlTask, Need, Pattern
from tagwatch.image.digest import Digest
from tagwatch.image.platform import LINUX_AMD64
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import (
    Document,
    Failure,
    Quota,
    RepositorySnapshot,
    Scope,
    TagObservation,
)
from tests.registry.harness import AT, DIGEST, MANIFEST

APP = Repository(registry="registry.example", path="shop/app")
TASK = CrawlTask(
    repository=APP,
    at=AT,
    tags=frozenset({"1", "2"}),
    patterns=(Pattern(selector="1.x", include=("a*",), max_tags=3),),
    pins=frozenset({DIGEST}),
    parts=frozenset({(DIGEST, DIGEST)}),
    needs=Need.NAMES | Need.ATTESTATIONS,
    platforms=(LINUX_AMD64,),
    known={"1": DIGEST},
    watermark="w",
    documents=frozenset({DIGEST}),
    priority=2,
)
SNAPSHOT = RepositorySnapshot(
    repository=APP,
    at=AT,
    scope=Scope.SINCE,
    tags=(TagObservation(tag="1", digest=DIGEST, media_type="m", pushed_at=AT, size=3),),
    names=frozenset({"1", "2"}),
    asked=frozenset({"2"}),
    documents={DIGEST: Document(digest=DIGEST, media_type="m", raw=MANIFEST + b"\x00\xff")},
    pins={DIGEST: False},
    unread={DIGEST: Failure(repository=APP, code="budget", message="no")},
    complete=False,
    failures=(Failure(repository=APP, code="denied", message="no", tag="2", status=403),),
    quota=Quota(limit=100, remaining=3, window_seconds=21600, source="s"),
    watermark="w",
)
DOCUMENT = SNAPSHOT.documents[DIGEST]
PARCEL = Parcel(
    tasks={7: TASK},
    waiting={7},
    released={3},
    dropped={4},
    documents={DIGEST: DOCUMENT, Digest(DIGEST.replace("0", "1")): None},
    prefixes={8: (APP, "shop/")},
    expected=(APP,),
)
HARVEST = Harvest(
    snapshots={7: SNAPSHOT},
    below={8: Below(found=(APP,), gap="cut"), 9: Below(failure=SNAPSHOT.failures[0])},
    asked=[DIGEST],
    errors={1: ("no", "do")},
    requests={"registry.example": {"head": 2}},
)
# Six threads that read their first bytes at the same moment, switched as often as can be.
THREADS = f"""
import sys, threading
from tagwatch.crawl.engine.message import decode_harvest, decode_parcel
sys.setswitchinterval(1e-6)
parcel, harvest = bytes.fromhex({encode(PARCEL).hex()!r}), bytes.fromhex({encode(HARVEST).hex()!r})
start = threading.Barrier(6)
def read():
    start.wait()
    for _ in range(20):
        decode_parcel(parcel), decode_harvest(harvest)
threads = [threading.Thread(target=read) for _ in range(6)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print("read")
"""


def test_nothing_is_lost_on_the_way() -> None:
    assert decode_parcel(encode(PARCEL)) == PARCEL
    assert decode_harvest(encode(HARVEST)) == HARVEST
    assert HARVEST
    assert not Harvest(requests=HARVEST.requests)


@pytest.mark.parametrize("raw", [b"", b"\xc1", b"\x93\x01\x02\x03", encode(PARCEL)[:-1]])
def test_other_bytes_are_refused(raw: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_parcel(raw)
    with pytest.raises(msgspec.DecodeError):
        decode_harvest(raw)


def test_threads_of_one_worker_read_at_once() -> None:
    done = subprocess.run([sys.executable, "-c", THREADS], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "read\n"), done.stderr
