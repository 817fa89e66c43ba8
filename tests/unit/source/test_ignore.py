"""Inline ignores: where they stand, what they cover, and what is refused aloud."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagwatch.source.target import Ignore, Location, Target
from tagwatch.source.text.comment import attach, find_ignores, ignore_problems

FULL = 'tagwatch: ignore=tag-latest,tag-moving until=2026-12-01 reason="local \\"dev\\" only"'


def target(line: int, end_line: int | None = None) -> Target:
    place = Location(path="f", line=line, column=6, end_line=end_line or line, end_column=9)
    return Target(text="redis", location=place, kind="from")


def test_every_setting_is_read_with_its_place() -> None:
    assert find_ignores(f"a: 1\n  # {FULL}  \nimage: redis\n", "f") == (
        Ignore(
            rules=("tag-latest", "tag-moving"),
            until="2026-12-01",
            reason='local "dev" only',
            location=Location(path="f", line=2, column=3, end_line=2, end_column=5 + len(FULL)),
            line=3,
        ),
    )


@pytest.mark.parametrize(
    ("text", "comment", "covered"),
    [
        ("# tagwatch: ignore=a\nFROM x\n", "#", 2),
        ("\ufeff# tagwatch: ignore=a\r\nFROM x\r\n", "#", 2),
        ("image: x # tagwatch: ignore=a\nimage: y\n", "#", 1),
        ("# tagwatch: ignore=a\n# why\n  # and why\nFROM x\n", "#", 4),
        ("# tagwatch: ignore=a\n\nFROM x\n", "#", 2),
        ("x\n# tagwatch: ignore=a", "#", 3),
        ("## tagwatch: ignore=*\nFROM x\n", "#", 2),
        ('{ // tagwatch: ignore=a\n "image": "x"}', "//", 1),
        ('// tagwatch: ignore=a\n"image": "x"', "//", 2),
        ('/* tagwatch: ignore=a */\n"image": "x"', "//", 2),
        ('"image": "x" /* tagwatch: ignore=a */,\n"y": 1', "//", 1),
        ('/* tagwatch: ignore=a */ "image": "x"\n"y": 1', "//", 1),
        ('// tagwatch: ignore=a\n/* why */\n"image": "x"', "//", 3),
        ('// tagwatch: ignore=a\n/* why */ "image": "x"\n"y": 1', "//", 2),
    ],
)
def test_the_line_an_ignore_speaks_of(text: str, comment: str, covered: int) -> None:
    (ignore,) = find_ignores(text, "f", comment=comment)
    assert (ignore.line, ignore.invalid) == (covered, "")


@pytest.mark.parametrize(
    "text",
    [
        "image: x#tagwatch: ignore=a",
        "# see tagwatch: ignore=a",
        "http://tagwatch: ignore=a",
        "// tagwatch: ignore=a",
    ],
)
def test_what_is_no_ignore(text: str) -> None:
    assert find_ignores(text, "f") == ()


@pytest.mark.parametrize(
    ("comment", "reason"),
    [
        ("tagwatch:", "'' is no rule's name"),
        ("tagwatch: ignore", "'ignore' is no key=value"),
        ("tagwatch: ignore=", "'' is no rule's name"),
        ("tagwatch: ignore=a,", "'' is no rule's name"),
        ("tagwatch: ignore=Tag", "'Tag' is no rule's name"),
        ("tagwatch: ignores=a", "unknown key 'ignores'"),
        ("tagwatch: ignore=a ignore=b", "'ignore' is given twice"),
        ("tagwatch: ignore=a until=soon", "'soon' is no date (YYYY-MM-DD)"),
        ("tagwatch: ignore=a until=2026-02-30", "'2026-02-30' is no date (YYYY-MM-DD)"),
        ("tagwatch: ignore=a until=20261201", "'20261201' is no date (YYYY-MM-DD)"),
        ('tagwatch: ignore=a reason="open', "'reason=\"open' is no key=value"),
        ("tagwatch: ignore=a reason=two words", "'words' is no key=value"),
    ],
)
def test_what_cannot_be_read_is_a_problem_and_covers_nothing(comment: str, reason: str) -> None:
    ignores = find_ignores(f"# {comment}\nFROM x\n", "f")
    assert [(i.rules, i.line, i.invalid) for i in ignores] == [((), 0, reason)]
    assert attach([target(0), target(1), target(2)], ignores)[2].ignores == ()
    (problem,) = ignore_problems(ignores)
    assert reason in problem.message
    assert problem.hint
    assert problem.location.line == 1


def test_attach_gives_each_target_the_ignores_of_its_lines() -> None:
    text = "# tagwatch: ignore=a\none\ntwo # tagwatch: ignore=b\nthree\n"
    ignores = find_ignores(text, "f")
    first, second, third = attach([target(2), target(3), target(4)], ignores)
    assert [i.rules for i in first.ignores] == [("a",)]
    assert [i.rules for i in second.ignores] == [("b",)]
    assert third.ignores == ()


def test_an_ignore_above_a_statement_covers_all_its_lines_and_one_inside_only_its_line() -> None:
    text = "# tagwatch: ignore=a\nRUN \\\n one \\\n# tagwatch: ignore=b\n two \\\n three\n"
    targets = attach(
        [target(3), target(5), target(6)], find_ignores(text, "f"), starts={3: 2, 5: 2, 6: 2}
    )
    assert [[i.rules[0] for i in t.ignores] for t in targets] == [["a"], ["a", "b"], ["a"]]


@given(st.text(alphabet=st.sampled_from("#/ \n\r\t\"'\\=,-aé2"), max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_comment_is_an_ignore_or_says_why_not(text: str) -> None:
    whole = f"x\n# tagwatch:{text}"
    ignores = find_ignores(whole, "f")
    assert len(ignores) == 1
    assert bool(ignores[0].rules) != bool(ignores[0].invalid)
    place = ignores[0].location
    assert place is not None
    line = whole.split("\n")[place.line - 1]
    assert line[place.column - 1 : place.end_column - 1] == line.rstrip()
