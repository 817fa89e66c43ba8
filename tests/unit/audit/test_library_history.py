"""Versions of a library file into intervals, against reading the versions again for every date."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from hypothesis import given, settings
from hypothesis import strategies as st

from tagwatch.audit.model.history import Interval, Seen
from tagwatch.audit.version.library_history import library_intervals
from tagwatch.audit.version.resolve import version_of
from tagwatch.image.digest import Digest
from tagwatch.image.tag_table import TagTable
from tagwatch.source.library import LibraryBuild, served_builds

START = datetime(2016, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
Version = tuple[datetime, tuple[LibraryBuild, ...]]


def build(commit: str, *tags: str, shared: tuple[str, ...] = ()) -> LibraryBuild:
    return LibraryBuild(tags=tags, shared_tags=shared, commit=commit)


def test_versions_verdicts_and_dates_of_a_tags_life() -> None:
    versions = [
        (START, (build("a", "6.2.23", "6.2", "6"),)),
        (START + DAY, (build("b", "6.2.23", "6.2", "6"),)),
        (START + 2 * DAY, (build("c", "6.2.24", "6.2", "6"), build("b", "6.2.23"))),
        (START + 3 * DAY, ()),
        (START + 4 * DAY, (build("b", "6.2.23", "6.2"),)),
    ]
    past = library_intervals(versions, head_at=START + 9 * DAY)
    assert [
        (item.version, item.verdict, (item.first_seen - START).days, (item.last_seen - START).days)
        for item in past
        if item.tag == "6.2"
    ] == [
        ("6.2.23", None, 0, 1),
        ("6.2.23", "unknown", 1, 2),
        ("6.2.24", "upgraded", 2, 3),
        ("6.2.23", "downgraded", 4, 9),
    ]
    assert [item.ended for item in past if item.tag == "6.2"] == [True, True, True, False]
    assert [item.ended for item in past if item.tag == "6"] == [True, True, True]
    assert {item.kind for item in past} == {Seen.COMMITTED}
    assert all((item.ended_at == item.last_seen) == item.ended for item in past)


TAGS = st.sets(st.sampled_from(["1.2.3", "1.2", "1", "latest"]), max_size=4)
FILES = st.lists(
    st.lists(st.tuples(st.sampled_from("abc"), TAGS, TAGS), max_size=3), min_size=1, max_size=6
)


def state(versions: Sequence[Version], tag: str, when: datetime) -> str | None:
    held = [served_builds(builds).get(tag) for at, builds in versions if at <= when]
    return held[-1] if held else None


def answer(past: Sequence[Interval], tag: str, when: datetime) -> str | None:
    found = [
        item.digest
        for item in past
        if item.tag == tag
        and item.first_seen <= when
        and not (item.ended and item.last_seen <= when)
    ]
    assert len(found) < 2
    return found[0] if found else None


@given(FILES, st.lists(st.integers(0, 2), min_size=6, max_size=6))
@settings(max_examples=100, deadline=None)
def test_every_date_is_answered_as_the_file_of_that_date(
    files: list[list[tuple[str, set[str], set[str]]]], pauses: list[int]
) -> None:
    dates = [START + days * DAY for days in accumulate(pauses)]
    versions = [
        (at, tuple(build(c, *sorted(own), shared=tuple(sorted(more))) for c, own, more in file))
        for at, file in zip(dates, files, strict=False)
    ]
    past = library_intervals(versions, head_at=dates[-1] + DAY)
    for tag in ("1.2.3", "1.2", "1", "latest"):
        for day in range(-1, 14):
            when = START + day * DAY
            assert answer(past, tag, when) == state(versions, tag, when)


NAMES = st.sets(
    st.sampled_from(
        ["8.3.1", "8.3.1-fpm", "8.3", "8-fpm-trixie", "8.4.0rc1", "8.4.0", "8.4.1", "8.4-rc",
         "8.4.0-dev", "trixie", "trixie-20260101", "cli-2.1.0", "cli", "latest", "otp-27",
         "8.3.1-otp-27", "v8.3.1"]
    ),
    min_size=1,
    max_size=6,
)  # fmt: skip


@given(st.lists(st.lists(NAMES, min_size=1, max_size=3), min_size=1, max_size=6))
@settings(max_examples=100, deadline=None)
def test_a_version_is_what_the_tags_of_that_day_say(files: list[list[set[str]]]) -> None:
    versions = [
        (START + day * DAY, tuple(build(f"{day}{n}", *sorted(own)) for n, own in enumerate(file)))
        for day, file in enumerate(files)
    ]
    tables = {
        at: TagTable.of({tag: Digest(name) for tag, name in served_builds(builds).items()})
        for at, builds in versions
    }
    past = library_intervals(versions, head_at=START + 9 * DAY)
    assert {item.first_seen for item in past} == tables.keys()
    for item in past:
        assert item.version == version_of(item.tag, tables[item.first_seen]), item


def test_a_commit_dated_before_its_parent_keeps_the_order() -> None:
    versions = [(START + DAY, (build("a", "1"),)), (START, (build("b", "1"),))]
    (only,) = library_intervals(versions, head_at=START)
    assert only.digest == build("b", "1").name
    assert only.first_seen == only.last_seen == START + DAY
