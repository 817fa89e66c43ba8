"""What is called newer, beside what Renovate's Docker versioning would offer from the same tags.

Renovate compares tags with the same number of numbers and the very same text behind them, never
offers a pre-release, and knows no end of life. It offers the newest of the major version and the
newest of all (https://docs.renovatebot.com/modules/versioning/docker/); `renovate` below is our own
reading of that. The tags are all that ever were of official images; each difference is argued.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest

from tagwatch.audit.model.policy import Policy
from tagwatch.audit.verdict.outlook import prospects_of
from tagwatch.audit.version.newer import newer
from tagwatch.knowledge.bundled import load
from tagwatch.source.target import Extraction
from tests import truth
from tests.audit_case import AT, seen, target
from tests.unit.audit.test_outlook import told

# image -> what Renovate would offer, what we tell, why they differ
CASES = {
    "redis:6.2.6": (
        {"minor": "6.2.24", "major": "8.10.1"},
        {"patch": "6.2.24", "major": "8.10.1"},
        "the same tags: Renovate calls a patch a minor update unless it is told to tell them apart",
    ),
    "python:3.9.7-slim": (
        {"minor": "3.14.7-slim"},
        {"patch": "- (3.9.25-slim: version-eol)", "minor": "3.14.7-slim"},
        "the newest of 3.9 is told, and that its line is over",
    ),
    "postgres:13.4-alpine": (
        {"minor": "13.23-alpine", "major": "18.6-alpine"},
        {"minor": "- (13.23-alpine: version-eol)", "major": "18.6-alpine"},
        "PostgreSQL 13 is over since 2025-11-13: nothing in it is advised",
    ),
    "node:14.17.0-alpine3.13": (
        {"minor": "14.18.2-alpine3.13", "major": "17.3.0-alpine3.13"},
        {
            "patch": "- (14.17.6-alpine3.13: version-eol, os-eol)",
            "minor": "- (14.21.3-alpine3.17: version-eol, os-eol)",
            "major": "26.7.0-alpine3.24",
        },
        "Alpine 3.13 is over since 2022, and Node.js 17, too: the same text behind the numbers "
        "leads to dead images, so the distribution may move on",
    ),
    "mariadb:10.6.4": (
        {"minor": "10.11.18", "major": "12.3.2"},
        {"patch": "- (10.6.28: version-eol)", "minor": "10.11.18", "major": "12.3.2"},
        "MariaDB 10.6 is over since 2026-07-06; the newest of 10.x and of all are the same",
    ),
}


def renovate(tag: str, tags: Iterable[str]) -> dict[str, str]:
    """The newest of the major version, and of the later ones, as Renovate compares tags."""
    form = re.compile(r"v?(?P<numbers>\d+(?:\.\d+)*)(?P<rest>-.*)?")
    own = form.fullmatch(tag)
    assert own is not None
    now = tuple(map(int, own["numbers"].split(".")))
    found: dict[tuple[int, ...], str] = {}
    for other in tags:
        one = form.fullmatch(other)
        if one is None or one["rest"] != own["rest"]:
            continue
        there = tuple(map(int, one["numbers"].split(".")))
        if len(there) == len(now) and there > now:
            found[there] = other
    same = max((one for one in found if one[0] == now[0]), default=None)
    beyond = max((one for one in found if one[0] > now[0]), default=None)
    said = {"minor": same, "major": beyond}
    return {word: found[one] for word, one in said.items() if one is not None}


@pytest.mark.parametrize("asked", CASES)
def test_what_is_newer(asked: str) -> None:
    theirs, ours, _ = CASES[asked]
    image, _, tag = asked.partition(":")
    tags = truth.ever()[image]
    assert renovate(tag, tags) == theirs
    one = target(asked)
    facts = seen(one, resolution={"newer": newer(tag, tags)})
    files = [("Dockerfile", Extraction(targets=(one,)))]
    found = prospects_of(files, {facts.key: facts}, Policy(), load(), at=AT, beside={})
    assert told(found.images[0]) == ours
