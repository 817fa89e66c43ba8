"""A pin: what the program does today, in a file that a test compares whole.

`TAGWATCH_REGENERATE=1 pytest tests/pinned` writes the files anew. Then read `git diff
tests/data/pinned`: each line of it is a change that somebody will notice.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from difflib import unified_diff
from typing import Any

import pytest

from tests.paths import DATA

__all__ = ["PINNED", "REGENERATE", "as_json", "as_table", "compare"]

PINNED = DATA / "pinned"
REGENERATE = os.environ.get("TAGWATCH_REGENERATE") == "1"  # read before a fixture scrubs it
HOW = "if that is meant: TAGWATCH_REGENERATE=1 pytest tests/pinned, and read the diff"
_MOST_LINES = 60


def compare(name: str, now: str, meaning: str) -> None:
    """Fail where the file `name` is not `now`, with the lines that differ and what they mean."""
    path = PINNED / name
    if REGENERATE:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(now, encoding="utf-8")
        return
    before = path.read_text(encoding="utf-8") if path.is_file() else ""
    if before == now:
        return
    lines = list(
        unified_diff(before.splitlines(), now.splitlines(), "pinned", "now", lineterm="", n=0)
    )
    shown = "\n".join(lines[:_MOST_LINES])
    more = f"\n… and {len(lines) - _MOST_LINES} lines more" if len(lines) > _MOST_LINES else ""
    pytest.fail(f"{name}: {meaning}\n{shown}{more}\n{HOW}", pytrace=False)


def as_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Tab-separated lines below a line of names."""
    lines = [[str(cell) for cell in row] for row in rows]
    for line in lines:
        assert len(line) == len(columns), line
        assert not any({"\t", "\n"} & set(cell) for cell in line), line
    return "".join("\t".join(line) + "\n" for line in (list(columns), *lines))


def as_json(value: Any) -> str:
    """JSON for people: indented, keys in the order in which they are given."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
