"""Compose's variables: the forms of compose-go's `template` tests, and where the pieces stand."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tagwatch.source.text.interpolation import Place, Resolved, interpolate, literal
from tagwatch.source.text.source_text import SourceText

VALUES = {"FOO": "first", "BAR": "", "IMG": "redis", "TAG": "7.2"}


def lookup(name: str) -> Resolved | None:
    return literal(VALUES[name]) if name in VALUES else None


# Text, the value (None: not known), what is missing. compose-go puts "" for a variable that is not
# set; here that is not known.
CASES = [
    ("plain", "plain", ()),
    ("$$FOO", "$FOO", ()),
    ("$${FOO}", "${FOO}", ()),
    ("$$$FOO", "$first", ()),
    ("$FOO", "first", ()),
    ("${FOO}", "first", ()),
    ("${BAR}", "", ()),
    ("a$FOO-b", "afirst-b", ()),
    ("${IMG}:${TAG}", "redis:7.2", ()),
    ("$UNSET", None, ("UNSET",)),
    ("${UNSET}:$OTHER:$UNSET", None, ("UNSET", "OTHER")),
    ("${UNSET:-def}", "def", ()),
    ("${UNSET-def}", "def", ()),
    ("${BAR:-def}", "def", ()),
    ("${BAR-def}", "", ()),
    ("${FOO:-def}", "first", ()),
    ("${UNSET:-}", "", ()),
    ("${UNSET-/non:-alphanumeric}", "/non:-alphanumeric", ()),
    ("${UNSET:-$FOO}", "first", ()),
    ("${UNSET:-${FOO}}", "first", ()),
    ("${UNSET:-a${OTHER-b${FOO}c}d}", "abfirstcd", ()),
    ("${UNSET:-${OTHER}}", None, ("OTHER",)),
    ("${UNSET:-$$x}", "$x", ()),
    ("${FOO:+yes}", "yes", ()),
    ("${BAR:+yes}", "", ()),
    ("${BAR+yes}", "yes", ()),
    ("${UNSET:+yes}", None, ("UNSET",)),
    ("${UNSET+yes}", None, ("UNSET",)),
    ("${FOO:+${TAG}}", "7.2", ()),
    ("${FOO:?needed}", "first", ()),
    ("${UNSET:?needed}", None, ("UNSET",)),
    ("${UNSET?needed}", None, ("UNSET",)),
    ("${BAR:?needed}", None, ("BAR",)),
    ("${BAR?needed}", "", ()),
    ("$5", "$5", ()),
    ("a$", "a$", ()),
    ("$ {FOO}", "$ {FOO}", ()),
    ("${UNSET:-{a}}b", "{a}b", ()),
]


@pytest.mark.parametrize(("text", "value", "missing"), CASES, ids=lambda case: repr(case))
def test_form(text: str, value: str | None, missing: tuple[str, ...]) -> None:
    resolved = interpolate(text, lookup)
    assert (resolved.known, resolved.missing, resolved.error) == (value, missing, "")


@pytest.mark.parametrize(
    "text",
    ["${", "${}", "${FOO", "${ FOO}", "${FOO }", "${FOO!x}", "${1}", "${FOO:-${}}", "${U+${A%x}}"],
)
def test_refused_form(text: str) -> None:
    resolved = interpolate(text, lookup)
    assert resolved.known is None
    assert resolved.error.startswith("invalid interpolation")


def test_places_of_pieces() -> None:
    text = "x/${IMG:-nginx}:${T:-1.${U-25}}-alpine"
    source = SourceText(text.encode(), "f")
    resolved = interpolate(text, lambda _: None, Place(source=source, start=0))
    assert resolved.known == "x/nginx:1.25-alpine"
    assert [(field.template, field.text) for field in resolved.fields] == [
        ("x/nginx:1.25{}", "-alpine"),
        ("x/nginx:1.{}-alpine", "25"),
        ("x/nginx:{}25-alpine", "1."),
        ("x/nginx{}1.25-alpine", ":"),
        ("x/{}:1.25-alpine", "nginx"),
        ("{}nginx:1.25-alpine", "x/"),
    ]
    for field in resolved.fields:
        assert text[field.span.start : field.span.end] == field.text


def test_hostile_growth_ends() -> None:
    doubling: dict[str, Resolved] = {"A0": literal("x" * 100)}
    for n in range(1, 60):
        doubling[f"A{n}"] = interpolate(f"$A{n - 1}$A{n - 1}", doubling.get)
    assert doubling["A59"].error
    assert interpolate("${A:-" * 5000, lookup).error
    assert interpolate("$" * 1_000_000, lookup).error
    assert interpolate("${A:-" * 500 + "}" * 500, lookup).error


@example(":$:{$A}")
@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("ab$${}:-+?FOO_TAG.é"), max_size=40))
def test_fields_give_the_text_back(text: str) -> None:
    source = SourceText(text.encode(), "f")
    resolved = interpolate(text, lookup, Place(source=source, start=0))
    for field in resolved.fields:
        assert text.encode()[field.span.start : field.span.end].decode() == field.text
        assert field.template.replace("{}", field.text) == resolved.text


def test_no_operators_where_the_format_has_none() -> None:
    assert interpolate("${FOO}", lookup, operators=False).known == "first"
    assert interpolate("${FOO:-x}", lookup, operators=False).known is None
