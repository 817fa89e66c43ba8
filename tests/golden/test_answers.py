"""What people and programs read today, byte for byte: `python -m tests.golden.write` writes it.

A play is one test, however many answers it compares, so that it is played once on one worker.
"""

from __future__ import annotations

import difflib
import zlib
from pathlib import Path

import pytest

from tests.golden.write import PLAYS, golden_answers

SHOWN_LINES = 60


@pytest.mark.timeout(900)  # a hundred commands in a row, beside other workers
@pytest.mark.parametrize("play", PLAYS)
@pytest.mark.skipif(
    hasattr(zlib, "ZLIBNG_VERSION") or "ng" in zlib.ZLIB_RUNTIME_VERSION,
    reason="zlib-ng compresses the demo's layers otherwise; its digests are those of zlib",
)
async def test_every_answer_is_as_it_was(play: str, tmp_path: Path) -> None:
    made, golden = dict(await PLAYS[play](tmp_path)), golden_answers(play)
    names = sorted(made.keys() | golden.keys())
    wrong = [name for name in names if made.get(name) != golden.get(name)]
    if not wrong:
        return
    told = [difference(name, golden.get(name, ""), made.get(name, "")) for name in wrong[:3]]
    pytest.fail(
        f"{len(wrong)} of {len(names)} answers are not as they were: {', '.join(wrong)}\n"
        f"Where that is meant, run `python -m tests.golden.write {play}` and look at what changed."
        "\n\n" + "\n".join(told),
        pytrace=False,
    )


def difference(name: str, golden: str, made: str) -> str:
    """The first lines of a diff; or that only an end of line differs."""
    lines = difflib.unified_diff(
        golden.splitlines(), made.splitlines(), f"{name}, golden", f"{name}, now", lineterm=""
    )
    shown = list(lines)[:SHOWN_LINES]
    return "\n".join(shown) + "\n" if shown else f"{name}: line ends differ\n"
