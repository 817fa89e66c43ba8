"""Whom to ask where a registry gives names without digests."""

from __future__ import annotations

import pytest

from tagwatch.audit.candidate import candidates
from tagwatch.audit.resolve import resolve_selector
from tagwatch.image.digest import Digest
from tagwatch.image.selector import parse_selector
from tests.tag_groups import repository

NAMES = (
    "6 6.2 6.2.9 6.2.24 6.2.24-alpine 6-alpine 6-alpine3.20 6.2.24-alpine3.20 latest alpine "
    "7.0 7.0.1 7.0.1-bookworm 8.0-rc1 stable-20260803 stable sha-abc1234"
)


@pytest.mark.parametrize(
    ("tag", "first"),
    [
        ("6.2", ["6.2.24", "6.2.9", "6.2.24-alpine3.20", "6.2.24-alpine"]),
        ("6-alpine", ["6.2.24-alpine", "6.2.24-alpine3.20"]),
        ("7.0", ["7.0.1", "7.0.1-bookworm"]),
        ("latest", ["7.0.1"]),
        ("alpine", ["6.2.24-alpine"]),
        ("6.2.24", []),
        ("7.0.1-bookworm", []),
        ("sha-abc1234", []),
    ],
)
def test_the_newest_of_the_line_comes_first(tag: str, first: list[str]) -> None:
    found = candidates(tag, NAMES.split())
    assert found[: len(first)] == first
    assert (found == []) == (first == [])
    assert tag not in found


def test_a_date_is_asked_where_a_word_has_one() -> None:
    assert "stable-20260803" in candidates("stable", NAMES.split())


def test_a_prerelease_of_the_same_number_is_asked_first() -> None:
    names = ["5.0", "5.0.0", "5.0.0-preview.1", "5.0.0-alpha.2", "4.3.7"]
    assert candidates("5.0", names)[:2] == ["5.0.0-preview.1", "5.0.0"]


def test_every_kind_of_word_gets_its_turn() -> None:
    names = [f"2026.{minor}.{patch}-developer" for minor in range(9) for patch in range(9)]
    names += [f"26.{minor}.0-community" for minor in range(9)] + ["latest"]
    assert candidates("latest", names)[:2] == ["2026.8.8-developer", "26.8.0-community"]


def test_nothing_is_asked_twice_and_nothing_for_what_is_known() -> None:
    tags = repository("6.2 6.2.24", unknown="6.2.9 6.2.23")
    assert candidates("6.2", tags) == []
    unmatched = repository("6.2", "6.2.24", unknown="6.2.9 6.2.23")
    assert candidates("6.2", unmatched) == ["6.2.23", "6.2.9"]


def test_there_is_a_limit() -> None:
    names = ["1", *(f"1.{minor}.{patch}" for minor in range(20) for patch in range(20))]
    assert len(candidates("1", names)) == 20
    assert candidates("1", names, limit=3) == ["1.19.19", "1.19.18", "1.19.17"]


@pytest.mark.parametrize(
    ("served", "selector", "answer"),
    [
        (repository("4.3.7 4.3 latest", "5.0.0 5.0 5.0.0-preview.1"), "5.0.x", None),
        (repository("26.04 latest", "26.10 devel", "24.04"), "26.x", "26.04"),
        (repository("6.2.24 6.2", "6.2.9", "7.0.1 latest"), "6.2.x", "6.2.24"),
    ],
)
def test_asking_until_there_is_nothing_to_ask_settles_a_selector(
    served: dict[str, Digest | None], selector: str, answer: str | None
) -> None:
    learnt: dict[str, Digest | None] = dict.fromkeys(served)
    for _ in range(10):
        asked = candidates(parse_selector(selector), learnt)
        if not asked:
            break
        learnt.update({tag: served[tag] for tag in asked})
    found = resolve_selector(selector, learnt)
    assert found.tag == answer
    assert answer is None or found.digest == served[answer]
