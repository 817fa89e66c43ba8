"""Newer facts: what is taken, what is refused, and what of the older ones stays."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from tagwatch.errors import InputError
from tagwatch.image.reference import Repository
from tagwatch.knowledge.bundled import OFFICIAL_TAGS, load
from tagwatch.knowledge.renewal import (
    MOST_BYTES,
    library_of_tar,
    renewed_ends,
    renewed_library,
    text_of,
    unpacked,
)
from tests.endoflife import COMMIT, api_document, bundled, library_archive, raw_of

NOW = datetime(2026, 11, 29, 3, 0, tzinfo=UTC)
TODAY = NOW.date()
HELD = bundled()
BUILT = bundled(OFFICIAL_TAGS)


def product(document: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in document["result"] if one["name"] == name)


def refused(raw: bytes) -> str:
    with pytest.raises(InputError) as error:
        renewed_ends(raw, HELD, name="newer.json", now=NOW)
    assert error.value.message.startswith("newer.json: not ")
    assert "what is known stays" in error.value.hint or "not a file of facts" in error.value.message
    return error.value.message


def test_the_same_facts_of_a_later_day(tmp_path: Path) -> None:
    found = renewed_ends(raw_of(api_document(NOW)), HELD, name="x", now=NOW)
    assert found.document["products"] == HELD["products"]
    assert found.remarks == ()
    file = tmp_path / "ends.json"
    file.write_text(text_of(found.document, "products"), encoding="utf-8")
    known, bundle = load(file), load()
    assert known.as_of == TODAY
    assert dict(known.products) == dict(bundle.products)
    redis = Repository.parse("redis")
    assert known.product_of(redis) == bundle.product_of(redis)
    assert len(file.read_text("utf-8").splitlines()) == len(HELD["products"]) + 7


def test_the_bundled_form_is_taken_too() -> None:
    document = {**HELD, "as_of": "2026-11-01", "source": "a colleague"}
    found = renewed_ends(raw_of(document), HELD, name="x", now=NOW)
    assert (found.document["as_of"], found.document["source"]) == ("2026-11-01", "a colleague")


def test_a_line_that_began_or_ended_since() -> None:
    document = api_document(NOW)
    redis = product(document, "redis")
    redis["releases"].insert(
        0, {**redis["releases"][0], "name": "9.0", "releaseDate": "2026-11-01", "isLts": True}
    )
    redis["releases"].insert(
        0, {**redis["releases"][0], "name": "9.2", "releaseDate": "2026-12-24"}
    )
    product(document, "nodejs")["releases"][0]["eolFrom"] = "2026-11-28"
    found = renewed_ends(raw_of(document), HELD, name="x", now=NOW).document["products"]
    assert next(iter(found["redis"]["cycles"])) == "9.0", "9.2 is not released yet"
    assert found["redis"]["lts"] == {"9.0": True}
    assert next(iter(found["nodejs"]["cycles"].values())) == "2026-11-28"


def test_a_product_under_a_new_name_is_found_by_its_old_one() -> None:
    document = api_document(NOW)
    product(document, "redis").update(name="redis-server", aliases=["redis", "redis-cache"])
    found = renewed_ends(raw_of(document), HELD, name="x", now=NOW)
    assert (found.remarks, "redis-server" in found.document["products"]) == ((), False)
    assert found.document["products"]["redis"] == HELD["products"]["redis"]


def test_what_is_missing_stays_as_it_was() -> None:
    document = api_document(NOW)
    document["result"].remove(product(document, "redis"))
    document["total"] -= 1
    product(document, "nodejs")["releases"] = product(document, "nodejs")["releases"][:2]
    found = renewed_ends(raw_of(document), HELD, name="x", now=NOW)
    for name in ("redis", "nodejs"):
        assert found.document["products"][name] == HELD["products"][name]
    assert found.remarks == (
        "redis: it is missing; what was known stays",
        "nodejs: most of its lines are missing; what was known stays",
    )


def drop_most(document: dict[str, Any]) -> None:
    document["result"] = document["result"][:200]
    document["total"] = 200


def shorten_most(document: dict[str, Any]) -> None:
    for one in document["result"]:
        del one["releases"][1:]


def silence(document: dict[str, Any]) -> None:
    """Nothing has ever ended."""
    for one in document["result"]:
        for line in one["releases"]:
            line |= {
                key: None if key.endswith("From") else False
                for key in line
                if key[:2] == "is" or key.endswith("From")
            }


def of_the_past(document: dict[str, Any]) -> None:
    document["generated_at"] = "2026-08-21T00:00:00+00:00"


def of_the_future(document: dict[str, Any]) -> None:
    document["generated_at"] = "2026-12-24T00:00:00+00:00"


def cut_short(document: dict[str, Any]) -> None:
    del document["result"][-1]


def of_version_2(document: dict[str, Any]) -> None:
    document["schema_version"] = "2.0.0"


def with_a_command(document: dict[str, Any]) -> None:
    product(document, "redis")["label"] = "Redis\n::error::"


def with_a_long_name(document: dict[str, Any]) -> None:
    product(document, "redis")["label"] = "R" * 201


def without_a_name(document: dict[str, Any]) -> None:
    product(document, "redis")["label"] = None


def of_no_calendar(document: dict[str, Any]) -> None:
    product(document, "redis")["releases"][0]["eolFrom"] = "9999-12-31"


def of_no_day(document: dict[str, Any]) -> None:
    product(document, "redis")["releases"][0]["eolFrom"] = "soon"


def with_a_numbered_line(document: dict[str, Any]) -> None:
    product(document, "redis")["releases"][0]["name"] = 9


def with_too_many_lines(document: dict[str, Any]) -> None:
    redis = product(document, "redis")
    redis["releases"] = [{**redis["releases"][0], "name": f"9.{n}"} for n in range(3001)]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (drop_most, "products that are known are missing"),
        (shorten_most, "products that are known are missing"),
        (silence, "ends of life that are known are missing"),
        (of_the_past, "it is of 2026-08-21, and facts of 2026-08-22 are known"),
        (of_the_future, "it is of 2026-12-24, which is to come"),
        (cut_short, "it says 235 products and has 234"),
        (of_version_2, "not endoflife.date's API in its version 1"),
        (with_a_command, "is no name"),
        (with_a_long_name, "is no name"),
        (without_a_name, "is no name"),
        (of_no_calendar, "ends in the year 9999"),
        (of_no_day, "Invalid isoformat"),
        (with_a_numbered_line, "is no name"),
        (with_too_many_lines, "has 3001 lines"),
    ],
)
def test_an_answer_that_cannot_be_right_is_refused(
    spoil: Callable[[dict[str, Any]], None], words: str
) -> None:
    document = api_document(NOW)
    spoil(document)
    assert words in refused(raw_of(document))


@pytest.mark.parametrize(
    "raw",
    [b"", b"<!doctype html><h1>404</h1>", b"[]", b"{}", b"[" * 100_000, b"\xff", b'{"result": 5}'],
)
def test_what_is_no_document_is_refused(raw: bytes) -> None:
    refused(raw)


def test_gzip_is_unpacked_and_bounded() -> None:
    assert unpacked(b"plain") == b"plain"
    assert unpacked(gzip.compress(b"packed")) == b"packed"
    for raw in (gzip.compress(b"packed")[:-9], b"\x1f\x8bnothing"):
        with pytest.raises(InputError):
            unpacked(raw)
    with pytest.raises(InputError, match="unpacks to more"):
        unpacked(gzip.compress(bytes(MOST_BYTES + 1)))


def library(images: dict[str, tuple[str, ...]], day: date = TODAY) -> Any:
    return renewed_library(images, BUILT, day=day, source="x", name="library.tar", now=NOW)


def test_an_archive_of_official_images() -> None:
    images, day, commit = library_of_tar(library_archive(TODAY), "library.tar")
    assert (day, commit) == (TODAY, f", commit {COMMIT}")
    found = library(images).document
    assert found["images"] == BUILT["images"]
    assert json.loads(text_of(found, "images")) == found


def test_an_archive_says_what_left_the_library() -> None:
    left = {name: tags for name, tags in BUILT["images"].items() if name != "redis"}
    images, _, _ = library_of_tar(library_archive(TODAY, left), "library.tar")
    assert library(images).remarks == ("redis: it is no official image any more",)


def test_an_archive_with_much_less_is_refused() -> None:
    few = dict(list(BUILT["images"].items())[:100])
    images, _, _ = library_of_tar(library_archive(TODAY, few), "x")
    with pytest.raises(InputError, match="44 of the 144 official images"):
        library(images)
    short = {name: " ".join(tags.split()[:1]) for name, tags in BUILT["images"].items()}
    images, _, _ = library_of_tar(library_archive(TODAY, short), "x")
    with pytest.raises(InputError, match="official images' tags"):
        library(images)
    with pytest.raises(InputError, match="facts of 2026-08-21 are known"):
        library(images, date(2026, 8, 20))
    for raw in (
        b"x" * 1024,
        b"",
        library_archive(TODAY, {}),
        library_archive(TODAY)[:700],
    ):
        with pytest.raises(InputError, match="not taken"):
            library_of_tar(raw, "x")
