"""Stored JSON: every value comes back whole, and msgspec reads and writes the same form."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints
from zlib import adler32

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagwatch.audit.model.base_build import BaseBuild
from tagwatch.audit.model.diff import Verdict
from tagwatch.audit.model.evidence import Evidence, Resolution, Status
from tagwatch.audit.model.history import Change
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.errors import LedgerError
from tagwatch.image.digest import Digest, digest_of
from tagwatch.ledger.codec import (
    compress,
    compress_document,
    compress_lines,
    decode,
    decode_quickly,
    digest_of_bytes,
    digest_to_bytes,
    encode,
    expand,
    expand_lines,
    micros,
    moment,
)
from tagwatch.ledger.document_dictionary import DOCUMENTS
from tests.static_registry import Stock

TIMES = st.integers(0, 4 * 10**15).map(moment)
TEXTS = st.text(max_size=8)
DOCUMENT_PARTS = (
    *(b'{"digest":"', b'","size":1}', b"\x01", b"\x01" * 33, b"sha256:", b"\n", b"\0"),
    *(f"sha256:{digit * 64}".encode() for digit in "0aAg"),
)
PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXTS,
    int: st.integers(-(2**53), 2**53),
    bool: st.booleans(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    datetime: TIMES,
}


@cache  # to make a strategy costs more than to draw from it
def values(kind: Any, depth: int = 0) -> st.SearchStrategy[Any]:
    """Any value of a type, read from the types of its fields."""
    if kind in PLAIN:
        return PLAIN[kind]
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return st.none() | values(next(a for a in arguments if a is not types.NoneType), depth)
    if origin is tuple and arguments[1:] != (...,):
        return st.tuples(*(values(argument, depth) for argument in arguments))
    few = max(0, 2 - depth)
    if few == 0 and origin in (tuple, frozenset):
        return st.just(origin())
    if origin is tuple:
        return st.lists(values(arguments[0], depth + 1), max_size=few).map(tuple)
    if origin is frozenset:
        return st.frozensets(values(arguments[0], depth + 1), max_size=few)
    if origin is Sequence:
        return st.just(())  # a result's targets are stored beside it, one by one
    if origin is not None and issubclass(origin, Mapping):
        return st.dictionaries(TEXTS, values(arguments[1], depth + 1), max_size=few)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(kind)
    assert isinstance(kind, type), kind
    assert dataclasses.is_dataclass(kind), kind
    return st.builds(
        kind, **{name: values(hint, depth) for name, hint in get_type_hints(kind).items()}
    )


@pytest.mark.parametrize("kind", [Evidence, BaseBuild, Change, AuditResult])
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_stored_values_come_back_and_msgspec_agrees(kind: Any, data: st.DataObject) -> None:
    value = data.draw(values(kind))
    stored = encode(value)
    assert decode(kind, stored) == value
    assert encode(decode(kind, stored)) == stored
    assert decode(kind, msgspec.json.encode(value)) == value
    assert msgspec.json.decode(stored, type=kind) == value


@given(TIMES)
def test_times_keep_their_microseconds(at: datetime) -> None:
    assert moment(micros(at)) == at


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(TypeError):
        micros(datetime(2026, 1, 1))  # noqa: DTZ001  # the point of the test


@pytest.mark.parametrize(
    "digest",
    [
        digest_of(b"a"),
        digest_of(b"a", algorithm="sha384"),
        digest_of(b"a", algorithm="sha512"),
        Digest("build:" + "0a" * 20),
    ],
)
def test_digests_come_back(digest: Digest) -> None:
    assert digest_of_bytes(digest_to_bytes(digest)) == digest


def test_a_sha256_digest_is_stored_in_32_bytes() -> None:
    assert len(digest_to_bytes(digest_of(b"a"))) == 32


def test_a_text_that_would_read_back_as_sha256_is_refused() -> None:
    with pytest.raises(LedgerError):
        digest_to_bytes(Digest("build:" + "x" * 26))


@pytest.mark.parametrize("lines", [[], [b""], [b"a", b"", b"b"], [b"x" * 300_000, b"y"] * 3])
def test_lines_come_back_one_by_one_and_damage_is_named(lines: list[bytes]) -> None:
    stored = compress_lines(lines)
    assert list(expand_lines(stored)) == lines
    for damaged in (stored[:-3], b"no zlib", b"", compress(b"no end")):
        with pytest.raises(LedgerError, match="damaged"):
            list(expand_lines(damaged))


def test_compressed_bytes_come_back_and_damage_is_named() -> None:
    stored = compress(b"a manifest" * 50)
    assert expand(stored) == b"a manifest" * 50
    with pytest.raises(LedgerError, match="damaged"):
        expand(stored[:-3] + b"xyz")


CHANGE = Change(
    tag="7",
    before=digest_of(b"a"),
    after=digest_of(b"b"),
    at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(microseconds=1),
    verdict=Verdict.REBUILT,
)


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        encode(CHANGE).replace(b'"7"', b"7"),
        encode(CHANGE).replace(b"rebuilt", b"rebuild"),
        encode(CHANGE).replace(b"2026", b"20x6"),
        encode(CHANGE)[:-1],
        b'{"tag":' + b"[" * 100_000,
    ],
)
def test_damage_is_an_error_and_not_a_value(damage: bytes) -> None:
    with pytest.raises(LedgerError, match="a stored Change is damaged"):
        decode(Change, damage)


@pytest.mark.parametrize("read", [decode, decode_quickly])
def test_a_field_that_this_program_does_not_know_is_passed_over(read: Any) -> None:
    """A newer program wrote it, or an older one: evidence had these two until 2026-11-29."""
    newer = encode(CHANGE)[:-1] + b',"colour":"blue"}'
    assert read(Change, newer) == CHANGE
    evidence = Evidence(
        key="redis:7", resolution=Resolution(input="redis:7", status=Status.RESOLVED)
    )
    dropped = b',"line_moved_at":"2026-11-18T00:00:00Z","is_index":true}'
    assert read(Evidence, encode(evidence)[:-1] + dropped) == evidence


@given(st.lists(st.sampled_from(DOCUMENT_PARTS) | st.binary(max_size=4), max_size=6).map(b"".join))
def test_a_document_comes_back_byte_for_byte(raw: bytes) -> None:
    assert expand(compress_document(raw)) == raw


def test_of_a_manifest_its_digests_are_what_is_left() -> None:
    image = Stock().image("team/1", "1.0.3")
    for document, digests in ((image.manifest, 2), (image.config, 1)):
        stored = compress_document(document)
        assert expand(stored) == document
        assert len(stored) <= 32 * digests + 70
    assert adler32(DOCUMENTS) == 0x328B30B9, "what is stored names it: it is never edited"
