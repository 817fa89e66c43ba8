"""The past of a library file as bytes: read back equal; damaged bytes are an error, no more."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagwatch.errors import InputError
from tagwatch.source.library import LibraryBuild
from tagwatch.source.library_past import (
    LibraryVersion,
    is_writable,
    past_of_bytes,
    past_to_bytes,
)

BEGIN = datetime(2013, 7, 9, tzinfo=UTC)
WORDS = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=9)
TEXTS = st.sampled_from(["", "6.2", "alpine 3", "\xa0" + "c" * 40])
COMMITS = st.sampled_from(["a" * 40, "b" * 40, "refs/tags/v1", "", "A" * 40])
BUILDS = st.builds(
    LibraryBuild,
    tags=st.lists(WORDS, max_size=3).map(tuple),
    shared_tags=st.lists(WORDS, max_size=2).map(tuple),
    architectures=st.lists(WORDS, min_size=1, max_size=2).map(tuple),
    commit=COMMITS,
    directory=TEXTS,
    file=TEXTS,
    overrides=st.lists(
        st.one_of(
            st.tuples(WORDS, st.just("gitcommit"), COMMITS),
            st.tuples(WORDS, st.sampled_from(["directory", "file"]), TEXTS),
        ),
        max_size=2,
    ).map(tuple),
)


@st.composite
def pasts(draw: st.DrawFn) -> list[LibraryVersion]:
    """Versions that share builds in other orders; dates of commits may step back."""
    known = draw(st.lists(BUILDS, min_size=1, max_size=6))
    versions = st.tuples(
        st.integers(0, 10**8).map(lambda seconds: BEGIN + timedelta(seconds=seconds)),
        st.lists(st.sampled_from(known), max_size=6).map(tuple),
    )
    return draw(st.lists(versions, max_size=6))


@settings(max_examples=60)
@given(pasts())
def test_what_is_written_is_read_back(past: list[LibraryVersion]) -> None:
    assert all(map(is_writable, past))
    assert list(past_of_bytes(past_to_bytes(past))) == past


def build(**fields: object) -> LibraryBuild:
    return LibraryBuild(**{"tags": ("1",), **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "version",
    [
        (BEGIN, (build(tags=("a b",)),)),
        (BEGIN, (build(tags=("\x1b[31m",)),)),
        (BEGIN, (build(shared_tags=("",)),)),
        (BEGIN, (build(commit="a\nb"),)),
        (BEGIN, (build(directory="a\tb"),)),
        (BEGIN, (build(tags=("a" * 600,)),)),
        (BEGIN.replace(year=1960), ()),
        (BEGIN, (build(),) * 5_001),
    ],
    ids=["space", "escape", "empty", "newline", "tab", "long", "date", "many"],
)
def test_what_cannot_be_read_back_is_not_written(version: LibraryVersion) -> None:
    assert not is_writable(version)


def sample() -> bytes:
    one = build(tags=("1.0", "1"), commit="a" * 40, directory="1")
    two = build(tags=("2",), commit="v2", overrides=(("arm64v8", "gitcommit", "b" * 40),))
    return past_to_bytes(
        [(BEGIN, (one,)), (BEGIN + timedelta(days=9), (one, two)), (BEGIN, (two, one))]
    )


def test_damaged_bytes_are_an_error_and_no_other() -> None:
    """Each byte with each bit turned, each beginning, and bytes that were never written."""
    raw = sample()
    assert len(list(past_of_bytes(raw))) == 3
    damaged = [raw[:length] for length in range(len(raw))] + [raw + b"x"]
    for place in range(len(raw)):
        damaged += [
            raw[:place] + bytes([raw[place] ^ 1 << bit]) + raw[place + 1 :] for bit in range(8)
        ]
    chance = random.Random(7)
    damaged += [chance.randbytes(chance.randrange(60)) for _ in range(200)]
    refused = 0
    for one in damaged:
        try:
            list(past_of_bytes(one))
        except InputError:
            refused += 1
    assert refused > len(damaged) // 3, "the others are other dates, hashes and letters"
    with pytest.raises(InputError, match="ends too early"):
        list(past_of_bytes(raw[:-1]))


def columns(*parts: bytes) -> bytes:
    """Columns as they are written, those that are left out empty; all shorter than 128 bytes."""
    whole = [*parts, *[b""] * (8 - len(parts))]
    return bytes(map(len, whole)) + b"".join(whole)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (columns(b"\xff\xff\xff\x7f"), "a number is larger than 20,000"),
        (columns(b"\xff" * 9), "a number is larger than 20,000"),
        (columns(b"\x01\x00", b"\x01\xff\xff\x03"), "a number is larger than 10,001"),
        (columns(b"\x01\x01", b"\x00"), "a date is out of range"),
        (columns(b"\x01\x00", b"\x01\x02\x00"), "copied from where there is none"),
        (columns(b"\x01\x00", b"\x01\x00"), "an empty run"),
        (columns(b"\x01\x00", b"\x01\x03", b"\x1b\n", b"\n"), "not printable"),
        (columns(b"\x01\x00", b"\x01\x03", b"a"), "a line has no end"),
        (columns(b"\x01\x00", b"\x01\x03", b"a\n", b"\n", b"", b"", b"x\n", b"\x00"), "no recipe"),
        (columns(b"\x00", b"left"), "more than its versions"),
    ],
)
def test_hostile_bytes(raw: bytes, said: str) -> None:
    with pytest.raises(InputError, match=said):
        list(past_of_bytes(raw))


def test_few_bytes_cannot_ask_for_much_work() -> None:
    """Each version copies what the one before had: few bytes would say a million tags."""
    many = tuple(build(tags=(str(number),)) for number in range(1_000))
    raw = past_to_bytes([(BEGIN, many)] * 600)
    assert len(raw) < 30_000
    with pytest.raises(InputError, match="more than 1,000,000 tags"):
        for _ in past_of_bytes(raw):
            pass
