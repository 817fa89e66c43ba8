"""The program, imported once: `python -m tests.fault.forked` forks a child for each command.

A request is a line of JSON on stdin, see `Request`; two lines answer it on stdout: the child's
process id when it begins, and its exit code when it is gone. Nothing here starts a thread, so
that forking is safe.

A child ends by `os._exit`, as `kill -9` would, right after a commit was acknowledged (`after`) or
where the next one is asked for (`once`). Commits are seen by the class of connection that
`sqlite3.connect` makes: nothing of the program is changed. A child that lives to its end says
whether SQLite itself saw as many.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import pkgutil
import sqlite3
import sys
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import tagwatch
from tagwatch.cli.main import main

__all__ = ["KILLED", "MISCOUNTED", "Request"]

KILLED = 137
MISCOUNTED = 99


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A command to run in `folder`, its output in files `out` and `err` there.

    `after`: die when so many commits are acknowledged; 0: live. `once`: die where a commit is asked
    for and this file exists.
    """

    folder: str
    arguments: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    after: int = 0
    once: str = ""

    @property
    def line(self) -> str:
        """The request as it is sent."""
        return json.dumps(asdict(self)) + "\n"


@dataclass(slots=True)
class _Count:
    """How many commits were acknowledged, and how many SQLite began."""

    request: Request
    acknowledged: int = 0
    begun: int = 0

    def before(self) -> None:
        if self.request.once and Path(self.request.once).exists():
            os._exit(KILLED)

    def after(self) -> None:
        self.acknowledged += 1
        if self.acknowledged == self.request.after:
            os._exit(KILLED)

    def trace(self, statement: str) -> None:
        self.begun += statement.strip().upper().startswith(("COMMIT", "END"))


def _count_commits(request: Request) -> _Count:
    """Let every connection of this process count into one place."""
    count = _Count(request)

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

    sqlite3.connect = partial(sqlite3.connect, factory=Counted)  # type: ignore[assignment]  # in this child only
    return count


def _run(request: Request) -> int:
    """Run the command in this process, and return its exit code."""
    os.chdir(request.folder)
    if Path("tagwatch.yaml").exists():
        os.environ["TAGWATCH_CONFIG"] = "tagwatch.yaml"
    os.environ.update(request.environment)
    for number, name in ((1, "out"), (2, "err")):
        file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(file, number)
        os.close(file)
    count = _count_commits(request)
    code = main(request.arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    return code if count.begun == count.acknowledged else MISCOUNTED


def _import_all() -> None:
    """Import what a command would import while it runs."""
    for module in pkgutil.walk_packages(tagwatch.__path__, "tagwatch."):
        if not module.name.endswith("__main__"):
            with contextlib.suppress(ImportError):  # what an optional part needs
                importlib.import_module(module.name)
    for name in ("aiohttp", "slack_sdk.webhook.async_client"):
        importlib.import_module(name)


def serve() -> None:
    """Answer requests until stdin is closed."""
    _import_all()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            code = 70
            try:
                code = _run(Request(**json.loads(line)))
            finally:
                os._exit(code)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
