"""What is behind is told by the real command, whatever its tags are ordered by."""

from __future__ import annotations

from typing import Any

from tests.truth import digests
from tests.truth_served import served
from tests.walk.conftest import Shop

SERVED = {
    "stamped": ["RELEASE.2023-11-01T18-37-25Z", "RELEASE.2025-09-07T16-13-09Z latest", "edge"],
    "host": ["10.0.17763.437", "10.0.17763.5936 ltsc2019", "10.0.20348.2529 ltsc2022"],
    "tools": ["2.3.1-cuda12.1-runtime", "2.5.1-cuda12.4-runtime", "2.5.1-cuda11.8-runtime"],
    "marked": ["v2.53.0", "v2.53.5", "v2.54.1 latest"],
}


async def answers(shop: Shop, *tags: str) -> list[dict[str, Any]]:
    done = await shop.run("resolve", *tags, "--format", "json")
    found: list[dict[str, Any]] = done.json["resolutions"]
    return found


def fill(shop: Shop) -> None:
    shelf = served(
        {
            image: digests(image, [group.split() for group in groups])
            for image, groups in SERVED.items()
        }
    )
    for part in ("manifests", "blobs", "tags", "pushed"):
        getattr(shop.shelf, part).update(getattr(shelf, part))


async def test_resolve_tells_what_is_newer_or_why_it_cannot(shop: Shop) -> None:
    fill(shop)
    newest, edge, host, tools, pattern, missing = await answers(
        shop,
        "stamped:RELEASE.2023-11-01T18-37-25Z",
        "stamped:edge",
        "host:ltsc2019",
        "tools:2.3.1-cuda12.1-runtime",
        "marked:~2.53",
        "marked:2.53.0",
    )
    none = {"patch": None, "minor": None, "major": None}
    assert newest["newer"] == {**none, "patch": "RELEASE.2025-09-07T16-13-09Z"}
    assert edge["newer"] == {
        **none,
        "not_comparable": "a name that moves says neither version nor date",
    }
    assert (host["tag"], host["newer"]) == ("10.0.17763.5936", none)
    assert tools["newer"] == {**none, "minor": "2.5.1-cuda12.4-runtime"}
    assert (pattern["tag"], pattern["note"]) == (
        "v2.53.5",
        "v2.53.5: the pattern is read with the v",
    )
    assert (missing["status"], missing["note"]) == (
        "not-found",
        "v2.53.0 is there: write it with the v",
    )
    told = await shop.run("resolve", "stamped:edge")
    assert "  newer  not comparable: a name that moves" in told.out


async def test_check_says_that_a_stamp_is_behind(shop: Shop) -> None:
    fill(shop)
    shop.write("Dockerfile", "FROM stamped:RELEASE.2023-11-01T18-37-25Z\nUSER 10001\n")
    done = await shop.run("check", "Dockerfile", "--format", "json")
    found = {one["rule"]: one for one in done.json["findings"]}
    behind = found["base-behind"]["message"]
    assert behind.endswith("RELEASE.2025-09-07T16-13-09Z is the newest of its line")
