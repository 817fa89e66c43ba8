"""What official tags were, for tests: the facts of tests/data/tags/history as intervals."""

from __future__ import annotations

import json
import lzma
import random
from bisect import bisect_right
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from tagwatch.audit.model.history import Interval, Seen
from tagwatch.image.digest import Digest
from tagwatch.image.reference import Repository
from tagwatch.ledger.read import Reader
from tests.paths import DATA

__all__ = ["history_facts", "image_names", "wrong_answers"]

DATES = 1_000
SEED = 2026


@cache
def _facts() -> dict[str, Any]:
    packed = (DATA / "tags" / "history" / "official.json.xz").read_bytes()
    images: dict[str, Any] = json.loads(lzma.decompress(packed))["images"]
    return images


def image_names() -> tuple[str, ...]:
    """The images that facts are known of."""
    return tuple(_facts())


def history_facts(image: str) -> tuple[Interval, ...]:
    """Every interval of every tag of an image, by tag and oldest first, dated by commits."""
    facts = _facts()[image]
    times = [datetime.fromisoformat(text) for text in facts["times"]]
    head_at = datetime.fromisoformat(facts["head_at"])
    return tuple(
        Interval(
            tag=tag,
            digest=Digest(f"build:{build:040x}"),
            first_seen=times[first],
            last_seen=head_at if last is None else times[last],
            ended=last is not None,
            ended_at=None if last is None else times[last],
            kind=Seen.COMMITTED,
        )
        for tag, spans in sorted(facts["tags"].items())
        for first, last, build in spans
    )


def _served(spans: list[Interval], when: datetime) -> Interval | None:
    """By bisection over the facts, not by the ledger's own rule."""
    place = bisect_right([span.first_seen for span in spans], when) - 1
    if place < 0 or (spans[place].ended and spans[place].last_seen <= when):
        return None
    return spans[place]


def wrong_answers(ledger: Reader, image: str) -> int:
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
        wrong += ledger.at(repository, tag, when) != _served(by_tag[tag], when)
    return wrong
