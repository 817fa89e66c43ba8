"""What a tag may have meant before anybody looked: a lagging pin is no contradiction."""

from __future__ import annotations

import pytest

from tagwatch.audit.fact.resolving import may_have_served
from tagwatch.image.tag_table import TagTable

TAGS = (
    *("6", "6.2", "6.2.20", "6.2.24", "6.2.24-alpine3.20", "6.2-alpine", "6.2.20-alpine3.19"),
    *("7", "7.2", "7.2.1", "latest", "alpine", "bookworm", "20240101", "sha-0123abc"),
)


@pytest.mark.parametrize(
    ("tag", "known", "may"),
    [
        ("6.2", ("6.2.20",), True),
        ("6", ("6.2.20",), True),
        ("latest", ("6.2.20",), True),
        ("6.2-alpine", ("6.2.20-alpine3.19",), True),
        ("alpine", ("6.2.20-alpine3.19",), True),
        ("6.2", ("7.2.1", "latest"), False),
        ("6.2", ("6.2.20-alpine3.19",), False),
        ("6.2-alpine", ("6.2.20",), False),
        ("latest", ("6.2.20-alpine3.19",), False),
        ("6.2.24", ("6.2.20",), False),
        ("6.2.20", ("6.2",), False),
        ("9.9", ("6.2.20",), False),
        ("6.2", ("latest",), True),  # which version that is, nobody knows
        ("20240101", ("6.2.20",), True),
    ],
)
def test_what_a_tag_may_have_served(tag: str, known: tuple[str, ...], may: bool) -> None:
    table = TagTable.of(TAGS)
    assert may_have_served(table.read(tag), map(table.read, known)) is may
