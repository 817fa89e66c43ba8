"""Run a command that dies at a commit: `python dying.py AFTER ONCE ARGUMENTS`.

It ends by `os._exit`, as `kill -9` would, right after `AFTER` commits were acknowledged (0: it
lives), or where the next one is asked for and the file `ONCE` exists. Commits are seen by the class
of connection that `sqlite3.connect` makes: nothing of the program is changed. A command that lives
to its end says whether SQLite itself saw as many.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tagwatch.cli.main import main

__all__ = ["KILLED", "MISCOUNTED"]

KILLED = 137
MISCOUNTED = 99


@dataclass(slots=True)
class _Count:
    """How many commits were acknowledged, and how many SQLite began."""

    last: int
    once: Path
    acknowledged: int = 0
    begun: int = 0

    def before(self) -> None:
        if self.once.exists():
            os._exit(KILLED)

    def after(self) -> None:
        self.acknowledged += 1
        if self.acknowledged == self.last:
            os._exit(KILLED)

    def trace(self, statement: str) -> None:
        self.begun += statement.strip().upper().startswith(("COMMIT", "END"))


def _count_commits(count: _Count) -> None:
    """Let every connection of this process count into one place."""

    class Counted(sqlite3.Connection):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self.set_trace_callback(count.trace)

        def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
            if sql != "COMMIT":
                return super().execute(sql, *parameters)
            count.before()
            cursor = super().execute(sql, *parameters)
            count.after()
            return cursor

    sqlite3.connect = partial(sqlite3.connect, factory=Counted)  # type: ignore[assignment]  # in this process only


def run(last: str, once: str, *arguments: str) -> int:
    """Run the command in this process, and return its exit code."""
    count = _Count(int(last), Path(once))
    _count_commits(count)
    code = main(arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    return code if count.begun == count.acknowledged else MISCOUNTED


if __name__ == "__main__":
    os._exit(run(*sys.argv[1:]))
