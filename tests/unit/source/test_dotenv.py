"""`.env` files: the rules of compose-go's `dotenv` tests."""

from __future__ import annotations

import pytest

from tagwatch.source.text.dotenv import read_dotenv
from tagwatch.source.text.interpolation import Resolved, literal
from tagwatch.source.text.source_text import SourceText


def read(text: str, **environment: str) -> dict[str, str | None]:
    def lookup(name: str) -> Resolved | None:
        return literal(environment[name]) if name in environment else None

    source = SourceText(text.encode(), ".env")
    values, problems = read_dotenv(source, lookup)
    assert problems == ()
    for value in values.values():
        for field in value.fields:
            assert text.encode()[field.span.start : field.span.end].decode() == field.text
    return {key: value.known for key, value in values.items()}


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=x", "x"),
        ("A= x ", "x"),
        ("export A=x", "x"),
        ("A: x", "x"),
        ("A =x", "x"),
        ("A=", ""),
        ("A=x # comment", "x"),
        ("A=x#y", "x#y"),
        ("A='x # y'", "x # y"),
        ('A="x # y" # z', "x # y"),
        ("A='$B'", "$B"),
        ('A="$B"', "b"),
        ("A=$B", "b"),
        ("A=${B}-${C:-c}", "b-c"),
        ("A=$$B", "$B"),
        ('A="\\$B"', "$B"),
        ('A="a\\nb"', "a\nb"),
        ('A="a\\"b"', 'a"b'),
        ("A='it\\'s'", "it's"),
        ('A="one\ntwo"', "one\ntwo"),
        ("A=x\r", "x"),
        ("A=$NOWHERE", None),
        ("A=x\nA=y", "y"),
        ("# A=z\n\n  A=x", "x"),
    ],
)
def test_value(line: str, value: str | None) -> None:
    assert read(line + "\n", B="b")["A"] == value
    assert read(line, B="b")["A"] == value


def test_earlier_keys_and_the_environment() -> None:
    assert read("A=1\nB=$A\nC=$A", A="env") == {"A": "1", "B": "env", "C": "env"}
    assert read("A=1\nB=$A") == {"A": "1", "B": "1"}
    assert read("A\nB\nC=1", A="env") == {"A": "env", "C": "1"}


@pytest.mark.parametrize("text", ["A=1\nno key\nB=2", "A=1\nB='open\nC=3\n", "A=1\n=x\n"])
def test_reading_stops_where_compose_refuses(text: str) -> None:
    source = SourceText(text.encode(), ".env")
    values, (problem,) = read_dotenv(source, lambda _: None)
    assert values.keys() == {"A"}
    assert problem.location.line == 2
