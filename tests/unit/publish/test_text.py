"""Text for people: what may reach a terminal, a page or a chat."""

from __future__ import annotations

import sys
import unicodedata
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagwatch.publish.wording import (
    age_text,
    count,
    one_line,
    signed_size,
    size_text,
    stamp,
    visible,
)

BIDI = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def test_no_control_or_bidirectional_character_of_unicode_survives() -> None:
    survivors = [
        hex(code)
        for code in range(sys.maxunicode + 1)
        if (
            unicodedata.category(chr(code)) in {"Cc", "Cs", "Zl", "Zp"}
            or unicodedata.bidirectional(chr(code)) in BIDI
        )
        and chr(code) in visible(chr(code))
    ]
    assert survivors == []


@pytest.mark.parametrize("code", [0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFE0F, 0xFFA0])
def test_what_is_printable_and_does_not_show_is_marked(code: int) -> None:
    assert visible(f"·{chr(code)}…") == "·\ufffd…"


@pytest.mark.parametrize(
    "text", ["redis:6.2", "7.2 · now — 1", "naïve “quoted” …", "日本語", "🐳", "a\u00a0b", "עברית"]
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert visible(text) == text


@settings(max_examples=200, deadline=None)
@given(st.text(), st.integers(1, 60))
def test_one_line_is_one_line_within_its_limit_and_encodes(text: str, limit: int) -> None:
    cut = one_line(text, limit)
    assert len(cut) <= limit
    assert len(cut.splitlines()) <= 1
    assert one_line(cut) == cut.strip()
    cut.encode("utf-8")


@pytest.mark.parametrize(
    ("size", "text", "signed"),
    [
        (0, "0 B", "±0 B"),
        (999, "999 B", "+999 B"),
        (1_000, "1.0 kB", "+1.0 kB"),
        (29_126_484, "29.1 MB", "+29.1 MB"),
        (5_000_000_000_000, "5000.0 GB", "+5000.0 GB"),
        (-1_200_000, "\N{MINUS SIGN}1.2 MB", "\N{MINUS SIGN}1.2 MB"),
    ],
)
def test_sizes(size: int, text: str, signed: str) -> None:
    assert (size_text(size), signed_size(size)) == (text, signed)


@pytest.mark.parametrize(
    ("age", "text"),
    [
        (timedelta(seconds=59), "just now"),
        (timedelta(seconds=-5), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(hours=47), "47 hours ago"),
        (timedelta(days=3, hours=5), "3 days ago"),
    ],
)
def test_ages(age: timedelta, text: str) -> None:
    assert age_text(age) == text


def test_counts_and_stamps() -> None:
    assert [count(number, "registry", "registries") for number in (0, 1, 1_200)] == [
        "0 registries",
        "1 registry",
        "1,200 registries",
    ]
    assert stamp(datetime(2026, 11, 23, 2, 0, 0, 999_999, tzinfo=UTC)) == "2026-11-23T02:00:00Z"
    assert stamp(None) is None
