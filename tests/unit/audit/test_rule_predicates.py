from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagwatch.audit.rule.official_lookalike import is_one_slip
from tagwatch.audit.rule.published import mapping, mappings
from tagwatch.audit.rule.user_root import is_root
from tagwatch.source.target import Location, Port

WORDS = st.text(alphabet="abcde", min_size=5, max_size=9)


@pytest.mark.parametrize("user", ["", "0", "root", "0:0", "root:x", "000", "root:", " root "])
def test_what_an_engine_takes_for_root(user: str) -> None:
    assert is_root(user)


@pytest.mark.parametrize("user", ["app", "1000", "1000:0", "10", "rooty", "\u0660", "app:root"])
def test_what_it_does_not(user: str) -> None:
    assert not is_root(user)


def distance(one: str, other: str) -> int:
    """Optimal string alignment, by the table: the yardstick."""
    rows = [
        [i + j if 0 in (i, j) else 0 for j in range(len(other) + 1)] for i in range(len(one) + 1)
    ]
    for i in range(1, len(one) + 1):
        for j in range(1, len(other) + 1):
            cost = one[i - 1] != other[j - 1]
            best = min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + cost)
            if i > 1 and j > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1]:
                best = min(best, rows[i - 2][j - 2] + 1)
            rows[i][j] = best
    return rows[-1][-1]


@settings(max_examples=200, deadline=None)
@given(WORDS, WORDS, st.integers(0, 8), st.sampled_from("abcde"))
def test_one_slip_is_distance_one(one: str, two: str, at: int, letter: str) -> None:
    near = one[:at] + letter + one[at + 1 :]
    swapped = one[: at % 4] + one[at % 4 : at % 4 + 2][::-1] + one[at % 4 + 2 :]
    for other in (two, near, swapped, one[:at] + one[at + 1 :], one[:at] + letter + one[at:]):
        expected = distance(one, other) == 1 and len(other) >= 5
        assert is_one_slip(one, other) is expected
        assert is_one_slip(other, one) is expected


@pytest.mark.parametrize(
    ("port", "text"),
    [
        (Port(container=80), "80"),
        (Port(container=80, host=8080), "8080:80"),
        (Port(container=53, host=53, protocol="udp"), "53:53/udp"),
        (Port(container=80, host=80, host_ip="127.0.0.1"), "127.0.0.1:80:80"),
        (Port(container=80, host=80, host_ip="::1"), "[::1]:80:80"),
        (Port(container=80, host_ip="127.0.0.1"), "127.0.0.1::80"),
        (Port(container=80, among=(8000, 8010)), "8000-8010:80"),
    ],
)
def test_mappings_as_compose_writes_them(port: Port, text: str) -> None:
    assert mapping((port,)) == text


@pytest.mark.parametrize(
    ("port", "text"),
    [
        (Port(container=80), "127.0.0.1::80"),
        (Port(container=53, host=53, protocol="udp"), "127.0.0.1:53:53/udp"),
        (Port(container=80, host=8080, host_ip="0.0.0.0"), "127.0.0.1:8080:80"),
    ],
)
def test_a_mapping_on_another_address_keeps_host_port_and_protocol(port: Port, text: str) -> None:
    assert mapping((port,), "127.0.0.1") == text


PLACE = Location(path="compose.yaml", line=4, column=9, end_line=4, end_column=20)


def ports(first: int, last: int, host: int | None = None, **more: Any) -> list[Port]:
    return [
        Port(
            container=one,
            host=host + one - first if host is not None else None,
            location=PLACE,
            **more,
        )
        for one in range(first, last + 1)
    ]


@pytest.mark.parametrize(
    ("written", "texts"),
    [
        (ports(3000, 3200, 4000), ["4000-4200:3000-3200"]),
        (ports(3000, 3002), ["3000-3002"]),
        (ports(3000, 3001, 4000, host_ip="::1"), ["[::1]:4000-4001:3000-3001"]),
        (ports(53, 54, 53, protocol="udp"), ["53-54:53-54/udp"]),
        (ports(80, 81, 80) + ports(82, 82, 90), ["80-81:80-81", "90:82"]),
        (ports(80, 80, service="a") + ports(81, 81, service="b"), ["80", "81"]),
        ([Port(container=80, host=80), Port(container=81, host=81)], ["80:80", "81:81"]),
    ],
)
def test_a_range_is_one_mapping(written: list[Port], texts: list[str]) -> None:
    assert [str(one) for one in mappings(written, None)] == texts
