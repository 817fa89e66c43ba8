"""Selectors: what is one, what it takes, and how a user's text is split."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagwatch.errors import InvalidReferenceError, UsageError
from tagwatch.image.selection import choose, select, suggest
from tagwatch.image.selector import SelectorKind, is_pattern, parse_query, parse_selector
from tagwatch.image.tag_table import TagTable
from tests.tag_groups import repository


def table(*groups: str) -> TagTable:
    return TagTable.of(repository(*groups))


REDIS = table(
    "8.10.1 8.10 8 latest 8.10.1-trixie",
    "8.10.1-alpine 8-alpine alpine 8.10.1-alpine3.23 8-alpine3.23",
    "8.8.2 8.8",
    "8.8.2-alpine 8.8.2-alpine3.22",
    "7.4.11 7.4 7",
    "7.2.16 7.2",
    "6.2.24 6.2 6",
    "6.2.9",
    "9.0.0-rc2 9.0-rc",
    "9.0.0-rc2-alpine",
)


@pytest.mark.parametrize(
    ("selector", "tag"),
    [
        ("6.2.x", "6.2.24"),
        ("6.2.X", "6.2.24"),
        ("6.2.*", "6.2.24"),
        ("6.x", "6.2.24"),
        ("6.x.x", "6.2.24"),
        ("8.x", "8.10.1"),
        ("~8.8", "8.8.2"),
        ("~6.2.9", "6.2.24"),
        ("~6.2.25", None),
        ("^7", "7.4.11"),
        ("^7.3", "7.4.11"),
        ("^7.5", None),
        (">=6.2 <8", "7.4.11"),
        (">=6.2,<8", "7.4.11"),
        (">= 6.2 < 8", "7.4.11"),
        (">7", "8.10.1"),
        (">7.4", "8.10.1"),
        ("<=7", "7.4.11"),
        ("<7", "6.2.24"),
        ("<7.2.16", "6.2.24"),
        (">=7.2.0 <7.4.0", "7.2.16"),
        ("=7.2", "7.2.16"),
        ("==7.2", "7.2.16"),
        (">=7 !=8.10.1", "8.8.2"),
        ("8.x-alpine", "8.10.1-alpine"),
        ("8.x-alpine3.22", "8.8.2-alpine3.22"),
        (">=8 <9-alpine", "8.10.1-alpine"),
        ("x-alpine", "8.10.1-alpine"),
        ("*-alpine", "8.10.1-alpine"),
        ("9.x", None),
        ("9.0.x", None),
        ("9.0.x-rc", "9.0.0-rc2"),
        ("9.0.x-rc-alpine", "9.0.0-rc2-alpine"),
        ("10.x", None),
        ("8.x-bookworm", None),
        ("v8.x", "8.10.1"),
        (r"/^8\.\d+$/", "8.10"),
        (r"/alpine/", "8.10.1-alpine"),
        ("*", "8.10.1"),
        ("6.2.9", "6.2.9"),
    ],
)
def test_a_selector_takes_the_highest_version_of_its_variant(
    selector: str, tag: str | None
) -> None:
    chosen = choose(parse_selector(selector), REDIS)
    assert (chosen.text if chosen else None) == tag


def test_what_names_a_prerelease_is_no_answer_for_final_versions() -> None:
    haxe = table("4.3.7 4.3 latest", "5.0.0 5.0 5.0.0-preview.1")
    assert choose(parse_selector("5.0.x"), haxe) is None
    assert choose(parse_selector("^4"), haxe) == haxe.tags["4.3.7"]


def test_a_development_version_is_taken_only_by_its_own_minor() -> None:
    ubuntu = table("26.04 latest rolling", "26.10 devel", "24.04")
    for selector, tag in [("26.x", "26.04"), ("^26", "26.04"), ("~26.10", "26.10"), ("*", "26.04")]:
        chosen = choose(parse_selector(selector), ubuntu)
        assert chosen is not None
        assert chosen.text == tag


def test_another_numbering_in_the_repository_never_wins() -> None:
    jellyfin = table("10.10.7 10.10 10 latest", "2021.12.16", "10.9.11")
    assert choose(parse_selector(">=10"), jellyfin) == jellyfin.tags["10.10.7"]
    assert choose(parse_selector("*"), jellyfin) == jellyfin.tags["10.10.7"]
    assert choose(parse_selector(r"/^\d/"), jellyfin) == jellyfin.tags["10.10.7"]
    names = TagTable.of(["10.10.7", "10.9.11", "10.10", "2021.12.16", "202401"])
    for selector in ("*", "/./", ">=9"):
        assert choose(parse_selector(selector), names) == names.tags["10.10.7"]


def test_a_wildcard_needs_a_number_to_fill() -> None:
    pypy = table("3.11-7.3.23 3.11-7.3 3.11 3", "2.7-7.3.23 2.7")
    assert choose(parse_selector("3.11.x"), pypy) is None
    assert choose(parse_selector("3.x"), pypy) == pypy.tags["3.11-7.3.23"]
    dated = table("18.0-20260817 18.0 18", "19beta3")
    assert choose(parse_selector("18.0.x"), dated) == dated.tags["18.0-20260817"]
    assert choose(parse_selector("19.x-beta"), dated) == dated.tags["19beta3"]


def test_a_wildcard_without_a_number_to_fill_says_so() -> None:
    java = table("8u502-b07-jdk 8-jdk", "21.0.12_8-jdk")
    selector = parse_selector("8.x-jdk")
    assert choose(selector, java) is None
    assert suggest(selector, java) == "8u502-b07-jdk has no number in the wildcard's place"
    assert choose(parse_selector("^8-jdk"), java) == java.tags["8u502-b07-jdk"]


def test_products_of_one_repository_are_apart() -> None:
    percona = table("8.0.46-37 8.0 8 ps-8.0.46-37 ps-8.0", "psmdb-8.0.29 psmdb-8.0")
    for selector, tag in [
        ("8.0.x", "8.0.46-37"),
        ("ps-8.0.x", "ps-8.0.46-37"),
        ("psmdb-8.x", "psmdb-8.0.29"),
    ]:
        assert choose(parse_selector(selector), percona) == percona.tags[tag]


def test_a_build_that_may_be_before_its_release_is_not_taken_for_it() -> None:
    grafana = table("11.3.0 11.3 latest", "11.3.0-79146", "11.2.0")
    assert choose(parse_selector("11.x"), grafana) == grafana.tags["11.3.0"]
    assert choose(parse_selector("^11.3.0-1"), grafana) == grafana.tags["11.3.0-79146"]
    named = table("11.3.0", "11.3.0-1 11.3-1", "11.3.1-2")
    assert [named.is_doubtful(tag) for tag in named.tags.values()] == [False] * 4
    assert table("11.3.0", "11.3.0-1").is_doubtful(grafana.read("11.3.0-1"))


def test_without_digests_the_names_decide() -> None:
    names = TagTable.of(["6", "6.2", "6.2.9", "6.2.24", "6.2.24-alpine", "7.0.0-rc1"])
    assert choose(parse_selector("6.x"), names) == names.tags["6.2.24"]
    assert [tag.text for tag in select(parse_selector("6.x"), names)] == ["6.2.24", "6.2.9"]


def test_every_image_but_no_artifact_is_taken_by_a_star() -> None:
    names = TagTable.of(["1.0", "latest", "sha256-" + "a" * 64 + ".sig"])
    assert [tag.text for tag in select(parse_selector("*"), names)] == ["1.0", "latest"]


@pytest.mark.parametrize(
    ("selector", "part"),
    [
        ("9.0.x", "only pre-releases match, such as 9.0.0-rc2"),
        ("8.x-bookworm", "the nearest is 8.10.1"),
        ("10.x", ""),
    ],
)
def test_a_range_without_answer_says_what_is_near(selector: str, part: str) -> None:
    said = suggest(parse_selector(selector), REDIS)
    assert part in said
    assert bool(said) == bool(part)


@pytest.mark.parametrize(
    ("text", "path", "selector"),
    [
        ("redis:6.2", "library/redis", None),
        ("redis", "library/redis", None),
        ("redis:6.2.x", "library/redis", "6.2.x"),
        ("redis:6.2.*", "library/redis", "6.2.*"),
        ("redis:^6", "library/redis", "^6"),
        ("redis:>=6.2 <8", "library/redis", ">=6.2 <8"),
        ("host:5000/a:/^8/", "a", "/^8/"),
        ("host:5000/a:/b:c/", "a", "/b:c/"),
        ("host:5000/a:~1.2-slim", "a", "~1.2-slim"),
        ("wordpress:cli-2.x-php8.3", "library/wordpress", "cli-2.x-php8.3"),
        ("ghcr.io/o/r:*", "o/r", "*"),
    ],
)
def test_a_text_is_split_behind_the_repository(text: str, path: str, selector: str | None) -> None:
    query = parse_query(text)
    assert query.input == text
    assert query.repository.path == path
    assert (query.selector.text if query.selector else None) == selector


def test_what_may_be_a_tag_is_both() -> None:
    query = parse_query("redis:6.2.x")
    assert query.reference is not None
    assert query.reference.tag == "6.2.x"
    assert parse_query("redis:^6").reference is None


@pytest.mark.parametrize("text", ["a b", "Redis:^6", "redis@sha256:12", "", ":^6"])
def test_what_names_no_repository_is_no_reference(text: str) -> None:
    with pytest.raises(InvalidReferenceError):
        parse_query(text)


@pytest.mark.parametrize(
    "text",
    ["", " ", "^", "~alpine", ">=", ">=6.2 or 7", ">=6.2 <", "//", "/(/", "/6.2", "^6 7", "6.2:7",
     "x" * 300, "^6\n", "=>6", "/a{1,99999999999}/"],
)  # fmt: skip
def test_what_is_no_selector_is_a_usage_error_with_a_hint(text: str) -> None:
    if text == "^6\n":
        assert parse_selector(text).kind is SelectorKind.RANGE  # space around is no matter
        return
    with pytest.raises(UsageError) as caught:
        parse_selector(text)
    assert caught.value.hint


@pytest.mark.parametrize(
    "pattern",
    [
        r"(a+)+$", r"(a*)*", r"(a|a)*", r"(a|ab)+c", r"((a+)b?)*", r"(?:a+)+", r"(?P<n>a+)+",
        r"(a{2,})+", r"(a)\1", r".*.*.*.*x", r".*a.*b.*c.*",
        r"\d+\d+\d+\d+\d+x", r"(?P<n>a)(?P=n)", r"(a+){2,}", r"([a-z]+)*", r"(?:a|b)+",
    ],
)  # fmt: skip
def test_a_pattern_that_could_run_for_ever_is_refused(pattern: str) -> None:
    with pytest.raises(UsageError):
        parse_selector(f"/{pattern}/")


@pytest.mark.parametrize(
    "pattern",
    [
        r"^8",
        r"^\d+\.\d+\.\d+$",
        r"^8\.\d+(-alpine)?$",
        r"^(7|8)\.\d+$",
        r"[(]a+[)*]",
        r"^v?\d+(\.\d+){2}$",
    ],
)
def test_a_plain_pattern_is_accepted(pattern: str) -> None:
    assert parse_selector(f"/{pattern}/").kind is SelectorKind.REGEX


def test_an_accepted_pattern_is_quick_on_the_longest_tags() -> None:
    tags = TagTable.of(["a" * 128, "a" * 127 + "!", "1" * 128])
    began = time.process_time()
    for pattern in (r"^a*b*a*b$", r".*a.*a.*c", r"^\d+1\d+x"):
        select(parse_selector(f"/{pattern}/"), tags)
    assert time.process_time() - began < 1


@pytest.mark.parametrize("form", ["1.0.{0} 1.{0}", "1.0.{0}-{0}"])
def test_one_image_under_thousands_of_tags_is_selected_quickly(form: str) -> None:
    """Looking through all of an image's names for each of them took 9 s."""
    tags = TagTable.of(repository(" ".join(map(form.format, range(4_000)))))
    began = time.process_time()
    for selector in ("1.x", "*"):
        assert len(select(parse_selector(selector), tags)) >= 4_000
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [("6.2.x", True), ("^6", True), ("6.2", False), ("latest", False), ("", False), ("xml", False),
     ("1.2-linux", False), ("2.x-alpine", True), ("ax.b", False)],
)  # fmt: skip
def test_a_tag_is_told_from_a_pattern(text: str, expected: bool) -> None:
    assert is_pattern(text) is expected


@given(st.text(max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_text_is_a_selector_or_a_usage_error(text: str) -> None:
    try:
        selector = parse_selector(text)
    except UsageError:
        return
    assert str(selector) == text
    select(selector, REDIS)


@given(st.text(alphabet="ab1.()[]*+?{},|\\^$", max_size=24))
@settings(max_examples=200, deadline=None)
def test_no_accepted_pattern_is_slow(pattern: str) -> None:
    try:
        selector = parse_selector(f"/{pattern}/")
    except UsageError:
        return
    began = time.process_time()
    re.search(selector.pattern, "a" * 40 + "!", re.ASCII)
    assert time.process_time() - began < 0.5
