"""The nightly schedule: one scan at a time, at the times that a cron line gives."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta

from apscheduler.executors.asyncio import AsyncIOExecutor
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger

from tagwatch.config.settings import Schedule
from tagwatch.errors import ConfigError

__all__ = ["run_on_trigger", "trigger_of"]

_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_DAY = rf"[0-7]|{'|'.join(_DAYS)}"
_WEEKDAYS = re.compile(rf"(\*|{_DAY})(?:(?<!\*)-({_DAY}))?(?:/([1-7]))?", re.ASCII)

Job = Callable[[], Awaitable[None]]


def trigger_of(schedule: Schedule) -> BaseTrigger:
    """When to run, as crontab(5) reads the line. Raises `ConfigError` where that is not possible.

    APScheduler counts weekdays from Monday and wants both day and weekday to fit; in a crontab
    Sunday is 0 and 7, and where both are given either will do.
    """
    try:
        minute, hour, day, month, weekday = schedule.cron.split()
        weekdays = _weekdays(weekday)
        days = [(day, weekdays)]
        if not day.startswith("*") and not weekday.startswith("*"):
            days = [(day, "*"), ("*", weekdays)]
        triggers = [
            CronTrigger(
                minute=minute,
                hour=hour,
                day=one,
                month=month,
                day_of_week=of_week,
                timezone=schedule.timezone,
            )
            for one, of_week in days
        ]
    except (ValueError, KeyError) as error:
        raise ConfigError(
            f"schedule: {schedule.cron!r} in {schedule.timezone!r} is no schedule: {error}",
            hint="five fields as in crontab, such as '0 2 * * *', and a zone such as Europe/Berlin",
        ) from error
    trigger: BaseTrigger = triggers[0] if len(triggers) == 1 else OrTrigger(triggers)
    trigger.jitter = int(schedule.jitter.total_seconds()) or None
    return trigger


def _weekdays(field: str) -> str:
    """A crontab's weekdays by name: `0`, `7`, `1-5`, `fri-sun`, `*/2`. Raises `ValueError`."""
    found: set[int] = set()
    for part in field.lower().split(","):
        match = _WEEKDAYS.fullmatch(part)
        if match is None:
            raise ValueError(f"{part!r} is no weekday")
        first, last, step = match.groups()
        start, end = (0, 6) if first == "*" else (_number(first), _number(last or first))
        days = range(start, (7 if end == 0 < start else end) + 1, int(step or 1))
        if not days:
            raise ValueError(f"{part!r} holds no weekday")
        found.update(day % 7 for day in days)
    return ",".join(_DAYS[number] for number in sorted(found))


def _number(day: str) -> int:
    return _DAYS.index(day) if day in _DAYS else int(day)


async def run_on_trigger(
    trigger: BaseTrigger,
    misfire_grace: timedelta,
    job: Job,
    now: asyncio.Event,
    stop: asyncio.Event,
) -> None:
    """Run `job` when `trigger` says, and whenever `now` is set, until `stop` is set.

    Never two at a time: a run that is due while one goes on is left out, and so is one that was
    missed by more than the misfire grace; several missed ones are made up for once. `now` set
    while a job goes on asks for one more after it: what it tells of may have come too late for
    this one. A job under way when `stop` is set is waited for.
    """
    busy = False

    async def due() -> None:  # a plain function would be run in a thread
        if not busy:
            now.set()

    scheduler = AsyncIOScheduler(executors={"default": AsyncIOExecutor()})
    scheduler.add_job(
        due,
        trigger,
        id="scan",
        max_instances=1,
        coalesce=True,
        misfire_grace_time=int(misfire_grace.total_seconds()) or None,
    )
    scheduler.start()
    stopped = asyncio.ensure_future(stop.wait())
    try:
        while not stop.is_set():
            asked = asyncio.ensure_future(now.wait())
            await asyncio.wait((stopped, asked), return_when=asyncio.FIRST_COMPLETED)
            asked.cancel()
            if now.is_set() and not stop.is_set():
                now.clear()
                busy = True
                await job()
                busy = False
    finally:
        stopped.cancel()
        scheduler.shutdown(wait=False)
