"""The golden answers, in `tests/data/golden/answers/`: `python -m tests.golden.write` writes them.

Look at what changed before it is committed: a golden answer is what users and their programs read.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from tests.golden.demo import play_demo
from tests.golden.estate import play_estate
from tests.golden.hub import play_hub
from tests.golden.rules import play_rules
from tests.paths import DATA

__all__ = ["GOLDEN", "PLAYS", "golden_answers", "write_answers"]

GOLDEN = DATA / "golden" / "answers"
PLAYS: dict[str, Callable[[Path], Awaitable[Mapping[str, str]]]] = {
    "demo": play_demo,
    "estate": play_estate,
    "hub": play_hub,
    "rules": play_rules,
}


def golden_answers(play: str) -> dict[str, str]:
    """The answers of that play as they are kept, by name."""
    return {path.stem: path.read_bytes().decode() for path in sorted((GOLDEN / play).glob("*.txt"))}


async def write_answers(play: str, folder: Path) -> None:
    """Play it in that folder and keep what it answers in place of what was kept."""
    answers = await PLAYS[play](folder)
    shutil.rmtree(GOLDEN / play, ignore_errors=True)
    (GOLDEN / play).mkdir(parents=True)
    for name, text in answers.items():
        (GOLDEN / play / f"{name}.txt").write_bytes(text.encode())


def main(plays: list[str]) -> None:
    """Write the plays that are named; all where none is."""
    for play in plays or PLAYS:
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(write_answers(play, Path(folder)))


if __name__ == "__main__":
    main(sys.argv[1:])
