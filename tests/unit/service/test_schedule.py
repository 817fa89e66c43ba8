"""The schedule: crontab lines as cron reads them, and one run at a time with a real scheduler."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

from tagwatch.config.settings import Schedule
from tagwatch.errors import ConfigError
from tagwatch.service.schedule import run_on_trigger, trigger_of

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
FAR = DateTrigger(datetime(2999, 1, 1, tzinfo=UTC))


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


def test_jitter_moves_a_run_by_so_much_at_most() -> None:
    schedule = Schedule(cron="0 2 * * *", jitter=timedelta(minutes=10))
    due = MONDAY.replace(hour=2)
    found = {runs(schedule, 1)[0] for _ in range(50)}
    assert len(found) > 10
    assert all(abs(at - due) <= timedelta(minutes=10) for at in found)


@pytest.mark.parametrize(
    ("cron", "zone", "said"),
    [
        ("99 2 * * *", "UTC", "99"),
        ("0 2 * * 8", "UTC", "'8' is no weekday"),
        ("0 2 * * 3-1", "UTC", "'3-1' holds no weekday"),
        ("0 2 * * *-3", "UTC", "is no weekday"),
        ("0 2 * * */0", "UTC", "is no weekday"),
        ("0 2 * *", "UTC", "not enough values"),
        ("0 2 * * *", "Mars/Base", "Mars/Base"),
    ],
)
def test_a_line_that_is_none_is_told(cron: str, zone: str, said: str) -> None:
    with pytest.raises(ConfigError, match="is no schedule") as refused:
        trigger_of(Schedule(cron=cron, timezone=zone))
    assert said in refused.value.message


class Running:
    """A schedule that runs, and what its job did."""

    def __init__(self, seconds: float) -> None:
        self.now, self.stop = asyncio.Event(), asyncio.Event()
        self.begun = self.finished = self.most = 0
        self._seconds = seconds

    async def job(self) -> None:
        self.begun += 1
        self.most = max(self.most, self.begun - self.finished)
        await asyncio.sleep(self._seconds)
        self.finished += 1


@asynccontextmanager
async def running(
    trigger: Any, seconds: float, grace: timedelta = timedelta(hours=1)
) -> AsyncIterator[Running]:
    one = Running(seconds)
    task = asyncio.create_task(run_on_trigger(trigger, grace, one.job, one.now, one.stop))
    yield one
    one.stop.set()
    await asyncio.wait_for(task, 5)


async def test_a_trigger_runs_the_job_and_never_two() -> None:
    async with running(IntervalTrigger(seconds=1), 1.3) as one:
        await asyncio.sleep(3.8)
    assert one.most == 1
    assert one.begun in (2, 3), "each second one is due, and half of them are left out"
    assert one.finished == one.begun, "the last one is waited for"


async def test_a_run_can_be_asked_for_at_once() -> None:
    async with running(FAR, 0.01) as one:
        await asyncio.sleep(0.1)
        assert one.begun == 0
        one.now.set()
        await asyncio.sleep(0.2)
        assert (one.begun, one.finished) == (1, 1)


async def test_asking_during_a_run_is_one_more_after_it() -> None:
    async with running(FAR, 0.2) as one:
        one.now.set()
        await asyncio.sleep(0.1)
        for _ in range(5):
            one.now.set()
        await asyncio.sleep(0.6)
    assert (one.begun, one.most) == (2, 1)


async def test_no_run_begins_after_a_stop() -> None:
    async with running(FAR, 0.1) as one:
        await asyncio.sleep(0.05)
        one.stop.set()
        one.now.set()
        await asyncio.sleep(0.3)
    assert one.begun == 0


@pytest.mark.parametrize(("late", "begun"), [(2, 0), (0.5, 1)])
async def test_a_run_that_was_missed_by_more_than_the_grace_is_left_out(
    late: float, begun: int
) -> None:
    missed = DateTrigger(datetime.now(UTC) - timedelta(seconds=late))
    async with running(missed, 0.01, timedelta(seconds=1)) as one:
        await asyncio.sleep(0.3)
    assert one.begun == begun


async def test_what_a_job_raises_ends_it() -> None:
    now = asyncio.Event()
    now.set()

    async def job() -> None:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        await run_on_trigger(FAR, timedelta(hours=1), job, now, asyncio.Event())
