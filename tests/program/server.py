"""The program, imported once: `python -m tests.program.server FD` forks a child for each command.

A command that asks a registry spends most of its time on imports. Here they are done once, and a
child begins where they end; all else is the child's own, as it is in a new process: arguments,
folder, environment, standard streams, exit code, and `python -m tagwatch` from its first line.

A request is a message on the socket FD: a line of JSON, see `Request`, with four descriptors:
standard input, output, error, and one on which the answer goes: a line with the child's process
id, and one with its exit code when it is gone. Nothing here starts a thread, so that forking is
safe; the server ends when the socket is closed.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import sys
import threading
import time
import types
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import tagwatch

__all__ = ["LIMIT", "Request"]

LIMIT = 100_000
"""Bytes of a request: more does not fit into one message everywhere."""

_LATE = (
    "aiohttp", "apprise", "argparse", "asyncio", "cronsim",
    "cryptography.hazmat.primitives.asymmetric.ed25519", "difflib", "hcl2", "importlib.metadata",
    "jinja2.sandbox", "slack_sdk.webhook.async_client",
    "sqlite_utils", "tempfile", "yaml",
)  # fmt: skip
"""What the program imports of others only where it is needed, and what takes long.

Not `botocore`: it asks for the home folder when it is imported.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What `python ARGUMENTS` is to run: `-m MODULE` or a file, after `-P` perhaps.

    `umask` and `limits` (which, soft, hard) are those of whoever asks, as a child inherits them.
    """

    arguments: list[str]
    folder: str
    environment: dict[str, str]
    umask: int
    limits: list[tuple[int, int, int]]

    @property
    def line(self) -> bytes:
        """The request as it is sent."""
        return json.dumps(asdict(self)).encode()


def _import_all() -> None:
    """Import what a command would import while it runs."""
    filters = list(warnings.filters)
    modules = [module.name for module in pkgutil.walk_packages(tagwatch.__path__, "tagwatch.")]
    for name in (*modules, *_LATE):
        if not name.endswith("__main__"):
            with contextlib.suppress(ImportError):  # what an optional part needs
                importlib.import_module(name)
    assert "botocore" not in sys.modules
    silenced = [one for one in warnings.filters if one not in filters]
    assert all(kind.__module__ != "builtins" for _, _, kind, _, _ in silenced), silenced
    assert threading.active_count() == 1, "who forks beside a thread may wait for ever"


def _become(request: Request, streams: list[int]) -> None:
    """Make this process look as if it had just been started for the request."""
    import resource  # not on every system

    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
        os.close(descriptor)
    unbuffered = cast("io.TextIOWrapper", sys.stdout).write_through  # PYTHONUNBUFFERED
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        before, is_out = getattr(sys, name), number > 0
        raw: Any = open(  # noqa: SIM115  # it is open to the end of the process
            number, "wb" if is_out else "rb", 0 if is_out and unbuffered else -1, closefd=False
        )
        stream = io.TextIOWrapper(
            raw,
            before.encoding,
            before.errors,
            newline="\n" if is_out else None,
            line_buffering=not unbuffered and (number == 2 or raw.isatty()),
            write_through=unbuffered,
        )
        (raw if is_out and unbuffered else raw.raw).name = f"<{name}>"
        setattr(stream, "mode", "w" if is_out else "r")  # noqa: B010  # as Python's own start does
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for which, soft, hard in request.limits:
        resource.setrlimit(which, (soft, hard))
    os.umask(request.umask)
    os.chdir(request.folder)
    os.environ.clear()
    os.environ.update(request.environment)
    time.tzset()


def _run(arguments: list[str]) -> None:
    """Run `python ARGUMENTS` here, to the end of the process."""
    del sys.path[0]  # the server's folder
    if is_safe := arguments[0] == "-P":
        arguments = arguments[1:]
    if is_module := arguments[0] == "-m":
        arguments = arguments[1:]
    program = arguments[0]
    sys.argv = arguments
    if not is_safe:
        sys.path.insert(0, os.getcwd() if is_module else str(Path(program).resolve().parent))  # noqa: PTH109  # as Python does
    if is_module:
        runpy.run_module(program, run_name="__main__", alter_sys=True)
    else:
        main = types.ModuleType("__main__")  # `runpy.run_path` would tell it another `sys.argv`
        main.__file__ = str(Path(program).absolute())
        sys.modules["__main__"] = main
        exec(compile(Path(program).read_bytes(), main.__file__, "exec"), main.__dict__)


def _reap(waiting: dict[int, int]) -> None:
    """Tell of every child that is gone how it ended."""
    while waiting:
        child, status = os.waitpid(-1, os.WNOHANG)
        if not child:
            return
        answer = waiting.pop(child)
        with contextlib.suppress(BrokenPipeError):  # nobody waits
            os.write(answer, f"{os.waitstatus_to_exitcode(status)}\n".encode())
        os.close(answer)


def serve(control: socket.socket) -> None:
    """Answer requests until the socket is closed; a child returns from here when it is done."""
    waiting: dict[int, int] = {}
    woken, wake = socket.socketpair()
    for end in (woken, wake):
        end.setblocking(False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who presses Ctrl-C means pytest
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake.fileno())
    gc.collect()
    gc.freeze()  # a child that collects need not copy what all share
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        selector.register(woken, selectors.EVENT_READ)
        while True:
            ready = [key.fileobj for key, _ in selector.select()]
            if woken in ready:
                woken.recv(4096)
                _reap(waiting)
            if control not in ready:
                continue
            raw, descriptors, _, _ = socket.recv_fds(control, LIMIT + 1, 4)
            if not raw:
                os._exit(0)
            *streams, answer = descriptors
            child = os.fork()
            if child == 0:
                break
            for descriptor in streams:
                os.close(descriptor)
            waiting[child] = answer
            os.write(answer, f"{child}\n".encode())
    for owned in (answer, *waiting.values()):
        os.close(owned)
    for end in (control, woken, wake):
        end.close()
    request = Request(**json.loads(raw))
    _become(request, streams)
    _run(request.arguments)


if __name__ == "__main__":
    _import_all()
    serve(socket.socket(fileno=int(sys.argv[1])))
