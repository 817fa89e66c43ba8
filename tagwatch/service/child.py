"""A scan in a process of its own: the service goes on answering, and its memory comes back.

Standard input is the tie between the two, on every system. The child reads one line from it (what
it is to work with), and takes its end as the word to stop: when the service wants that, and when
the service is gone, however it went.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from tagwatch.value import dataclass

__all__ = ["Ended", "end_of", "run_child", "scan_command"]

GRACE_SECONDS = 13.0
"""How long a child may store what is under way; it ends by itself a second before."""
_TERM_SECONDS = 2.0
_LOOK_SECONDS = 0.2
_LINE_BYTES = 4_000
"""Longer lines are cut."""
_CHUNK = 64 * 1024
_FINISHED = (0, 1, 4)
"""1: findings, 4: incomplete where the policy says that this fails; both are whole answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a child ended. `error`: the last error that it told."""

    code: int
    seconds: float
    error: str = ""
    stopped: bool = False

    @property
    def finished(self) -> bool:
        """True where its exit code says that the scan came to its end."""
        return self.code in _FINISHED


def end_of(ended: Ended) -> str:
    """Return how a child ended, for people."""
    if ended.error:
        return ended.error
    if ended.code < 0:
        why = ": out of memory, or somebody's doing" if ended.code == -9 else ""
        return f"it was killed by signal {-ended.code}{why}"
    return f"it ended with exit code {ended.code}"


def scan_command(repositories: Sequence[str]) -> tuple[str, ...]:
    """Return the command line of a scan of these repositories; of everything where none is named.

    `-P`: Python would import modules from the working folder, which may be anybody's checkout.
    """
    named = [word for name in repositories for word in ("--repository", name)]
    return (sys.executable, "-P", "-m", "tagwatch", "scan", "--with-parent", *named)


async def run_child(
    command: Sequence[str],
    handed: bytes,
    environment: Mapping[str, str],
    tell: Callable[[str], None],
    stop: asyncio.Event,
    *,
    grace: float = GRACE_SECONDS,
) -> Ended:
    """Run `command` to its end, hand it one line, and tell each line of its standard error.

    After `stop` is set it has `grace` seconds to end by itself; then it is killed. It is ended,
    too, where this coroutine is cancelled.
    """
    loop = asyncio.get_running_loop()
    begun = loop.time()
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={name: text for name, text in environment.items() if name != "NOTIFY_SOCKET"},
        **_apart(),
    )
    assert process.stdin is not None
    assert process.stderr is not None
    last = _LastError(tell)
    relay = asyncio.create_task(_relay(process.stderr, last))
    ended = asyncio.create_task(_exit_code(process))
    stopping = asyncio.create_task(stop.wait())
    try:
        process.stdin.write(handed + b"\n")  # not waited for: it may never read
        await asyncio.wait((ended, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopped = not ended.done()
        if stopped:
            await _end(process, ended, grace)
        # what it started itself may hold its standard error open for longer than it lives
        await asyncio.wait((relay,), timeout=_TERM_SECONDS)
        code = await ended
    finally:
        stopping.cancel()
        relay.cancel()
        if not ended.done():
            _kill(process)
            await ended
        # what it left behind may hold the pipes open; there is no public way to let go of them
        process._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001  # it is there
    return Ended(code=code, seconds=loop.time() - begun, error=last.error, stopped=stopped)


async def _exit_code(process: asyncio.subprocess.Process) -> int:
    """Wait for its end alone: `wait` also waits for whoever else holds its pipes (Python 3.11)."""
    waiting = asyncio.create_task(process.wait())
    try:
        while process.returncode is None:
            await asyncio.wait((waiting,), timeout=_LOOK_SECONDS)
        return process.returncode
    finally:
        waiting.cancel()


async def _end(process: asyncio.subprocess.Process, ended: asyncio.Task[int], grace: float) -> None:
    """End it: first by the end of its input, then by force."""
    assert process.stdin is not None
    process.stdin.close()
    await asyncio.wait((ended,), timeout=grace)
    if not ended.done():
        with suppress(ProcessLookupError):
            process.terminate()
        await asyncio.wait((ended,), timeout=_TERM_SECONDS)
    if not ended.done():
        _kill(process)
        await ended


def _kill(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()


def _apart() -> dict[str, Any]:
    """Return what keeps a Ctrl-C in a terminal from reaching the child directly, too."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


class _LastError:
    """Tells lines on, and keeps the last error among them with its hint."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self.error = ""

    def __call__(self, line: str) -> None:
        line = line.rstrip()
        if not line:
            return
        self._tell(line)
        _, is_error, message = line.partition("tagwatch: error: ")
        _, is_bug, bug = line.partition("tagwatch: internal error: ")
        if is_error or is_bug:
            self.error = message or f"internal error: {bug}"
        elif self.error and line.startswith("  hint: "):
            self.error += f" ({line.removeprefix('  hint: ')})"


async def _relay(stream: asyncio.StreamReader, tell: Callable[[str], None]) -> None:
    """Tell each line, cut where it is long: an unread pipe would stop the child."""
    held = b""
    while chunk := await stream.read(_CHUNK):
        *lines, held = (held + chunk).split(b"\n")
        for line in lines:
            tell(line[:_LINE_BYTES].decode(errors="replace"))
        held = held[:_LINE_BYTES]
    if held:
        tell(held.decode(errors="replace"))
