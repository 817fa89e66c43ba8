"""The schedule: crontab lines as cron reads them, once a local day, kept by a real scheduler."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

from tagwatch.config.cron import times_after, zone_of
from tagwatch.config.settings import Schedule
from tagwatch.errors import ConfigError
from tagwatch.service.schedule import Timetable, due_since, next_due, trigger_of

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)


def runs(schedule: Schedule, count: int, start: datetime = MONDAY) -> list[datetime]:
    """The next times, as the scheduler would be told them."""
    trigger: Any = trigger_of(schedule)
    found: list[datetime] = []
    last, now = None, start
    for _ in range(count):
        last = trigger.get_next_fire_time(last, now)
        found.append(last)
        now = last + timedelta(microseconds=1)
    return found


@pytest.mark.parametrize(
    ("cron", "days"),
    [
        ("0 2 * * 0", ["Sun"]),
        ("0 2 * * 7", ["Sun"]),
        ("0 2 * * sun", ["Sun"]),
        ("0 2 * * 1", ["Mon"]),
        ("0 2 * * 1-5", ["Mon", "Tue", "Wed", "Thu", "Fri"]),
        ("0 2 * * MON-FRI", ["Mon", "Tue", "Wed", "Thu", "Fri"]),
        ("0 2 * * 5-7", ["Fri", "Sat", "Sun"]),
        ("0 2 * * fri-sun", ["Fri", "Sat", "Sun"]),
        ("0 2 * * 0-2", ["Mon", "Tue", "Sun"]),
        ("0 2 * * */2", ["Tue", "Thu", "Sat", "Sun"]),
        ("0 2 * * 1-5/2,6", ["Mon", "Wed", "Fri", "Sat"]),
    ],
)
def test_weekdays_are_those_of_cron(cron: str, days: list[str]) -> None:
    week = [at for at in runs(Schedule(cron=cron), 8) if at < MONDAY + timedelta(days=7)]
    assert [f"{at:%a}" for at in week] == days
    assert {f"{at:%H:%M}" for at in week} == {"02:00"}


def test_a_day_and_a_weekday_are_either() -> None:
    found = runs(Schedule(cron="0 2 1,15 * 1"), 6)
    assert [f"{at:%a %d}" for at in found] == [
        "Mon 23", "Mon 30", "Tue 01", "Mon 07", "Mon 14", "Tue 15",
    ]  # fmt: skip


def test_a_run_keeps_to_the_clocks_of_its_zone() -> None:
    schedule = Schedule(cron="30 5 * * *", timezone="Europe/Berlin")
    spring = runs(schedule, 3, datetime(2026, 3, 28, tzinfo=UTC))
    berlin = ZoneInfo("Europe/Berlin")
    assert [f"{at.astimezone(berlin):%d %H:%M}" for at in spring] == [
        "28 05:30", "29 05:30", "30 05:30",
    ]  # fmt: skip
    assert [f"{at.astimezone(UTC):%H:%M}" for at in spring] == ["04:30", "03:30", "03:30"]


# Where the clock of a zone is turned, and lines that fall into the hour that is repeated, missing,
# or ends there: APScheduler's own trigger ran twice, or left the day out.
TURNS = [
    ("Europe/Berlin", date(2026, 10, 25), ("30 2", "0 2", "0 3")),
    ("Europe/Berlin", date(2027, 3, 28), ("30 2", "0 2", "0 3")),
    ("America/New_York", date(2026, 11, 1), ("30 1", "0 1", "0 2")),
    ("America/New_York", date(2027, 3, 14), ("30 2", "0 2", "0 3")),
    ("Australia/Lord_Howe", date(2026, 4, 5), ("45 1", "30 1", "0 2")),
    ("Australia/Lord_Howe", date(2026, 10, 4), ("15 2", "0 2", "30 2")),
    ("Africa/Cairo", date(2026, 4, 24), ("0 0", "30 0", "0 1")),
    ("America/Santiago", date(2026, 9, 6), ("0 0", "30 0", "0 1")),
    ("America/Havana", date(2026, 3, 8), ("0 0", "30 0", "0 1")),
    ("America/Havana", date(2026, 11, 1), ("0 0", "30 0", "0 1")),
    ("Asia/Kolkata", date(2026, 10, 25), ("30 2", "0 0", "0 3")),
    ("UTC", date(2026, 10, 25), ("30 2", "0 0", "0 3")),
]


@pytest.mark.parametrize(
    ("zone", "turn", "line"),
    [(zone, turn, line) for zone, turn, lines in TURNS for line in lines],
)
def test_row_37_a_daily_line_is_due_once_a_local_day(zone: str, turn: date, line: str) -> None:
    place = zone_of(zone)
    begin = datetime(turn.year, turn.month, turn.day, tzinfo=UTC) - timedelta(days=3)
    days = [turn + timedelta(days=step) for step in range(-1, 3)]
    for again_after in (timedelta(), timedelta(minutes=7), timedelta(minutes=50)):
        # also where the service is started anew some time after each run
        found: Counter[date] = Counter()
        at = begin
        while at < begin + timedelta(days=7):
            due = next(times_after(f"{line} * * *", place, at))
            assert due > at
            found[due.astimezone(place).date()] += 1
            at = due + again_after
        assert {day: found[day] for day in days} == dict.fromkeys(days, 1)


@pytest.mark.parametrize(("line", "hours"), [("0 * * * *", 25), ("*/15 * * * *", 100)])
def test_a_line_for_every_hour_follows_real_time(line: str, hours: int) -> None:
    schedule = Schedule(cron=line, timezone="Europe/Berlin")
    midnight = datetime(2026, 10, 24, 22, 0, tzinfo=UTC)  # in Berlin, and the day has 25 hours
    found = [at for at in runs(schedule, 120, midnight) if at < midnight + timedelta(hours=25)]
    assert len(found) == hours


@pytest.mark.parametrize("jitter", [timedelta(minutes=10), timedelta(hours=30)])
def test_jitter_delays_a_run_and_leaves_no_day_out(jitter: timedelta) -> None:
    """Also in the repeated hour, where APScheduler's own jitter never ends."""
    schedule = Schedule(cron="30 2 * * *", timezone="Europe/Berlin", jitter=jitter)
    start = datetime(2026, 10, 22, tzinfo=UTC)
    found = runs(schedule, 9, start)
    due = runs(Schedule(cron="30 2 * * *", timezone="Europe/Berlin"), 9, start)
    assert all(timedelta() <= at - at_due <= jitter for at, at_due in zip(found, due, strict=True))
    assert len({runs(schedule, 1)[0] for _ in range(50)}) > 10


