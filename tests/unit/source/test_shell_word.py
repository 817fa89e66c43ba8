"""Shell words: BuildKit's own answers, and the laws of places, limits and patterns."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagwatch.errors import InputError
from tagwatch.source.buildkit.pattern import replace_pattern, trim_prefix, trim_suffix
from tagwatch.source.buildkit.shell_word import UnsetVariableError, Variables, expand, split_words
from tagwatch.source.text.source_text import Piece, missing_in, text_of
from tests.paths import DATA

BUILDKIT = json.loads((DATA / "source" / "buildkit_cases.json").read_text(encoding="utf-8"))
WORDS: list[dict[str, Any]] = BUILDKIT["words"]


def variables(values: dict[str, str], unset: set[str] | None = None) -> Variables:
    def variable(name: str) -> Sequence[Piece] | None:
        if name in values:
            return (Piece(values[name]),)
        if unset is not None:
            unset.add(name)
        return None

    return variable


@pytest.mark.parametrize("case", WORDS, ids=lambda case: f"{case['source']} {case['input']}")
def test_buildkits_answer(case: dict[str, Any]) -> None:
    unset: set[str] = set()
    known = variables(BUILDKIT["environments"][case["env"]], unset)
    if case["expect"] == "error":
        with pytest.raises(InputError) as caught:
            split_words(case["input"], known) if "words" in case else expand(case["input"], known)
        assert caught.value.message
        assert caught.value.hint
        return
    if "words" in case:
        assert split_words(case["input"], known) == case["expect"]
        return
    assert text_of(expand(case["input"], known)) == case["expect"]
    assert unset == set(case.get("unset", unset))


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("a`$B", "a$B"),
        ("a\\$B", "a\\x"),
        ('"`"`$``"', '"$`'),
        ("${N:-`}}", "}"),
        ("a`", "a"),
    ],
)
def test_the_escape_character_is_the_files(word: str, text: str) -> None:
    assert text_of(expand(word, variables({"B": "x"}), escape="`")) == text


def test_pieces_know_where_they_stand() -> None:
    value = (Piece("18", 4),)
    pieces = expand('node:${V}-"slim"${N:-x}${V%8}', lambda n: value if n == "V" else None, start=9)
    assert pieces == (
        Piece("node:", 9),
        Piece("18", 4),
        Piece("-", 18),
        Piece("slim", 20),
        Piece("x", 30),
        Piece("1"),
    )


@pytest.mark.parametrize(
    ("word", "text", "missing"),
    [
        ("$A", "", ("A",)),
        ("a$A${B}$A", "a", ("A", "B")),
        ("${A:-$B}", "", ("B",)),
        ("${A:-x}${A-y}${A:+z}", "xy", ()),
        ("${A%x}${B/x/y}", "", ("A", "B")),
        ("${K+$B}", "", ("B",)),
        ("${K#$B}", "known", ("B",)),
        ("'$A'\\$A", "$A$A", ()),
        ("$Q", "q", ("R",)),
        ("${Q:-d}", "q", ("R",)),
        ("${Q:+d}", "d", ()),
    ],
)
def test_only_what_would_change_the_word_is_missing(
    word: str, text: str, missing: tuple[str, ...]
) -> None:
    values = {"K": (Piece("known"),), "Q": (Piece("q"), Piece("", missing=("R",)))}
    pieces = expand(word, values.get)
    assert (text_of(pieces), missing_in(pieces)) == (text, missing)


def test_a_required_variable_is_named() -> None:
    with pytest.raises(UnsetVariableError) as caught:
        expand("${A:?give it}", lambda _: None)
    assert caught.value.name == "A"
    assert "give it" in caught.value.message


def test_a_value_grows_to_a_limit_only() -> None:
    long = (Piece("x" * 60_000),)
    assert len(text_of(expand("$A", lambda _: long))) == 60_000
    for word in ("$A$A", "${B#$A$A}", "${A/$A$A/}", '"$A$A"'):
        with pytest.raises(InputError):
            expand(word, lambda _: long)


_word = st.text(alphabet=st.sampled_from("ab${}:-+?#%/\\'\"<* `é"), max_size=14)


@given(_word, st.integers(-1, 5))
@settings(max_examples=200, deadline=None)
def test_a_word_is_read_or_refused_and_its_places_hold(word: str, start: int) -> None:
    values = {"a": (Piece("va"),), "b": (Piece(""),)}
    try:
        pieces = expand(word, values.get, start=start)
    except InputError as error:
        assert error.hint
        return
    for piece in pieces:
        if piece.start >= 0:
            begin = piece.start - start
            assert word[begin : begin + len(piece.text)] == piece.text
    if start < 0:
        assert all(piece.start < 0 for piece in pieces)


@given(_word)
@settings(max_examples=200, deadline=None)
def test_raw_words_lose_only_spaces(text: str) -> None:
    try:
        words = split_words(text, lambda _: None, raw=True, keep_unset=True)
    except InputError:
        return
    if "$" not in text and "\\" not in text:
        assert "".join(words).replace(" ", "") == text.replace(" ", "")
        assert all(words)


_value = st.text(alphabet="ab.", max_size=7)
_pattern = st.lists(st.sampled_from(["a", "b", ".", "*", "?", "\\*"]), max_size=5)


def matches(tokens: Sequence[str], value: str) -> bool:
    """The definition, tried out: exponential, obviously right."""
    if not tokens:
        return not value
    first, rest = tokens[0], tokens[1:]
    if first == "*":
        return any(matches(rest, value[length:]) for length in range(len(value) + 1))
    return bool(value) and first in ("?", value[0]) and matches(rest, value[1:])


@given(_value, _pattern, st.booleans())
@settings(max_examples=200, deadline=None)
def test_trimming_is_what_its_definition_says(value: str, tokens: list[str], longest: bool) -> None:
    pattern = "".join(tokens)
    plain = ["literal-star" if token == "\\*" else token for token in tokens]
    lengths = range(len(value) + 1)
    heads = [length for length in lengths if matches(plain, value[:length])]
    tails = [length for length in lengths if matches(plain, value[len(value) - length :])]
    head = (max(heads) if longest else min(heads)) if heads else 0
    tail = (max(tails) if longest else min(tails)) if tails else 0
    assert trim_prefix(value, pattern, longest=longest) == value[head:]
    assert trim_suffix(value, pattern, longest=longest) == value[: len(value) - tail]


@pytest.mark.parametrize(
    ("value", "pattern", "replacement", "every", "expected"),
    [
        ("a.b.c", ".", "-", False, "a-b.c"),
        ("a.b.c", ".", "-", True, "a-b-c"),
        ("a.b.c", "*", "x", True, "x"),
        ("aaab", "a", "", True, "b"),
        ("a/b", "\\/", "-", True, "a-b"),
        ("a}b", "\\}", "-", True, "a-b"),
        ("ab", "", "-", False, "-ab"),
        ("ab", "", "-", True, "-a-b-"),
        ("", "x", "-", True, ""),
        ("a*b", "\\*", "", True, "ab"),
        ("abc", "?", "x", True, "xxx"),
        ("abcabc", "b*", "-", True, "a-"),
    ],
)
def test_replacing(value: str, pattern: str, replacement: str, every: bool, expected: str) -> None:
    assert replace_pattern(value, pattern, replacement, every=every) == expected


@pytest.mark.parametrize("pattern", ["\\", "\\a", "a\\"])
def test_an_unknown_escape_in_a_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(InputError):
        trim_prefix("a", pattern, longest=True)


@pytest.mark.timeout(10)
def test_no_pattern_takes_long() -> None:
    value = "a" * 6_000
    assert trim_prefix(value, "*a" * 10 + "b", longest=False) == value
    assert trim_suffix(value, "b" + "*a" * 10, longest=True) == value
    assert replace_pattern(value, "*a" * 8 + "b", "", every=True) == value
    with pytest.raises(InputError):
        trim_prefix(value, "*a" * 50, longest=True)
