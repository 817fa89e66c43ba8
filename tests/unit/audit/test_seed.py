"""Older builds that nobody saw being served: which tags and digests stand for them, and how far."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tagwatch.audit.base.build import base_builds, claimed_builds
from tagwatch.audit.base.index import index_builds
from tagwatch.audit.base.match import match_base
from tagwatch.audit.base.seed import OlderTags, Wish, older_tags, wishes, with_older_builds
from tagwatch.audit.model.base_build import BaseBuild
from tagwatch.audit.model.base_match import BaseMatch, BaseVerdict
from tagwatch.audit.model.history import Interval
from tagwatch.audit.model.policy import ApprovedBase
from tagwatch.audit.reading.image import Image, read_image
from tagwatch.image.platform import LINUX_AMD64
from tagwatch.image.reference import Reference, Repository
from tagwatch.image.tag_table import TagTable
from tests.image_builder import Built, build, copy, label
from tests.official import app, debian, on_day, python

HUB = "docker.io/library"
PYTHON = ApprovedBase(reference=f"{HUB}/python", tags=("3.12-slim",))
NAMES = (
    "3.12", "3.12-slim", "3.12.0-slim", "3.12.1-slim", "3.12.2-slim", "3.12.10-slim", "3.12.2",
    "3.12.3-alpine", "3.12.4rc1-slim", "3.13-slim", "3.13.0-slim", "3.1.9-slim", "latest", "slim",
    "bookworm-slim", "bookworm-20260501-slim", "bookworm-20260601-slim", "bookworm-20260601",
    "trixie-20260601-slim", "1.4", "1.4.0", "v1.4.1",
)  # fmt: skip
API = "registry.example/shop/api:1"


@pytest.mark.parametrize(
    ("tag", "older"),
    [
        ("3.12-slim", ["3.12.10-slim", "3.12.2-slim", "3.12.1-slim", "3.12.0-slim"]),
        ("3.12", ["3.12.2"]),
        ("bookworm-slim", ["bookworm-20260601-slim", "bookworm-20260501-slim"]),
        ("1.4", ["v1.4.1", "1.4.0"]),
        ("3.12.2-slim", []),
        ("latest", []),
        ("slim", []),
    ],
)
def test_older_tags(tag: str, older: list[str]) -> None:
    assert [one.text for one in older_tags(tag, TagTable.of(NAMES))] == older


def served(image: Built, tag: str, *, version: str | None = None) -> tuple[BaseBuild, ...]:
    now = datetime(2026, 7, 1, tzinfo=UTC)
    interval = Interval(
        tag=tag, digest=image.digest, first_seen=now, last_seen=now, version=version
    )
    return base_builds(f"{HUB}/python:{tag}", interval, image.documents)


def read(image: Built) -> Image:
    return read_image(image.digest, image.documents, reference=API)


def match(image: Built, builds: list[BaseBuild]) -> BaseMatch:
    subject = read(image)
    part = subject.on(LINUX_AMD64)
    assert part is not None
    return match_base(subject, part, index_builds(builds))


OLD, NOW, NEXT = python(0, "3.12.3"), python(9, "3.12.4"), python(20, "3.12.5")


def test_an_older_tag_stands_for_what_the_followed_tag_served() -> None:
    builds = [*served(OLD, "3.12.3-slim"), *served(NOW, "3.12-slim", version="3.12.4")]
    found = match(app(OLD), with_older_builds(builds, [PYTHON]))
    assert found.verdict is BaseVerdict.EXACT_STALE
    assert found.base is not None
    assert (found.base.tag, found.base.version, found.base.first_seen) == (
        "3.12-slim",
        "3.12.3",
        None,
    )
    assert found.behind == 1
    assert "(read as python:3.12.3-slim, layers match" in found.sentence
    alone = match(app(OLD), builds)
    assert alone.base is not None
    assert alone.base.tag == "3.12.3-slim", "without it only its own tag is known"


def test_what_the_tag_serves_now_and_what_is_newer_is_not_older() -> None:
    builds = [
        *served(NEXT, "3.12.5-slim"),
        *served(NOW, "3.12.4-slim"),
        *served(NOW, "3.12-slim", version="3.12.4"),
    ]
    assert with_older_builds(builds, [PYTHON]) == builds


def test_nothing_stands_for_a_tag_that_was_never_read() -> None:
    builds = list(served(OLD, "3.12.3-slim"))
    assert with_older_builds(builds, [PYTHON]) == builds


def test_an_older_build_of_a_tag_that_is_gone_is_retired_with_it() -> None:
    """Else an image on an approved base would stand on one that nobody approved, overnight."""
    builds = [
        *served(OLD, "3.12.3-slim"),
        *(replace(one, ended=True) for one in served(NOW, "3.12-slim", version="3.12.4")),
    ]
    found = match(app(OLD), with_older_builds(builds, [PYTHON]))
    assert found.verdict is BaseVerdict.EXACT_RETIRED
    assert found.base is not None
    assert found.base.reference.endswith("python:3.12-slim")


def test_builds_behind_are_counted_by_version_not_by_the_order_of_reading() -> None:
    between = python(5, "3.12.3")
    builds = [
        *served(between, "3.12.3-slim"),
        *served(python(0, "3.12.2"), "3.12.2-slim"),
        *served(NOW, "3.12-slim", version="3.12.4"),
    ]
    known = with_older_builds(builds, [PYTHON])
    assert match(app(between), known).behind == 1
    assert match(app(python(0, "3.12.2")), known).behind == 2


def claimed(reference: str, image: Built) -> list[BaseBuild]:
    return list(claimed_builds(f"{HUB}/{reference}", image.digest, image.documents))


def test_a_claimed_digest_is_a_build_of_the_tag_that_is_named() -> None:
    builds = [*claimed("python:3.12-slim", OLD), *served(NOW, "3.12-slim", version="3.12.4")]
    found = match(app(OLD), builds)
    assert found.verdict is BaseVerdict.EXACT_STALE
    assert f"read as python@{OLD.digest}" in found.sentence


def test_a_digest_of_another_version_is_no_build_of_the_tag() -> None:
    assert claimed("python:3.11-slim", OLD) == []


def test_a_tag_that_nobody_saw_is_not_called_retired() -> None:
    found = match(app(OLD), claimed("python:3.12-slim", OLD))
    assert found.verdict is BaseVerdict.UNKNOWN
    assert "What that tag serves now is not known." in found.sentence


OLDER = OlderTags({Repository.parse(PYTHON.reference): TagTable.of(NAMES)})


def wished(
    image: Built, base: ApprovedBase = PYTHON, builds: list[BaseBuild] | None = None
) -> list[str]:
    found = wishes(read(image), [match(image, builds or [])], [base], OLDER)
    return [wish.tag or str(wish.digest) for wish in found]


def test_an_image_wishes_for_the_version_that_it_inherited() -> None:
    image = app(python(0, "3.12.1"))
    assert wished(image) == ["3.12.1-slim"]
    behind = ApprovedBase(reference=PYTHON.reference, tags=PYTHON.tags, max_behind=2)
    assert wished(image, behind) == ["3.12.10-slim", "3.12.2-slim", "3.12.1-slim"]


def test_an_image_that_says_nothing_wishes_for_the_newest() -> None:
    assert wished(app(debian(0))) == ["3.12.10-slim", "3.12.2-slim", "3.12.1-slim", "3.12.0-slim"]


def test_an_image_whose_base_is_known_wishes_for_nothing() -> None:
    assert wished(app(NOW), builds=list(served(NOW, "3.12-slim"))) == []


def test_a_claim_is_a_wish_where_the_policy_approves_its_name() -> None:
    name, digest = "org.opencontainers.image.base.name", "org.opencontainers.image.base.digest"
    image = build(
        copy("a", "/a"),
        label(name, "python:3.12-slim"),
        label(digest, OLD.digest),
        base=debian(0),
        created=on_day(1),
    )
    assert wished(image)[0] == OLD.digest
    other = ApprovedBase(reference=PYTHON.reference, tags=("3.13-slim",))
    assert OLD.digest not in wished(image, other)
    whole = ApprovedBase(reference=PYTHON.reference)
    named = build(copy("a", "/a"), label(name, "python:3.12-slim"), base=debian(0))
    found = list(wishes(read(named), [], [whole], OLDER))
    assert found[0] == Wish(reference=Reference.parse("python:3.12-slim"), tag="3.12-slim")
