"""A forked command is a new one, as far as it can tell."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.program.child import new_process, start

Start = Callable[..., Awaitable[asyncio.subprocess.Process]]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="commands are forked on Linux only")

SELF = """
import gc, json, os, resource, signal, sys, threading, time, warnings
print(json.dumps({
    "argv": sys.argv,
    "path": sys.path,
    "folder": os.getcwd(),
    "environment": dict(os.environ),
    "main": [__name__, __file__],
    "streams": [
        [one.encoding, one.errors, one.isatty(), one.fileno(), one.line_buffering, one.mode,
         one.name,
         one.write_through, type(one.buffer).__name__, one.newlines, one is original]
        for one, original in (
            (sys.stdin, sys.__stdin__), (sys.stdout, sys.__stdout__), (sys.stderr, sys.__stderr__)
        )
    ],
    "open files": [name for name in os.listdir("/proc/self/fd")
                   if os.path.exists("/proc/self/fd/" + name)],
    "signals": [str(signal.getsignal(one)) for one in (signal.SIGCHLD, signal.SIGPIPE,
                                                       signal.SIGTERM, signal.SIGHUP)],
    "interrupt": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
    "blocked": [str(one) for one in signal.pthread_sigmask(signal.SIG_BLOCK, ())],
    "warnings": [str(one) for one in warnings.filters if one[2].__module__ == "builtins"],
    "threads": threading.active_count(),
    "collects": [gc.isenabled(), gc.get_threshold()],
    "parent, group": [os.getppid() > 1, os.getpgrp(), os.getsid(0)],
    "zone": time.tzname,
    "umask": os.umask(0),
    "limits": [resource.getrlimit(getattr(resource, one))
               for one in dir(resource) if one.startswith("RLIMIT_")],
    "read": sys.stdin.read(),
}))
print("told", file=sys.stderr)
"""


async def ended(
    begin: Start, folder: Path, program: str, *arguments: str, raw: bytes = b"", **more: str
) -> tuple[int | None, bytes, bytes]:
    """Run a program to its end: exit code, output, errors."""
    (folder / "program.py").write_text(program, encoding="utf-8")
    env = {**os.environ, "PYTHONWARNINGS": "error", **more}
    process = await begin(
        "-P", "program.py", *arguments, cwd=folder, env=env, stdin=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate(raw)
    return process.returncode, out, err


async def told(begin: Start, folder: Path, **more: str) -> dict[str, Any]:
    code, out, err = await ended(begin, folder, SELF, "a", "ü", raw="ß\n".encode(), **more)
    assert (code, err) == (0, b"told\n")
    found: dict[str, Any] = json.loads(out)
    return found


@pytest.mark.parametrize("more", [{}, {"PYTHONUNBUFFERED": "1", "LC_ALL": "C", "TZ": "Asia/Tokyo"}])
async def test_it_sees_of_itself_what_a_new_process_sees(
    tmp_path: Path, more: dict[str, str]
) -> None:
    import resource  # not on every system

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft - 1, hard))
    mask = os.umask(0o027)
    try:
        forked, new = await told(start, tmp_path, **more), await told(new_process, tmp_path, **more)
    finally:
        os.umask(mask)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert forked["umask"] == 0o027
    assert forked.keys() == new.keys()
    assert {name: forked[name] for name in new if forked[name] != new[name]} == {}
    assert forked["read"] == "ß\n"


@pytest.mark.parametrize(
    ("program", "code"),
    [
        ("import sys; sys.exit(3)", 3),
        ("import sys; sys.exit('why')", 1),
        ("1 / 0", 1),
        ("import os; os._exit(4)", 4),
        ("import os; os.kill(os.getpid(), 9)", -9),
        ("import os, signal; os.kill(os.getpid(), signal.SIGINT)", -2),
        ("import atexit; atexit.register(print, 'bye')", 0),
        ("import threading; threading.Timer(0.01, print, ['late']).start()", 0),
    ],
)
async def test_it_ends_as_a_new_process_does(tmp_path: Path, program: str, code: int) -> None:
    forked = await ended(start, tmp_path, program)
    new = await ended(new_process, tmp_path, program)
    assert forked[:2] == new[:2]
    assert forked[0] == code
    assert forked[2].splitlines()[-1:] == new[2].splitlines()[-1:]


async def test_the_program_is_run_by_its_name_from_the_folder(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM redis:latest\n", encoding="utf-8")
    env = {**os.environ, "PYTHONWARNINGS": "error", "TAGWATCH_CONFIG": ""}
    answers = []
    for begin in (start, new_process):
        process = await begin(
            "-m", "tagwatch", "check", "--offline", "Dockerfile", cwd=tmp_path, env=env
        )
        answers.append((*await process.communicate(), process.returncode))
    assert answers[0] == answers[1]
    assert b"redis:latest" in answers[0][0]
    assert answers[0][2] == 0


async def test_what_is_read_at_an_import_is_read_by_a_new_process(tmp_path: Path) -> None:
    program = "import ssl; print(ssl.create_default_context().cert_store_stats()['x509'])"
    (tmp_path / "none.pem").write_text("")
    more: Any = {"SSL_CERT_FILE": str(tmp_path / "none.pem"), "SSL_CERT_DIR": str(tmp_path)}
    assert await ended(start, tmp_path, program, **more) == (0, b"0\n", b"")
    name = "import sys; print(len(sys.modules) < 200)"
    assert (await ended(start, tmp_path, name))[1] == b"False\n"
    assert (await ended(start, tmp_path, name, **more))[1] == b"True\n"


async def test_it_can_be_signalled_while_it_runs(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text("print(1, flush=True); import time; time.sleep(60)")
    for number in (signal.SIGTERM, signal.SIGKILL):
        process = await start("program.py", cwd=tmp_path, env=os.environ)
        assert process.stdout is not None
        assert await process.stdout.readline() == b"1\n"
        assert process.returncode is None
        process.send_signal(number)
        assert await process.wait() == -number
        await process.communicate()


async def test_sets_are_in_another_order_from_one_command_to_the_next(tmp_path: Path) -> None:
    """An answer that follows such an order differs, and its test fails."""
    orders = {(await ended(start, tmp_path, "print(hash('tagwatch'))"))[1] for _ in range(2)}
    assert len(orders) == 2
