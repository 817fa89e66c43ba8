"""`SECURITY.md` promises what tests hold, and nothing else."""

from __future__ import annotations

from collections import Counter

from tests.hostile.write import SECURITY, promises, with_table


def test_the_table_is_what_the_tests_say() -> None:
    text = SECURITY.read_text(encoding="utf-8")
    assert with_table(text) == text, "run `python -m tests.hostile.write`"


def test_every_promise_is_made_once() -> None:
    made = Counter((who, attack) for who, attack, _, _ in promises())
    assert [one for one, count in made.items() if count > 1] == []
    assert all("|" not in text for row in promises() for text in row)
