"""The times of a cron line in a time zone: each local day once, whatever the clocks do.

cronsim reads the line as Debian's cron does. A line with a fixed hour and minute is due once on the
day when an hour is repeated (at its first occurrence), and once on the day when it is missing (at
the first moment after the gap). A line with `*` in its minute or hour follows real time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tagwatch.errors import ConfigError

__all__ = ["times_after", "zone_of"]

_FIELDS = 5
_TO_SUNDAY = re.compile(r"-(sun|0)(?=[,/]|$)", re.ASCII | re.IGNORECASE)
_NEVER = "the month that it names has no such day"
_HINT = "five fields as in crontab, such as '0 2 * * *': minute hour day month weekday"


def times_after(cron: str, zone: tzinfo, after: datetime) -> Iterator[datetime]:
    """Yield the times in UTC at which the line is due after `after`, without end.

    Raises `ConfigError` at the first step where the line cannot be read or is never due: an hour
    of 25, or 30 February.
    """
    from cronsim import CronSim, CronSimError

    fields = cron.split()
    try:
        if len(fields) != _FIELDS:
            raise ConfigError(f"expected five fields, got {cron!r}", hint=_HINT)
        # crontab(5) counts Sunday as 0 and as 7: as the end of a range only 7 is after the others
        fields[-1] = _TO_SUNDAY.sub("-7", fields[-1])
        # a local time that comes twice is given as its first: from a time in the repeated hour
        # cronsim goes on with times that are over
        times = CronSim(" ".join(fields), after.astimezone(zone))
        last = after.astimezone(UTC)
        for local in times:
            due = local.astimezone(UTC)
            if due > last:
                last = due
                yield due
    except (CronSimError, AssertionError, ValueError) as error:
        reason = str(error).lower() or "it cannot be read"
        message, hint = f"{cron!r} is no schedule: {reason}", _HINT
        if "day-of-month" in reason and _is_read([*fields[:3], "*", fields[4]]):
            message, hint = f"{cron!r} is never due", _NEVER
        raise ConfigError(message, hint=hint) from error
    raise ConfigError(f"{cron!r} is never due", hint=_NEVER)


def _is_read(fields: list[str]) -> bool:
    from cronsim import CronSim, CronSimError

    try:
        CronSim(" ".join(fields), datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError:
        return False
    return True


def zone_of(name: str) -> tzinfo:
    """Return the time zone of that name. Raises `ConfigError`."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigError(
            f"unknown time zone {name!r}", hint="use a name such as UTC or Europe/Berlin"
        ) from error
