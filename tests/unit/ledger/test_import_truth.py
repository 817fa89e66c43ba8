"""The history of official images, imported: every interval comes back, every date is right."""

from __future__ import annotations

import random
from bisect import bisect_right
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tagwatch.audit.model.history import Interval
from tagwatch.image.reference import Repository
from tagwatch.ledger.maintenance import check
from tagwatch.ledger.write import Ledger
from tests.history_facts import history_facts, image_names

DATES = 1_000
SEED = 2026
SAMPLE = ("redis", "debian", "docker", "kibana", "nginx")
"""Some of the images, each with its own traps; `tests.bench.ledger` runs all 29."""


def served(spans: list[Interval], when: datetime) -> Interval | None:
    """By bisection over the facts, not by the ledger's own rule."""
    place = bisect_right([span.first_seen for span in spans], when) - 1
    if place < 0 or (spans[place].ended and spans[place].last_seen <= when):
        return None
    return spans[place]


def wrong_answers(ledger: Ledger, image: str) -> int:
    """How many of a thousand random tags and dates, and of all intervals, are answered wrong."""
    repository, facts = Repository.parse(image), history_facts(image)
    wrong = sum(
        mine != fact for mine, fact in zip(ledger.intervals(repository), facts, strict=True)
    )
    by_tag: dict[str, list[Interval]] = {}
    for fact in facts:
        by_tag.setdefault(fact.tag, []).append(fact)
    chance = random.Random(f"{SEED} {image}")
    tags = sorted(by_tag)
    first, last = min(fact.first_seen for fact in facts), max(fact.last_seen for fact in facts)
    for number in range(DATES):
        tag = chance.choice(tags)
        when = first + (last - first) * chance.random()
        if number % 4 == 0:  # the moments at which something happens
            near = chance.choice(by_tag[tag])
            step = timedelta(microseconds=chance.randint(-1, 1))
            when = chance.choice([near.first_seen, near.last_seen]) + step
        wrong += ledger.at(repository, tag, when) != served(by_tag[tag], when)
    return wrong


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
