"""A last stage on `scratch`: under a policy with approved bases nobody passes it by."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.walk.command import Workplace

DEBIAN = "docker.io/library/debian"
FILES = {
    "archive": "FROM scratch\nADD rootfs.tar.gz /\n",
    "stage": "FROM alpine:3.23 AS Root\nFROM scratch\nCOPY --from=root / /\n",
    "number": "FROM alpine:3.23\nFROM scratch AS empty\nFROM empty\nCOPY --from=0 / /\n",
    "image": "FROM debian:13 AS b\nFROM scratch\nCOPY --from=alpine:3.23 / /\n",
    "approved": "FROM debian:13 AS b\nFROM scratch\nCOPY --from=b / /\n",
    "program": "FROM debian:13 AS b\nFROM scratch\nCOPY --from=b /app /app\nADD site.tar /site\n",
    "builder": "FROM scratch AS empty\nADD rootfs.tar /\nFROM debian:13\nCOPY --from=empty /a /a\n",
}
FILLED = {"archive": 2, "stage": 3, "number": 4, "image": 3}
"""Where a whole file system comes from that no approved base vouches for."""


@pytest.mark.parametrize(
    ("bases", "expected"),
    [
        ((DEBIAN,), {**FILLED, "approved": 2, "program": 2}),
        ((DEBIAN, "scratch"), FILLED),
        ((), {}),
    ],
)
async def test_what_fills_an_empty_image_is_told(
    tmp_path: Path, bases: tuple[str, ...], expected: dict[str, int]
) -> None:
    place = Workplace(tmp_path, {"XDG_CACHE_HOME": str(tmp_path / "cache")})
    for name, text in FILES.items():
        place.write(f"{name}/Dockerfile", text)
    approved = "".join(f"\n  - ref: {base}" for base in bases) or " []"
    policy = place.write("policy.yaml", f"version: 1\nbases:{approved}\n")
    own = place.write("tagwatch.yaml", f"version: 1\npolicy: {policy.name}\n")
    done = await place.run("check", "--offline", ".", "--config", str(own), "--format", "json")
    found = {
        one["location"]["path"].split("/")[0]: one["location"]["line"]
        for one in done.json["findings"]
        if one["rule"] == "base-unknown" and "scratch" in one["message"]
    }
    assert found == expected, done.err
