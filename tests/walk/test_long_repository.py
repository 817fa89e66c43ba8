"""A repository with more tags than a watch may read: one note, and nights that cost what moved.

What the registry was asked is counted by the registry, what people are told by rule.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tagwatch import ScanResult
from tests.walk.test_hub_offset import PATH, House, hub

TAGS, MOST = 210, 30
WIDE = (
    "docker.io/library/mongo was checked only in part: "
    f"'*' matches {TAGS} tags; the newest {MOST} are read"
)


def gaps(found: ScanResult) -> list[str]:
    return [one.message for one in found.result.findings if one.rule == "check-incomplete"]


@pytest.fixture
def watch() -> str:
    return f"{{image: mongo, max_tags: {MOST}}}"


async def test_it_is_one_note_and_its_nights_are_incremental(tmp_path: Path, watch: str) -> None:
    async with hub(tmp_path, None, watch=watch, tags=TAGS) as house:
        first, cost = await house.night()
        assert cost["catalogue"] == 3, "every page once, so that all are counted"
        for found in (first, (await unchanged(house))):
            assert gaps(found) == [WIDE]
            (note,) = (one for one in found.result.findings if one.rule == "check-incomplete")
            assert note.severity.value == "note"
            assert str(note.location.path).endswith("tagwatch.yaml")
            assert found.result.complete, "a limit that the operator set is kept, not missed"
            assert [one.code for one in found.result.failures] == ["too-many-tags"]
            assert found.result.coverage.unavailable == 0
            assert found.result.coverage.read == found.result.coverage.targets


async def unchanged(house: House) -> ScanResult:
    found, cost = await house.night()
    assert cost == {"catalogue": 1}, "one request where nothing moved"
    return found


async def test_what_moves_is_seen_on_the_first_page(tmp_path: Path, watch: str) -> None:
    async with hub(tmp_path, None, watch=watch, tags=TAGS) as house:
        await house.night()
        house.push("1.4.5", "2")  # among the newest
        house.push("1.0.0", "2")  # beyond the limit: known from the listing all the same
        moved, cost = await house.night()
        assert cost["catalogue"] == 1
        assert cost["manifest"] >= 1
        assert cost["head"] == 0
        tags = {one.change.tag for one in moved.result.changes}
        assert "1.4.5" in tags
        assert len(gaps(moved)) == 1
        await unchanged(house)


async def test_a_new_version_takes_the_place_of_the_oldest(tmp_path: Path, watch: str) -> None:
    async with hub(tmp_path, None, watch=watch, tags=TAGS) as house:
        before, _ = await house.night()
        house.push("8.2.13", "new")
        after, cost = await house.night()
        assert cost["catalogue"] == 1
        assert gaps(after) == [WIDE.replace(f"{TAGS} tags", "211 tags")]
        names = [set(one.result.evidence) for one in (before, after)]
        assert {key.rpartition(":")[2] for key in names[1] - names[0]} == {"8.2.13"}
        assert len(names[0] - names[1]) == 1
        await unchanged(house)


async def test_several_patterns_are_one_note(tmp_path: Path) -> None:
    watch = "{image: mongo, tags: ['*', '/^1/'], max_tags: 8}"
    async with hub(tmp_path, None, watch=watch, tags=TAGS) as house:
        found, _ = await house.night()
    (told,) = gaps(found)
    assert "'*' matches 210 tags" in told
    assert "'/^1/' matches 206 tags" in told


async def test_what_cannot_be_read_in_it_is_told_beside(tmp_path: Path, watch: str) -> None:
    async with hub(tmp_path, None, watch=watch, tags=TAGS) as house:
        shelf = house.double.warehouse.repositories[PATH]
        house.double.failing = {str(shelf["1.4.5"].digest): 500}
        found, _ = await house.night()
        told = gaps(found)
    assert len(told) == 2, told
    assert any("1.4.5" in one for one in told)
    assert not found.result.complete


async def test_a_deletion_beside_a_tag_that_fails_is_told(tmp_path: Path, watch: str) -> None:
    async with hub(tmp_path, None, watch=watch, tags=TAGS) as house:
        shelf = house.double.warehouse.repositories[PATH]
        house.double.failing = {str(shelf["1.4.5"].digest): 500}
        await house.night()
        del shelf["1.4.4"]
        found, _ = await house.night()
    assert [one.tag for one in found.result.gone] == ["1.4.4"]


async def test_the_command_says_it_once_in_every_format(tmp_path: Path, watch: str) -> None:
    async with hub(tmp_path, None, watch=watch, tags=TAGS) as house:
        done = await house.place.run("scan", "--format", "json")
        again = await house.place.run("scan")
    answer: dict[str, Any] = json.loads(done.out)
    rules = Counter(one["rule"] for one in answer["findings"])
    assert rules["check-incomplete"] == 1
    assert answer["complete"] is True
    assert done.code != 4
    assert again.code != 4
    assert again.out.count(f"matches {TAGS} tags") == 1, again.out


async def test_a_first_night_of_many_asks_for_few_tokens(tmp_path: Path, watch: str) -> None:
    async with hub(tmp_path, None, watch=watch, tags=10) as house:
        paths = [f"acme/app{number:02}" for number in range(24)]
        for path in paths:
            house.double.warehouse.push(path, "1.0", index=False)
        house.double.tokened = True
        house.place.write("Dockerfile", "".join(f"FROM {path}:1.0\n" for path in paths))
        found, cost = await house.night()
        assert found.result.complete
        assert cost["token"] == 2, "25 repositories, 20 a token"
        _, cost = await house.night()
        assert cost["token"] == 0
