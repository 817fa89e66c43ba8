"""Two long texts cut so that what differs is seen, whatever they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagwatch.audit.reading.cut_text import apart, cut, paired

STEP = "RUN set -eux; " + "apt-get update; " * 9 + "apt-get install -y {} wget; rm -rf /var/lib/apt"
WORDS = st.lists(st.sampled_from(["RUN", "a", "bb", "curl", "-y", "x" * 40]), max_size=30)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (STEP.format("nginx=1"), STEP.format("nginx=2")),
        (STEP.format("gnupg dirmngr"), STEP.format("gnupg")),
        (STEP.format("gnupg"), STEP.format("gnupg") + " && curl evil"),
        ("RUN curl https://x/" + "a" * 200 + "1", "RUN curl https://x/" + "a" * 200 + "2"),
        ("RUN make", STEP.format("gcc")),
    ],
)
def test_the_difference_is_seen(old: str, new: str) -> None:
    before, after = apart(old, new, 72)
    assert before != after
    assert max(len(before), len(after)) <= 72


@given(WORDS, WORDS, st.integers(min_value=24, max_value=90))
def test_what_differs_is_never_cut_to_the_same(old: list[str], new: list[str], length: int) -> None:
    one, other = " ".join(old), " ".join(new)
    before, after = apart(one, other, length)
    assert max(len(before), len(after)) <= length
    assert (before == after) == (one == other)


@given(st.lists(WORDS, max_size=6), st.lists(WORDS, max_size=6))
def test_every_step_is_told_once(old: list[list[str]], new: list[list[str]]) -> None:
    removed, added = ([" ".join(words) for words in side] for side in (old, new))
    pairs = list(paired(removed, added))
    assert [one for one, _ in pairs if one is not None] == removed
    assert sorted(one for _, one in pairs if one is not None) == sorted(added)


def test_a_step_stands_beside_what_it_became() -> None:
    removed = ["ENV A=1", STEP.format("x")]
    added = ["RUN new", STEP.format("y"), "ENV A=2"]
    assert list(paired(removed, added)) == [
        ("ENV A=1", "ENV A=2"),
        (STEP.format("x"), STEP.format("y")),
        (None, "RUN new"),
    ]


def test_a_cut_text_says_that_it_goes_on() -> None:
    assert (cut("abcdef", 6), cut("abcdef", 5)) == ("abcdef", "abcd…")
