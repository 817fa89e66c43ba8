"""The child's side of a scan in a process of its own; see `child.py`.

What a scan may take of the memory is watched here, a few times a second: the limits that systems
offer count reserved addresses, which threads and mapped files make many times what is in use.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from tagwatch.errors import UsageError
from tagwatch.value import dataclass

__all__ = ["Handed", "Parent", "handed_line", "memory_there", "resident_bytes"]

_GRACE_SECONDS = 12.0
_LOOK_SECONDS = 0.25
_SHARE = 0.75
"""What a scan may take of the memory that is there, where nothing is configured."""
_UNLIMITED = 1 << 60
"""cgroup v1 writes a number as large as this where there is no limit."""
_HANDED = frozenset({"plain", "operator", "tree", "folder", "untrusted"})
"""What another process makes a site of; see `open_checked`."""
EXIT_CODE = 5
"""The environment failed: out of memory, or the parent is gone and storing took too long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """What a service hands to a scan: its configuration as it was checked, and a limit."""

    path: str
    """The configuration's file; it may hold something else by now."""
    plain: Mapping[str, Any]
    """What `open_checked` gave, and makes the same site of."""
    memory: int | None = None
    """In bytes."""


def handed_line(handed: Handed) -> bytes:
    """Return the line that `Parent` reads."""
    plain = {"path": handed.path, "plain": handed.plain, "memory": handed.memory}
    return json.dumps(plain, separators=(",", ":")).encode(errors="surrogateescape")


class Parent:
    """The service that started this process, at the other end of standard input."""

    def __init__(self) -> None:
        """Read what is handed over. Raises `UsageError`."""
        raw = b""
        while not raw.endswith(b"\n"):
            chunk = os.read(0, 1 << 20)
            if not chunk:
                break
            raw += chunk
        try:
            read = json.loads(raw.decode(errors="surrogateescape"))
            plain = {key: read["plain"][key] for key in _HANDED}
            self.handed = Handed(path=read["path"], plain=plain, memory=read["memory"])
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(
                "--with-parent is for `tagwatch serve` alone", hint="leave it out"
            ) from error

    def watch(self, stop: Callable[[], object]) -> None:
        """Call `stop`, from another thread, when the parent wants an end or is gone.

        The process ends in any case a few seconds later, and at once where it takes more memory
        than it may: what is stored stays, and the next scan goes on from there.
        """
        _offer_to_the_kernel()
        threading.Thread(target=self._wait, args=(stop,), daemon=True).start()
        if self.handed.memory is not None:
            threading.Thread(target=_weigh, args=(self.handed.memory,), daemon=True).start()

    def _wait(self, stop: Callable[[], object]) -> None:
        with suppress(OSError):
            while os.read(0, 4096):
                pass
        with suppress(RuntimeError):  # its loop has closed: it is at its end
            stop()
        time.sleep(_GRACE_SECONDS)
        _end("it did not end in time after it was told to stop")


def _weigh(limit: int) -> None:
    while True:
        if (taken := resident_bytes()) is not None and taken > limit:
            _end(
                f"the scan took {taken >> 20} MiB of memory, and may take {limit >> 20}",
                "raise `serve: {memory: …}`, or lower `max_tags` or `concurrency`",
            )
        time.sleep(_LOOK_SECONDS)


def _end(message: str, hint: str = "") -> NoReturn:
    text = f"tagwatch: error: {message}\n" + (f"  hint: {hint}\n" if hint else "")
    with suppress(OSError):
        os.write(2, text.encode())
    os._exit(EXIT_CODE)


def _offer_to_the_kernel() -> None:
    """Let the kernel kill this process before its parent where memory is short (Linux)."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")


def resident_bytes() -> int | None:
    """Return the memory that this process has in use; None where the system does not tell.

    On macOS the most it ever had.
    """
    if sys.platform == "win32":
        return _working_set()
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):  # only Linux has it
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _working_set() -> int | None:
    """Return the working set of this process on Windows, by `K32GetProcessMemoryInfo`."""
    import ctypes

    class Counters(ctypes.Structure):
        _fields_ = (
            ("cb", ctypes.c_uint32),
            ("page_faults", ctypes.c_uint32),
            *((name, ctypes.c_size_t) for name in ("peak", "working_set", "c", "d", "e", "f")),
            *((name, ctypes.c_size_t) for name in ("pagefile", "peak_pagefile")),
        )

    kernel: Any = getattr(ctypes, "windll").kernel32  # noqa: B009  # only there
    kernel.GetCurrentProcess.restype = ctypes.c_void_p
    counters = Counters(cb=ctypes.sizeof(Counters))
    process = ctypes.c_void_p(kernel.GetCurrentProcess())
    if not kernel.K32GetProcessMemoryInfo(process, ctypes.byref(counters), counters.cb):
        return None
    return int(counters.working_set)


def memory_there(root: Path = Path("/")) -> int | None:
    """Return three quarters of the container's memory, or of the machine's; None: unknown.

    `root`: where `proc` and `sys` are.
    """
    found = [size for path in _limits(root) if (size := _size_in(path)) is not None]
    with suppress(AttributeError, ValueError, OSError):  # not on every system
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return int(min(found) * _SHARE) if found else None


def _limits(root: Path) -> list[Path]:
    """Return the files that may hold the limit of this process's cgroup, of both versions."""
    cgroup = root / "sys/fs/cgroup"
    found = [cgroup / "memory.max", cgroup / "memory/memory.limit_in_bytes"]
    with suppress(OSError, ValueError):
        for line in (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            _, kinds, path = line.split(":", 2)
            below = path.lstrip("/")
            if not kinds:
                found.append(cgroup / below / "memory.max")
            elif "memory" in kinds.split(","):
                found.append(cgroup / "memory" / below / "memory.limit_in_bytes")
    return found


def _size_in(path: Path) -> int | None:
    try:
        size = int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):  # `max`: there is none
        return None
    return size if size < _UNLIMITED else None
