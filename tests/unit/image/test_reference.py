"""References: every case of tests/data/reference_cases.json, and the laws.

The cases come from an independent implementation of distribution/reference v0.6 that agreed with
the upstream tables.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagwatch.errors import InvalidReferenceError
from tagwatch.image.reference import Reference
from tests.paths import DATA

CASES = json.loads((DATA / "reference_cases.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: repr(case["input"][:40]))
def test_reference_case(case: dict[str, Any]) -> None:
    if not case["valid"]:
        with pytest.raises(InvalidReferenceError) as caught:
            Reference.parse(case["input"])
        assert caught.value.hint
        return
    reference = Reference.parse(case["input"])
    assert reference.repository.registry == case["domain"]
    assert reference.repository.path == case["path"]
    assert reference.tag == case["tag"]
    assert reference.digest == case["digest"]
    assert reference.canonical == case["normalized"]


@pytest.mark.parametrize(
    "case", [case for case in CASES if case["valid"]], ids=lambda c: c["input"]
)
def test_the_short_text_parses_back(case: dict[str, Any]) -> None:
    reference = Reference.parse(case["input"])
    assert Reference.parse(str(reference)) == reference
    assert len(str(reference)) <= len(reference.canonical)


_component = st.from_regex(r"[a-z0-9]{1,8}([._-][a-z0-9]{1,4})?", fullmatch=True)
_host = st.sampled_from(
    ["", "ghcr.io/", "localhost/", "localhost:5000/", "[::1]:5000/", "docker.io/"]
)
_tag = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)


@given(_host, st.lists(_component, min_size=1, max_size=4), st.none() | _tag)
def test_parse_of_str_is_the_same_reference(host: str, path: list[str], tag: str | None) -> None:
    text = host + "/".join(path) + (f":{tag}" if tag else "")
    try:
        reference = Reference.parse(text)
    except InvalidReferenceError:
        return
    assert Reference.parse(str(reference)) == reference
    assert Reference.parse(reference.canonical).canonical == reference.canonical


@given(st.text(max_size=80))
def test_any_text_is_a_reference_or_one_named_error(text: str) -> None:
    try:
        Reference.parse(text)
    except InvalidReferenceError as error:
        assert error.message
        assert error.hint
