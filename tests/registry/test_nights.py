"""Five images over six nights on a real registry: the nightly scan says what the builder did."""

from __future__ import annotations

from pathlib import Path

import pytest

from tagwatch.audit.change import Verdict
from tests.nights import MemoryShelf, simulate
from tests.nights_served import Served, served_nights
from tests.registry.distribution import distribution

IMAGES, NIGHTS = 5, 6
REBUILDS, PATCHES = 4, 1
"""Seeds: bases that are only rebuilt and attested anew, and bases that get patch releases, too."""


def play(folder: Path, seed: int, *, watch_bases: bool) -> Served:
    with distribution(folder / "registry") as registry:
        return served_nights(
            registry,
            folder / "site",
            images=IMAGES,
            nights=NIGHTS,
            seed=seed,
            watch_bases=watch_bases,
        )


@pytest.mark.parametrize(
    ("seed", "watch_bases"),
    [(PATCHES, False), (REBUILDS, True)],
    ids=["known-to-the-policy-alone", "on-the-watch-list"],
)
def test_every_base_on_every_night(tmp_path: Path, seed: int, watch_bases: bool) -> None:
    served = play(tmp_path, seed, watch_bases=watch_bases)
    assert served.score.wrong == ()
    assert served.score.right == IMAGES * NIGHTS * 3  # the number of platforms, and each of them
    assert served.score.stale > 0  # else it would prove nothing
    assert served.shelf.mounted > 0
    assert served.shelf.blobs == len(served.shelf.lenders)  # each was sent once


def test_routine_rebuilds_raise_no_alarm(tmp_path: Path) -> None:
    served = play(tmp_path, REBUILDS, watch_bases=True)
    assert served.auditor.replaced == []
    assert served.score.verdicts == in_memory(REBUILDS)
    assert {Verdict.REBUILT, Verdict.ATTESTATION_ONLY} <= set(served.score.verdicts)


def test_patch_releases_under_a_floating_tag_raise_no_alarm(tmp_path: Path) -> None:
    served = play(tmp_path, PATCHES, watch_bases=True)
    assert served.auditor.replaced == []
    assert served.score.verdicts == in_memory(PATCHES)
    assert served.score.verdicts[Verdict.UPGRADED] > 0


def in_memory(seed: int) -> dict[Verdict, int]:
    """The verdicts on the same moves, told from the images alone."""
    return simulate(MemoryShelf(), images=IMAGES, nights=NIGHTS, seed=seed).verdicts
