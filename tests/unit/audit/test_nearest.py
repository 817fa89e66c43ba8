"""The tags that may be meant instead of one that does not exist."""

from __future__ import annotations

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagwatch.audit.version.nearest import Neighbours, typing_distance
from tagwatch.image.tag_table import TagTable

TRAEFIK = [
    "v3.7.0",
    "v3.7.1",
    "v3.7",
    "v3",
    "latest",
    "v2.11.0",
    "v3.7.10",
    "v3.7.1-windowsservercore",
]
MAVEN = [
    "3.9-eclipse-temurin-11-alpine",
    "3.9-eclipse-temurin-17-alpine",
    "3.9-eclipse-temurin-11",
    "3.8-eclipse-temurin-11-alpine",
    "3.9-amazoncorretto-11-alpine",
]
REDIS = [
    "6.2.22",
    "6.2.23",
    "6.2.2",
    "6.2",
    "7.2.9",
    "7.2.11",
    "7.2.10",
    "7.2.11-alpine",
    "8.0.0",
    "bookworm",
]


def near(tag: str, tags: list[str], *, existed: bool = False) -> list[str]:
    return list(Neighbours(TagTable.of(tags)).of(tag, existed=existed))


@pytest.mark.parametrize(
    ("tag", "tags", "first"),
    [
        ("v3.7.1l", TRAEFIK, "v3.7.1"),
        ("3.7.1", TRAEFIK, "v3.7.1"),
        ("lastest", TRAEFIK, "latest"),
        ("Latest", TRAEFIK, "latest"),
        ("v3.7.1-windowservercor", TRAEFIK, "v3.7.1-windowsservercore"),
        ("3.9-eclipse-temurin-11-alpne", MAVEN, "3.9-eclipse-temurin-11-alpine"),
        ("3.9-eclipse-temrin-11-alpin", MAVEN, "3.9-eclipse-temurin-11-alpine"),
        ("3.9-eclispe-temurin-11-alpine", MAVEN, "3.9-eclipse-temurin-11-alpine"),
        ("3.9-eclipse_temurin-11", MAVEN, "3.9-eclipse-temurin-11"),
        ("7.2.99", REDIS, "7.2.11"),
        ("6.2.32", REDIS, "6.2.23"),
        ("bokworm", REDIS, "bookworm"),
        ("3.111", ["3.12", "3.11", "3.1"], "3.11"),
        ("3.21", ["3.12", "3.13", "3"], "3.12"),
    ],
)  # fmt: skip
def test_what_was_meant(tag: str, tags: list[str], first: str) -> None:
    assert near(tag, tags)[:1] == [first]


@pytest.mark.parametrize(
    ("tag", "tags"),
    [
        ("20.04", ["22.04", "24.04", "24.10"]),
        ("17-jdk-alpine", ["17-jre-alpine", "21-jdk-alpine"]),
        ("1-amd", ["1-arm"]),
        ("11", ["17", "21", "1", "111"]),
        ("3.9-eclipse-temurin-11", ["3.9-eclipse-temurin-17", "3.9-eclipse-temurin-21"]),
        ("ltsc2019", ["ltsc2022"]),
        ("buster", ["bullseye", "bookworm", "duster-slim"]),
        ("lts", ["its", "latest"]),
        ("8.9", ["8.4", "8.5", "9.8"]),
        ("abcdef1", ["abcdef2", "abcdee7"]),
        ("1.0", ["sha256-1.0.sig"]),
        ("7.2.11", ["7.3.11", "7.2.11-alpine", "8.2.11"]),
        ("x", []),
        ("", ["latest"]),
    ],
)
def test_no_guess(tag: str, tags: list[str]) -> None:
    assert near(tag, tags) == []


def test_what_was_there_is_no_slip() -> None:
    """The version beside it comes first: 6.2.24 was not a slip for 6.2.2."""
    assert near("6.2.24", REDIS, existed=True) == ["6.2.23"]
    assert near("7.2.8", REDIS, existed=True) == ["7.2.9"]
    assert near("6.2.24", REDIS) == ["6.2.23", "6.2.2"]
    assert near("6.2.24-alpine", REDIS, existed=True) == []
    assert near("4.0.3-jdk21", ["4.0.3-jdk17", "4.0.3-jdk25"], existed=True) == []
    assert near("1.2.3-r9", ["1.2.3-r10"], existed=True) == ["1.2.3-r10"]
    assert near("1.2.3-alpine3.18", ["1.2.3-alpine3.19"], existed=True) == ["1.2.3-alpine3.19"]


def test_few_are_told() -> None:
    tags = [f"alpine{letter}" for letter in "abcdefghij"]
    assert near("alpine", tags) == tags[:5]


@given(st.text("ab-1", max_size=8), st.text("ab-1", max_size=8))
def test_the_distance_is_that_of_the_plain_table(one: str, other: str) -> None:
    rows = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for i in range(len(one) + 1):
        for j in range(len(other) + 1):
            if not i or not j:
                rows[i][j] = i + j
                continue
            different = one[i - 1] != other[j - 1]
            rows[i][j] = min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + different)
            if i > 1 and j > 1 and one[i - 2 : i] == other[j - 2 : j][::-1]:
                rows[i][j] = min(rows[i][j], rows[i - 2][j - 2] + 1)
    for most in (0, 1, 2, 3):
        expected = rows[-1][-1] if rows[-1][-1] <= most else None
        assert typing_distance(one, other, most) == expected


class Counting(dict[tuple[tuple[str, ...], int], list[str]]):
    """Counts the names that a look-up may compare."""

    compared = 0

    def get(self, key: object, default: object = ()) -> object:  # type: ignore[override]
        found = super().get(key, default)  # type: ignore[call-overload]
        self.compared += min(len(found), 2_000)
        return found


def test_a_look_up_in_many_tags_compares_few() -> None:
    tags = [f"{a}.{b}.{c}-alpine" for a in range(10) for b in range(100) for c in range(20)]
    found = Neighbours(TagTable.of(tags))
    counting = found._alike = Counting(found._alike)
    begun = process_time()
    for number in range(100):
        assert found.of(f"3.{number}.7-alpne", existed=False)[:1] == (f"3.{number}.7-alpine",)
    assert counting.compared <= 5 * 100
    assert process_time() - begun < 5, "each of a hundred misses looks at few"


def test_names_that_are_all_alike_are_not_all_compared() -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    tags = [f"build-{a}{b}{c}-x" for a in letters for b in letters for c in letters]
    found = Neighbours(TagTable.of(tags))
    counting = found._alike = Counting(found._alike)
    found.of("build-abc-xy", existed=False)
    assert counting.compared <= 2_000 * 5
