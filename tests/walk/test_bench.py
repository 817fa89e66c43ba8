"""The bench: every row runs. Its figures are nobody's promise here."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.bench.measure import growth
from tests.bench.rows import ROWS
from tests.paths import ROOT

WITHOUT_PYTEST = """
import importlib, runpy, sys
sys.modules["pytest"] = None
from tests.bench.rows import STUDIES
for name in STUDIES:
    importlib.import_module(f"tests.bench.{name}")
sys.argv = ["bench", "--quick"]
runpy.run_module("tests.bench", run_name="__main__", alter_sys=True)
"""


@pytest.mark.timeout(900)
def test_every_row_runs_without_pytest() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_PYTEST],
        cwd=ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert not done.stderr, done.stderr[-2000:]
    for name in ROWS:
        assert f"    [{name}: " in done.stdout
    for series in ("scan", "report", "check", "scan of one repository", "import"):
        assert f"growth of {series}, " in done.stdout


@pytest.mark.parametrize(("fixed", "power"), [(0.3, 1.0), (0.5, 2.0), (0.0, 1.0), (2.0, 0.5)])
def test_growth_tells_what_stands_from_what_grows(fixed: float, power: float) -> None:
    """A constant that outweighs the small sizes does not flatter the exponent."""
    sizes = [1_000, 2_000, 4_000, 8_000, 16_000]
    found = growth(sizes, [fixed + 0.9 * (size / 8_000) ** power for size in sizes])
    assert found == pytest.approx((fixed, power), abs=0.01)
