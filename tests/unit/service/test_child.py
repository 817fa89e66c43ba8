"""A process of its own: what it says is told on, and it ends when it shall, whatever it does."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tagwatch.service.child import Ended, end_of, run_child, scan_command
from tagwatch.service.parent import Handed, handed_line, memory_there, resident_bytes

BEGUN = "print('begun', file=sys.stderr, flush=True)\n"
DEAF = f"import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n{BEGUN}"


async def run(
    program: str, *, stop_at: str = "", grace: float = 20.0, handed: bytes = b"{}"
) -> tuple[Ended, list[str]]:
    """Run a program of Python's; when it says `stop_at` it is told to stop."""
    told: list[str] = []
    stop = asyncio.Event()

    def tell(line: str) -> None:
        told.append(line)
        if line == stop_at:
            stop.set()

    command = (sys.executable, "-c", f"import sys\n{program}")
    done = run_child(command, handed, dict(os.environ), tell, stop, grace=grace)
    return await asyncio.wait_for(done, 30), told


async def test_it_is_handed_one_line_and_its_errors_are_told() -> None:
    ended, told = await run(
        "import sys\nprint('an answer')\nprint('got', input(), file=sys.stderr)\n"
        "print('no newline', end='', file=sys.stderr)",
        handed=b'{"a": 1}',
    )
    assert told == ['got {"a": 1}', "no newline"]
    assert (ended.code, ended.finished, ended.stopped, ended.error) == (0, True, False, "")


@pytest.mark.parametrize(("code", "finished"), [(0, 1), (1, 1), (4, 1), (2, 0), (3, 0), (5, 0)])
async def test_findings_are_an_answer_and_errors_are_none(code: int, finished: int) -> None:
    ended, _ = await run(f"raise SystemExit({code})")
    assert (ended.code, ended.finished) == (code, bool(finished))


async def test_why_it_failed() -> None:
    said = "tagwatch: error: no such file: 'x'\\n  hint: write it\\n"
    ended, told = await run(
        f"import sys; sys.stderr.write({said!r}); sys.exit(2)".replace("\\\\", "\\")
    )
    assert end_of(ended) == "no such file: 'x' (write it)"
    assert len(told) == 2
    bug, _ = await run(
        "import sys; sys.stderr.write('tagwatch: internal error: E: x'); sys.exit(2)"
    )
    assert end_of(bug) == "internal error: E: x"
    killed, _ = await run("import os; os.kill(os.getpid(), 9)")
    assert "killed by signal 9: out of memory" in end_of(killed)
    silent, _ = await run("raise SystemExit(2)")
    assert end_of(silent) == "it ended with exit code 2"


async def test_lines_without_end_are_cut_and_do_not_stop_it() -> None:
    _, told = await run("import sys; sys.stderr.write('x' * 5_000_000 + '\\n' + 'y' * 300_000)")
    assert [len(line) for line in told] == [4_000, 4_000]


async def test_one_that_never_reads_is_handed_much_all_the_same() -> None:
    ended, _ = await run(
        f"{BEGUN}import time; time.sleep(60)",
        handed=b"x" * 3_000_000,
        stop_at="begun",
        grace=0.1,
    )
    assert ended.stopped
    assert ended.seconds < 25


async def test_it_stops_when_its_input_ends() -> None:
    program = f"{BEGUN}sys.stdin.read(); sys.stderr.write('stored')"
    ended, told = await run(program, stop_at="begun")
    assert (ended.code, ended.stopped, told) == (0, True, ["begun", "stored"])


async def test_row_29_one_that_hears_nothing_is_killed() -> None:
    ended, _ = await run(f"{DEAF}time.sleep(60)", stop_at="begun", grace=0.2)
    assert (ended.code, ended.stopped) == (-9, True)
    assert ended.seconds < 25


async def test_what_it_leaves_behind_holds_nobody_up() -> None:
    """A grandchild that keeps standard error open."""
    program = (
        "import subprocess\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(child.pid, file=sys.stderr)"
    )
    ended, (pid,) = await run(program)
    os.kill(int(pid), signal.SIGKILL)
    assert ended.code == 0
    assert ended.seconds < 25


async def test_cancelling_ends_it(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    write = f"import os, pathlib\npathlib.Path({str(mark)!r}).write_text(str(os.getpid()))\n"
    task = asyncio.create_task(run(f"{DEAF}{write}time.sleep(60)"))
    for _ in range(500):
        if mark.exists() and mark.read_text():
            break
        await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ProcessLookupError):
        os.kill(int(mark.read_text()), 0)


def test_a_scan_does_not_import_from_the_working_folder() -> None:
    command = scan_command(["r.example/app", "r.example/web"])
    assert command[:4] == (sys.executable, "-P", "-m", "tagwatch")
    assert command[5:] == (
        "--with-parent", "--repository", "r.example/app", "--repository", "r.example/web"
    )  # fmt: skip


