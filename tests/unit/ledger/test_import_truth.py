"""The history of official images, imported: every interval comes back, every date is right."""

from __future__ import annotations

from pathlib import Path

import pytest

from tagwatch.image.reference import Repository
from tagwatch.ledger.maintenance import check
from tagwatch.ledger.write import Ledger
from tests.history_facts import history_facts, image_names, wrong_answers

SAMPLE = ("redis", "debian", "docker", "kibana", "nginx")
"""Some of the images, each with its own traps; `tests.bench.ledger` runs all 29."""


def test_the_facts_are_there() -> None:
    assert len(image_names()) == 29
    assert sum(len(history_facts(image)) for image in SAMPLE) > 25_000


@pytest.mark.parametrize("image", SAMPLE)
def test_every_interval_and_a_thousand_dates(tmp_path: Path, image: str) -> None:
    with Ledger.open(tmp_path / "tagwatch.db") as ledger:
        facts = history_facts(image)
        assert ledger.import_history(Repository.parse(image), facts) == len(facts)
        assert wrong_answers(ledger, image) == 0
        assert check(ledger.path) == ()
