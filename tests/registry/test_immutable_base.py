"""A base that the policy calls immutable is pushed again: told where the policy names it."""

from __future__ import annotations

import json
from http.client import HTTPConnection
from pathlib import Path

from tests.image_builder import build, run
from tests.nights_served import HOSTS, RegistryShelf
from tests.official import app, debian
from tests.registry.distribution import distribution
from tests.walk.command import Workplace

BASE = "registry.example/platform/base"
API = "registry.example/shop/api:1"
POLICY = f"""\
bases:
  - ref: {BASE}
    tags: ["1.*", stable]
    immutable: true
"""


async def test_another_digest_under_an_immutable_base_s_tag_is_an_error(tmp_path: Path) -> None:
    place = Workplace(tmp_path / "desk", {"HOME": str(tmp_path)})
    old, new = (build(run("install tools", tools=n), base=debian()) for n in ("1", "2"))
    with distribution(tmp_path / "registry") as registry:
        asked = {"endpoint": registry.url, "kind": "distribution", "credential": "anonymous"}
        settings = {
            "database": "tagwatch.db",
            "registries": dict.fromkeys(HOSTS, asked),
            "watch": [{"image": API.partition(":")[0], "tags": ["1"]}],
            "policy": "policy.yaml",
        }
        place.write("tagwatch.yaml", json.dumps(settings))
        place.write("policy.yaml", POLICY)
        shelf = RegistryShelf(HTTPConnection(registry.host, timeout=30))
        shelf.push(API, app(old))
        for tag in ("1.0", "stable", "2.0"):
            shelf.push(f"{BASE}:{tag}", old)
        first = await place.run("scan", "--format", "json")
        for tag in ("1.0", "stable", "2.0"):
            shelf.push(f"{BASE}:{tag}", new)
        second = await place.run("scan", "--format", "json")
        shelf.connection.close()
    assert first.code == 0, first.err
    assert second.code == 1
    found = [one for one in second.json["findings"] if one["rule"] == "tag-replaced"]
    assert sorted(one["reference"] for one in found) == [f"{BASE}:1.0", f"{BASE}:stable"]
    for one in found:
        assert (one["severity"], one["location"]["path"]) == ("error", "policy.yaml")
        assert one["location"]["line"] == 2
        assert "immutable" in one["message"]