PLACE = {"database": "tagwatch.db", "sources": ["Dockerfile"], "registries": {}}


def scan(folder: Path, handed: bytes, *, seconds: float = 20) -> subprocess.CompletedProcess[bytes]:
    """A scan that was handed this, with an input that stays open."""
    read, write = os.pipe()
    os.write(write, handed)
    try:
        return subprocess.run(
            [sys.executable, "-m", "tagwatch", "scan", "--with-parent"],
            stdin=read, capture_output=True, cwd=folder, check=False, timeout=seconds,
        )  # fmt: skip
    finally:
        os.close(read)
        os.close(write)


def handed(folder: Path, memory: int | None = None) -> bytes:
    form = {
        "settings": PLACE, "policy": {}, "policy_name": "built-in", "policy_digest": "",
        "warnings": [], "refused": [],
    }  # fmt: skip
    path = str(folder / "tagwatch.yaml")
    plain = {
        "plain": form, "operator": path, "tree": None, "folder": str(folder), "untrusted": False,
    }  # fmt: skip
    return handed_line(Handed(path=path, plain=plain, memory=memory)) + b"\n"


def test_a_scan_works_with_what_it_is_handed_and_not_with_the_file(tmp_path: Path) -> None:
    (tmp_path / "tagwatch.yaml").write_text("sources: [broken\n")
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    done = scan(tmp_path, handed(tmp_path))
    assert done.returncode == 0, done.stderr.decode()
    assert (tmp_path / "tagwatch.db").is_file()


def test_a_scan_that_takes_too_much_ends_by_itself(tmp_path: Path) -> None:
    (tmp_path / "tagwatch.yaml").write_text("")
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    done = scan(tmp_path, handed(tmp_path, memory=1 << 20))
    assert done.returncode == 5
    assert b"error: the scan took" in done.stderr
    assert b"MiB of memory, and may take 1\n" in done.stderr
    assert b"serve: {memory" in done.stderr


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"{}\n",
        b"[]\n",
        b"\xff\n",
        b'{"path": 5}\n',
        b'{"path": "x", "plain": {}, "memory": null}\n',
    ],
)
def test_a_person_is_told_that_the_flag_is_not_for_people(tmp_path: Path, line: bytes) -> None:
    done = scan(tmp_path, line)
    assert done.returncode == 2
    assert done.stderr.startswith(b"tagwatch: error: --with-parent is for `tagwatch serve` alone")


def test_what_is_handed_is_one_line_whatever_it_holds() -> None:
    plain = {"settings": {"watch": ["a\nb", "\u2028", "\udcff"]}}
    line = handed_line(Handed(path="/p", plain=plain, memory=5))
    assert b"\n" not in line
    assert json.loads(line.decode(errors="surrogateescape"))["plain"] == plain


def test_memory_in_use_is_told() -> None:
    before = resident_bytes()
    assert before is not None
    held = bytearray(80 << 20)
    for at in range(0, len(held), 4096):
        held[at] = 1
    after = resident_bytes()
    assert after is not None
    assert after - before > 60 << 20


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "400000000\n"}, 300_000_000),
        ({"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/memory.max": "400000000"}, 300_000_000),
        (
            {
                "proc/self/cgroup": "12:cpu,memory:/docker/x\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "200000000",
            },
            150_000_000,
        ),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"}, None),
        ({"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712"}, None),
        ({"proc/self/cgroup": "odd\n"}, None),
    ],
)
def test_the_limit_of_a_container_is_found(
    tmp_path: Path, files: dict[str, str], limit: int | None
) -> None:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert memory_there(tmp_path) == (limit or int(machine * 0.75))


def test_a_scan_whose_parent_is_gone_ends(tmp_path: Path) -> None:
    """Its input ends; it had nothing to do but to wait for a registry that never answers."""
    import socket

    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        place = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        plain = json.loads(handed(tmp_path))["plain"]
        plain["plain"]["settings"] = {
            **PLACE,
            "registries": {"deaf.example": {"endpoint": place, "timeout_seconds": 60}},
        }
        (tmp_path / "Dockerfile").write_text("FROM deaf.example/app:1\n")
        line = handed_line(Handed(path=str(tmp_path / "tagwatch.yaml"), plain=plain))
        process = subprocess.Popen(
            [sys.executable, "-m", "tagwatch", "scan", "--with-parent"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=tmp_path,
        )  # fmt: skip
        assert process.stdin is not None
        process.stdin.write(line + b"\n")
        process.stdin.flush()
        with deaf.accept()[0] as asking:
            asking.recv(10)
            begun = time.monotonic()
            process.stdin.close()
            assert process.wait(20) in (0, 1)
            assert time.monotonic() - begun < 20, "it is not waited for, as 60 seconds would be"
        assert process.stderr is not None
        process.stderr.close()
