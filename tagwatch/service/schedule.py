"""The nightly schedule: one scan at a time, at the times that a cron line gives."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from apscheduler.executors.asyncio import AsyncIOExecutor
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger

from tagwatch.config.settings import Schedule
from tagwatch.errors import ConfigError

__all__ = ["run_on_schedule", "trigger_of"]

Job = Callable[[], Awaitable[None]]


def trigger_of(schedule: Schedule) -> CronTrigger:
    """When to run. Raises `ConfigError` for a cron line that APScheduler cannot read."""
    try:
        trigger = CronTrigger.from_crontab(schedule.cron, timezone=schedule.timezone)
    except (ValueError, KeyError) as error:
        raise ConfigError(
            f"schedule: {schedule.cron!r} in {schedule.timezone!r} is no schedule: {error}",
            hint="five fields as in crontab, such as '0 2 * * *', and a zone such as Europe/Berlin",
        ) from error
    trigger.jitter = int(schedule.jitter.total_seconds()) or None
    return trigger


async def run_on_schedule(
    schedule: Schedule, job: Job, now: asyncio.Event, stop: asyncio.Event
) -> None:
    """Run `job` by the schedule, and whenever `now` is set, until `stop` is set.

    Never two at a time: a run that is due while one goes on is left out, and so is one that was
    missed by more than the misfire grace; several missed ones are made up for once. `now` set
    while a job goes on asks for one more after it: what it tells of may have come too late for
    this one. A job under way when `stop` is set is waited for.
    """
    busy = False

    def due() -> None:
        if not busy:
            now.set()

    scheduler = AsyncIOScheduler(executors={"default": AsyncIOExecutor()})
    scheduler.add_job(
        due,
        trigger_of(schedule),
        id="scan",
        max_instances=1,
        coalesce=True,
        misfire_grace_time=int(schedule.misfire_grace.total_seconds()) or None,
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
