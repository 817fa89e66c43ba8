"""What may take the place of a line that ended, held to tags whose right answers were worked out.

`tests/data/knowledge/remedies.json` says how, and for which day.
"""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from tagwatch.audit.model.knowledge import Cycle, Knowledge, Product
from tagwatch.audit.rule.inside import is_over
from tagwatch.audit.version.successor import (
    LASTING_DAYS,
    LIVING_DAYS,
    successors,
    tag_on,
)
from tagwatch.image.reference import Reference
from tagwatch.knowledge.bundled import load
from tests.paths import DATA

KNOWN = load()
CASES: dict[str, Any] = json.loads((DATA / "knowledge" / "remedies.json").read_text("utf-8"))
ON = date.fromisoformat(CASES["clock"])
DEAD = [case for case in CASES["dead"] if case.get("product")]
LIVING = [case for case in CASES["living"] if case["product"]]


def name_of(case: dict[str, Any]) -> str:
    return str(case["image"])


def line_of(product: Product, name: str) -> Cycle:
    return next(cycle for cycle in product.cycles if cycle.name == name)


def repository_of(case: dict[str, Any]) -> Reference:
    """The image, or the one that it mirrors."""
    tag = case["image"].rpartition(":")[2]
    return Reference.parse(f"{case['repository']}:{tag}" if "repository" in case else case["image"])


def test_the_cases_are_all_there() -> None:
    assert (len(CASES["dead"]), len(DEAD), len(CASES["living"])) == (188, 187, 102)


@pytest.mark.parametrize("case", DEAD, ids=name_of)
def test_a_dead_line_has_its_successors(case: dict[str, Any]) -> None:
    product = KNOWN.products[case["product"]]
    line = line_of(product, case.get("line") or case["judged_by_line"])
    if "judged_by_line" not in case:
        assert not line.lives(ON)
        assert case["ended"] == (line.ends.isoformat() if line.ends else "over")
    reference = repository_of(case)
    built = KNOWN.built_tags(reference.repository)
    is_before = "judged_by_line" in case
    found = successors(product, line, ON, built=built, is_before=is_before)
    names = {
        "nearest": found.nearest,
        "newest_long_term": found.long_term,
        "newest": found.newest,
    }
    for key, one in names.items():
        assert (one.name if one else None) == case.get(key), key
    wanted = case.get("nearest_lasting")
    if wanted is None:  # no line lives so long: one that lives half as long is better than none
        assert found.lasting is None or not found.lasting.lives(ON, LASTING_DAYS)
    else:
        assert found.lasting is not None
        assert found.lasting.name == wanted
    assert all(one.lives(ON, LIVING_DAYS) for one in found.offered)
    for key, tag in case.get("tags_built", {}).items():
        one = names[key]
        assert one is not None
        assert tag_on(one, reference.tag or "", product, KNOWN, ON, built) == tag, key


@pytest.mark.parametrize("case", LIVING, ids=name_of)
def test_a_living_line_lives(case: dict[str, Any]) -> None:
    product = KNOWN.products[case["product"]]
    line = line_of(product, case["line"])
    assert line.lives(ON)
    assert case["ends"] == (line.ends.isoformat() if line.ends else None)


@pytest.mark.parametrize(
    ("tag", "line", "right"),
    [
        ("7.16.1", "8.19", "8.19.20"),
        ("7.16.1", "9.5", "9.5.2"),
    ],
)
def test_a_list_of_full_versions_gives_its_newest(tag: str, line: str, right: str) -> None:
    product = KNOWN.products["elasticsearch"]
    built = KNOWN.built["elasticsearch"]
    assert tag_on(line_of(product, line), tag, product, KNOWN, ON, built) == right


@pytest.mark.parametrize(
    ("image", "tag", "line", "right"),
    [
        ("debian", "buster-slim", "12", "bookworm-slim"),
        ("ubuntu", "bionic", "24.04", "noble"),
        ("redis", "7.0.15-bookworm", "8.10", "8.10-trixie"),
        ("node", "16-stretch", "24", "24-bookworm"),
        ("node", "14-nothing-of-it", "24", None),
        ("traefik", "v2.10", "3.7", "3.7"),
    ],
)
def test_the_words_of_a_tag_stay_or_follow(
    image: str, tag: str, line: str, right: str | None
) -> None:
    reference = Reference.parse(f"{image}:{tag}")
    product = KNOWN.product_of(reference.repository)
    assert product is not None
    built = KNOWN.built_tags(reference.repository)
    assert tag_on(line_of(product, line), tag, product, KNOWN, ON, built) == right


@pytest.mark.parametrize(
    ("image", "tag", "is_dead"),
    [
        ("node", "21.7.3", True),
        ("node", "24.19.0", False),
        ("node", "24.19.0-bullseye", True),
        ("node", "24.19.0-alpine3.20", True),
        ("node", "24.19.0-alpine3.24", False),
        ("node", "99.1", False),
        ("postgres", "9.6.24", True),
        ("ubuntu", "16.10", True),
        ("debian", "buster-slim", True),
        ("debian", "sid", False),
    ],
)
def test_an_offer_of_a_dead_line_or_system_is_none(image: str, tag: str, is_dead: bool) -> None:
    assert is_over(Reference.parse(f"{image}:{tag}"), KNOWN, ON) is is_dead


def test_the_clock_decides() -> None:
    """A line is offered as long as it lives, and the day of its end still counts."""
    product = Product(
        name="X",
        cycles=(
            Cycle(name="3", ends=date(2027, 1, 31), long_term=date(2026, 6, 1)),
            Cycle(name="2", ends=date(2026, 1, 31)),
            Cycle(name="1", is_over=True),
        ),
    )
    assert [one.lives(date(2026, 1, 31)) for one in product.cycles] == [True, True, False]
    early = successors(product, product.cycles[2], date(2025, 6, 1))
    assert [one.name for one in early.offered] == ["2"]
    assert early.long_term is None
    late = successors(product, product.cycles[2], date(2026, 6, 1))
    assert [one.name for one in late.offered] == ["3"]
    assert late.long_term is product.cycles[0]
    end = successors(product, product.cycles[2], date(2027, 1, 1))
    assert (end.nearest, end.offered) == (product.cycles[0], ())
    assert successors(product, product.cycles[2], date(2028, 1, 1)).nearest is None


def test_a_word_is_a_line_by_itself_alone() -> None:
    """`humble` has no numbers, so it is no line before all others."""
    product = Product(name="ROS", cycles=(Cycle(name="jazzy"), Cycle(name="noetic", is_over=True)))
    assert product.cycle_of("humble") is None
    assert product.cycle_of("1.2") is None
    assert product.cycle_of("noetic") is product.cycles[1]
    assert successors(product, product.cycles[1], ON).nearest is product.cycles[0]


def test_what_is_built_is_known_of_official_images_alone() -> None:
    assert len(KNOWN.built) > 140
    assert "24-alpine" in KNOWN.built_tags(Reference.parse("node").repository)
    assert KNOWN.built_tags(Reference.parse("quay.io/library/node").repository) == ()
    assert Knowledge().built_tags(Reference.parse("node").repository) == ()
