"""The order of tags of every family, as facts were collected of it: 21 families, 90 cases."""

from __future__ import annotations

from collections import Counter

import pytest

from tagwatch.audit.version.newer import newer
from tagwatch.audit.version.resolve import resolve_selector, resolve_tag
from tagwatch.image.order import line_of, naming_of, place_of, plain_words
from tagwatch.image.tag import Tag
from tagwatch.image.tag_table import TagTable
from tests.tag_groups import repository
from tests.truth import load

FACTS = load("tag_order.json")
CASES = [(case["kind"], case) for case in FACTS["cases"]]
OF = {kind: [case for of, case in CASES if of == kind] for kind, _ in CASES}


def test_every_family_has_its_cases() -> None:
    families = {family["family"] for family in FACTS["families"]}
    assert (len(families), len(CASES)) == (21, 90)
    assert families - {case["family"] for _, case in CASES} == {"scala_first"}
    assert Counter(kind for kind, _ in CASES).keys() == {"compare", "newest", "concrete", "pattern"}


def compare(one: Tag, other: Tag) -> str:
    if one.words != other.words and plain_words(one) == plain_words(other):
        return "="
    if naming_of(one).why or line_of(one) != line_of(other) or one.scheme is not other.scheme:
        return "none"
    before, after = place_of(one), place_of(other)
    return "<" if before < after else ">" if before > after else "="


@pytest.mark.parametrize("case", OF["compare"], ids=lambda case: f"{case['a']} {case['b']}")
def test_two_tags(case: dict[str, str]) -> None:
    table = TagTable.of([case["a"], case["b"]])
    answers = {"< by the facts' dates, else none": {"<", "none"}}
    found = compare(table.tags[case["a"]], table.tags[case["b"]])
    assert found in answers.get(case["expect"], {case["expect"]})
    if found == "none":  # then neither is offered to the other
        offered = newer(case["a"], table), newer(case["b"], table)
        assert not any(step for one in offered for step in (one.patch, one.minor, one.major))


@pytest.mark.parametrize("case", OF["newest"], ids=lambda case: str(case["ask"]))
def test_the_newest(case: dict[str, object]) -> None:
    found = newer(str(case["ask"]), dict.fromkeys(case["tags"]))  # type: ignore[call-overload]  # JSON
    assert (found.major or found.minor or found.patch) == case["expect"]


@pytest.mark.parametrize("case", OF["concrete"], ids=lambda case: str(case["ask"]))
def test_the_concrete_tag(case: dict[str, object]) -> None:
    assert isinstance(case["tags"], list)
    same = {case["ask"], case["expect"]}
    others = [tag for tag in case["tags"] if tag not in same]
    apart = repository(f"{case['ask']} {case['expect']}", *others)
    assert resolve_tag(str(case["ask"]), apart).tag == case["expect"]
    together = repository(" ".join(case["tags"]))
    if case["ask"] != "6.0-alpha":  # two numbers of a stage are two images
        assert resolve_tag(str(case["ask"]), together).tag == case["expect"]


@pytest.mark.parametrize("case", OF["pattern"], ids=lambda case: str(case["ask"]))
def test_a_pattern(case: dict[str, object]) -> None:
    found = resolve_selector(str(case["ask"]), dict.fromkeys(case["tags"]))  # type: ignore[call-overload]  # JSON
    assert found.tag == case["expect"]
    assert str(case["expect"]) in found.note
