"""The order of tags: the traps that other tools fall into, and the specifications' own orders."""

from __future__ import annotations

import pytest
import semver
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.version import Version

from tagwatch.image.order import version_key
from tagwatch.image.tag import parse_tag

# older, newer: each was read off a tool that has it the other way round, or equal
TRAPS = [
    ("3.7.0b5", "3.7.0b10"),
    ("3.7.0b5", "3.7.0"),
    ("16beta1", "16beta2"),
    ("16beta2", "16rc1"),
    ("16rc1", "16"),
    ("3.13.0a7", "3.13.0rc1"),
    ("1.2.3-rc1", "1.2.3"),
    ("5.0.0-alpha", "5.0.0"),
    ("1.0.0", "5.0.0-alpha"),
    ("7.2.5-debian-12-r5", "7.4.0-debian-12-r4"),
    ("3.4.6-debian-9-r24", "3.4.6-debian-9-r25"),
    ("11.0.20-jre", "11.0.20_8-jre"),
    ("11.0.20_8-jre", "11.0.20_10-jre"),
    ("1.2.3", "1.2.3.4"),
    ("7.3.3.49", "7.3.3.50"),
    ("22.04", "22.10"),
    ("18.1", "18.04"),
    ("v1.9.9", "v1.10.0"),
    ("6.2.6", "6.2.14"),
    ("8u72-b15", "8u502-b07"),
    ("8.0.46-4", "8.0.46-37"),
    ("24-ea-9", "24-ea-20"),
    ("24-ea-20", "24"),
    ("11.0.0-M2", "11.0.0-M10"),
    ("1.0-SNAPSHOT", "1.0"),
    ("bookworm-20260729", "bookworm-20260803"),
    ("resolute-20260811", "resolute-20260811.1"),
    ("RELEASE.2024-01-16T09-07-38Z", "RELEASE.2024-01-16T16-07-38Z"),
    ("11.2.0", "11.2.0-security-01"),
    ("1.5.6-ls9", "1.5.6-ls45"),
    ("9.3.20231119", "9.3.20240101"),
    ("2023.9.20260817.0", "2023.12.20260817.0"),
    ("10.2-20260602", "10.2-20260603"),
]


@pytest.mark.parametrize(("older", "newer"), TRAPS)
def test_older_comes_before_newer(older: str, newer: str) -> None:
    assert parse_tag(older).precedence < parse_tag(newer).precedence
    assert parse_tag(older) < parse_tag(newer)


@pytest.mark.parametrize(("one", "other"), [("v1.2.3", "1.2.3"), ("18.04", "18.4")])
def test_two_spellings_of_a_version_are_of_equal_precedence(one: str, other: str) -> None:
    assert parse_tag(one).precedence == parse_tag(other).precedence
    assert parse_tag(one) != parse_tag(other)


def test_no_final_release_is_a_prerelease() -> None:
    assert not parse_tag("11.0.20_8-jre").is_prerelease
    assert parse_tag("1.2.3-rc1").is_prerelease


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("21.0.11+10", "21.0.12+8"),
        ("3.15.0rc1", "3.15.0"),
        ("8u422-b05", "8u502-b07"),
    ],
)
def test_bare_versions_are_ordered(older: str, newer: str) -> None:
    assert version_key(older) < version_key(newer)


NUMBERS = st.lists(st.integers(0, 40), min_size=3, max_size=3).map(lambda n: ".".join(map(str, n)))
PEP_440 = st.tuples(
    NUMBERS,
    st.one_of(st.just(""), st.tuples(st.sampled_from(["a", "b", "rc"]), st.integers(0, 20))),
).map(lambda parts: parts[0] + "".join(map(str, parts[1])))
SEMVER = st.tuples(
    NUMBERS,
    st.one_of(
        st.just(""),
        st.sampled_from(["-alpha", "-beta", "-preview", "-rc"]),
        st.tuples(
            st.sampled_from(["-alpha.", "-beta.", "-preview.", "-rc."]), st.integers(0, 20)
        ).map(lambda pair: f"{pair[0]}{pair[1]}"),
    ),
).map("".join)


@given(PEP_440, PEP_440)
@settings(max_examples=200, deadline=None)
def test_the_order_is_pep_440s_where_the_scheme_is(one: str, other: str) -> None:
    theirs = (Version(one) > Version(other)) - (Version(one) < Version(other))
    ours_one, ours_other = parse_tag(one).precedence, parse_tag(other).precedence
    assert (ours_one > ours_other) - (ours_one < ours_other) == theirs


@given(SEMVER, SEMVER)
@settings(max_examples=200, deadline=None)
def test_the_order_is_semvers_where_the_scheme_is(one: str, other: str) -> None:
    theirs = semver.Version.parse(one).compare(other)
    ours_one, ours_other = parse_tag(one).precedence, parse_tag(other).precedence
    assert (ours_one > ours_other) - (ours_one < ours_other) == theirs
