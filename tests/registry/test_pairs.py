"""A hundred pairs of images, judged by nightly scans as was written down before any of them ran."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from tests.pairs import Outcome, judged, pairs, told


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Outcome]:
    found = asyncio.run(judged(tmp_path_factory.mktemp("pairs")))
    return {one.pair.name: one for one in found}


@pytest.mark.parametrize("name", [pair.name for pair in pairs()])
def test_a_pair_is_judged_as_written_down(outcomes: Mapping[str, Outcome], name: str) -> None:
    assert list(outcomes[name].problems) == []


def test_no_false_alarm_and_none_missed(outcomes: Mapping[str, Outcome]) -> None:
    assert list(told(list(outcomes.values()))) == [
        "100 pairs, 100 verdicts as written down",
        "false alarms: 0 of 50 harmless",
        "missed alarms: 0 of 50 harmful",
    ]


def test_half_of_the_table_is_harmless_and_half_is_loud() -> None:
    """A harmless pair that may raise a warning, or a harmful one that need not, proves nothing."""
    assert [bool(pair.rules) for pair in pairs()] == [pair.is_harmful for pair in pairs()]
    assert sum(pair.is_harmful for pair in pairs()) == 50
