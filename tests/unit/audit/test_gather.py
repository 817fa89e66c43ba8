"""From what is remembered of a repository to evidence: support, platforms apart, pins."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from tagwatch.audit.fact.gather import dated, dated_again, gather
from tagwatch.audit.fact.memory import Memory
from tagwatch.audit.fact.resolving import pin_of
from tagwatch.audit.model.evidence import Basis, Evidence, Newer, Pin, Resolution, Status
from tagwatch.audit.model.history import Interval, Seen
from tagwatch.image.digest import Digest, digest_of
from tagwatch.image.manifest import OCI_INDEX, SCHEMA1_TYPES
from tagwatch.image.platform import Platform
from tagwatch.image.reference import Reference, Repository
from tagwatch.image.snapshot import Document, Failure
from tagwatch.image.tag_table import TagTable
from tagwatch.service.demo.images import Built, Step, build, index_of
from tagwatch.source.target import Location, Target
from tagwatch.value import replace as with_fields
from tests.image_builder import attest, index, run, spdx
from tests.image_builder import build as build_steps

AT = datetime(2026, 11, 23, tzinfo=UTC)
REDIS = Repository(registry="docker.io", path="library/redis")
PLATFORMS = (Platform.parse("linux/amd64"), Platform.parse("linux/arm64"))


def image(version: str, architecture: str) -> Built:
    return build(
        None,
        [Step(created_by=f"ENV REDIS_VERSION={version}", content=f"{version} {architecture}")],
        day="2026-11-01",
        config={"Env": [f"REDIS_VERSION={version}"]},
        architecture=architecture,
    )


def stored(*images: Built) -> tuple[Digest, Mapping[Digest, Document]]:
    index, extra, _ = index_of(images)
    documents = {index.digest: index, **{one.digest: one for one in extra}}
    for one in images:
        documents[one.manifest.digest] = one.manifest
        documents |= {
            digest: Document(digest=digest, media_type="application/octet-stream", raw=raw)
            for digest, raw in one.blobs.items()
        }
    return index.digest, documents


def interval(digest: Digest, *, days: int, ended: bool, kind: Seen = Seen.SEEN) -> Interval:
    last = AT - timedelta(days=days)
    return Interval(
        tag="7",
        digest=digest,
        first_seen=last - timedelta(days=100),
        last_seen=last,
        ended=ended,
        ended_at=last if ended else None,
        kind=kind,
    )


def memory(digest: Digest, documents: Mapping[Digest, Document], *intervals: Interval) -> Memory:
    return Memory(
        repository=REDIS,
        at=AT,
        table=TagTable.of({"7": digest, "7.4.11": digest}),
        is_listed=True,
        intervals={"7": intervals},
        change_of=lambda _: None,
        documents=documents,
    )


def target(text: str = "redis:7") -> Target:
    place = Location(path="Dockerfile", line=1, column=6, end_line=1, end_column=13)
    return Target(text=text, location=place, kind="from", reference=Reference.parse(text))


@pytest.mark.parametrize(
    ("packages", "version"),
    [
        (
            {"pkg:deb/debian/redis": "5:7.4.11-1~deb12u1", "pkg:deb/debian/openssl": "3.0.14"},
            "7.4.11",
        ),
        ({"pkg:pypi/redis": "5.0.4"}, None),  # a client of it
    ],
)
def test_an_sbom_that_was_read_names_what_no_tag_names(
    packages: dict[str, str], version: str | None
) -> None:
    plain = build_steps(run("make", **{"usr/bin/redis": "1"}))
    served = index(plain, attest(plain, spdx(plain, packages)))
    known = replace(
        memory(served.digest, served.documents),
        table=TagTable.of({"latest": served.digest}),
        intervals={},
    )
    found = gather(
        target("redis:latest"), known, platforms=PLATFORMS, bases=lambda _: (), at=AT
    ).resolution
    assert found.version == version
    assert found.status is (Status.RESOLVED if version else Status.NO_VERSION)
    assert found.basis is (Basis.ATTESTATION if version else Basis.NONE)


def test_platforms_at_different_versions_are_said_so() -> None:
    digest, documents = stored(image("7.4.11", "amd64"), image("7.4.10", "arm64"))
    known = memory(digest, documents, interval(digest, days=0, ended=False))
    found = gather(target(), known, platforms=PLATFORMS, bases=lambda _: (), at=AT)
    assert [one.version for one in found.platforms] == ["7.4.11", "7.4.10"]
    assert "different versions" in found.resolution.note


@pytest.mark.parametrize("tag", ["7", "7.4.11"])
def test_where_no_tags_were_listed_nothing_newer_is_not_the_newest(tag: str) -> None:
    digest, documents = stored(image("7.4.11", "amd64"), image("7.4.11", "arm64"))
    known = memory(digest, documents, interval(digest, days=0, ended=False))

    def newer(known: Memory) -> Newer:
        found = gather(
            target(f"redis:{tag}"), known, platforms=PLATFORMS, bases=lambda _: (), at=AT
        )
        return found.resolution.newer

    assert newer(known) == Newer()
    assert newer(replace(known, is_listed=False)) == Newer(
        not_comparable="its repository's tags could not be listed"
    )


def test_platforms_at_one_version_need_no_word() -> None:
    digest, documents = stored(image("7.4.11", "amd64"), image("7.4.11", "arm64"))
    known = memory(digest, documents, interval(digest, days=0, ended=False))
    found = gather(target(), known, platforms=PLATFORMS, bases=lambda _: (), at=AT)
    assert found.resolution.tag == "7.4.11"
    assert found.resolution.note == ""


@pytest.mark.parametrize(
    ("days", "ended", "supported", "lifecycle"),
    [(400, True, False, "unsupported"), (3, False, True, None), (90, False, None, None)],
    ids=["its publisher dropped it", "its publisher names it", "the list is old"],
)
def test_support_is_what_an_imported_list_says(
    days: int, ended: bool, supported: bool | None, lifecycle: str | None
) -> None:
    digest, documents = stored(image("7.4.11", "amd64"))
    told = interval(Digest("build:" + "a" * 40), days=days, ended=ended, kind=Seen.COMMITTED)
    known = memory(digest, documents, told, interval(digest, days=0, ended=False))
    found = gather(target(), known, platforms=PLATFORMS, bases=lambda _: (), at=AT)
    assert found.resolution.supported is supported
    if lifecycle is not None:
        assert found.lifecycle == lifecycle


def test_a_pin_that_the_registry_no_longer_serves() -> None:
    digest, documents = stored(image("7.4.11", "amd64"))
    gone = Digest("sha256:" + "0" * 64)
    known = memory(digest, documents, interval(digest, days=0, ended=False))
    pinned = target(f"redis:7@{gone}")
    found = gather(pinned, known, platforms=PLATFORMS, bases=lambda _: (), at=AT)
    assert found.pin is not None
    assert found.pin.exists is None, "nobody asked for it: that is not gone"
    assert found.resolution.status.value == "unavailable"


def test_a_pin_without_a_tag_may_be_one_platform_of_what_a_tag_serves() -> None:
    """Then a tag does serve it: it is in no danger of being collected."""
    amd64, arm64 = image("7.4.11", "amd64"), image("7.4.11", "arm64")
    digest, documents = stored(amd64, arm64)
    known = memory(digest, documents, interval(digest, days=0, ended=False))
    platforms = json.loads(documents[digest].raw)["manifests"]
    for one in platforms:
        pinned = target(f"redis@{one['digest']}")
        found = gather(pinned, known, platforms=PLATFORMS, bases=lambda _: (), at=AT)
        assert found.pin is not None
        assert (found.pin.platform_only, found.pin.tags) == (True, None)
    pinned = target(f"redis@sha256:{'1' * 64}")
    gone = gather(pinned, known, platforms=PLATFORMS, bases=lambda _: (), at=AT).pin
    assert gone is not None
    assert (gone.platform_only, gone.tags) == (False, ())
    unread = gather(pinned, memory(digest, {}), platforms=PLATFORMS, bases=lambda _: (), at=AT).pin
    assert unread is not None
    assert (unread.platform_only, unread.tags) == (None, None)


def test_what_tags_list_is_looked_through_once_for_all_pins() -> None:
    """Once a pin, with every config of every tag, ten pins beside 2,000 tags took 6 s."""

    class Counted(dict[Digest, Document]):
        asked: Counter[Digest] = Counter()

        def get(self, digest: Digest, default: object = None) -> Any:
            self.asked[digest] += 1
            return super().get(digest, default)

    digest, documents = stored(image("7.4.11", "amd64"), image("7.4.11", "arm64"))
    known = memory(digest, Counted(documents), interval(digest, days=0, ended=False))
    pins = [Reference(repository=REDIS, digest=Digest(f"sha256:{n:064x}")) for n in range(5)]
    assert {pin_of(pin, known) for pin in pins} == {Pin(tags=(), platform_only=False)}
    assert Counted.asked == {digest: 1, **{pin.digest: 1 for pin in pins}}


def test_a_schema_1_manifest_lists_no_platform() -> None:
    raw = b'{"schemaVersion":1,"fsLayers":[]}'
    for media_type, listed in ((min(SCHEMA1_TYPES), frozenset()), (OCI_INDEX, {None})):
        old = Document(digest=digest_of(raw), media_type=media_type, raw=raw)
        assert memory(old.digest, {old.digest: old}).listed_in_tags == listed


def test_a_config_that_is_none_is_told_and_says_nothing_of_the_platform() -> None:
    digest, documents = stored(image("7.4.11", "amd64"))
    config = "application/octet-stream"  # see `stored`
    broken = {
        key: replace(one, raw=b"hello") if one.media_type == config else one
        for key, one in documents.items()
    }
    known = memory(digest, broken, interval(digest, days=0, ended=False))
    found = gather(target(), known, platforms=PLATFORMS, bases=lambda _: (), at=AT)
    (failure,) = found.failures
    assert (failure.code, failure.repository) == ("invalid-document", REDIS)
    assert "linux/amd64" in failure.message
    whole = memory(digest, documents, interval(digest, days=0, ended=False))
    assert not gather(target(), whole, platforms=PLATFORMS, bases=lambda _: (), at=AT).failures
    unread = {key: one for key, one in documents.items() if one.media_type != config}
    unknown = memory(digest, unread, interval(digest, days=0, ended=False))
    assert not gather(target(), unknown, platforms=PLATFORMS, bases=lambda _: (), at=AT).failures


def test_what_was_read_and_is_not_understood_is_told_every_night() -> None:
    """A schema 1 manifest, and an index inside an index: neither is read again, nor judged."""
    payload = b'{"schemaVersion":1,"fsLayers":[]}'
    old = Document(digest=digest_of(payload), media_type=min(SCHEMA1_TYPES), raw=payload)
    inner, documents = stored(image("7.4.11", "amd64"))
    around = json.dumps(
        {
            "schemaVersion": 2,
            "manifests": [
                {
                    "mediaType": OCI_INDEX,
                    "digest": inner,
                    "size": 1,
                    "platform": {"os": "linux", "architecture": "amd64"},
                }
            ],
        }
    ).encode()
    outer = Document(digest=digest_of(around), media_type=OCI_INDEX, raw=around)
    nothing = b'{"schemaVersion":2,"manifests":[]}'
    empty = Document(digest=digest_of(nothing), media_type=OCI_INDEX, raw=nothing)
    for document, says in (
        (old, "schema 1"),
        (outer, "linux/amd64): an index inside an index"),
        (empty, "an index that lists no image"),  # a scan advised to run it without --offline
    ):
        known = memory(
            document.digest,
            {**documents, document.digest: document},
            interval(document.digest, days=0, ended=False),
        )
        found = gather(target(), known, platforms=PLATFORMS, bases=lambda _: (), at=AT)
        (failure,) = found.failures
        assert (failure.code, failure.tag) == ("invalid-document", "7")
        assert says in failure.message
        assert failure.hint


def test_a_tag_that_could_not_be_asked_is_not_known_to_be_absent() -> None:
    """No list has it, and the registry failed when it was asked for by itself."""
    digest, documents = stored(image("7.4.11", "amd64"))
    known = memory(digest, documents, interval(digest, days=0, ended=False))
    failed = Failure(repository=REDIS, tag="9", code="unavailable", message="no", status=503)
    unasked = replace(known, failures=(failed,))
    statuses = [
        gather(target("redis:9"), one, platforms=PLATFORMS, bases=lambda _: (), at=AT)
        for one in (known, unasked)
    ]
    assert [one.resolution.status.value for one in statuses] == ["not-found", "unavailable"]


def test_a_range_tells_the_past_of_what_it_comes_to() -> None:
    digest, documents = stored(image("7.4.11", "amd64"))
    past = interval(digest, days=0, ended=False)
    known = replace(
        memory(digest, documents, past),
        table=TagTable.of({"7.4.11": digest, "latest": digest}),
        intervals={"7.4.11": (with_fields(past, tag="7.4.11"),), "latest": ()},
    )
    asked = with_fields(target("redis"), selector="7.x", text="redis:7.x")
    found = gather(asked, known, platforms=PLATFORMS, bases=lambda _: (), at=AT)
    assert found.resolution.tag == "7.4.11"
    assert [one.tag for one in found.history] == ["7.4.11"]


def test_a_line_does_not_go_on_with_what_is_unfinished() -> None:
    """Pre-releases and what `dev` serves: `1.2` is no worse for them, and `1.3-rc` is."""
    names = ("1.1", "1.2", "1.3-rc", "1.3.0-rc1", "2.0.0-beta1", "1.9.4")
    served = {name: Digest(f"sha256:{n:064x}") for n, name in enumerate(names)}
    intervals = {
        name: (with_fields(interval(one, days=0, ended=False), tag=name),)
        for name, one in served.items()
    }
    table = TagTable.of({**served, "dev": served["1.9.4"]})
    known = replace(memory(served["1.2"], {}), table=table, intervals=intervals)
    beside = {tag: {one.tag for one in known.line_beside(tag)} for tag in ("1.2", "1.3-rc")}
    assert beside == {"1.2": {"1.1"}, "1.3-rc": {*names} - {"1.3-rc"}}


def test_time_alone_is_what_dating_again_adds() -> None:
    digest, documents = stored(image("7.4.11", "amd64"), image("7.4.11", "arm64"))
    known = memory(digest, documents, interval(digest, days=80, ended=False))
    made = {}
    for days in (-60, 60):
        at = AT + timedelta(days=days)
        seen = with_fields(known.intervals["7"][0], last_seen=at)
        now = replace(known, at=at, intervals={"7": (seen,)})
        made[days] = gather(target(), now, platforms=PLATFORMS, bases=lambda _: (), at=at)
    assert made[60] != made[-60]
    assert made[60].lifecycle == "frozen"
    assert dated(made[-60], target(), now, at=at) == made[60]


@pytest.mark.parametrize("seed", range(40))
def test_dating_says_the_same_until_it_names(seed: int) -> None:
    """The law of `dated_again`: a night before that moment need not date anything anew."""
    chance = random.Random(seed)
    digests = [digest_of(bytes([number])) for number in range(3)]
    intervals: dict[str, tuple[Interval, ...]] = {}
    for tag in ("7", "7.1", "7.2"):
        ends = sorted(chance.sample(range(200), chance.randint(2, 5)))
        intervals[tag] = tuple(
            Interval(
                tag=tag,
                digest=chance.choice(digests),
                first_seen=AT - timedelta(days=200 - begin),
                last_seen=AT - timedelta(days=200 - end),
                ended=end != ends[-1],
                ended_at=None if end == ends[-1] else AT - timedelta(days=200 - end),
                kind=chance.choice([Seen.SEEN, Seen.SEEN, Seen.COMMITTED]),
                version=chance.choice([None, "7.1", "7.2"]),
            )
            for begin, end in pairwise(ends)
        )
    table = TagTable.of({tag: past[-1].digest for tag, past in intervals.items()})
    known = replace(memory(digests[0], {}), intervals=intervals, table=table)
    moments = [AT + timedelta(days=days, seconds=chance.choice([0, 1])) for days in range(100)]
    plain = Evidence(key="", resolution=Resolution(input="", status=Status.RESOLVED))
    made: str | None = None
    again: datetime | None = None
    kept = 0
    for at in moments:
        said = repr([dated(plain, target(f"redis:{tag}"), known, at=at) for tag in intervals])
        if made is not None and (again is None or at < again):
            assert said == made, f"{at}, {again}"
            kept += 1
        else:
            made, again = said, dated_again(known, at)
    assert kept > 50
