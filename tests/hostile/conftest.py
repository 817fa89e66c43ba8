"""A victim and a capture server for every attack."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.hostile.victim import Capture, Victim, capture, victim_in


@pytest.fixture
async def thief() -> AsyncIterator[Capture]:
    """The attacker's server."""
    async with capture() as caught:
        yield caught


@pytest.fixture
def victim(tmp_path: Path) -> Victim:
    """A user in a clone of the attacker's repository."""
    folder = tmp_path / "machine"
    folder.mkdir()
    return victim_in(folder)
