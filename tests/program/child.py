"""`python ARGUMENTS` as a child of a server that has imported the program, see `server.py`.

Set `TAGWATCH_TEST_FORK=0` to start a new interpreter for each, which takes twice as long: what
comes out is the same, and `tests/program/test_child.py` holds both to it. A new one is started
anyway where the system cannot fork safely, and where the environment says something that is read
once, when modules are found and imported.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import signal
import socket
import subprocess
import sys
from asyncio.base_subprocess import BaseSubprocessTransport
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import IO, Any

from tests.paths import ROOT
from tests.program.server import LIMIT, Request

__all__ = ["new_process", "start"]

_FORKS = sys.platform == "linux" and os.environ.get("TAGWATCH_TEST_FORK") != "0"
_BEGAN = dict(os.environ)
_READ_ONCE = ("OPENSSL_CONF", "PYTHONPATH", "SSL_CERT_DIR", "SSL_CERT_FILE")


async def start(
    *arguments: str,
    cwd: Path,
    env: Mapping[str, str],
    stdin: int = subprocess.DEVNULL,
    stdout: int = subprocess.PIPE,
    stderr: int = subprocess.PIPE,
) -> asyncio.subprocess.Process:
    """Begin `python ARGUMENTS`, which are `-m MODULE …` or `FILE …`."""
    is_other = any(env.get(name) not in (None, _BEGAN.get(name)) for name in _READ_ONCE)
    if not _FORKS or is_other or (request := _request(arguments, cwd, env)) is None:
        return await new_process(
            *arguments, cwd=cwd, env=env, stdin=stdin, stdout=stdout, stderr=stderr
        )
    loop = asyncio.get_running_loop()
    protocol = asyncio.subprocess.SubprocessStreamProtocol(limit=2**16, loop=loop)
    piped = loop.create_future()
    transport = _Transport(
        loop, protocol, arguments, False, stdin, stdout, stderr, 0, piped, request=request
    )
    await piped
    return asyncio.subprocess.Process(transport, protocol, loop)


async def new_process(
    *arguments: str,
    cwd: Path,
    env: Mapping[str, str],
    stdin: int = subprocess.DEVNULL,
    stdout: int = subprocess.PIPE,
    stderr: int = subprocess.PIPE,
) -> asyncio.subprocess.Process:
    """Begin the same in a new interpreter."""
    return await asyncio.create_subprocess_exec(
        sys.executable, *arguments, cwd=cwd, env=env,
        stdin=stdin, stdout=stdout, stderr=stderr,
    )  # fmt: skip


def _request(arguments: tuple[str, ...], cwd: Path, env: Mapping[str, str]) -> Request | None:
    """The request, with what a child of this process inherits; none where it is too long."""
    import resource  # not on every system

    limits = [getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")]
    mask = os.umask(0o077)
    os.umask(mask)
    request = Request(
        arguments=list(arguments),
        folder=str(cwd),
        environment=dict(env),
        umask=mask,
        limits=[(which, *resource.getrlimit(which)) for which in limits],
    )
    return request if len(request.line) <= LIMIT else None


class _Transport(BaseSubprocessTransport):
    """The pipes of asyncio's own processes, beside a process that a server forks."""

    def _start(  # type: ignore[override]
        self, stdin: int, stdout: int, stderr: int, request: Request, **_: Any
    ) -> None:
        self._proc: Any = _Child.forked(request, (stdin, stdout, stderr))
        self._loop.add_reader(self._proc.answer, self._gone)

    def _gone(self) -> None:
        self._loop.remove_reader(self._proc.answer)
        code = self._proc.wait()
        self._loop.call_soon(self._process_exited, code)


@dataclass(slots=True)
class _Child:
    """What asyncio's transport wants of a `subprocess.Popen`."""

    pid: int
    answer: IO[bytes]
    stdin: IO[bytes] | None
    stdout: IO[bytes] | None
    stderr: IO[bytes] | None
    returncode: int | None = None

    @classmethod
    def forked(cls, request: Request, streams: tuple[int, ...]) -> _Child:
        """Let a server fork it; its process id is known when this returns."""
        theirs, ours = zip(*map(_ends, streams, (True, False, False), range(3)), strict=True)
        answer, tell = os.pipe()
        _server_for(request.environment).send(request, (*theirs, tell))
        for end in (*theirs, tell):
            os.close(end)
        told = os.fdopen(answer, "rb", 0)  # `wait` closes it
        line = told.readline()
        assert line, "the server that forks is gone; its standard error says why"
        return cls(int(line), told, *ours)

    def poll(self) -> int | None:
        return self.returncode

    def wait(self) -> int:
        """Return the exit code, when it is gone."""
        if self.returncode is None:
            self.returncode = int(self.answer.readline())
            self.answer.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _ends(stream: int, is_in: bool, number: int) -> tuple[int, IO[bytes] | None]:
    """The child's end of a standard stream, and ours of a pipe."""
    if stream == subprocess.DEVNULL:
        return os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC), None
    if stream != subprocess.PIPE:
        return os.dup(stream), None
    reading, writing = os.pipe()
    if is_in:
        return reading, os.fdopen(writing, "wb", 0)  # asyncio closes it
    return writing, os.fdopen(reading, "rb", 0)


# The servers


@dataclass(slots=True)
class _Server:
    """A server that forks, with an interpreter's settings of its own."""

    environment: Mapping[str, str]
    control: socket.socket = field(init=False)
    process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.program.server", str(theirs.fileno())],
                cwd=ROOT,
                env=self.environment,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        atexit.register(self.stop)

    def send(self, request: Request, descriptors: tuple[int, ...]) -> None:
        socket.send_fds(self.control, [request.line], list(descriptors))

    def stop(self) -> None:
        self.control.close()
        self.process.wait()


_servers: dict[frozenset[tuple[str, str]], cycle[_Server]] = {}


def _server_for(environment: Mapping[str, str]) -> _Server:
    """A server whose interpreter was started as that of this environment would be.

    There are two, which take turns: as in new processes, sets are in another order from one command
    to the next, and an answer that follows such an order is seen to differ.
    """
    key = frozenset(
        (name, value)
        for name, value in environment.items()
        if name.startswith(("PYTHON", "LC_", "LANG", *_READ_ONCE))
    )
    if key not in _servers:
        _servers[key] = cycle([_Server(environment), _Server(environment)])
    return next(_servers[key])
