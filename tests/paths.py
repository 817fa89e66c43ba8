"""Where tests find their files."""

from __future__ import annotations

from pathlib import Path

TESTS = Path(__file__).parent
ROOT = TESTS.parent
DATA = TESTS / "data"
WARM_PATH = TESTS / "walk" / "warm_path.txt"


def warm_path() -> frozenset[str]:
    """The modules of the warm path; `tagwatch.audit.rule.*` stands for every rule."""
    lines = WARM_PATH.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))
