"""Five images over six nights with moving bases: every answer as the builder recorded it."""

from __future__ import annotations

import pytest

from tagwatch.audit.model.diff import Verdict
from tests.nights import MemoryShelf, simulate


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_base_on_every_night(seed: int) -> None:
    score = simulate(MemoryShelf(), images=5, nights=6, seed=seed)
    assert score.wrong == ()
    assert score.right == 5 * 6 * 3  # the number of platforms, and each of them
    assert score.verdicts[Verdict.REPLACED] == 0


def test_the_simulation_holds_what_it_is_for() -> None:
    """Else it would prove nothing: stale images, rebuilt and upgraded bases, attestations."""
    score = simulate(MemoryShelf(), images=5, nights=12, seed=4)
    assert score.stale > 0
    assert {Verdict.REBUILT, Verdict.UPGRADED, Verdict.ATTESTATION_ONLY} <= set(score.verdicts)
