"""How a tag has behaved over time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

import pytest

from tagwatch.audit.model.diff import Verdict
from tagwatch.audit.model.history import Interval, Seen
from tagwatch.audit.version.lifecycle import Lifecycle, classify
from tagwatch.audit.version.resolve import version_of
from tagwatch.image.tag_table import TagTable
from tagwatch.ledger.timeline import served_at
from tagwatch.value import replace
from tests.history_facts import history_facts
from tests.truth import digest

AT = datetime(2026, 11, 1, tzinfo=UTC)


def past(
    *steps: tuple[int, str, str | None],
    tag: str = "7.0",
    ended: bool = False,
    gap_days: int = 0,
    kind: Seen = Seen.SEEN,
) -> list[Interval]:
    """Intervals from (days before `AT`, image, version); each lasts until the next begins.

    The last but one ended `gap_days` before the last began.
    """
    intervals = []
    for number, (days, image, version) in enumerate(steps):
        first = AT - timedelta(days=days)
        is_last = number == len(steps) - 1
        ends = AT if is_last else AT - timedelta(days=steps[number + 1][0])
        if number == len(steps) - 2:
            ends -= timedelta(days=gap_days)
        intervals.append(
            Interval(
                tag=tag,
                digest=digest(image),
                first_seen=first,
                last_seen=ends,
                ended=ended if is_last else True,
                ended_at=None if is_last else ends,
                version=version,
                kind=kind,
            )
        )
    return intervals


LINE = past((20, "b", "7.4.1"), tag="7.4")
OLDER_LINE = [*past((10, "c", "6.2.9"), tag="6.2"), *past((30, "d", "5.0.9"), tag="5.0")]
QUIET_LINE = past((400, "b", "6.0.1"), tag="6.0")


@pytest.mark.parametrize(
    ("intervals", "line", "expected"),
    [
        (past((200, "a", "7.0.1"), (50, "b", "7.0.2")), LINE, Lifecycle.FLOATING),
        (past((300, "a", "7.0.1"), (200, "b", "7.0.2")), LINE, Lifecycle.ABANDONED),
        (past((300, "a", "7.0.1"), (200, "b", "7.0.2")), QUIET_LINE, Lifecycle.FLOATING),
        (past((300, "a", "7.0.1"), (200, "b", "7.0.2")), OLDER_LINE, Lifecycle.FLOATING),
        (
            past((300, "a", "7.0.1"), (200, "b", "7.0.2")),
            [*OLDER_LINE, *past((40, "e", "7.4.1"), tag="7.4")],
            Lifecycle.ABANDONED,
        ),
        (past((300, "a", "7.0.1"), (200, "b", "7.0.2")), [], Lifecycle.FLOATING),
        (past((300, "a", "7.0.1"), (50, "b", "7.0.1")), LINE, Lifecycle.REPUSHED),
        (past((300, "a", "7.0.1"), (200, "b", "7.0.1")), LINE, Lifecycle.REPUSHED),
        (past((300, "a", "7.0.1")), LINE, Lifecycle.FROZEN),
        (past((5, "a", "7.0.1")), LINE, None),
        (past((300, "a", "7.0.1"), (5, "b", "7.0.1"), gap_days=90), [], Lifecycle.RETURNED),
        (past((300, "a", "7.0.1"), (5, "a", "7.0.1"), gap_days=90), [], Lifecycle.RETURNED),
        (past((300, "a", "7.0.1"), (60, "b", "7.0.1"), gap_days=90), [], Lifecycle.REPUSHED),
        (past((90, "a", "7.0.1"), (60, "b", "7.0.2"), (5, "a", "7.0.1")), [], Lifecycle.WENT_BACK),
        (past((90, "a", "7.0.2"), (5, "b", "7.0.1")), [], Lifecycle.WENT_BACK),
        (past((90, "a", "7.0.9"), (5, "b", "7.0.10")), [], Lifecycle.FLOATING),
        (past((90, "a", "3.10.1"), (5, "b", "3.10")), [], Lifecycle.FLOATING),
        (past((90, "a", None), (5, "b", None)), [], None),
        (past((90, "a", None), (5, "b", None), tag="latest"), [], Lifecycle.FLOATING),
        (past((300, "a", "7.0.1"), ended=True), [], None),
        ([], LINE, None),
    ],
)
def test_lifecycle(
    intervals: list[Interval], line: list[Interval], expected: Lifecycle | None
) -> None:
    assert classify(intervals, line, at=AT) is expected


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (Verdict.REBUILT, Lifecycle.REPUSHED),
        (Verdict.REPLACED, Lifecycle.REPUSHED),
        (Verdict.UPGRADED, Lifecycle.FLOATING),
        (Verdict.UNKNOWN, None),
    ],
)
def test_a_verdict_speaks_where_no_version_is_known(
    verdict: Verdict, expected: Lifecycle | None
) -> None:
    before, now = past((90, "a", None), (50, "b", None))
    after = Interval(
        tag=now.tag,
        digest=now.digest,
        first_seen=now.first_seen,
        last_seen=now.last_seen,
        verdict=verdict,
    )
    assert classify([before, after], at=AT) is expected


def test_what_the_publisher_says_comes_first() -> None:
    intervals = past((200, "a", "7.0.1"), (50, "b", "7.0.2"))
    assert classify(intervals, at=AT, supported=False) is Lifecycle.UNSUPPORTED
    assert classify(intervals, at=AT, supported=True) is Lifecycle.FLOATING
    committed = past((900, "a", "7.0.1"), ended=True, kind=Seen.COMMITTED)
    assert classify([*committed, *intervals], at=AT) is Lifecycle.UNSUPPORTED
    assert classify([*committed, *intervals], at=AT, supported=True) is Lifecycle.FLOATING
    alive = past((900, "a", "7.0.1"), kind=Seen.COMMITTED)
    assert classify([*alive, *intervals], at=AT) is Lifecycle.FLOATING
    assert classify(alive, at=AT) is Lifecycle.FROZEN


@cache
def served_on(image: str) -> dict[str, list[Interval]]:
    by_tag: dict[str, list[Interval]] = {}
    for fact in history_facts(image):
        by_tag.setdefault(fact.tag, []).append(fact)
    return by_tag


def version_on(image: str, tag: str, when: datetime) -> str | None:
    held = {name: served_at(facts, when) for name, facts in served_on(image).items()}
    return version_of(tag, TagTable.of({name: one.digest for name, one in held.items() if one}))


def watched(image: str, tag: str, day: str) -> list[Interval]:
    """What we had seen of a real tag by the end of that day, each with its version of the time."""
    at = datetime.fromisoformat(f"{day}T23:59:59+00:00")
    return [
        replace(
            fact,
            kind=Seen.SEEN,
            version=version_on(image, tag, fact.first_seen),
            ended=fact.ended and fact.last_seen <= at,
            ended_at=fact.ended_at if fact.last_seen <= at else None,
        )
        for fact in served_on(image)[tag]
        if fact.first_seen <= at
    ]


@pytest.mark.parametrize(
    ("image", "tag", "day", "expected"),
    [
        ("redis", "7.0", "2023-06-20", Lifecycle.FLOATING),
        ("redis", "7.0.12", "2023-08-01", None),
        ("redis", "6.0", "2021-02-23", Lifecycle.RETURNED),
        ("redis", "6.0", "2021-05-23", Lifecycle.FLOATING),
        ("redis", "latest", "2026-08-01", Lifecycle.FLOATING),
        ("nginx", "1.25.3", "2023-12-30", Lifecycle.FROZEN),
        ("redis", "7.2.4", "2024-04-20", Lifecycle.REPUSHED),
        ("python", "3", "2014-10-04", Lifecycle.WENT_BACK),
        ("python", "3", "2014-12-04", Lifecycle.FLOATING),
        ("python", "3.10", "2022-01-19", Lifecycle.FLOATING),
    ],
)
def test_real_tags(image: str, tag: str, day: str, expected: Lifecycle | None) -> None:
    at = datetime.fromisoformat(f"{day}T23:59:59+00:00")
    assert classify(watched(image, tag, day), at=at) is expected


def test_a_real_tag_that_left_the_publishers_list() -> None:
    facts = served_on("redis")
    assert classify(facts["7.0"], facts["7.4"], at=AT) is Lifecycle.UNSUPPORTED
    assert classify(facts["7.4"], facts["7.2"], at=AT) is not Lifecycle.UNSUPPORTED
