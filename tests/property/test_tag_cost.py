"""What hostile tags cost: steps are counted, not time, so that a slow machine fails nothing."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable

from tagwatch.audit.version.newer import newer
from tagwatch.audit.version.resolve import resolve_tag
from tagwatch.image.tag import parse_tag
from tagwatch.image.tag_table import TagTable
from tagwatch.image.token import split_tag, token_of

PIECES = [
    "1", "1.", "1-", "1_", "a1", "1a", "a.", "a_", "20", "2024-01-", "20240610", "v20240610-",
    "-g0a1b2c3", "1718000000", "1738000000123", "RELEASE.", "2023-11-01T18-37-25Z", ".hotfix.",
    ".fips", "go1.22rc", "cuda12.", "cu124", "py310", "erlang-", "-26.", "b3145", "build-", "main-",
    "-ls12", "-r0", "ltsc2022", "10.0.20348.", "alpine3.", "bookworm.0", "-rc", "rc1", ".beta.",
    "dirty", "x", "X", "-", ".", "_", "0f", "f", "u1", "M3", "8u502", "9" * 24,
]  # fmt: skip


def hostile(seed: int, count: int) -> list[str]:
    """Tags of up to 128 characters, made of what the grammar knows; some are no tags at all."""
    choice = random.Random(seed)
    made = []
    for _ in range(count):
        few = choice.sample(PIECES, choice.randint(1, 4))
        made.append("".join(choice.choices(few, k=choice.randint(1, 40)))[:128])
    return made


def calls(work: Callable[[], object]) -> int:
    """Count the calls of Python functions, and of built-in ones, that `work` makes."""
    counted = 0

    def count(*_: object) -> None:
        nonlocal counted
        counted += 1

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return counted


def test_a_hundred_thousand_hostile_tags_are_read() -> None:
    """No tag fails, and each costs a bounded number of steps."""
    split_tag.cache_clear()
    token_of.cache_clear()
    tags = hostile(20261129, 100_000)
    assert max(map(len, tags)) == 128
    sample = tags[::50]
    assert max(calls(lambda tag=tag: parse_tag(tag)) for tag in sample) < 6_000  # type: ignore[misc]  # mypy knows no lambda's default
    for tag in tags:
        assert str(parse_tag(tag)) == tag


def test_cost_grows_with_the_number_of_hostile_tags_and_not_with_its_square() -> None:
    def cost(count: int) -> int:
        tags = list(dict.fromkeys(hostile(7, count)))

        def work() -> None:
            table = TagTable.of(tags)
            for tag in tags[::10]:
                newer(tag, table)
                resolve_tag(tag, table)

        return calls(work)

    assert cost(4_000) < cost(500) * 16


def test_a_line_of_one_kind_costs_the_same_for_each_of_its_tags() -> None:
    """Dates, counts, Windows builds and tools inside: asked for in a small line and a large one."""
    forms = (
        "bookworm-{0}-slim", "build-{1}", "10.0.20348.{1}", "v1.{1}.0-go1.22.{1}",
        "1.2.{1}-cuda12.{1}", "main-abcdef0-17180{1:05d}",
    )  # fmt: skip

    def cost(form: str, count: int) -> float:
        days = [f"2{n // 336:03d}{n // 28 % 12 + 1:02d}{n % 28 + 1:02d}" for n in range(count)]
        tags = [form.format(day, number) for number, day in enumerate(days)]
        table = TagTable.of(tags)
        return calls(lambda: [newer(tag, table) for tag in tags[:: count // 50]]) / 50

    for form in forms:
        assert cost(form, 4_000) < cost(form, 500) * 2, form
