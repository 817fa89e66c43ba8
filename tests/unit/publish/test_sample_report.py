"""`reports/sample/` is what the program makes of the sample: `python -m tests.publish_report`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.paths import ROOT
from tests.publish_report import write_sample

GOLDEN = ROOT / "reports" / "sample"


def files(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def test_the_golden_report_is_current(tmp_path: Path) -> None:
    write_sample(tmp_path)
    made, golden = files(tmp_path), files(GOLDEN)
    assert sorted(made) == sorted(golden)
    stale = [name for name in made if made[name] != golden[name]]
    if stale:
        pytest.fail(f"{stale} differ: run python -m tests.publish_report and look at them")
