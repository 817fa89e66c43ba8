"""The line to paste."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tagwatch.audit.verdict.result import with_fix_lines
from tagwatch.source.text.edit import Fix
from tests.publish_sample import sample


@pytest.mark.parametrize(
    ("raw", "old", "new", "line"),
    [
        (b"FROM redis:6 AS x\nRUN true\n", b"redis:6", "redis:6.2.24", "FROM redis:6.2.24 AS x"),
        (b"a: 1\r\n  image: redis:6\r\nb: 2", b"redis:6", "redis:7", "image: redis:7"),
        (b"\xef\xbb\xbfFROM redis:6", b"redis:6", "redis:7", "FROM redis:7"),
        ("# é\nFROM redis:6 # ü".encode(), b"redis:6", "redis:7", "FROM redis:7 # ü"),
        (b"FROM redis:6", b"redis:6", "redis:7\n# redis", ""),
        (b"\xff FROM redis:6", b"redis:6", "redis:7", ""),
    ],
)
def test_line_after_the_fix(raw: bytes, old: bytes, new: str, line: str) -> None:
    start = raw.index(old)
    fix = Fix(path="f", start=start, end=start + len(old), replacement=new, description="d")
    result = replace(sample(), findings=(replace(sample().findings[0], fix=fix),))
    (finding,) = with_fix_lines(result, {"f": raw}).findings
    assert finding.fix is not None
    assert finding.fix.line == line
    assert replace(finding.fix, line="") == fix


def test_unknown_files_and_wild_spans_are_left_alone() -> None:
    result = sample()
    assert with_fix_lines(result, {}) == result
    assert with_fix_lines(result, {"compose.yaml": b"short"}) == result