def test_what_was_due_while_nobody_was_there() -> None:
    schedule = Schedule(cron="0 2 * * *")
    two = MONDAY.replace(hour=2)
    hour = timedelta(hours=1)
    assert due_since(schedule, two - hour, two - timedelta(seconds=1)) is None
    assert due_since(schedule, two - hour, two) == two
    assert due_since(schedule, two - timedelta(days=3), two + hour) == two
    assert due_since(schedule, two, two + hour) is None


@pytest.mark.parametrize(
    ("cron", "zone", "said"),
    [
        ("99 2 * * *", "UTC", "bad minute"),
        ("0 25 * * *", "UTC", "bad hour"),
        ("0 2 * * 8", "UTC", "bad day-of-week"),
        ("0 2 * * 3-1", "UTC", "bad day-of-week"),
        ("0 2 * * *-3", "UTC", "bad day-of-week"),
        ("0 2 * * */0", "UTC", "bad day-of-week"),
        ("0 2 32 * *", "UTC", "bad day-of-month"),
        ("0 2 5#2 * *", "UTC", "bad day-of-month"),
        ("٣ 2 * * *", "UTC", "bad minute"),
        ("0 2 * *", "UTC", "five fields"),
        ("0 0 2 * * *", "UTC", "five fields"),
        ("0 2 30 2 *", "UTC", "is never due"),
        ("0 2 31 4,6 *", "Europe/Berlin", "is never due"),
        ("0 2 * * *", "Mars/Base", "Mars/Base"),
    ],
)
def test_a_line_that_is_none_is_told(cron: str, zone: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        trigger_of(Schedule(cron=cron, timezone=zone))
    assert said in refused.value.message
    assert refused.value.hint


def test_a_leap_day_is_due() -> None:
    assert f"{next_due(Schedule(cron='0 2 29 2 *'), MONDAY):%Y-%m-%d}" == "2028-02-29"


async def called(trigger: Any, grace: timedelta, seconds: float) -> int:
    """How often a timetable calls in so many seconds."""
    calls: list[None] = []
    table = Timetable(lambda: calls.append(None))
    table.follow_trigger(trigger, grace)
    async with table.running():
        await asyncio.sleep(seconds)
    return len(calls)


async def test_a_timetable_calls_at_its_times() -> None:
    clock, moments, twice = asyncio.get_running_loop().time, [], asyncio.Event()

    def call() -> None:
        moments.append(clock())
        if len(moments) == 2:
            twice.set()

    table = Timetable(call)
    begun = clock()
    table.follow_trigger(IntervalTrigger(seconds=1), timedelta(hours=1))
    async with table.running(), asyncio.timeout(30):
        await twice.wait()
    assert all(one - begun >= number - 0.1 for number, one in enumerate(moments, 1)), moments


@pytest.mark.parametrize(("late", "times"), [(3600, 0), (0.5, 1)])
async def test_a_run_that_was_missed_by_more_than_the_grace_is_left_out(
    late: float, times: int
) -> None:
    missed = DateTrigger(datetime.now(UTC) - timedelta(seconds=late))
    assert await called(missed, timedelta(minutes=5), 0.2) == times


async def test_another_schedule_takes_the_place_of_the_first() -> None:
    table = Timetable(lambda: None)
    async with table.running():
        for cron in ("0 2 1 1 *", "0 3 2 2 *"):
            table.follow(Schedule(cron=cron))
            assert table.next_at == next_due(Schedule(cron=cron), datetime.now(UTC))
