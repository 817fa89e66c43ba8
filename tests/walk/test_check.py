"""What `check` prints, whole; when it asks, when it does not, and when it runs out of time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tagwatch.service.demo.images import Step, build
from tests.walk.command import Workplace
from tests.walk.misbehaving import Misbehaving, misbehaving

DIGEST = "sha256:14ad53b3b0b61f7535127208100e038e31534aa4886ffdd17960064085f13a52"


@pytest.fixture
async def server() -> AsyncIterator[Misbehaving]:
    async with misbehaving() as server:
        yield server


@pytest.fixture
def place(tmp_path: Path, server: Misbehaving) -> Workplace:
    folder = tmp_path / "desk"
    folder.mkdir()
    place = Workplace(folder)
    place.write(
        "tagwatch.yaml",
        "database: tagwatch.db\nsources: [Dockerfile]\nregistries:\n"
        + server.registries("well", "missing", "slow", timeout_seconds=60),
    )
    place.write("Dockerfile", "FROM well.example/app:1\nFROM missing.example/app:1.2.3\n")
    return place


OUT = f"""\
Dockerfile
  error    Dockerfile:2:6  tag-deleted
        2 | FROM missing.example/app:1.2.3
          |      ^^^^^^^^^^^^^^^^^^^^^^^^^
           missing.example/app:1.2.3 does not exist, or is hidden from these credentials
           now  missing.example/app:1.2.3 = not in the registry
           do   write an image that exists; or log in, as `tagwatch doctor` says
  note     Dockerfile:1:6  tag-moving
        1 | FROM well.example/app:1
          |      ^^^^^^^^^^^^^^^^^^
           well.example/app:1 is a tag that moves: it is 1.0 today (sha256:14ad53b3b0b6)
           now  well.example/app:1 = 1.0 · sha256:14ad53b3b0b6
           fix  FROM well.example/app:1@{DIGEST}

1 thing to fix, 1 note (incomplete)
"""
ERR = """\
2 of 2 image references read; missing.example not-found \u00d71
1 can be fixed with --fix
"""


async def test_the_whole_answer(place: Workplace) -> None:
    done = await place.run("check", "--all", "Dockerfile")
    assert [line.rstrip() for line in done.out.splitlines()] == OUT.splitlines()
    assert (done.code, done.err) == (1, ERR)


async def test_what_is_fresh_is_not_asked_again(place: Workplace, server: Misbehaving) -> None:
    place.write("Dockerfile", "FROM well.example/app:1\n")
    first = await place.run("check", "Dockerfile", "--format", "json")
    assert first.json["requests"] != {}
    asked = server.asked["well"]
    second = await place.run("check", "Dockerfile", "--format", "json")
    assert second.json["requests"] == {}
    offline = await place.run("check", "--offline", "Dockerfile", "--format", "json")
    assert offline.json["findings"] == second.json["findings"]
    assert server.asked["well"] == asked
    place.write("tagwatch.yaml", "max_age: 0s\n" + (place.folder / "tagwatch.yaml").read_text())
    await place.run("check", "Dockerfile")
    assert server.asked["well"] > asked


async def test_offline_and_never_asked(place: Workplace, server: Misbehaving) -> None:
    done = await place.run("check", "--offline", "Dockerfile", "--format", "json")
    assert not server.asked
    assert done.json["complete"] is False
    assert done.json["coverage"]["unavailable"] == 2
    (unread,) = [one for one in done.json["findings"] if one["rule"] == "check-incomplete"]
    assert "2 images were judged by their text alone: nothing is stored" in unread["message"]


async def test_out_of_time(place: Workplace, server: Misbehaving) -> None:
    place.write("Dockerfile", "FROM well.example/app:1\nFROM slow.example/app:1\n")
    done = await place.run("check", "Dockerfile", "--max-time", "2", "--format", "json")
    assert done.json["complete"] is False
    (failure,) = done.json["failures"]
    assert (failure["repository"], failure["code"]) == ("slow.example/app", "stopped")
    told = [one for one in done.json["findings"] if one["rule"] == "check-incomplete"]
    assert [one["location"]["line"] for one in told] == [2]
    assert "stopped before its registry had answered" in told[0]["message"]
    server.release.set()
    again = await place.run("check", "Dockerfile", "--format", "json")
    assert again.json["complete"] is True
    assert again.json["requests"].keys() == {"slow.example"}, "what was read is remembered"


async def test_a_scan_of_nothing_is_not_clean(place: Workplace) -> None:
    settings = (place.folder / "tagwatch.yaml").read_text()
    place.write("tagwatch.yaml", settings.replace("[Dockerfile]", "[dokcerfile]"))
    told = (await place.run("scan")).is_clean_error(3)
    assert "no source of the configuration matches a file, and nothing is watched" in told


async def test_a_platform_more_does_not_hide_what_moved(
    place: Workplace, server: Misbehaving
) -> None:
    """The reason of `platforms-changed` names the platform that was not compared, too."""
    images = [
        build(
            None, [Step(created_by="ADD other", content=name)], day="2026-05-02", architecture=name
        )
        for name in ("amd64", "arm64")
    ]
    server.shelf.push("app", ("2",), images, "2026-05-02")
    place.write("policy.yaml", "defaults: {platforms: [linux/arm64]}\n")
    settings = (place.folder / "tagwatch.yaml").read_text()
    place.write("tagwatch.yaml", settings + "policy: policy.yaml\n")
    done = await place.run("diff", "well.example/app:1", "well.example/app:2", "--format", "json")
    assert (done.code, done.json["verdict"]) == (1, "platforms-changed")
    assert done.json["reason"] == "linux/arm64 added; linux/amd64 moved, unread"
