"""The JSON contracts of extract, resolve, history, base, diff, check and scan, field by field."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tagwatch.family import RULES
from tagwatch.service.demo.nights import second_night
from tests.walk.command import Workplace
from tests.walk.conftest import Shop

API = "registry.shop.example/shop/api"

TARGET = {
    "path": str, "line": int, "column": int, "end_column": int, "text": str, "kind": str,
    "reference": str | None, "repository": str | None, "tag": str | None, "digest": str | None,
    "stage": str | None, "platform": str | None, "missing": list,
}  # fmt: skip
RESOLUTION = {
    "input": str, "reference": str | None, "status": str, "tag": str | None,
    "version": str | None, "digest": str | None, "aliases": list, "basis": str,
    "newer": {"patch": str | None, "minor": str | None, "major": str | None},
    "supported": bool | None,
}  # fmt: skip
INTERVAL = {
    "tag": str, "digest": str, "version": str | None, "first_seen": str, "last_seen": str,
    "ended": bool, "verdict": str | None, "kind": str,
}  # fmt: skip
NAMED = {"tag": str, "version": str | None, "digest": str}
PLATFORM = {
    "platform": str, "verdict": str,
    "base": {"reference": str, **NAMED, "first_seen": str, "last_seen": str},
    "current": NAMED,
    "layers": {"matched": int, "replaced": int, "added": int},
    "ancestry": list, "claims": list, "sentence": str,
}  # fmt: skip
LOCATION = {"path": str, "line": int, "column": int, "end_line": int, "end_column": int}
FINDING = {
    "rule": str, "severity": str, "message": str, "location": LOCATION, "reference": str | None,
    "fingerprint": str,
}  # fmt: skip
FIX = {"path": str, "start": int, "end": int, "replacement": str, "description": str}
CHANGE = {
    "repository": str, "tag": str, "before": str, "after": str, "at": str, "verdict": str,
}  # fmt: skip
RESULT = {
    "complete": bool,
    "coverage": {"targets": int, "read": int, "unresolved": int, "unavailable": int},
    "findings": list, "resolutions": list, "changes": list, "failures": list, "requests": dict,
}  # fmt: skip


def fits(document: Any, form: dict[str, Any]) -> None:
    """Every field of the contract is there and of its type; more fields may be."""
    for name, kind in form.items():
        assert name in document, f"{name} is missing: {document}"
        if isinstance(kind, dict):
            fits(document[name], kind)
        else:
            assert isinstance(document[name], kind), f"{name}: {document[name]!r}"


async def test_extract(shop: Shop) -> None:
    shop.write(
        "d/Dockerfile",
        "ARG TAG=3.12\n"
        "FROM --platform=linux/arm64 python:${TAG}-slim AS build\n"
        "FROM build AS next\n"
        "FROM scratch\n"
        "COPY --from=redis /a /b\n"
        "ONBUILD COPY --from=node:22 /a /b\n"
        "FROM ${UNKNOWN}:1\n",
    )
    done = await shop.run("extract", "d", "--format", "json")
    assert (done.code, done.err) == (0, "")
    assert done.json["schema_version"] == 1
    targets = done.json["targets"]
    for target in targets:
        fits(target, TARGET)
    assert [(one["line"], one["kind"], one["reference"]) for one in targets] == [
        (2, "from", "docker.io/library/python:3.12-slim"),
        (5, "copy-from", "docker.io/library/redis:latest"),
        (6, "copy-from", "docker.io/library/node:22"),
        (7, "from", None),
    ]
    first, redis, node, unknown = targets
    assert (first["text"], first["column"], first["end_column"]) == ("python:${TAG}-slim", 29, 47)
    assert (first["stage"], first["platform"], first["tag"]) == (
        "build",
        "linux/arm64",
        "3.12-slim",
    )
    assert (redis["tag"], redis["repository"]) == (None, "docker.io/library/redis")
    assert node["onbuild"] is True
    assert "onbuild" not in first
    assert unknown["missing"] == ["UNKNOWN"]
    plain = await shop.run("extract", "d")
    assert plain.out.splitlines()[0].startswith("d/Dockerfile:2:29 ")


async def test_resolve_echoes_what_was_asked(shop: Shop) -> None:
    asked = ["redis:6.2", " redis:6.2.x", "redis:^6", "redis:>=6.2 <8", "redis", f"{API}:1.4"]
    asked[1] = asked[1].strip()
    done = await shop.run("resolve", "-", "--format", "json", stdin="\n".join(asked) + "\n\n")
    assert done.code == 0, done.err
    assert done.json["schema_version"] == 1
    found = done.json["resolutions"]
    assert [one["input"] for one in found] == asked
    for one in found:
        fits(one, RESOLUTION)
        assert one["status"] == "resolved"
        assert one["digest"].startswith("sha256:")
        assert one["reference"].endswith(f":{one['tag']}@{one['digest']}")
    concrete = [one["tag"] for one in found]
    assert concrete[:3] == [concrete[0]] * 3, "6.2, 6.2.x and ^6 are one"
    assert concrete[0].startswith("6.2.")
    assert "6.2" in found[0]["aliases"]
    assert found[0]["basis"] == "alias"
    assert concrete[5] == "1.4.2"

    answers = {
        "redis:6.2 redis:0.1": 1,
        "redis:0.0.1": 1,
        "redis:6.2": 0,
        "nowhere.invalid/a:1": 4,
        "redis:0.0.1 nowhere.invalid/a:1": 4,
    }
    for texts, code in answers.items():
        done = await shop.run("resolve", *texts.split())
        assert done.code == code, f"{texts}: {done.out}{done.err}"


async def test_history(shop: Shop) -> None:
    assert (await shop.run("history", "redis:7")).code == 2, "there is no ledger yet"
    await shop.run("scan")
    second_night(shop.shelf)
    await asyncio.sleep(1.1)  # answers tell whole seconds, and a scan takes less
    await shop.run("scan")
    done = await shop.run("history", "redis:7", "--format", "json")
    assert (done.code, done.json["schema_version"]) == (0, 1)
    assert done.json["repository"] == "docker.io/library/redis"
    before, after = done.json["intervals"]
    for one in (before, after):
        fits(one, INTERVAL)
        datetime.fromisoformat(one["first_seen"])
        assert one["first_seen"].endswith("Z")
    assert (before["verdict"], after["verdict"]) == (None, "upgraded")
    assert before["first_seen"] < after["first_seen"]

    at = after["first_seen"]
    then = await shop.run("history", "redis:7", "--at", at, "--format", "json")
    assert [one["digest"] for one in then.json["intervals"]] == [after["digest"]]
    long_ago = await shop.run("history", "redis:7", "--at", "2019-01-01", "--format", "json")
    assert (long_ago.code, long_ago.json["intervals"]) == (1, [])
    unknown = await shop.run("history", "redis:nope", "--format", "json")
    assert (unknown.code, unknown.json["intervals"]) == (1, [])
    tags = await shop.run("history", after["digest"], "--format", "json")
    assert after["tag"] in {one["tag"] for one in tags.json["intervals"]}


async def test_base(shop: Shop) -> None:
    done = await shop.run("base", f"{API}:1.4.2", "--format", "json")
    assert (done.code, done.json["schema_version"]) == (0, 1)
    (image,) = done.json["images"]
    assert image["input"] == f"{API}:1.4.2"
    assert image["reference"].startswith(f"{API}:1.4.2@sha256:")
    assert [one["platform"] for one in image["platforms"]] == ["linux/amd64", "linux/arm64"]
    for platform in image["platforms"]:
        fits(platform, PLATFORM)
        assert platform["base"]["reference"] == "docker.io/library/python:3.12-slim"
        assert platform["layers"]["replaced"] == 0
    missing = await shop.run("base", f"{API}:9.9", "--format", "json")
    assert (missing.code, missing.json["images"][0]["platforms"]) == (1, [])
    told = await shop.run("base", f"{API}:9.9")
    assert "there is no such image in its repository" in told.out
    assert (await shop.run("base", "nowhere.invalid/a:1")).code == 4

    second_night(shop.shelf)
    moved = await shop.run("base", "--refresh", f"{API}:1.4.1", "--format", "json")
    for platform in moved.json["images"][0]["platforms"]:
        assert platform["current"]["digest"] != platform["base"]["digest"]
        assert platform["layers"]["replaced"] > 0


@pytest.mark.parametrize(
    ("old", "new", "code", "verdict"),
    [
        ("redis:7", "redis:7", 0, "identical"),
        (f"{API}:1.4.1", f"{API}:1.4.2", 1, None),
        ("redis:7", "redis:0.0.1", 4, None),
        ("redis:7", "nowhere.invalid/a:1", 4, None),
    ],
    ids=["same", "other", "missing", "unavailable"],
)
async def test_diff(shop: Shop, old: str, new: str, code: int, verdict: str | None) -> None:
    done = await shop.run("diff", old, new, "--format", "json")
    assert done.code == code, done.err
    if code == 4:
        assert new in done.is_clean_error(4)
        return
    assert done.json["schema_version"] == 1
    assert verdict is None or done.json["verdict"] == verdict


async def test_diff_of_a_platform(shop: Shop) -> None:
    arm = await shop.run(
        "diff", "redis:7", "redis:6.2", "--platform", "linux/arm64", "--format", "json"
    )
    assert arm.code == 1
    assert arm.json["old"]["platform"] == "linux/arm64"
    assert arm.json["not_compared"] == [], "nobody asked for the others"
    both = await shop.run("diff", "redis:7", "redis:6.2", "--format", "json")
    assert [one for one in both.json["not_compared"] if "linux/arm64" in one["what"]] == []
    told = (await shop.run("diff", "redis:7", "redis:6.2", "--platform", "s390x")).is_clean_error(4)
    assert "'redis:7' does not offer linux/s390x" in told
    assert "it offers linux/amd64, linux/arm64" in told


async def test_check_and_scan(shop: Shop) -> None:
    checked = await shop.run("check", "Dockerfile", "docker-compose.yaml", "--format", "json")
    await shop.run("scan")
    second_night(shop.shelf)
    scanned = await shop.run("scan", "--format", "json")
    for done in (checked, scanned):
        assert done.json["schema_version"] == 1
        fits(done.json, RESULT)
        for finding in done.json["findings"]:
            fits(finding, FINDING)
            assert finding["severity"] in ("error", "warning", "note")
            if finding["fix"] is not None:
                fits(finding["fix"], FIX)
        for resolution in done.json["resolutions"]:
            fits(resolution, RESOLUTION)
        for kinds in done.json["requests"].values():
            assert all(isinstance(count, int) for count in kinds.values())
    changes = scanned.json["changes"]
    assert changes
    for change in changes:
        fits(change, CHANGE)
    assert checked.json["changes"] == []
    fingerprints = [finding["fingerprint"] for finding in scanned.json["findings"]]
    assert len(fingerprints) == len(set(fingerprints))


async def test_a_fix_is_exact(shop: Shop) -> None:
    """The bytes that a fix names are the ones to replace."""
    done = await shop.run("check", "docker-compose.yaml", "--format", "json")
    fixes = [one["fix"] for one in done.json["findings"] if one["fix"] is not None]
    assert {fix["path"] for fix in fixes} == {"docker-compose.yaml", "Dockerfile"}
    for fix in fixes:
        raw = (shop.folder / fix["path"]).read_bytes()
        old = raw[fix["start"] : fix["end"]].decode()
        assert fix["replacement"].startswith(old.partition(":")[0]), f"{old!r}: {fix}"


async def test_two_checks_of_the_same_facts_give_the_same_bytes(shop: Shop) -> None:
    await shop.run("check", "Dockerfile")
    seen = set()
    for _ in range(2):
        done = await shop.run("check", "--offline", "Dockerfile", "docker-compose.yaml")
        seen.add(hashlib.sha256(done.out.encode()).hexdigest())
    assert len(seen) == 1


async def test_explain_tells_every_rule(tmp_path: Path) -> None:
    place = Workplace(tmp_path)
    document = (await place.run("explain", "--format", "json")).json
    assert document["schema_version"] == 1
    assert [rule["id"] for rule in document["rules"]] == list(RULES)
    (one,) = (await place.run("explain", "cooldown", "--format", "json")).json["rules"]
    assert set(one) == {"id", "title", "severity", "needs", "fixable", "options", "text"}
    assert "Remedy: " in one["text"]
