"""A newer minor or major version is told once: when it may be written, by whatever channel."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from tagwatch.service.demo.show import serving
from tests.official import service
from tests.walk.test_new_version import FIRST, Nights

IMAGE = "registry.shop.example/shop/api"
RECEIVER = """\
alerts:
  - name: robot
    webhook: {url_env: ROBOT_URL}
    when: {min_severity: note}
"""


@pytest.fixture
async def nights(tmp_path: Path) -> AsyncIterator[Nights]:
    nights = Nights(tmp_path / "tree", environment={"ROBOT_URL": "http://127.0.0.1:9/"})
    async with serving(nights.shelf) as address:
        nights.write(
            "tagwatch.yaml",
            "version: 1\ndatabase: ledger.db\npolicy: policy.yaml\nsources: ['**/Dockerfile']\n"
            "reports: {formats: []}\n"
            f"registries: {{registry.shop.example: {{endpoint: '{address}', "
            f"credential: anonymous}}}}\n{RECEIVER}",
        )
        nights.write("policy.yaml", "version: 1\ndefaults: {cooldown: 3d}\n")
        nights.write("Dockerfile", f"FROM {IMAGE}:1.4.2\n")
        nights.push("1.4.2", service(0, "1.4.2"))
        nights.push("1.9.0", service(0, "1.9.0"))
        yield nights


async def told(nights: Nights, number: int) -> list[str]:
    """What all nights up to this one stored to be sent about newer versions, line by line."""
    nights.at = FIRST + timedelta(days=number)
    done = await nights.run("scan", "--no-alerts")
    assert done.code in (0, 1), done.err
    with closing(sqlite3.connect(nights.folder / "ledger.db")) as ledger:
        rows = ledger.execute("SELECT payload FROM outbox ORDER BY id").fetchall()
    groups = [group for (payload,) in rows for group in json.loads(payload)["groups"]]
    newer = [group["lines"] for group in groups if group["title"] == "Newer versions"]
    return [line["message"] for lines in newer for line in lines]


async def test_it_is_told_by_the_night_in_which_it_has_cooled_down(nights: Nights) -> None:
    assert await told(nights, 0) == []
    nights.push("2.0.0", service(1, "2.0.0"))
    for number in (1, 2, 3):
        assert await told(nights, number) == [], "too young, and 1.9.0 was always there"
    major = "is behind: 2.0.0 is a newer major version"
    assert await told(nights, 4) == [major]
    nights.push("2.1.0", service(5, "2.1.0"))
    for number in (5, 6, 7):
        assert await told(nights, number) == [major], number
    newest = "is behind: 2.1.0 is a newer major version"
    assert await told(nights, 8) == [major, newest]
    assert await told(nights, 9) == [major, newest]


async def test_without_a_cool_down_it_is_told_at_once_and_a_patch_by_its_finding(
    nights: Nights,
) -> None:
    nights.write("policy.yaml", "version: 1\ndefaults: {cooldown: 0d}\n")
    nights.write("other/Dockerfile", f"FROM {IMAGE}:1.4.2\n")
    assert await told(nights, 0) == []
    for tag in ("1.4.3", "1.9.1"):
        nights.push(tag, service(1, tag))
    minor = "is behind: 1.9.1 is a newer minor version"
    assert await told(nights, 1) == [minor], "two places, one line; 1.4.3 is a new finding"
    assert await told(nights, 2) == [minor]
    # what the policy makes a finding of is told as one
    nights.write("policy.yaml", "version: 1\nrules: {base-behind: {level: major}}\n")
    nights.write("Dockerfile", f"FROM {IMAGE}:1.9.1\n")
    nights.write("other/Dockerfile", f"FROM {IMAGE}:1.9.1\n")
    await told(nights, 3)
    nights.push("2.0.0", service(4, "2.0.0"))
    assert await told(nights, 8) == [minor]
