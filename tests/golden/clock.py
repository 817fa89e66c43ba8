"""Run the real command at a moment of our choosing: `python clock.py 2026-08-20T02:00:00Z check`.

Ages, ends of life and cool-downs follow from the day on which a command runs, so an answer can be
compared byte for byte only where the clock stands still. The clock of the standard library is set
in the child process, and nothing of tagwatch: types, parsing and arithmetic stay as they are.
`time.monotonic`, by which waits are measured, goes on.
"""

from __future__ import annotations

import ctypes
import gc
import runpy
import sys
from datetime import datetime, tzinfo


def stop_clock(moment: datetime) -> None:
    """Make `datetime.now` answer `moment`. The class itself is written in C and takes no patch."""

    def now(cls: type[datetime], tz: tzinfo | None = None) -> datetime:
        return moment.astimezone(tz)

    (members,) = gc.get_referents(datetime.__dict__)
    members["now"] = classmethod(now)
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(datetime))


if __name__ == "__main__":
    stop_clock(datetime.fromisoformat(sys.argv.pop(1)))
    runpy.run_module("tagwatch", run_name="__main__", alter_sys=True)
