"""How a tag has behaved over time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tagwatch.audit.change import Verdict
from tagwatch.audit.history import Interval, Seen
from tagwatch.audit.lifecycle import Lifecycle, classify
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
QUIET_LINE = past((400, "b", "6.0.1"), tag="6.0")


@pytest.mark.parametrize(
    ("intervals", "line", "expected"),
    [
        (past((200, "a", "7.0.1"), (50, "b", "7.0.2")), LINE, Lifecycle.FLOATING),
        (past((300, "a", "7.0.1"), (200, "b", "7.0.2")), LINE, Lifecycle.ABANDONED),
        (past((300, "a", "7.0.1"), (200, "b", "7.0.2")), QUIET_LINE, Lifecycle.FLOATING),
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
