"""The schedule: the times of a cron line, kept by APScheduler."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from apscheduler.executors.asyncio import AsyncIOExecutor
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

from tagwatch.config.cron import times_after, zone_of
from tagwatch.config.settings import Schedule

__all__ = ["Timetable", "due_since", "next_due", "trigger_of"]


def next_due(schedule: Schedule, after: datetime) -> datetime:
    """Return when the schedule is due next after `after`, in UTC. Raises `ConfigError`."""
    return next(times_after(schedule.cron, zone_of(schedule.timezone), after))


def due_since(schedule: Schedule, since: datetime, until: datetime) -> datetime | None:
    """Return the last time that was due in (`since`, `until`]; None where there was none."""
    last = None
    for due in times_after(schedule.cron, zone_of(schedule.timezone), since):
        if due > until:
            break
        last = due
    return last


class _Cron(BaseTrigger):  # type: ignore[misc]  # apscheduler has no types
    """The times of a schedule, each delayed by up to its jitter.

    The next time follows from the one before, not from when that ran: a delay may be longer than
    the step to the next time.
    """

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self._due: datetime | None = None

    def get_next_fire_time(self, _previous: datetime | None, now: datetime) -> datetime:
        after = self._due or now.astimezone(UTC) - timedelta(microseconds=1)
        self._due = next_due(self._schedule, after)
        jitter = self._schedule.jitter.total_seconds()
        return self._due + timedelta(seconds=random.uniform(0, jitter))  # noqa: S311  # no secret

    def __getstate__(self) -> dict[str, Any]:
        return {"schedule": self._schedule}


def trigger_of(schedule: Schedule) -> BaseTrigger:
    """Return when to run, for APScheduler. Raises `ConfigError` where that is not possible."""
    next_due(schedule, datetime.now(UTC))
    return _Cron(schedule)


class Timetable:
    """A running scheduler that calls `due` at the times of the schedule it was told last.

    Several times that were missed are made up for once, and not at all if that was longer ago than
    the schedule's `misfire_grace`.
    """

    def __init__(self, due: Callable[[], None]) -> None:
        self._due = due
        self._scheduler = AsyncIOScheduler(executors={"default": AsyncIOExecutor()}, timezone=UTC)

    @property
    def next_at(self) -> datetime | None:
        """When `due` is called next."""
        job = self._scheduler.get_job("scan")
        at: datetime | None = getattr(job, "next_run_time", None)  # not until it is started
        return at.astimezone(UTC) if at is not None else None

    def follow(self, schedule: Schedule) -> None:
        """Follow this schedule from now on."""
        self.follow_trigger(trigger_of(schedule), schedule.misfire_grace)

    def follow_trigger(self, trigger: BaseTrigger, misfire_grace: timedelta) -> None:
        """See `follow`."""

        async def due() -> None:  # a plain function would be run in a thread
            self._due()

        self._scheduler.add_job(
            due,
            trigger,
            id="scan",
            replace_existing=True,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=int(misfire_grace.total_seconds()) or None,
        )

    def look(self) -> None:
        """Look at the clock: timers are late where the machine slept or its clock was set."""
        if self._scheduler.running:
            self._scheduler.wakeup()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep the times for a block."""
        self._scheduler.start()
        try:
            yield
        finally:
            self._scheduler.shutdown(wait=False)
