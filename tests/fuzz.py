"""Coverage-guided fuzzing of every source: `python -m tests.fuzz [SECONDS A SOURCE]`.

Wants atheris (`pip install atheris`), which has wheels for few platforms; the laws are those of
`tests/unit/source/test_fuzz.py`. An input that breaks one, or takes five seconds, ends the run of
its source and lies in the folder that is named then.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from tagwatch.family import SOURCES

_SECONDS = 30


def fuzz(name: str, path: str, flags: list[str]) -> None:
    """Feed one source until libFuzzer's flags end it; the process ends with it."""
    atheris = import_module("atheris")
    with atheris.instrument_imports(include=["tagwatch.source", "tagwatch.image"]):
        laws = import_module("tests.unit.source.test_fuzz")
        source = import_module(SOURCES[name])
    atheris.Setup([sys.argv[0], *flags], lambda raw: laws.check(source, raw, path) and None)
    atheris.Fuzz()


def main(seconds: int) -> int:
    """Fuzz every source in a process of its own; 1 where one was broken."""
    if find_spec("atheris") is None:
        print("atheris is missing: pip install atheris")
        return 2
    from tests.unit.source.test_fuzz import HCL, SAMPLES  # imported here: instrumented in `fuzz`

    broken = 0
    for name, path, text in [
        *((name, path, text) for name, (path, text) in SAMPLES.items()),
        ("bake", "docker-bake.hcl", HCL),
    ]:
        folder = Path(tempfile.mkdtemp(prefix=f"fuzz-{name}-"))
        (folder / "seed").write_text(text)
        flags = [f"-max_total_time={seconds}", "-timeout=5", "-max_len=4096", "-verbosity=0"]
        flags += [f"-artifact_prefix={folder}/", "-print_final_stats=1", str(folder)]
        command = [sys.executable, "-m", "tests.fuzz", name, path, *flags]
        done = subprocess.run(command, capture_output=True, text=True)
        runs = done.stderr.partition("number_of_executed_units:")[2].partition("\n")[0].strip()
        print(f"{path:30} {runs or '?':>8} runs  {'ok' if done.returncode == 0 else folder}")
        if done.returncode:
            broken = 1
            print(done.stderr[-2000:])
    return broken


if __name__ == "__main__":
    if len(sys.argv) > 2:
        fuzz(sys.argv[1], sys.argv[2], sys.argv[3:])
    else:
        raise SystemExit(main(int(sys.argv[1]) if len(sys.argv) == 2 else _SECONDS))
