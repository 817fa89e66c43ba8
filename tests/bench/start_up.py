"""What an answer from memory is made of: Python, each import, and the work. Instructions, not time.

Run: python -m tests.bench start_up [LINE…]

`LINE` is a command line of tagwatch (`check 1`, where nothing is given: one Dockerfile of two
known images; `check 50`: fifty; `history redis:7`). The modules that it loads are imported one
more at a time, in its order, and counted each time: what the next one adds is what it costs. That
takes a process a module: some minutes where only valgrind counts.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.bench.measure import PYTHON, TAGWATCH, Command, environment, instructions, machine
from tests.bench.rows import known_files

DEAREST = 20
"""So many modules of ours are told one by one."""
_AS_ENTRY = "import gc, os\ngc.set_threshold(50_000)\n"
"""What `cli.main.entry` does about memory: collected on the way, all would cost more."""


def loaded(folder: Path, line: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the modules that the command loads beside bare Python: the library's, and ours."""
    bare = set(_imported(folder, PYTHON[1:]))
    names = [name for name in _imported(folder, (*TAGWATCH[1:], *line)) if name not in bare]
    ours = [name for name in names if name.partition(".")[0] == "tagwatch"]
    return [name for name in names if name not in ours], ours


def _imported(folder: Path, line: Sequence[str]) -> Iterator[str]:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *line],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
    )
    for said in done.stderr.splitlines():
        name = said.rpartition("|")[2].strip()
        if said.startswith("import time:") and name != "imported package":
            yield name


def _counted(folder: Path, name: str, line: Sequence[str]) -> float:
    """Return millions of instructions."""
    found = instructions(Command(name=name, line=line, folder=folder))
    if found is None:
        raise SystemExit("nothing here counts instructions: install valgrind")
    return found / 1e6


def parts(folder: Path, line: Sequence[str]) -> Iterator[tuple[str, float]]:
    """Yield what the command is made of, and what each part costs."""

    def importing(modules: Sequence[str]) -> float:
        code = _AS_ENTRY + "".join(f"import {name}\n" for name in modules) + "os._exit(0)"
        return _counted(folder, "imports", (sys.executable, "-c", code))

    library, ours = loaded(folder, line)
    library = [name for name in library if not name.startswith("encodings")]
    bare = _counted(folder, "python", PYTHON)
    yield "python -c pass", bare
    before = importing(library)
    yield "the standard library", before - bare
    for end, name in enumerate(ours, start=1):
        now = importing([*library, *ours[:end]])
        yield name, now - before
        before = now
    yield (
        "the work, and its data",
        _counted(folder, "all", (*TAGWATCH, *line)) - before,
    )


def table(costs: Sequence[tuple[str, float]]) -> Iterator[str]:
    """Yield the lines of the answer: by rooms of the house, then the dearest modules."""
    (_, bare), *_ = costs
    whole = sum(cost for _, cost in costs)
    rooms, modules = Counter[str](), Counter[str]()
    for name, cost in costs:
        if name.startswith("tagwatch"):
            room = ".".join(name.split(".")[:2])
            rooms[room] += cost  # type: ignore[assignment]  # a counter adds any number
            modules[room] += 1
        else:
            yield _line(name, cost, bare, whole)
    for room, cost in rooms.most_common():
        yield _line(f"{room} ({modules[room]} modules)", cost, bare, whole)
    yield _line("all of it", whole, bare, whole)
    yield ""
    ours = [one for one in costs if one[0].startswith("tagwatch")]
    for name, cost in sorted(ours, key=lambda one: -one[1])[:DEAREST]:
        yield _line(name, cost, bare, whole)


def _line(name: str, cost: float, bare: float, whole: float) -> str:
    return f"  {name:<44}{cost:>8.1f} M{cost / bare:>7.2f} x{cost / whole:>7.1%}"


def main() -> int:
    """Print what a command is made of."""
    line = sys.argv[1:] or ["check", "1"]
    print("\n".join(machine()))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        known_files(folder, (1, 50))
        for _ in range(2):  # compiled, and the configuration checked
            subprocess.run(
                [*TAGWATCH, *line], cwd=folder, env=environment(folder), capture_output=True
            )
        print(f"tagwatch {' '.join(line)}")
        for text in table(list(parts(folder, line))):
            print(text, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
