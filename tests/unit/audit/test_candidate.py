"""Whom to ask where a registry gives names without digests."""

from __future__ import annotations

import pytest

from tagwatch.audit.version.candidate import candidates
from tagwatch.audit.version.resolve import resolve_selector, resolve_tag
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


def test_a_count_of_builds_is_asked_where_a_word_has_one() -> None:
    words = ("server", "full", "light", "server-cuda", "full-cuda")
    names = [f"{word}-b{number}" for word in words for number in range(4000, 4100)]
    assert candidates("server", [*words, *names])[:2] == ["server-b4099", "server-b4098"]


def test_a_prerelease_of_the_same_number_is_asked_first() -> None:
    names = ["5.0", "5.0.0", "5.0.0-preview.1", "5.0.0-alpha.2", "4.3.7"]
    assert candidates("5.0", names)[:2] == ["5.0.0-preview.1", "5.0.0"]


def test_a_prerelease_that_a_patch_followed_is_not_asked() -> None:
    assert candidates("5.0.0", ["5.0.0", "5.0.0-rc.2", "5.0.0-rc.1"]) == ["5.0.0-rc.2"]
    assert candidates("5.0.0", ["5.0.0", "5.0.0-rc.2", "5.0.1"]) == []


@pytest.mark.parametrize(
    ("tag", "names", "first"),
    [
        # a stage is asked for: its last pre-release of each number, before any final version
        ("5.2.alpha", "5.2.0-alpha2 5.2.0-alpha3 5.2.0-rc1 5.2.4 5.1.9", "5.2.0-alpha3"),
        ("rc-apache", "11.4.5-apache 11.4.0-rc1-apache 11.4.0-beta1-apache", "11.4.0-rc1-apache"),
        # the only full names have other words
        ("22-jdk", "22.0.2-al2023 21.0.4-al2023 21.0.4-jdk", "22.0.2-al2023"),
        # only a pre-release has all numbers
        ("11-plus", "11.0-plus 11.0.0-M1-plus 10.2.0-plus", "11.0.0-M1-plus"),
        # a date under another word
        ("latest", "base base-20241201.0.286197", "base-20241201.0.286197"),
    ],
)
def test_what_is_asked_first(tag: str, names: str, first: str) -> None:
    assert candidates(tag, [tag, *names.split()])[:1] == [first]


def test_another_build_of_the_same_number_is_not_asked() -> None:
    assert candidates("17-ea-6-jdk", ["17-ea-6-jdk", "17-ea-7-jdk", "17.0.2-jdk"]) == []
    assert candidates("16_36-jdk", ["16_36-jdk", "16.0.1_9-jdk", "16.0.2_7-jdk"]) == []


def test_a_found_alias_needs_no_name_of_other_words_beside_it() -> None:
    tags = repository("8-alpine 8.0.2-alpine", unknown="8.0.2-1 8")
    assert candidates("8-alpine", tags) == []
    assert candidates("8-alpine", repository("8-alpine", unknown="8.0.2-1 8")) == ["8.0.2-1"]


def test_other_names_of_one_build_take_no_place() -> None:
    """linuxserver's: the twins of the newest builds left no place for those before them."""
    names = ["latest", "amd64-latest", "develop"]
    for number in range(300):
        version = f"4.0.{number // 10}.{1800 + number}"
        names += [f"{version}-ls{number}", f"version-{version}", f"develop-{version}-ls{number}"]
        names += [f"amd64-{version}-ls{number}", f"arm64v8-{version}-ls{number}"]
    found = candidates("latest", names)
    assert found == [f"4.0.{n // 10}.{1800 + n}-ls{n}" for n in range(299, 279, -1)]
    assert candidates("amd64-latest", names)[0] == "amd64-4.0.29.2099-ls299"
    assert candidates("develop", names)[:2] == [
        "develop-4.0.29.2099-ls299",
        "develop-4.0.29.2098-ls298",
    ]


def test_a_version_is_asked_beside_a_build_of_it_that_may_be_another_image() -> None:
    """Keycloak's: `latest` is 26.2.5, and 26.2.5-0 another build."""
    served = repository("latest 26.2.5 26.2", "26.2.5-0", "26.2.4-0 26.2.4", "26.3.0-0")
    learnt: dict[str, Digest | None] = dict.fromkeys(served)
    learnt["latest"] = served["latest"]
    for asked in candidates("latest", learnt):
        learnt[asked] = served[asked]
        if learnt[asked] == served["latest"]:
            break
    assert resolve_tag("latest", learnt).tag == "26.2.5"


@pytest.mark.parametrize(
    ("tag", "first"),
    [("ltsc2019", "10.0.17763.159"), ("1809", "10.0.17763.159"), ("ltsc2022", "10.0.20348.159"),
     ("ltsc2022-amd64", "10.0.20348.159-amd64"), ("20H2", "10.0.19042.9")],
)  # fmt: skip
def test_a_release_of_windows_is_sought_among_its_builds(tag: str, first: str) -> None:
    builds = [14393, 17763, 20348, 26100]
    names = [f"10.0.{build}.{patch}" for build in builds for patch in range(100, 160)]
    names += [f"{name}-amd64" for name in names] + ["10.0.19042.9"]
    assert candidates(tag, [tag, *names])[0] == first


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
        (
            repository("16.3.0-debian-12-r4 16.3.0 16", "16.2.0-debian-12-r18 16.2.0"),
            "16.x",
            "16.3.0-debian-12-r4",
        ),
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
